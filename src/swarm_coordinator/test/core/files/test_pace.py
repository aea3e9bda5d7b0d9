# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""File bytes flow below a ceiling and yield to whatever is late."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.core.files.beacon_gaps import GONE_PERIODS, ROBOTS_MAX, BeaconGaps
from swarm_coordinator.core.files.fetch import GIVE_UP_NS
from swarm_coordinator.core.files.pace import BURST_BYTES_MIN, LOOK_NS, S_NS, STEPS, Pace
from swarm_coordinator.core.ids import RobotId

CEILING = 10_000_000
LATE_NS = 50_000_000
BLOCK = 32 * 1024


def sent_in(pace: Pace, start_ns: int, length_ns: int, late_ns: int = 0) -> int:
    """Bytes that a greedy sender gets through."""
    now_ns, sent = start_ns, 0
    while now_ns < start_ns + length_ns:
        pace.late(late_ns)
        wait_ns = pace.take(BLOCK, now_ns)
        if wait_ns:
            now_ns += wait_ns
        else:
            sent += BLOCK
    return sent


def test_greedy_sender_gets_the_ceiling_and_one_burst_at_most() -> None:
    pace = Pace(CEILING, LATE_NS)
    sent = sent_in(pace, 0, 2 * S_NS)
    assert 2 * CEILING * 0.98 <= sent <= 2 * CEILING + pace.burst + BLOCK


def test_rest_is_not_saved_up_beyond_a_burst() -> None:
    pace = Pace(CEILING, LATE_NS)
    sent_in(pace, 0, S_NS)
    assert sent_in(pace, 100 * S_NS, S_NS) <= CEILING + pace.burst + BLOCK


def test_lateness_halves_the_rate_each_look_down_to_a_floor_and_calm_restores_it() -> None:
    pace = Pace(CEILING, LATE_NS)
    pace.late(LATE_NS + 1)
    pace.take(0, LOOK_NS)
    assert pace.rate == CEILING // 2
    slow = sent_in(pace, LOOK_NS, 10 * S_NS, late_ns=LATE_NS + 1)
    assert pace.rate == pace.floor > 0 and slow < CEILING * 2
    calm_ns = 11 * S_NS
    sent_in(pace, calm_ns, (STEPS + 1) * LOOK_NS)
    assert pace.rate == CEILING


@pytest.mark.parametrize('ceiling', [100_000, 1_000_000, 250_000_000])
def test_a_robot_that_is_always_late_still_gives_blocks_before_others_give_up(
    ceiling: int,
) -> None:
    pace = Pace(ceiling, LATE_NS)
    sent_in(pace, 0, 10 * S_NS, late_ns=LATE_NS + 1)
    assert pace.rate == pace.floor <= ceiling
    assert BURST_BYTES_MIN / pace.floor * 3 < GIVE_UP_NS / S_NS


def test_lateness_below_the_limit_changes_nothing() -> None:
    pace = Pace(CEILING, LATE_NS)
    sent_in(pace, 0, 2 * S_NS, late_ns=LATE_NS)
    assert pace.rate == CEILING


def test_what_is_larger_than_a_burst_is_paid_for_afterwards() -> None:
    pace = Pace(CEILING, LATE_NS)
    assert pace.take(CEILING, 0) == 0
    wait_ns = pace.take(1, 0)
    assert 0.9 * S_NS < wait_ns < S_NS


def test_refunded_bytes_flow_again() -> None:
    pace = Pace(CEILING, LATE_NS)
    assert pace.take(pace.burst, 0) == 0 and pace.take(BLOCK, 0) > 0
    pace.refund(BLOCK)
    assert pace.take(BLOCK, 0) == 0


def test_ceiling_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match='expected more'):
        Pace(0, LATE_NS)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**8))))
def test_no_order_of_asking_gets_more_than_ceiling_and_burst(
    steps: list[tuple[int, int, int]]
) -> None:
    pace = Pace(CEILING, LATE_NS)
    now_ns = sent = 0
    for rest_ns, size, late_ns in steps:
        now_ns += rest_ns
        pace.late(late_ns)
        if not pace.take(size, now_ns):
            sent += size
        assert sent <= CEILING * now_ns // S_NS + pace.ceiling_bytes_per_s // 50 + 10**6


# ---- beacons

R2, R3, R4 = RobotId('r2'), RobotId('r3'), RobotId('r4')
PERIOD_NS = 100_000_000


def test_beacons_in_time_are_not_late_and_a_gap_is() -> None:
    gaps = BeaconGaps(PERIOD_NS)
    assert [gaps.heard(R2, at * PERIOD_NS) for at in (0, 1, 2)] == [0, 0, 0]
    assert gaps.heard(R2, 4 * PERIOD_NS) == PERIOD_NS


def test_one_slow_robot_does_not_hold_this_one_back() -> None:
    gaps = BeaconGaps(PERIOD_NS)
    late = 0
    for at in range(40):
        gaps.heard(R2, at * PERIOD_NS)
        gaps.heard(R3, at * PERIOD_NS)
        if at % 5 == 0:
            late = max(late, gaps.heard(R4, at * PERIOD_NS))
    assert late == 0


def test_busy_network_delays_all_and_is_noticed() -> None:
    gaps = BeaconGaps(PERIOD_NS)
    for robot in (R2, R3, R4):
        gaps.heard(robot, 0)
    late = [gaps.heard(robot, 3 * PERIOD_NS) for robot in (R2, R3, R4)]
    assert late[-1] == 2 * PERIOD_NS


def test_robot_that_comes_back_is_not_late() -> None:
    gaps = BeaconGaps(PERIOD_NS)
    gaps.heard(R2, 0)
    assert gaps.heard(R2, (GONE_PERIODS + 1) * PERIOD_NS) == 0


def test_names_without_end_are_not_remembered() -> None:
    gaps = BeaconGaps(PERIOD_NS)
    for number in range(ROBOTS_MAX + 10):
        gaps.heard(RobotId(f'r{number}'), 0)
    assert len(gaps.heard_ns) == ROBOTS_MAX
