# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot that is held up doubts itself first, and stops doubting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.registry.awareness import (
    AWARENESS_MAX,
    DECAY_NS,
    POINTS_AT_ONCE_MAX,
    Awareness,
)

MS = 1_000_000
LATE_NS, SLOW_NS = 250 * MS, 100 * MS


def subject() -> Awareness:
    return Awareness(LATE_NS, SLOW_NS)


def test_robot_that_is_on_time_has_nothing_to_doubt() -> None:
    calm = subject()
    calm.tick_was_late(LATE_NS - 1, 0)
    calm.fsync_took(SLOW_NS - 1, 0)
    calm.peers_answered(2, 3, 0)
    calm.peers_answered(0, 0, 0)
    assert (calm.score(0), calm.reason(0), calm.stretch_permille(0)) == (0, '', 1000)


@pytest.mark.parametrize(
    ('late_ns', 'points'),
    [(LATE_NS, 1), (2 * LATE_NS - 1, 1), (2 * LATE_NS, 2), (4 * LATE_NS, 3), (99 * LATE_NS, 3)],
)
def test_later_ticks_weigh_more_but_one_is_no_habit(late_ns: int, points: int) -> None:
    held = subject()
    held.tick_was_late(late_ns, 0)
    assert held.score(0) == points <= POINTS_AT_ONCE_MAX
    assert held.reason(0) == 'its ticks are late'


def test_slow_disk_and_silent_peers_count_too() -> None:
    held = subject()
    held.fsync_took(2 * SLOW_NS, 0)
    assert (held.score(0), held.reason(0)) == (2, 'its disk is slow')
    held.peers_answered(1, 3, 0)
    assert (held.score(0), held.reason(0)) == (3, 'peers do not answer it')


def test_doubt_goes_point_by_point() -> None:
    held = subject()
    held.tick_was_late(4 * LATE_NS, 100)
    scores = [held.score(100 + n * DECAY_NS // 2) for n in range(8)]
    assert scores == [3, 3, 2, 2, 1, 1, 0, 0]
    assert held.reason(100 + 3 * DECAY_NS) == ''


def test_steady_trouble_that_is_rarer_than_the_decay_never_adds_up() -> None:
    held = subject()
    for number in range(100):
        held.tick_was_late(LATE_NS, number * (DECAY_NS + DECAY_NS // 3))
        assert held.score(number * (DECAY_NS + DECAY_NS // 3)) <= 2


def test_points_go_while_new_ones_come() -> None:
    held = subject()
    for number in range(11):
        held.tick_was_late(LATE_NS, number * DECAY_NS * 9 // 10)
    assert held.score(9 * DECAY_NS) == 11 - 9


def test_lasting_trouble_reaches_the_highest_score_and_stays_there() -> None:
    held = subject()
    for number in range(100):
        held.tick_was_late(LATE_NS, number * DECAY_NS // 4)
    assert held.score(99 * DECAY_NS // 4) == AWARENESS_MAX
    assert held.stretch_permille(99 * DECAY_NS // 4) == 3000


@given(st.lists(st.tuples(st.integers(0, 10**10), st.integers(0, 10**10)), max_size=50))
def test_score_stays_in_range_and_is_gone_after_the_longest_decay(
    steps: list[tuple[int, int]]
) -> None:
    held, now_ns = subject(), 0
    for gap_ns, late_ns in steps:
        now_ns += gap_ns
        before = held.score(now_ns)
        held.tick_was_late(late_ns, now_ns)
        assert before <= held.score(now_ns) <= AWARENESS_MAX
    assert held.score(now_ns + AWARENESS_MAX * DECAY_NS) == 0


def test_limits_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match='fsync_slow_ns=0'):
        Awareness(1, 0)
