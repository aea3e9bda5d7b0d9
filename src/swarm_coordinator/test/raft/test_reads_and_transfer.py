# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads without a log entry (thesis 6.4) and handing leadership over (thesis 3.10)."""

from __future__ import annotations

import contextlib

import pytest
from raft.raft_bench import (
    FIVE,
    ME,
    R2,
    R3,
    R4,
    R5,
    THREE,
    TIMING,
    Bench,
    append,
    ask,
    entry,
    founded_log,
    founders,
    heartbeat,
    of_kind,
    step_of,
)

from swarm_coordinator.core.raft import (
    AddNonVoter,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Membership,
    PeerProtocolError,
    Proposed,
    ReadReply,
    ReadRequest,
    ReadState,
    RefusalReason,
    Refused,
    Remove,
    Role,
    RoleReason,
    TimeoutNow,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.raft.reads import READS_WAITING_MAX


def led(voters=THREE) -> Bench:
    bench = Bench(founded_log(voters), term=1, voters=voters)
    bench.lead()
    bench.step(*(bench.accepted(peer, bench.core.last_index) for peer in voters[1:]))
    bench.drain()
    return bench


def one(messages, kind):
    (message,) = of_kind(messages, kind)
    return message


def answers(bench: Bench, *peers) -> None:
    bench.step(*(bench.answer(peer, bench.core.last_index) for peer in peers))


# Reads at the leader.


def test_read_waits_for_a_round_that_began_after_it_thesis_6_4() -> None:
    bench = led()
    before = bench.core.heartbeat_round
    assert bench.core.read_index(7) is None
    bench.step(bench.answer(R2, 2, round_=before), bench.answer(R3, 2, round_=before))
    assert bench.reads == []
    assert bench.core.heartbeat_round == before + 1
    answers(bench, R2)
    assert bench.reads == [ReadState(7, 2)]


def test_read_begins_a_round_at_once_and_many_share_it() -> None:
    bench = led()
    for request_id in range(10):
        bench.core.read_index(request_id)
    assert len(of_kind(bench.drain(), Heartbeat)) == 1
    answers(bench, R3)
    assert [read.request_id for read in bench.reads] == list(range(10))


def test_one_answer_delivered_twice_confirms_no_read() -> None:
    bench = led(FIVE)
    bench.core.read_index(7)
    bench.drain()
    answers(bench, R2, R2, R2)
    assert bench.reads == []
    answers(bench, R4)
    assert len(bench.reads) == 1


def test_answers_of_non_voters_and_other_disks_confirm_no_read() -> None:
    bench = led()
    bench.core.propose_change(AddNonVoter(R4, 1), 0)
    bench.drain()
    bench.core.read_index(7)
    bench.drain()
    term, round_ = bench.core.term, bench.core.heartbeat_round
    answers(bench, R4)
    bench.step(HeartbeatReply(R2, ME, term, round_, 2, 2, storage_id=9))
    assert bench.reads == []


def test_leader_without_a_commit_of_its_own_term_cannot_read_thesis_6_4() -> None:
    bench = Bench(founded_log(THREE), term=1, commit=1)
    bench.lead()
    assert bench.core.read_index(7) == Refused(RefusalReason.NOT_READY, ME)
    bench.step(bench.accepted(R2, 2))
    assert bench.core.read_index(7) is None


def test_read_sees_what_was_committed_when_it_was_asked() -> None:
    bench = led()
    index = bench.core.propose(EntryKind.COMMAND, b'', 0).index
    bench.drain()
    bench.core.read_index(1)
    bench.drain()
    bench.step(bench.accepted(R2, index))
    bench.core.read_index(2)
    bench.drain()
    answers(bench, R2)
    assert bench.reads == [ReadState(1, index - 1), ReadState(2, index)]


def test_lost_leadership_drops_reads() -> None:
    bench = led()
    bench.core.read_index(7)
    bench.drain()
    bench.step(append(9, (2, 2), entry(3, 9)))
    assert bench.core.role is Role.FOLLOWER
    assert bench.reads == []


def test_single_voter_reads_at_once() -> None:
    bench = Bench(founded_log((ME,)), term=1, voters=(ME,))
    bench.tick_until(Role.LEADER)
    bench.core.read_index(7)
    bench.drain()
    assert bench.reads == [ReadState(7, 2)]


def test_leader_that_was_removed_does_not_count_itself_for_reads() -> None:
    bench = led()
    assert isinstance(bench.core.propose_change(Remove(ME), 0), Proposed)
    bench.core.read_index(7)
    bench.drain()
    term, round_ = bench.core.term, bench.core.heartbeat_round
    bench.step(HeartbeatReply(R2, ME, term, round_, 2, 3))
    assert bench.reads == []
    bench.step(HeartbeatReply(R3, ME, term, round_, 2, 3))
    assert bench.reads == [ReadState(7, 2)]


def test_reads_that_wait_are_bounded() -> None:
    bench = led()
    for request_id in range(READS_WAITING_MAX):
        assert bench.core.read_index(request_id) is None
    assert bench.core.read_index(-1) == Refused(RefusalReason.OVERLOADED, ME)
    bench.drain()
    answers(bench, R2)
    assert bench.core.read_index(-1) is None


# Reads through a follower.


def test_follower_asks_the_leader_and_reads_when_it_has_applied_that_far() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(1))
    assert bench.core.read_index(7) is None
    assert of_kind(bench.drain(), ReadRequest) == [ReadRequest(ME, R2, 1, 7)]
    bench.step(ReadReply(R2, ME, 1, 7, True, 2))
    assert bench.reads == []
    bench.step(append(1, (1, 1), entry(2, 1), commit=2))
    assert bench.reads == [ReadState(7, 2)]
    assert bench.readies[-1].committed[-1].index == 2


def test_leader_answers_a_follower_after_a_round() -> None:
    bench = led()
    request = ReadRequest(R4, ME, bench.core.term, 7)
    sent = bench.step(request, request)
    assert one(sent, Heartbeat).round == bench.core.heartbeat_round
    assert not of_kind(sent, ReadReply)
    reply = one(bench.step(bench.answer(R2, 2)), ReadReply)
    assert reply == ReadReply(ME, R4, bench.core.term, 7, True, 2)


def test_follower_answers_that_it_does_not_lead() -> None:
    bench = Bench(founded_log(THREE), term=1)
    reply = one(bench.step(ReadRequest(R3, ME, 1, 7)), ReadReply)
    assert (reply.recipient, reply.confirmed) == (R3, False)


def test_answer_to_a_read_that_was_not_asked_is_ignored() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(1))
    bench.step(ReadReply(R2, ME, 1, 7, True, 1))
    bench.core.read_index(8)
    bench.drain()
    reply = ReadReply(R2, ME, 1, 8, True, 1)
    bench.step(append(1, (1, 1), commit=1), reply, reply)
    assert bench.reads == [ReadState(8, 1)]


def test_refused_read_can_be_asked_again_with_its_id() -> None:
    bench = Bench(founded_log(THREE), term=1, commit=1)
    bench.step(heartbeat(1))
    bench.core.read_index(7)
    bench.drain()
    bench.step(ReadReply(R2, ME, 1, 7, False, 0))
    assert bench.reads == []
    bench.core.read_index(7)
    bench.drain()
    bench.step(ReadReply(R2, ME, 1, 7, True, 1))
    assert bench.reads == [ReadState(7, 1)]


def test_read_without_a_leader_is_refused() -> None:
    assert Bench().core.read_index(7) == Refused(RefusalReason.NO_LEADER, None)


def test_voter_answers_every_round_at_once() -> None:
    """A read waits for it, however short ago the last beacon was."""
    bench = Bench(founded_log(THREE), term=1)
    sent = bench.step(heartbeat(1, 5), heartbeat(1, 6), heartbeat(1, 6))
    assert [reply.round for reply in of_kind(sent, HeartbeatReply)] == [5, 6]


# Transfer: the leader.


def test_target_that_has_everything_is_told_at_once_thesis_3_10() -> None:
    bench = led()
    assert bench.core.transfer_to(R2) is None
    assert of_kind(bench.drain(), TimeoutNow) == [TimeoutNow(ME, R2, bench.core.term)]
    assert bench.core.transfer_target == R2


def test_target_that_lags_is_brought_up_to_date_first_thesis_3_10() -> None:
    bench = led()
    index = bench.core.propose(EntryKind.COMMAND, b'', 0).index
    bench.core.transfer_to(R2)
    assert not of_kind(bench.drain(), TimeoutNow)
    assert not of_kind(bench.step(bench.accepted(R3, index)), TimeoutNow)
    assert one(bench.step(bench.accepted(R2, index)), TimeoutNow).recipient == R2


def test_target_is_told_again_in_every_round() -> None:
    bench = led()
    bench.core.transfer_to(R2)
    bench.drain()
    assert len(of_kind(bench.tick(4), TimeoutNow)) == 2


def test_proposals_are_refused_meanwhile_and_the_target_is_named_thesis_3_10() -> None:
    bench = led()
    bench.core.transfer_to(R2)
    refused = Refused(RefusalReason.TRANSFERRING, R2)
    assert bench.core.propose(EntryKind.COMMAND, b'', 0) == refused
    assert bench.core.propose_change(AddNonVoter(R4, 1), 0) == refused
    assert bench.core.transfer_to(R3) == refused
    assert bench.core.transfer_to(R2) is None


def test_leader_goes_on_after_an_election_timeout_thesis_3_10() -> None:
    bench = led()
    bench.core.transfer_to(R2)
    for _ in range(TIMING.election_timeout_ticks_max):
        assert bench.core.transfer_target == R2
        bench.tick()
        answers(bench, R2, R3)
    assert (bench.core.role, bench.core.transfer_target) == (Role.LEADER, None)
    assert isinstance(bench.core.propose(EntryKind.COMMAND, b'', 0), Proposed)


@pytest.mark.parametrize('robot', [ME, R4, R5])
def test_only_another_voter_can_take_over(robot) -> None:
    unclaimed = Membership(((ME, 1), (R2, 1), (R5, 0)), ((R4, 1),))
    bench = Bench([step_of(1, 1, unclaimed)], term=1, voters=THREE)
    bench.lead()
    assert bench.core.transfer_to(robot).reason is RefusalReason.NOT_A_VOTER


def test_follower_hands_nothing_over() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(1))
    assert bench.core.transfer_to(R3) == Refused(RefusalReason.NOT_LEADER, R2)


def test_leader_answers_the_candidate_it_asked_for_thesis_3_10() -> None:
    bench = led()
    request = VoteRequest(R2, None, bench.core.term + 1, False, 2, 2, leadership_transfer=True)
    assert one(bench.step(request), Vote).granted
    assert (bench.core.role, bench.core.transfer_target) == (Role.FOLLOWER, None)


# Transfer: the others.


def test_target_campaigns_at_once_without_a_pre_vote_thesis_3_10() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(1))
    request = one(bench.step(TimeoutNow(R2, ME, 1)), VoteRequest)
    assert request == VoteRequest(ME, None, 2, False, 1, 1, leadership_transfer=True)
    assert (bench.hard_state.term, bench.hard_state.voted_for) == (2, ME)
    assert bench.core.role_reason is RoleReason.TRANSFER
    assert one(bench.tick(2), VoteRequest).leadership_transfer


def test_voter_that_hears_a_leader_answers_a_transfer_thesis_3_10() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(1))
    asked = VoteRequest(R3, None, 2, False, 1, 1, leadership_transfer=True)
    assert one(bench.step(asked), Vote).granted


def test_transfer_does_not_excuse_a_log_behind_5_4_1() -> None:
    bench = Bench(founded_log(THREE, 1), term=1)
    bench.step(heartbeat(1))
    asked = VoteRequest(R3, None, 2, False, 1, 1, leadership_transfer=True)
    assert one(bench.step(asked), Vote).reason is VoteReason.LOG_BEHIND


@pytest.mark.parametrize(
    'message', [TimeoutNow(R3, ME, 1), TimeoutNow(R2, ME, 0)], ids=['another sender', 'old term']
)
def test_only_the_leader_of_the_term_can_ask_to_take_over(message) -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(1))
    with contextlib.suppress(PeerProtocolError):
        bench.step(message)
    assert (bench.core.role, bench.core.term) == (Role.FOLLOWER, 1)


def test_late_copy_of_the_message_does_not_disturb_the_new_term() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(1))
    told = TimeoutNow(R2, ME, 1)
    bench.step(told, told)
    assert bench.core.term == 2
    bench.step(bench.vote(R3))
    assert bench.core.role is Role.LEADER
    bench.step(told)
    assert (bench.core.role, bench.core.term) == (Role.LEADER, 2)


def test_robot_without_a_vote_or_with_its_votes_suspended_does_not_take_over() -> None:
    bench = Bench([step_of(1, 1, founders(R2, R3))], term=1, commit=1)
    bench.step(heartbeat(1), TimeoutNow(R2, ME, 1))
    assert bench.core.role is Role.NON_VOTER
    bench = Bench(founded_log(THREE), term=1)
    bench.core.suspend_votes = True
    bench.step(heartbeat(1), TimeoutNow(R2, ME, 1))
    assert bench.core.role is Role.FOLLOWER


def test_next_candidacy_does_not_claim_to_be_a_transfer() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(1), TimeoutNow(R2, ME, 1))
    bench.step(bench.vote(R2, granted=False), bench.vote(R3, granted=False))
    bench.tick_until(Role.PRE_CANDIDATE)
    request = one(bench.step(bench.vote(R2, pre_vote=True)), VoteRequest)
    assert not request.leadership_transfer
    assert ask(1).leadership_transfer is False
