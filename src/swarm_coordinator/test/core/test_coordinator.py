# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One coordinator: the order of its effects, bad messages, twins, what it keeps after a start."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from coordinator_samples import MS, R1, R2, R3, ref, registration, spec

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.events import (
    Answer,
    BeaconHeard,
    CapabilitiesChanged,
    Changed,
    DiscardFile,
    Effect,
    Event,
    Halt,
    MessageHeard,
    Persist,
    ProposalHeard,
    ProposalRefused,
    RefuseProposal,
    Request,
    RoleChanged,
    Send,
    SendProposal,
    SweepFiles,
    Tick,
    UnpinFiles,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.proposals import OUTSTANDING_MAX
from swarm_coordinator.core.raft import (
    PROFILES,
    Append,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    RaftCore,
    Role,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.registration import RobotIdentity
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    CapabilitySpec,
    Command,
    Issued,
    SubmitJob,
    encode,
)
from swarm_coordinator.core.worker import FetchInputs, Note

WIFI = PROFILES['wifi']
TICK_NS = WIFI.tick_ms * MS
CAPABILITIES = (CapabilitySpec('exec:true'),)
SESSION = b'm' * 16


class Alone:
    """A coordinator under test with a clock; `voters` is itself, or three of which two are
    silent unless the test speaks for them."""

    def __init__(
        self,
        voters: tuple[RobotId, ...] = (R1,),
        incarnation: int = 1,
        entries: tuple[Entry, ...] = (),
        hard_state: HardState | None = None,
    ) -> None:
        self.now_ns = 10**9
        raft = RaftCore(R1, voters, WIFI.timing, random.Random(1), hard_state, entries)
        identity = RobotIdentity(R1, incarnation, SESSION, True, 'host', '0.1.0', 1)
        self.core = Coordinator(
            identity, raft, 100 * MS, 6000, 20, self.now_ns, random.Random(1)
        )

    def handle(self, *events: Event) -> list[Effect]:
        effects = self.core.handle(events, self.now_ns, 10**18 + self.now_ns)
        self.core.check_invariants()
        return effects

    def ticks(self, count: int) -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(count):
            self.now_ns += TICK_NS
            effects += self.handle(Tick())
        return effects

    def lead(self) -> Alone:
        self.ticks(25)
        assert self.core.raft.role is Role.LEADER
        return self

    def request(self, number: int, command: Command) -> list[Effect]:
        return self.handle(Request(number, command, 1000))


def only(effects: Sequence[Effect], kind: type) -> list:  # type: ignore[type-arg]
    return [effect for effect in effects if isinstance(effect, kind)]


def submission(number: int = 1, digit: str = 'a', key: str = '') -> SubmitJob:
    return SubmitJob(f'r1-1-{number}', R1, spec('ffmpeg', inputs=(ref('in', digit),)), '', key)


def issued(command: Command, robot: RobotId = R2, serial: int = 1) -> bytes:
    return encode(Issued(robot, 1, serial, 1, command))


def entry(
    index: int, command: Command, robot: RobotId, serial: int, incarnation: int = 1
) -> Entry:
    data = encode(Issued(robot, incarnation, serial, 1, command))
    return Entry(index, 1, EntryKind.COMMAND, 10**18, data)


# ---- persist, then send, then apply


def test_vote_is_persisted_before_it_is_sent() -> None:
    alone = Alone((R1, R2, R3))
    effects = alone.handle(MessageHeard(VoteRequest(R2, None, 5, False, 0, 0)))
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Persist) < kinds.index(Send)
    [persist] = only(effects, Persist)
    assert persist.hard_state.term == 5 and persist.hard_state.voted_for == R2
    [sent] = only(effects, Send)
    assert isinstance(sent.message, Vote) and sent.message.granted


def test_entries_are_persisted_before_they_are_acknowledged_or_applied() -> None:
    alone = Alone((R1, R2, R3))
    news = entry(1, registration(R2), R2, 1)
    effects = alone.handle(MessageHeard(Append(R2, R1, 1, 0, 0, (news,), 1)))
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Persist) < kinds.index(Send) < kinds.index(Changed)
    assert only(effects, Persist)[0].entries == (news,)


def test_no_message_precedes_what_it_promises_when_a_request_is_taken() -> None:
    alone = Alone().lead()
    effects = alone.request(1, submission())
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Persist) < kinds.index(Answer)


def test_events_taken_together_share_one_write() -> None:
    alone = Alone().lead()
    alone.ticks(5)
    requests = [Request(number, submission(number), 1000) for number in range(10)]
    persisted = [e for e in only(alone.handle(*requests), Persist) if e.entries]
    assert len(persisted[0].entries) == 10, 'and what they call for comes after'


# ---- requests


def test_request_is_answered_with_its_log_index() -> None:
    alone = Alone().lead()
    [answer] = only(alone.request(7, submission()), Answer)
    assert (answer.request_id, answer.value, answer.refused) == (7, 'r1-1-1', '')
    assert answer.index == alone.core.state.applied_index
    [refused] = only(alone.request(8, CancelJob('r1-1-9', 'x')), Answer)
    assert 'not known' in refused.refused


def test_request_without_a_leader_is_answered_when_its_time_is_over() -> None:
    alone = Alone((R1, R2, R3))
    assert only(alone.request(1, CancelJob('j', 'x')), Answer) == []
    [answer] = only(alone.ticks(21), Answer)
    assert answer.unavailable == 'no leader: too few voters can be reached'


def test_too_many_requests_are_refused_at_once() -> None:
    alone = Alone((R1, R2, R3))
    alone.handle(*[Request(n, CancelJob('j', 'x'), 10**6) for n in range(OUTSTANDING_MAX)])
    [answer] = only(alone.request(99_999, CancelJob('j', 'x')), Answer)
    assert 'too many requests' in answer.unavailable


def follower() -> Alone:
    """Follows r2, which leads term 1 and has said so."""
    alone = Alone((R1, R2, R3))
    noop = Entry(1, 1, EntryKind.NOOP, 10**18, b'')
    alone.handle(MessageHeard(Append(R2, R1, 1, 0, 0, (noop,), 1)))
    alone.handle(MessageHeard(Heartbeat(R2, None, 1, 1, 1, 1)))
    return alone


def test_follower_sends_a_request_to_the_leader_and_again_until_it_sees_it() -> None:
    alone = follower()
    [first] = only(alone.request(1, CancelJob('j', 'x')), SendProposal)
    assert (first.recipient, first.serial, first.remaining_ms) == (R2, 1, 1000)
    again = only(alone.ticks(6), SendProposal)
    assert [one.serial for one in again] == [1]
    assert only(alone.handle(ProposalRefused(1, 'not now', False, R2)), Answer) == []
    seen = Entry(2, 1, EntryKind.COMMAND, 10**18, first.command)
    [answer] = only(
        alone.handle(MessageHeard(Append(R2, R1, 1, 1, 1, (seen,), 2))), Answer
    )
    assert answer.index == 2 and 'not known' in answer.refused


def test_final_refusal_is_the_answer() -> None:
    alone = follower()
    alone.request(1, CancelJob('j', 'x'))
    lie = ProposalRefused(1, 'malformed', True, RobotId('r3'))
    assert only(alone.handle(lie), Answer) == [], 'who does not lead has no say'
    [answer] = only(alone.handle(ProposalRefused(1, 'malformed', True, R2)), Answer)
    assert answer.refused == 'malformed'
    assert only(alone.ticks(30), Answer) == []


# ---- what peers send


def test_follower_refuses_proposals_and_names_the_leader() -> None:
    [refusal] = only(
        follower().handle(ProposalHeard(R3, 1, 1, 100, issued(CancelJob('j', 'x'), R3))),
        RefuseProposal,
    )
    assert (refusal.recipient, refusal.refusal, refusal.leader) == (R3, 'not_leader', R2)


@pytest.mark.parametrize(
    ('command', 'sender', 'serial'),
    [(b'garbage', R2, 1), (issued(CancelJob('j', 'x')), R3, 1),
     (issued(CancelJob('j', 'x')), R2, 2)],
)
def test_malformed_or_borrowed_proposal_is_refused_and_counted(
    command: bytes, sender: RobotId, serial: int
) -> None:
    alone = Alone().lead()
    before = alone.core.raft.last_index
    [refusal] = only(
        alone.handle(ProposalHeard(sender, 1, serial, 100, command)), RefuseProposal
    )
    assert refusal.refusal == 'malformed' and alone.core.faults == 1
    assert alone.core.raft.last_index == before


def test_repeated_proposal_is_appended_once() -> None:
    alone = Alone().lead()
    heard = ProposalHeard(R2, 1, 1, 100, issued(registration(R2)))
    alone.handle(heard, heard)
    index = alone.core.raft.last_index
    assert alone.handle(heard) == []
    assert alone.core.raft.last_index == index


def test_proposal_that_is_on_its_way_is_not_appended_again() -> None:
    """Its sender repeats it while the other voters are slow to confirm."""
    alone = Alone((R1, R2, R3))
    alone.ticks(25)
    asked = alone.core.raft
    alone.handle(MessageHeard(Vote(R2, R1, asked.term + 1, True, True, VoteReason.GRANTED)))
    alone.handle(MessageHeard(Vote(R2, R1, asked.term, False, True, VoteReason.GRANTED)))
    assert asked.role is Role.LEADER
    heard = ProposalHeard(R2, 1, 1, 100, issued(registration(R2)))
    alone.handle(heard)
    index = asked.last_index
    assert only(alone.handle(heard), Persist) == [] and asked.last_index == index
    assert asked.commit_index < index


def test_message_against_the_protocol_is_dropped_and_counted() -> None:
    alone = Alone((R1, R2, R3))
    effects = alone.handle(MessageHeard(Heartbeat(RobotId('r2'), None, 9, 1, 5, 0)))
    assert alone.core.faults == 1 and isinstance(effects[0], Note)


def test_entry_that_cannot_be_read_is_skipped_alike_by_all() -> None:
    alone = Alone((R1, R2, R3))
    bad = Entry(1, 1, EntryKind.COMMAND, 10**18, b'?')
    effects = alone.handle(MessageHeard(Append(R2, R1, 1, 0, 0, (bad,), 1)))
    assert alone.core.state.applied_index == 1
    assert any('entry 1 skipped' in note.text for note in only(effects, Note))


# ---- two robots of one name


@pytest.mark.parametrize(
    ('uptime_ms', 'session', 'halts'),
    [
        (10**6, b'a' * 16, True),  # the other is older
        (0, b'z' * 16, False),
        (1000, b'z' * 16, True),  # the same age: the session decides, the same way on both
        (1000, b'a' * 16, False),
        (10**6, SESSION, False),  # our own beacon
    ],
)
def test_younger_of_two_robots_of_one_name_halts(
    uptime_ms: int, session: bytes, halts: bool
) -> None:
    alone = Alone()
    alone.now_ns += 1000 * MS
    found = only(alone.handle(BeaconHeard(R1, session, uptime_ms)), Halt)
    assert bool(found) is halts
    if halts:
        assert found[0].exit_code == 2 and 'robot_id=r1 is already used' in found[0].reason


def test_beacon_of_a_twin_does_not_count_as_a_sign_of_life_of_a_peer() -> None:
    alone = Alone((R1, R2, R3))
    alone.handle(BeaconHeard(R1, SESSION, 1))
    assert alone.core.voters_heard() == 1
    alone.handle(BeaconHeard(R2, b'x' * 16, 1))
    assert alone.core.voters_heard() == 2
    alone.ticks(21)
    assert alone.core.voters_heard() == 1


# ---- leading


def test_leadership_is_told_and_lost_when_nobody_is_heard() -> None:
    alone = Alone((R1, R2, R3))
    alone.ticks(25)
    asked = only(alone.ticks(1), Send) or True
    assert asked and alone.core.leadership is None
    lone = Alone().lead()
    assert lone.core.leadership is not None
    roles = [e.role for e in only(Alone().ticks(25), RoleChanged)]
    assert roles[-1] is Role.LEADER


def test_late_tick_holds_elections_back() -> None:
    alone = Alone((R1, R2, R3))
    alone.handle(Tick(late=True))
    alone.ticks(19)
    assert alone.core.raft.role is Role.FOLLOWER


def test_robot_registers_when_its_capabilities_change_and_only_then() -> None:
    alone = Alone().lead()
    alone.handle(CapabilitiesChanged(CAPABILITIES))
    assert alone.core.state.members[R1].capabilities == CAPABILITIES
    index = alone.core.raft.last_index
    alone.handle(CapabilitiesChanged(CAPABILITIES))
    alone.ticks(10)
    assert alone.core.raft.last_index == index
    alone.handle(CapabilitiesChanged(()))
    assert alone.core.state.members[R1].capabilities == ()


def test_stamps_never_go_back_when_the_wall_clock_does() -> None:
    alone = Alone().lead()
    alone.core.handle([Request(1, submission(1), 1000)], alone.now_ns, 10**18)
    before = alone.core.state.stamp_ns
    alone.core.handle([Request(2, submission(2), 1000)], alone.now_ns + 5, 5 * 10**17)
    assert alone.core.state.stamp_ns == before + 5


# ---- files


def test_input_is_unpinned_when_the_log_has_the_job_and_discarded_when_it_has_ended() -> None:
    alone = Alone().lead()
    alone.handle(CapabilitiesChanged(CAPABILITIES))
    effects = alone.request(1, submission())
    assert only(effects, UnpinFiles) == [UnpinFiles(('a' * 64,))]
    assert only(effects, DiscardFile) == []
    assert only(alone.request(2, CancelJob('r1-1-1', 'x')), DiscardFile) == [DiscardFile('a' * 64)]


def test_input_of_a_refused_submission_is_let_go() -> None:
    alone = Alone().lead()
    alone.handle(CapabilitiesChanged(CAPABILITIES))
    alone.request(1, submission(1, key='k'))
    effects = alone.request(2, submission(2, digit='b', key='k'))
    assert only(effects, Answer)[0].duplicate
    assert only(effects, DiscardFile) == [DiscardFile('b' * 64)]
    again = alone.request(3, submission(3, digit='a', key='k'))
    assert only(again, DiscardFile) == [], 'the first job needs the same content'


def restarted() -> Alone:
    """A second life that follows r2 and whose log holds a waiting job of the first."""
    noop = Entry(1, 1, EntryKind.NOOP, 10**18, b'')
    log = (noop, entry(2, registration(R1), R1, 1), entry(3, submission(), R1, 2))
    alone = Alone((R1, R2, R3), incarnation=2, entries=log, hard_state=HardState(1, R2, 3))
    effects = alone.handle(MessageHeard(Heartbeat(R2, None, 1, 1, 3, 3)))
    effects += alone.handle(MessageHeard(Heartbeat(R2, None, 1, 2, 3, 3)))
    assert alone.core.caught_up and only(effects, SweepFiles) == []
    return alone


def hear(alone: Alone, news: Entry) -> list[Effect]:
    """The leader r2 appends and commits 'news'."""
    append = Append(R2, R1, 1, news.index - 1, 1, (news,), news.index)
    return alone.handle(MessageHeard(append))


def test_sweep_waits_until_no_submission_of_a_former_life_can_come() -> None:
    alone = restarted()
    late = entry(4, submission(2, digit='b'), R1, 3)
    assert only(hear(alone, late), SweepFiles) == []
    effects = hear(alone, entry(5, registration(R1, 2), R1, 1, incarnation=2))
    assert only(effects, SweepFiles) == [SweepFiles(frozenset({'a' * 64, 'b' * 64}))]
    effects = hear(alone, entry(6, CancelJob('r1-1-1', 'x'), R2, 1))
    assert only(effects, SweepFiles) == [], 'once'
    assert only(effects, DiscardFile) == [DiscardFile('a' * 64)]


def test_nothing_is_discarded_before_the_sweep() -> None:
    effects = hear(restarted(), entry(4, CancelJob('r1-1-1', 'x'), R2, 1))
    assert only(effects, Changed) and only(effects, DiscardFile) == []


def test_sweep_waits_for_a_completion_whose_outputs_a_former_life_may_hold() -> None:
    from swarm_coordinator.core.replicated.command import (
        CompleteJob,
        Grant,
        GrantJobs,
        ReportJobs,
    )

    done = spec('true', outputs=('o',))
    noop = Entry(1, 1, EntryKind.NOOP, 10**18, b'')
    log = (
        noop, entry(2, registration(R2), R2, 1),
        entry(3, SubmitJob('r1-1-1', R1, done, '/out', ''), R1, 1),
        entry(4, GrantJobs((Grant('r1-1-1', R2, 1, 1, 60_000, ''),)), R2, 2),
    )
    alone = Alone(incarnation=2, entries=log, hard_state=HardState(1, R1, 4)).lead()
    assert only(alone.handle(CapabilitiesChanged(CAPABILITIES)), SweepFiles) == []
    out = (ref('o', 'd'),)
    complete = issued(ReportJobs((CompleteJob('r1-1-1', 4, 1, out, R1),)), R2, 3)
    effects = alone.handle(ProposalHeard(R2, 1, 3, 100, complete))
    assert only(effects, SweepFiles) == [SweepFiles(frozenset({'d' * 64}))]


def test_old_entries_are_not_acted_on_before_the_log_is_read() -> None:
    """A leader that has committed nothing in its term does not know what was committed."""
    alone = follower()
    assert alone.core.caught_up
    fresh = Alone((R1, R2, R3), entries=(Entry(1, 1, EntryKind.NOOP, 10**18, b''),),
                  hard_state=HardState(1, None, 1))
    fresh.handle(MessageHeard(Heartbeat(R2, None, 2, 1, 1, 2)))
    assert not fresh.core.caught_up
    assert only(fresh.ticks(1), FetchInputs) == []
    noop = Entry(2, 2, EntryKind.NOOP, 10**18, b'')
    fresh.handle(MessageHeard(Append(R2, R1, 2, 1, 1, (noop,), 2)))
    fresh.handle(MessageHeard(Heartbeat(R2, None, 2, 2, 2, 2)))
    assert fresh.core.caught_up
