# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot does not do on too little proof: half of the voters, a question, a name, an old
commit index."""

from __future__ import annotations

from dataclasses import replace

import pytest
from raft.raft_bench import (
    ME,
    R2,
    R3,
    R4,
    THREE,
    TIMING,
    Bench,
    append,
    ask,
    entry,
    founded_log,
    heartbeat,
    of_kind,
)

from swarm_coordinator.core.raft import (
    AddNonVoter,
    Append,
    AppendReply,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Message,
    PeerProtocolError,
    ReadReply,
    ReadRequest,
    RobotId,
    Role,
    TimeoutNow,
    Vote,
    VoteReason,
    VoteRequest,
    admissions,
)

FOUR = (ME, R2, R3, R4)


def founded(voters: tuple[RobotId, ...] = THREE, term: int = 1) -> Bench:
    return Bench(founded_log(voters), term=term, commit=1, voters=voters)


# ---- half of the voters is no majority (section 5.2)


def test_half_of_the_voters_elects_nobody_5_2() -> None:
    bench = founded(FOUR)
    bench.campaign()
    assert bench.core.role is Role.CANDIDATE
    bench.step(bench.vote(R2))
    assert bench.core.role is Role.CANDIDATE
    bench.step(bench.vote(R3))
    assert bench.core.role is Role.LEADER


def test_half_of_the_voters_commits_nothing_5_3() -> None:
    bench = founded(FOUR)
    bench.lead()
    bench.core.propose(EntryKind.COMMAND, b'', 0)
    bench.drain()
    last = bench.core.last_index
    bench.step(bench.accepted(R2, last))
    assert bench.core.commit_index == 1
    bench.step(bench.accepted(R3, last))
    assert bench.core.commit_index == last


def test_half_of_the_voters_keeps_no_leader_in_office_thesis_6_2() -> None:
    bench = founded(FOUR)
    bench.lead()
    for _ in range(2 * TIMING.election_timeout_ticks_max):
        bench.tick()
        if bench.core.role is Role.LEADER:
            bench.step(bench.answer(R2, 1))
    assert bench.core.role is not Role.LEADER


# ---- what is said waits for what it promises to be on the disk (Figure 2, thesis 10.2.1)


def test_acknowledgement_waits_for_its_entries_to_be_durable_10_2_1() -> None:
    bench = founded()
    bench.step(append(1, (1, 1), entry(2, 1)))
    (ready,) = [one for one in bench.readies if of_kind(one.messages, AppendReply)]
    assert ready.entries and ready.early == 0


def test_leader_says_nothing_in_a_term_that_is_not_on_its_disk_thesis_10_2_1() -> None:
    """It would lead the same term twice after a crash, with another log."""
    bench = founded(term=4)
    for pre_vote in (True, False):
        while bench.core.role is Role.FOLLOWER:
            bench.core.tick()
        bench.core.step(bench.vote(R2, pre_vote=pre_vote))
    assert bench.core.role is Role.LEADER, 'without a Ready in between'
    bench.drain()
    (ready,) = [one for one in bench.readies if of_kind(one.messages, Heartbeat)]
    assert ready.hard_state is not None and ready.hard_state.term == 5
    assert ready.early == 0
    bench.core.propose(EntryKind.COMMAND, b'', 0)
    bench.step(bench.accepted(R2, 2))
    assert bench.readies[-1].early > 0, 'what follows need not wait'


# ---- a question for a pre-vote is a question (thesis section 9.6)


@pytest.mark.parametrize('last', [(1, 1), (0, 0)], ids=['granted', 'log behind'])
def test_question_for_a_pre_vote_changes_neither_term_nor_vote_thesis_9_6(
    last: tuple[int, int],
) -> None:
    bench = founded(term=3)
    bench.tick(2 * TIMING.election_timeout_ticks_max)
    before = (bench.core.term, bench.core.voted_for)
    (vote,) = of_kind(bench.step(ask(9, last, pre_vote=True)), Vote)
    assert vote.granted is (last == (1, 1))
    assert (bench.core.term, bench.core.voted_for) == before


# ---- only the leader that a robot follows hands over (thesis section 3.10)


def test_robot_takes_over_only_when_the_leader_it_follows_says_so_thesis_3_10() -> None:
    bench = founded(term=2)
    bench.step(TimeoutNow(R2, ME, 2))
    assert bench.core.role is Role.FOLLOWER, 'it has not heard that r2 leads'
    bench.step(heartbeat(2, sender=R2))
    with pytest.raises(PeerProtocolError, match='second leader'):
        bench.step(TimeoutNow(R3, ME, 2))
    (asked,) = of_kind(bench.step(TimeoutNow(R2, ME, 2)), VoteRequest)
    assert asked.leadership_transfer and asked.term == 3


# ---- a new leader's commit index may be older than what was acknowledged (thesis section 6.4)


def test_new_leader_confirms_no_read_of_another_before_its_first_commit_thesis_6_4() -> None:
    bench = founded()
    bench.lead()
    (answer,) = of_kind(bench.step(ReadRequest(R2, ME, bench.core.term, 8)), ReadReply)
    assert not answer.confirmed
    bench.tick(TIMING.heartbeat_ticks)
    sent = bench.step(bench.answer(R2, 1), bench.answer(R3, 1))
    assert of_kind(sent, ReadReply) == []


# ---- a name is no proof that a disk is gone


def beacon(bench: Bench, sender: RobotId, storage_id: int) -> HeartbeatReply:
    return replace(bench.answer(sender, 0), storage_id=storage_id)


def test_disk_that_is_still_heard_is_not_replaced() -> None:
    """Two robots under one name, or late messages: neither may cost a vote."""
    bench = founded()
    bench.lead()
    bench.step(bench.accepted(R2, bench.core.last_index))
    for _ in range(2 * TIMING.election_timeout_ticks_max):
        bench.tick()
        bench.step(beacon(bench, R2, 1), beacon(bench, R3, 1), beacon(bench, R3, 2))
        assert admissions(bench.core) == ()
    for _ in range(2 * TIMING.election_timeout_ticks_max):
        bench.tick()
        bench.step(beacon(bench, R2, 1), beacon(bench, R3, 2))
    assert admissions(bench.core) == (AddNonVoter(R3, 2),)


@pytest.mark.parametrize('term', [2**64 - 1, 2**63 - 1, 10_000_000])
@pytest.mark.parametrize('kind', ['heartbeat', 'reply', 'append', 'vote', 'request'])
def test_term_that_no_election_can_have_reached_is_refused_and_changes_nothing(
    kind: str, term: int
) -> None:
    bench = founded(term=3)
    messages: dict[str, Message] = {
        'heartbeat': Heartbeat(R2, None, term, 1, 0, 0),
        'reply': HeartbeatReply(R2, None, term, 0, 0, 0),
        'append': Append(R2, ME, term, 0, 0, (), 0),
        'vote': Vote(R2, ME, term, False, True, VoteReason.GRANTED),
        'request': VoteRequest(R2, None, term, False, 9, 9),
    }
    with pytest.raises(PeerProtocolError, match='at most'):
        bench.core.step(messages[kind])
    assert bench.core.term == 3
