# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot speaks for itself in the log, and takes from others what they say for themselves."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from coordinator_samples import MS, R1, R2, R3, TTL_MS, log_with_robots, registration, spec

from swarm_coordinator.core.events import ProposalHeard, SendProposal
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.proposals import Outstanding, Proposals
from swarm_coordinator.core.raft import PROFILES, Heartbeat, RaftCore, Role
from swarm_coordinator.core.registration import Registration, RobotIdentity
from swarm_coordinator.core.replica import Replica
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    Command,
    CompleteJob,
    DeliverOutputs,
    ExpireDue,
    FailJob,
    Grant,
    GrantJobs,
    Issued,
    MalformedCommand,
    Renewal,
    RenewJobs,
    ReportJobs,
    StartJob,
    SubmitJob,
    decode,
    encode,
)
from swarm_coordinator.core.replicated.state import ClientSession
from swarm_coordinator.core.voice import Voice, not_its_own

COMMAND = CancelJob('j1', 'x')
STAMP_NS = 10**18


class Speaker:
    """r1 in its second life, of three voters, or alone."""

    def __init__(self, *voters: RobotId) -> None:
        self.raft = RaftCore(R1, voters or (R1,), PROFILES['wifi'].timing, random.Random(1))
        self.replica = Replica(self.raft)
        self.proposals = Proposals()
        identity = RobotIdentity(R1, 2, b'm' * 16, True, 'host', '0.1.0', 1)
        self.subject = Voice(Registration(identity), self.replica, self.proposals)
        self.serials: dict[RobotId, int] = {}

    def lead(self) -> Speaker:
        for _ in range(60):
            self.raft.tick()
            self.apply()
        assert self.raft.role is Role.LEADER
        return self

    def apply(self) -> None:
        while self.replica.next() is not None:
            pass

    def hear(self, robot: RobotId, command: Command) -> str:
        """What is answered to a command of another robot; '' = it is in the log."""
        serial = self.serials[robot] = self.serials.get(robot, 0) + 1
        last = self.raft.last_index
        event = heard(robot, Issued(robot, 1, serial, serial, command), serial)
        refusal = self.subject.take(event, STAMP_NS)
        assert self.raft.last_index == last + (refusal is None)
        return '' if refusal is None else refusal.refusal

    def follow(self, leader: RobotId) -> Speaker:
        self.raft.step(Heartbeat(leader, None, 1, 1, 0, 0))
        return self

    def say(self) -> Outstanding:
        return self.proposals.add(COMMAND, 'tag', 0, 1000 * MS)

    def session(self, incarnation: int, acked_below: int = 1) -> None:
        self.replica.state.sessions[R1] = ClientSession(incarnation, acked_below)


def heard(sender: RobotId, issued: Issued, serial: int = 1) -> ProposalHeard:
    return ProposalHeard(sender, 1, serial, 100, encode(issued))


def test_nothing_is_sent_where_nobody_leads_and_it_stays_due() -> None:
    speaker = Speaker(R1, R2, R3)
    item = speaker.say()
    assert speaker.subject.send(STAMP_NS, 0) == []
    assert speaker.proposals.due(0) == [item]


def test_command_goes_to_the_leader_signed_with_this_life_and_the_time_it_has() -> None:
    speaker = Speaker(R1, R2, R3).follow(R2)
    speaker.say()
    [sent] = speaker.subject.send(STAMP_NS, 400 * MS)
    assert isinstance(sent, SendProposal)
    assert (sent.recipient, sent.serial, sent.remaining_ms) == (R2, 1, 600)
    assert decode(sent.command) == Issued(R1, 2, 1, 1, COMMAND)


def test_leader_puts_its_own_command_into_the_log_at_once() -> None:
    speaker = Speaker().lead()
    last = speaker.raft.last_index
    speaker.say()
    assert speaker.subject.send(STAMP_NS, 0) == [] and speaker.raft.last_index == last + 1


def test_leader_takes_what_others_say_for_themselves() -> None:
    speaker = Speaker().lead()
    last = speaker.raft.last_index
    assert speaker.subject.take(heard(R2, Issued(R2, 1, 1, 1, COMMAND)), STAMP_NS) is None
    assert speaker.raft.last_index == last + 1


def test_robot_that_does_not_lead_names_who_does() -> None:
    speaker = Speaker(R1, R2, R3).follow(R2)
    refused = speaker.subject.take(heard(R3, Issued(R3, 1, 1, 1, COMMAND)), STAMP_NS)
    assert refused is not None
    assert (refused.recipient, refused.refusal, refused.leader) == (R3, 'not_leader', R2)


@pytest.mark.parametrize(
    'event',
    [
        heard(R3, Issued(R2, 1, 1, 1, COMMAND)),
        heard(R2, Issued(R2, 1, 1, 1, COMMAND), serial=2),
        heard(R2, Issued(R2, 1, 1, 1, ExpireDue(0))),
        ProposalHeard(R2, 1, 1, 100, b'garbage'),
    ],
)
def test_proposal_that_is_not_its_senders_own_does_not_get_into_the_log(
    event: ProposalHeard
) -> None:
    speaker = Speaker().lead()
    last = speaker.raft.last_index
    with pytest.raises(MalformedCommand):
        speaker.subject.take(event, STAMP_NS)
    assert speaker.raft.last_index == last


def test_what_this_robot_found_as_the_leader_is_not_said_to_the_next_one() -> None:
    speaker = Speaker(R1, R2, R3).follow(R2)
    speaker.proposals.add(ExpireDue(0), 'tag', 0, 1000 * MS)
    assert speaker.subject.send(STAMP_NS, 0) == []


def test_robot_that_has_a_job_or_waits_for_its_outputs_speaks_of_it_and_nobody_else() -> None:
    log = log_with_robots()
    log.submit()
    token = log.grant(R2)

    def lie(robot: RobotId, command: Command) -> str:
        return not_its_own(Issued(robot, 1, 1, 1, command), log.state)

    for command in (
        ReportJobs((CompleteJob('j1', token, 1, (), R3),)),
        ReportJobs((StartJob('j1', token - 1), FailJob('j1', token, 1, 1, 'a lie'))),
        RenewJobs((Renewal('j1', token, 0),)),
    ):
        assert lie(R2, command) == ''
        assert lie(R3, command) == 'job j1 is held by r2, not r3'
    assert lie(R3, ReportJobs((StartJob('j1', token - 1),))) == '', 'an old token says nothing'
    assert lie(R1, DeliverOutputs('j1', token, '')) == ''
    assert lie(R3, DeliverOutputs('j1', token, '')) == 'outputs of j1 are for r1, not r3'


@pytest.mark.parametrize('word', [
    lambda token: ReportJobs((FailJob('j1', token, 1, 1, 'a lie'),)),
    lambda token: RenewJobs((Renewal('j1', token, 900),)),
    lambda token: DeliverOutputs('j1', token, ''),
], ids=['report', 'renewal', 'delivery'])
def test_nothing_is_taken_under_a_token_that_the_leader_has_not_applied_yet(
    word: Callable[[int], Command]
) -> None:
    """Others have heard the grant by then, and whose job it is cannot be told yet."""
    speaker = Speaker().lead()
    speaker.hear(R2, registration(R2))
    speaker.hear(R2, SubmitJob('j1', R2, spec(), '', ''))
    speaker.proposals.add(
        GrantJobs((Grant('j1', R2, 1, 1, TTL_MS, 'test'),)), 'tag', 0, 1000 * MS)
    speaker.subject.send(STAMP_NS, 0)
    token = speaker.raft.last_index
    assert speaker.hear(R3, word(token)) == speaker.hear(R2, word(token)) == 'overloaded'
    speaker.apply()
    with pytest.raises(MalformedCommand, match='not r3'):
        speaker.hear(R3, word(token))
    assert speaker.hear(R2, word(token)) == ''


def test_own_command_is_found_in_the_log_once_and_that_of_another_life_is_not_ours() -> None:
    speaker = Speaker()
    item = speaker.say()
    speaker.session(2)
    assert speaker.subject.settled(Issued(R1, 1, 1, 1, COMMAND)) is None
    assert speaker.subject.settled(Issued(R2, 2, 1, 1, COMMAND)) is None
    assert speaker.subject.settled(Issued(R1, 2, 1, 1, COMMAND)) is item
    assert speaker.subject.settled(Issued(R1, 2, 1, 1, COMMAND)) is None


def test_command_of_a_life_that_the_log_knows_to_be_over_was_not_taken() -> None:
    speaker = Speaker()
    item = speaker.say()
    speaker.session(3)
    assert speaker.subject.settled(Issued(R1, 2, 1, 1, COMMAND)) is None
    assert list(speaker.proposals.outstanding.values()) == [item], 'it is said again'


def test_after_a_snapshot_the_session_tells_what_is_in_the_log() -> None:
    speaker = Speaker()
    items = [speaker.say(), speaker.say()]
    assert speaker.subject.settled_unseen() == [], 'it knows no session of ours'
    speaker.session(1, acked_below=9)
    assert speaker.subject.settled_unseen() == [], 'that was a former life'
    speaker.session(2, acked_below=2)
    assert speaker.subject.settled_unseen() == items[:1]
