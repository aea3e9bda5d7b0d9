# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The time of the log never goes back and never stands still."""

from __future__ import annotations

from swarm_coordinator.core.stamps import Stamps

WALL_NS = 10**18


def test_stamp_is_the_wall_clock_at_the_pace_of_the_monotonic_one() -> None:
    stamps = Stamps()
    stamps.set(WALL_NS, 1_000, leads=False)
    assert stamps.at(1_500, 0) == WALL_NS + 500


def test_wall_clock_that_is_set_moves_a_follower_and_no_leader() -> None:
    stamps = Stamps()
    stamps.set(WALL_NS, 1_000, leads=True)
    assert stamps.at(1_000, 0) == WALL_NS, 'it had none before'
    stamps.set(WALL_NS - 10**9, 2_000, leads=True)
    assert stamps.at(2_000, 0) == WALL_NS + 1_000
    stamps.set(WALL_NS - 10**9, 2_000, leads=False)
    assert stamps.at(2_000, 0) == WALL_NS - 10**9


def test_stamp_is_never_behind_the_log() -> None:
    stamps = Stamps()
    stamps.set(WALL_NS, 0, leads=True)
    assert stamps.at(5, WALL_NS + 50) == WALL_NS + 50


def test_time_goes_on_from_where_a_leader_left_it_that_was_ahead() -> None:
    stamps = Stamps()
    stamps.set(WALL_NS, 0, leads=True)
    stamps.saw(WALL_NS + 10**9, 100)
    assert stamps.at(300, WALL_NS + 10**9) == WALL_NS + 10**9 + 200


def test_old_stamp_takes_nothing_back() -> None:
    stamps = Stamps()
    stamps.set(WALL_NS, 0, leads=True)
    stamps.saw(WALL_NS - 10**9, 100)
    assert stamps.at(100, 0) == WALL_NS + 100
