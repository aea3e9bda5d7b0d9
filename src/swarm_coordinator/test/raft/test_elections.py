# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Elections: Raft sections 5.2 and 5.4.1, thesis sections 4.2.3, 6.2 and 9.6."""

from __future__ import annotations

import random

import pytest
from raft.raft_bench import (
    FIVE,
    ME,
    R2,
    R3,
    R4,
    R5,
    TIMING,
    Bench,
    append,
    ask,
    heartbeat,
    log_of,
    of_kind,
)

from swarm_coordinator.core.raft import (
    AppendOutcome,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    Message,
    PeerProtocolError,
    RaftCore,
    RobotId,
    Role,
    RoleReason,
    Vote,
    VoteReason,
    VoteRequest,
)

OUTSIDER = RobotId('r9')


def only_vote(messages: list) -> Vote:
    (vote,) = of_kind(messages, Vote)
    return vote


def test_pre_vote_does_not_change_the_term_thesis_9_6() -> None:
    bench = Bench(term=4)

    sent = bench.tick_until(Role.PRE_CANDIDATE)

    (request,) = of_kind(sent, VoteRequest)
    assert request == VoteRequest(ME, None, 5, True, 0, 0)
    assert (bench.core.term, bench.hard_state.term) == (4, 4)


def test_robot_that_hears_nobody_never_raises_its_term_thesis_9_6() -> None:
    bench = Bench(term=4)
    bench.tick(10 * TIMING.election_timeout_ticks_max)
    assert bench.core.term == 4


def test_candidate_starts_a_term_and_votes_for_itself_5_2() -> None:
    bench = Bench(term=4)

    (request,) = of_kind(bench.campaign(), VoteRequest)

    assert request == VoteRequest(ME, None, 5, False, 0, 0)
    assert (bench.hard_state.term, bench.hard_state.voted_for) == (5, ME)


def test_majority_of_votes_elects_5_2() -> None:
    bench = Bench(voters=FIVE)
    bench.campaign()
    bench.step(bench.vote(R2))
    assert bench.core.role is Role.CANDIDATE
    bench.step(bench.vote(R3))
    assert bench.core.role is Role.LEADER


def test_one_vote_delivered_twice_does_not_elect_5_2() -> None:
    bench = Bench(voters=FIVE)
    bench.campaign()
    bench.step(bench.vote(R2), bench.vote(R2), bench.vote(R2))
    assert bench.core.role is Role.CANDIDATE


def test_one_pre_vote_delivered_twice_does_not_start_an_election_thesis_9_6() -> None:
    bench = Bench(voters=FIVE)
    bench.tick_until(Role.PRE_CANDIDATE)
    bench.step(bench.vote(R2, pre_vote=True), bench.vote(R2, pre_vote=True))
    assert bench.core.role is Role.PRE_CANDIDATE


def test_pre_votes_do_not_count_as_votes_thesis_9_6() -> None:
    bench = Bench()
    bench.campaign()
    late = bench.vote(R2, pre_vote=True, term=bench.core.term)
    bench.step(late)
    assert bench.core.role is Role.CANDIDATE


def test_vote_of_an_earlier_term_does_not_count_5_2() -> None:
    bench = Bench()
    bench.campaign()
    old = bench.vote(R2, term=bench.core.term)
    bench.tick_until(Role.PRE_CANDIDATE)
    bench.campaign()
    bench.step(old)
    assert bench.core.role is Role.CANDIDATE


def test_candidate_refused_by_a_majority_gives_up_5_2() -> None:
    bench = Bench()
    bench.campaign()
    bench.step(bench.vote(R2, granted=False), bench.vote(R3, granted=False))
    assert bench.core.role is Role.FOLLOWER
    assert bench.core.role_reason is RoleReason.VOTE_LOST


def test_second_candidate_of_a_term_is_refused_5_2() -> None:
    bench = Bench()
    assert only_vote(bench.step(ask(1, sender=R2))).granted
    vote = only_vote(bench.step(ask(1, sender=R3)))
    assert (vote.granted, vote.reason) == (False, VoteReason.ALREADY_VOTED)


def test_repeated_request_gets_the_same_vote_5_2() -> None:
    bench = Bench()
    assert bench.step(ask(1)) == bench.step(ask(1))


def test_vote_in_a_term_that_is_already_on_disk_is_persisted_too_5_2() -> None:
    bench = Bench()
    bench.step(HeartbeatReply(R3, None, 3, 0, 0, 0))
    assert (bench.hard_state.term, bench.hard_state.voted_for) == (3, None)
    assert only_vote(bench.step(ask(3))).granted
    assert (bench.hard_state.term, bench.hard_state.voted_for) == (3, R2)


def test_vote_of_an_earlier_term_does_not_bind_5_2() -> None:
    bench = Bench()
    bench.step(ask(1, sender=R2))
    bench.step(HeartbeatReply(R3, None, 5, 0, 0, 0))
    assert only_vote(bench.step(ask(5, sender=R3))).granted


def test_vote_is_remembered_over_a_restart_5_2() -> None:
    bench = Bench()
    bench.step(ask(1, sender=R2))
    reborn = Bench(term=bench.hard_state.term, voted_for=bench.hard_state.voted_for)
    assert not only_vote(reborn.step(ask(1, sender=R3))).granted


@pytest.mark.parametrize(
    ('last', 'granted'),
    [
        ((3, 2), True),     # the same
        ((2, 3), True),     # shorter, but of a later term
        ((4, 2), True),     # longer
        ((2, 2), False),    # shorter
        ((9, 1), False),    # longer, but of an earlier term
    ],
)
@pytest.mark.parametrize('pre_vote', [True, False])
def test_vote_needs_a_log_at_least_as_up_to_date_5_4_1(last, granted, pre_vote) -> None:
    bench = Bench(log_of(1, 1, 2), term=2)
    vote = only_vote(bench.step(ask(5, last, pre_vote)))
    assert vote.granted is granted
    assert granted or vote.reason is VoteReason.LOG_BEHIND


def test_refused_candidate_still_raises_the_term_5_1() -> None:
    bench = Bench(log_of(1), term=1)
    bench.step(ask(5))
    assert (bench.hard_state.term, bench.hard_state.voted_for) == (5, None)


def test_refusal_for_a_log_behind_does_not_put_off_the_own_election_5_2() -> None:
    bench = Bench(log_of(1), term=5)
    for _ in range(TIMING.election_timeout_ticks_max):
        bench.tick()
        bench.step(ask(5))
        if bench.core.role is Role.PRE_CANDIDATE:
            return
    raise AssertionError('kept waiting for a robot that cannot win')


def test_request_of_an_earlier_term_is_refused_5_1() -> None:
    bench = Bench(term=5)
    vote = only_vote(bench.step(ask(4)))
    assert (vote.term, vote.reason) == (5, VoteReason.STALE_TERM)


@pytest.mark.parametrize('pre_vote', [True, False])
def test_voter_that_hears_a_leader_ignores_candidates_thesis_4_2_3(pre_vote) -> None:
    bench = Bench(term=1)
    bench.step(heartbeat(1))
    bench.tick(TIMING.election_timeout_ticks_min - 2)

    vote = only_vote(bench.step(ask(9, (9, 9), pre_vote, sender=R3)))

    assert (vote.granted, vote.reason) == (False, VoteReason.LEADER_ALIVE)
    assert (bench.core.term, bench.core.leader) == (1, R2)


def test_leader_that_is_silent_for_the_shortest_timeout_loses_its_protection() -> None:
    bench = Bench(term=1)
    bench.core.hold_elections(100)
    bench.step(heartbeat(1))
    bench.tick(TIMING.election_timeout_ticks_min)
    assert only_vote(bench.step(ask(9, (9, 9), pre_vote=True, sender=R3))).granted


def test_leader_is_not_unseated_by_a_robot_that_was_cut_off_thesis_4_2_3() -> None:
    bench = Bench()
    bench.lead()
    term = bench.core.term
    assert only_vote(bench.step(ask(term + 5, (9, 9)))).reason is VoteReason.LEADER_ALIVE
    assert (bench.core.role, bench.core.term) == (Role.LEADER, term)


def test_leader_that_no_quorum_answers_steps_down_thesis_6_2() -> None:
    bench = Bench(voters=FIVE)
    bench.lead()
    for _ in range(TIMING.election_timeout_ticks_max):
        bench.tick()
        bench.step(bench.answer(R2, 0))
    assert bench.core.role is Role.FOLLOWER
    assert bench.core.role_reason is RoleReason.QUORUM_SILENT
    assert bench.core.leader is None


def test_leader_that_a_quorum_answers_stays_thesis_6_2() -> None:
    bench = Bench()
    bench.lead()
    for _ in range(5 * TIMING.election_timeout_ticks_max):
        bench.tick()
        bench.step(bench.answer(R2, 1))
    assert bench.core.role is Role.LEADER


def test_beacons_that_name_another_leader_do_not_keep_a_leader_thesis_6_2() -> None:
    """A leader that hears others and is not heard must not go on."""
    bench = Bench()
    bench.lead()
    for _ in range(TIMING.election_timeout_ticks_max):
        bench.tick()
        for peer in (R2, R3):
            bench.step(HeartbeatReply(peer, None, bench.core.term, 0, 0, 0))
    assert bench.core.role is Role.FOLLOWER


def test_beacon_of_another_follower_with_a_later_term_unseats_a_leader_5_1() -> None:
    bench = Bench()
    bench.lead()
    bench.step(HeartbeatReply(R2, R3, 9, 4, 0, 0))
    assert (bench.core.role, bench.core.term, bench.core.leader) == (Role.FOLLOWER, 9, None)


@pytest.mark.parametrize('message', [
    HeartbeatReply(OUTSIDER, None, 9, 4, 0, 0),
    Vote(OUTSIDER, ME, 9, False, False, VoteReason.STALE_TERM),
    Vote(OUTSIDER, ME, 9, False, True, VoteReason.GRANTED),
    Vote(R2, ME, 9, False, True, VoteReason.GRANTED),
    AppendReply(OUTSIDER, ME, 9, AppendOutcome.STALE_TERM, 0, 0, 0),
])
def test_leader_is_not_unseated_by_terms_of_robots_without_a_vote_or_votes_nobody_asked_for(
    message: Message,
) -> None:
    bench = Bench()
    bench.lead()
    term = bench.core.term
    bench.step(message)
    assert (bench.core.role, bench.core.term) == (Role.LEADER, term)


def test_candidate_that_hears_the_leader_of_its_term_follows_5_2() -> None:
    bench = Bench()
    bench.campaign()
    bench.step(heartbeat(bench.core.term))
    assert (bench.core.role, bench.core.leader) == (Role.FOLLOWER, R2)


def test_leader_of_an_earlier_term_is_not_followed_5_1() -> None:
    bench = Bench(term=5)
    bench.step(heartbeat(4))
    assert bench.core.leader is None


def test_second_leader_of_a_term_is_an_error_of_the_peer_5_2() -> None:
    bench = Bench(term=1)
    bench.step(heartbeat(1, sender=R2))
    with pytest.raises(PeerProtocolError, match='second leader in term 1; r2 leads it'):
        bench.core.step(heartbeat(1, sender=R3))
    assert bench.core.leader == R2


def test_granted_pre_vote_does_not_raise_the_term_and_a_refused_one_does_thesis_9_6() -> None:
    bench = Bench(term=2)
    bench.tick_until(Role.PRE_CANDIDATE)
    bench.step(bench.vote(R2, pre_vote=True, term=7))
    assert bench.core.term == 2
    bench.step(bench.vote(R2, pre_vote=True, granted=False, term=7))
    assert (bench.core.term, bench.core.role) == (7, Role.FOLLOWER)


def test_lost_request_is_repeated_every_heartbeat_period() -> None:
    bench = Bench(voters=FIVE)
    bench.tick_until(Role.PRE_CANDIDATE)
    assert len(of_kind(bench.tick(8), VoteRequest)) == 4


def test_non_voter_never_campaigns_and_never_votes() -> None:
    bench = Bench(me=R4)
    assert bench.core.role is Role.NON_VOTER
    sent = bench.tick(5 * TIMING.election_timeout_ticks_max)
    assert not of_kind(sent, VoteRequest)
    assert not of_kind(bench.step(ask(3)), Vote)
    asked = VoteRequest(R2, R4, 3, False, 0, 0)
    assert only_vote(bench.step(asked)).reason is VoteReason.NOT_A_VOTER


def test_voter_does_not_ask_whether_the_candidate_is_one_thesis_4_1() -> None:
    """The entry that made it a voter may not have come here yet."""
    bench = Bench(log_of(1), term=1)
    assert only_vote(bench.step(ask(9, (2, 1), sender=OUTSIDER))).granted


def test_vote_of_a_robot_without_a_vote_does_not_count_thesis_4_1() -> None:
    bench = Bench()
    bench.campaign()
    bench.step(bench.vote(OUTSIDER), bench.vote(RobotId('r8')))
    assert bench.core.role is Role.CANDIDATE


def test_non_voter_forgets_a_silent_leader() -> None:
    bench = Bench(me=R4)
    bench.step(heartbeat(1))
    assert bench.core.leader == R2
    bench.tick(TIMING.election_timeout_ticks_max)
    assert (bench.core.leader, bench.core.role_reason) == (None, RoleReason.LEADER_SILENT)


def test_held_elections_do_not_start_and_then_wait_a_whole_timeout() -> None:
    bench = Bench()
    bench.core.hold_elections(50)
    bench.tick(50 + TIMING.election_timeout_ticks_min - 1)
    assert bench.core.role is Role.FOLLOWER
    bench.tick_until(Role.PRE_CANDIDATE)


def test_robot_whose_votes_are_suspended_neither_votes_nor_campaigns() -> None:
    bench = Bench()
    bench.core.suspend_votes = True
    bench.tick(3 * TIMING.election_timeout_ticks_max)
    assert bench.core.role is Role.FOLLOWER
    assert not only_vote(bench.step(ask(3))).granted
    bench.core.suspend_votes = False
    assert only_vote(bench.step(ask(3))).granted


def test_single_voter_elects_itself_and_commits() -> None:
    bench = Bench(voters=(ME,))
    bench.tick_until(Role.LEADER)
    assert [entry.index for entry in bench.applied] == [1]


def test_new_leader_says_so_at_once() -> None:
    sent = Bench().lead()
    assert of_kind(sent, Heartbeat) == [Heartbeat(ME, None, 1, 1, 0, 1)]


def test_every_robot_sends_one_beacon_per_period_whatever_its_role() -> None:
    ticks = 40 * TIMING.heartbeat_ticks
    alone = Bench(me=R4).tick(ticks)
    assert len(of_kind(alone, HeartbeatReply)) == 40
    follower, sent = Bench(term=1), []
    for tick in range(ticks):
        sent += follower.tick()
        if tick % TIMING.heartbeat_ticks == 0:
            sent += follower.step(heartbeat(1, 1 + tick))
    assert 39 <= len(of_kind(sent, HeartbeatReply)) <= 41


def test_voter_answers_a_new_round_at_once() -> None:
    bench = Bench(log_of(1), term=1)
    bench.step(append(1, (0, 0), *log_of(1)))
    bench.tick()
    (reply,) = of_kind(bench.step(heartbeat(1, 7)), HeartbeatReply)
    assert reply == HeartbeatReply(ME, R2, 1, 7, 1, 1)


def test_quorum_is_active_while_voters_are_heard() -> None:
    bench = Bench()
    assert not bench.core.quorum_active()
    bench.step(HeartbeatReply(R3, None, 0, 0, 0, 0))
    assert bench.core.quorum_active()
    bench.core.hold_elections(100)
    bench.tick(TIMING.election_timeout_ticks_max)
    assert not bench.core.quorum_active()


def test_election_timeouts_are_spread_over_the_whole_range_5_2() -> None:
    waits = set()
    for seed in range(200):
        core = RaftCore(ME, FIVE, TIMING, random.Random(seed))
        ticks = 0
        while core.role is Role.FOLLOWER:
            core.tick()
            ticks += 1
        waits.add(ticks)
    assert waits == set(range(10, 21))


def test_voters_must_be_different_robots() -> None:
    with pytest.raises(ValueError, match='different robots'):
        RaftCore(ME, (ME, R5, R5), TIMING, random.Random(0))
