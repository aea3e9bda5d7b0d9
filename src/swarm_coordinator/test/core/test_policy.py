# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The rule that chooses the mode, its hysteresis, and what each mode allows."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from swarm_coordinator.core.modes.mode import ALLOWED, Activity, Mode, allows, mode_named
from swarm_coordinator.core.modes.policy import (
    ADVICE_CONFIDENCE_MIN,
    BACKLOG_ENTER_JOBS_PER_SLOT,
    BACKLOG_LEAVE_JOBS_PER_SLOT,
    DWELL_NS,
    ModeAdvice,
    ModeSituation,
    choose_mode,
)

LONG_AGO_NS = 1
CALM = ModeSituation(
    mode=Mode.NORMAL, since_ns=LONG_AGO_NS, stamp_ns=LONG_AGO_NS + DWELL_NS, now_ns=100,
    voters=3, voters_alive=3, slots=2, jobs_waiting=0,
)


def chosen(**changes: Any) -> Mode:
    return choose_mode(dataclasses.replace(CALM, **changes)).mode


def test_calm_is_normal() -> None:
    assert chosen() is Mode.NORMAL


@pytest.mark.parametrize(
    ('voters', 'alive', 'mode'),
    [
        (1, 1, Mode.NORMAL), (1, 0, Mode.NORMAL), (3, 3, Mode.NORMAL), (3, 2, Mode.RECOVERY),
        (5, 4, Mode.NORMAL), (5, 3, Mode.RECOVERY), (7, 5, Mode.NORMAL), (7, 4, Mode.RECOVERY),
    ],
)
def test_recovery_is_when_no_voter_is_to_spare(voters: int, alive: int, mode: Mode) -> None:
    assert chosen(voters=voters, voters_alive=alive) is mode


def test_recovery_goes_before_backlog_and_advice() -> None:
    advice = ModeAdvice(Mode.EXPLORE, 1.0, '', 1000)
    assert chosen(voters_alive=2, jobs_waiting=999, advice=advice) is Mode.RECOVERY


def test_backlog_enters_high_and_leaves_low() -> None:
    enter, leave = 2 * BACKLOG_ENTER_JOBS_PER_SLOT, 2 * BACKLOG_LEAVE_JOBS_PER_SLOT
    assert leave < enter
    assert chosen(jobs_waiting=enter) is Mode.NORMAL
    assert chosen(jobs_waiting=enter + 1) is Mode.HYPERFOCUS
    assert chosen(mode=Mode.HYPERFOCUS, jobs_waiting=leave + 1) is Mode.HYPERFOCUS
    assert chosen(mode=Mode.HYPERFOCUS, jobs_waiting=leave) is Mode.NORMAL


def test_backlog_wavering_between_the_limits_changes_the_mode_once() -> None:
    mode, changes = Mode.NORMAL, 0
    for waiting in (5, 10, 17, 12, 15, 10, 17, 8, 16, 9) * 5:
        wanted = chosen(mode=mode, jobs_waiting=waiting)
        changes += wanted is not mode
        mode = wanted
    assert changes == 1 and mode is Mode.HYPERFOCUS


def test_swarm_without_slots_counts_as_one_slot() -> None:
    assert chosen(slots=0, jobs_waiting=BACKLOG_ENTER_JOBS_PER_SLOT + 1) is Mode.HYPERFOCUS


def test_mode_is_kept_for_its_minimum_time_except_on_the_way_into_recovery() -> None:
    young = {'mode': Mode.HYPERFOCUS, 'since_ns': 100, 'stamp_ns': 100 + DWELL_NS - 1}
    assert chosen(**young) is Mode.HYPERFOCUS
    assert chosen(**{**young, 'stamp_ns': 100 + DWELL_NS}) is Mode.NORMAL
    assert chosen(**young, voters_alive=2) is Mode.RECOVERY
    assert chosen(**{**young, 'mode': Mode.RECOVERY}) is Mode.RECOVERY


def test_first_mode_of_a_swarm_needs_no_rest() -> None:
    assert chosen(since_ns=0, stamp_ns=1, jobs_waiting=99) is Mode.HYPERFOCUS


@pytest.mark.parametrize(
    ('mode', 'confidence', 'expires_ns', 'followed'),
    [
        (Mode.EXPLORE, ADVICE_CONFIDENCE_MIN, 101, True),
        (Mode.EXPLORE, ADVICE_CONFIDENCE_MIN - 0.01, 101, False),
        (Mode.EXPLORE, 1.0, 100, False),
        (Mode.EXPLORE, float('nan'), 101, False),
        (Mode.MAINTENANCE, 1.0, 101, False),
    ],
)
def test_advice_is_followed_only_fresh_confident_and_never_into_maintenance(
    mode: Mode, confidence: float, expires_ns: int, followed: bool
) -> None:
    advice = ModeAdvice(mode, confidence, 'quiet', expires_ns)
    assert chosen(advice=advice) is (mode if followed else Mode.NORMAL)


def test_every_mode_says_what_it_allows_and_only_maintenance_takes_no_jobs() -> None:
    assert set(ALLOWED) == set(Mode)
    idle = [mode for mode in Mode if not allows(mode, Activity.TAKE_JOBS)]
    assert idle == [Mode.MAINTENANCE]


def test_modes_are_found_by_name_and_an_unknown_name_lists_them() -> None:
    for mode in Mode:
        assert mode_named(f' {mode.label.upper()} ') is mode
    with pytest.raises(ValueError, match='hyperfocus'):
        mode_named('turbo')
