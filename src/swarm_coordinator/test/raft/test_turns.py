# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who campaigns first when a leader falls silent, and what need not wait for the leader's disk."""

from __future__ import annotations

import random

import pytest

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import (
    PROFILES,
    Append,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    RaftCore,
    Role,
    RoleReason,
    Vote,
    VoteReason,
    VoteRequest,
)

TIMING = PROFILES['wifi'].timing
R1, R2, R3, R4, R5 = (RobotId(f'r{number}') for number in range(1, 6))


def member(robot: RobotId, voters: tuple[RobotId, ...], seed: int = 0) -> RaftCore:
    return RaftCore(robot, voters, TIMING, random.Random(seed))


def take(core: RaftCore) -> list[object]:
    sent: list[object] = []
    while (ready := core.ready()) is not None:
        sent += ready.messages
        core.advance(ready)
    return sent


def ticks_until_campaign(core: RaftCore, leader: RobotId, term: int) -> int:
    core.step(Heartbeat(leader, None, term, 1, 0, 0))
    for ticks in range(1, 100):
        core.tick()
        if core.role is Role.PRE_CANDIDATE:
            return ticks
    raise AssertionError('it never campaigns')


@pytest.mark.parametrize('voters', [(R1, R2, R3), (R1, R2, R3, R4, R5)])
@pytest.mark.parametrize('term', range(1, 9))
def test_followers_of_a_silent_leader_campaign_one_after_the_other(
    voters: tuple[RobotId, ...], term: int
) -> None:
    followers = [one for one in voters if one != R1]
    waits = sorted(ticks_until_campaign(member(one, voters), R1, term) for one in followers)
    shortest, longest = TIMING.election_timeout_ticks_min, TIMING.election_timeout_ticks_max
    assert waits[0] in (shortest, shortest + 1), 'the first one does not wait for luck'
    slot = (longest - shortest) // len(followers)
    assert all(after - before >= slot - 1 for before, after in zip(waits, waits[1:], strict=False))
    assert waits[-1] <= longest


def test_turn_goes_round_with_the_term() -> None:
    voters = (R1, R2, R3, R4, R5)
    first = [
        min(voters[1:], key=lambda one: ticks_until_campaign(member(one, voters), R1, term))
        for term in range(1, 9)
    ]
    assert set(first) == {R2, R3, R4, R5}
    assert first[:4] == first[4:]


def test_without_a_known_leader_chance_decides() -> None:
    waits = set()
    for seed in range(50):
        core = member(R1, (R1, R2, R3), seed)
        ticks = 0
        while core.role is Role.FOLLOWER:
            core.tick()
            ticks += 1
        waits.add(ticks)
    assert len(waits) > 5
    assert min(waits) >= TIMING.election_timeout_ticks_min
    assert max(waits) <= TIMING.election_timeout_ticks_max


def test_of_two_that_campaign_at_once_the_lesser_steps_back_and_grants() -> None:
    one, other = member(R1, (R1, R2, R3)), member(R2, (R1, R2, R3))
    for core in (one, other):
        while core.role is not Role.PRE_CANDIDATE:
            core.tick()
        take(core)
    one.step(VoteRequest(R2, None, 1, True, 0, 0))
    other.step(VoteRequest(R1, None, 1, True, 0, 0))
    assert (one.role, one.role_reason) == (Role.FOLLOWER, RoleReason.YIELDED)
    assert other.role is Role.PRE_CANDIDATE, 'equal logs: the greater name goes on'
    [granted] = [sent for sent in take(one) if isinstance(sent, Vote)]
    assert granted.granted and granted.reason is VoteReason.GRANTED


def test_candidate_of_the_real_vote_does_not_yield() -> None:
    core = member(R1, (R1, R2, R3))
    while core.role is not Role.PRE_CANDIDATE:
        core.tick()
    core.step(Vote(R2, R1, 1, True, True, VoteReason.GRANTED))
    assert core.role is Role.CANDIDATE
    core.step(VoteRequest(R3, None, 2, True, 9, 1))
    assert core.role is Role.CANDIDATE


def elected() -> RaftCore:
    core = member(R1, (R1, R2, R3))
    while core.role is not Role.PRE_CANDIDATE:
        core.tick()
    core.step(Vote(R2, R1, 1, True, True, VoteReason.GRANTED))
    take(core)
    core.step(Vote(R2, R1, 1, False, True, VoteReason.GRANTED))
    return core


def test_leader_may_tell_its_followers_before_its_own_disk_has_it_thesis_10_2_1() -> None:
    core = elected()
    ready = core.ready()
    assert ready is not None and ready.entries
    early = ready.messages[: ready.early]
    assert {type(one) for one in early} == {Append, Heartbeat}
    assert not any(isinstance(one, (Append, Heartbeat)) for one in ready.messages[ready.early :])
    assert core.commit_index == 0


def test_own_log_of_the_leader_counts_only_after_advance_thesis_10_2_1() -> None:
    core = member(R1, (R1,))
    while core.role is not Role.LEADER:
        core.tick()
    ready = core.ready()
    assert ready is not None and ready.entries and not ready.committed
    core.advance(ready)
    assert core.commit_index == 1


def test_nothing_is_early_with_a_new_term_or_vote() -> None:
    core = member(R1, (R1, R2, R3))
    while core.role is not Role.PRE_CANDIDATE:
        core.tick()
    take(core)
    core.step(Vote(R2, R1, 1, True, True, VoteReason.GRANTED))
    ready = core.ready()
    assert ready is not None and ready.hard_state is not None
    assert ready.hard_state.voted_for == R1
    assert any(isinstance(one, VoteRequest) for one in ready.messages)
    assert ready.early == 0


def test_acknowledgement_of_a_follower_is_never_early() -> None:
    core = RaftCore(R2, (R1, R2, R3), TIMING, random.Random(1), HardState(1))
    entry = Entry(1, 1, EntryKind.COMMAND, 1, b'x')
    core.step(Append(R1, R2, 1, 0, 0, (entry,), 0))
    ready = core.ready()
    assert ready is not None and ready.entries and ready.messages
    assert ready.early == 0
