# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The rules that choose the mode, and what keeps them from flapping."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.modes.policy import (
    ADVICE_CONFIDENCE_MIN,
    BACKLOG_ENTER_JOBS_PER_SLOT,
    BACKLOG_LEAVE_JOBS_PER_SLOT,
    DWELL_NS,
    RULES,
    ModeAdvice,
    ModeSituation,
    choose_mode,
)
from swarm_coordinator.core.modes.pressure import (
    BATTERY_CRITICAL_PERMILLE,
    DOUBT_HIGH,
    LOST_COUNTS_FOR_NS,
    Forced,
    Latch,
    PressureGauge,
    RobotPressure,
    backlog_permille,
    batteries_low_permille,
    trouble_permille,
)
from swarm_coordinator.core.registry.suspicion import Liveness

LONG_AGO_NS = 1
SECOND = 1_000_000_000
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


BOLDEST = ModeAdvice(Mode.EXPLORE, 1.0, 'surely', 1000)
SAFETY: dict[str, tuple[dict[str, Any], Mode]] = {
    'no voter to spare': ({'voters_alive': 2}, Mode.RECOVERY),
    'half in trouble': ({'forced': Forced(Mode.DEFENSIVE, '50 %')}, Mode.DEFENSIVE),
    'extreme pressure': ({'forced': Forced(Mode.HYPERFOCUS, '95 %')}, Mode.HYPERFOCUS),
    'batteries low': ({'batteries_low_permille': 500}, Mode.CONSERVE),
}


@pytest.mark.parametrize('case', SAFETY)
@pytest.mark.parametrize('advised', [mode for mode in Mode])
def test_no_advice_however_sure_goes_before_a_rule_of_safety(case: str, advised: Mode) -> None:
    changes, wanted = SAFETY[case]
    advice = dataclasses.replace(BOLDEST, mode=advised)
    assert chosen(**changes, advice=advice) is wanted
    assert chosen(**changes, advice=advice, mode=advised) is wanted


def test_advice_that_is_wrong_for_an_hour_never_keeps_a_mode_that_safety_forbids() -> None:
    mode, since_ns, random_ = Mode.NORMAL, LONG_AGO_NS, random.Random(4)
    for second in range(3600):
        stamp_ns = LONG_AGO_NS + second * SECOND
        changes, wanted = random_.choice(list(SAFETY.values()))
        in_danger = second % 60 >= 30
        choice = chosen(mode=mode, since_ns=since_ns, stamp_ns=stamp_ns, advice=BOLDEST,
                        **(changes if in_danger else {}))
        urgent = in_danger and wanted in (Mode.RECOVERY, Mode.DEFENSIVE)
        assert not urgent or choice is wanted, second
        if choice is not mode:
            mode, since_ns = choice, stamp_ns
    ended = dataclasses.replace(BOLDEST, expires_ns=CALM.now_ns)
    assert chosen(mode=Mode.EXPLORE, advice=ended) is Mode.NORMAL


@pytest.mark.parametrize('advised', [m for m in Mode if m is not Mode.MAINTENANCE])
def test_fresh_confident_advice_goes_before_the_default_for_a_backlog(advised: Mode) -> None:
    busy = {'jobs_waiting': 2 * BACKLOG_ENTER_JOBS_PER_SLOT + 1}
    assert chosen(**busy, advice=dataclasses.replace(BOLDEST, mode=advised)) is advised
    assert chosen(**busy, advice=dataclasses.replace(BOLDEST, confidence=0.5)) is Mode.HYPERFOCUS
    assert chosen(**busy, advice=dataclasses.replace(BOLDEST, expires_ns=1)) is Mode.HYPERFOCUS
    assert chosen(**busy) is Mode.HYPERFOCUS


def test_advice_keeps_the_minimum_time_too() -> None:
    young = {'mode': Mode.HYPERFOCUS, 'since_ns': 100, 'stamp_ns': 100 + DWELL_NS - 1}
    assert chosen(**young, advice=BOLDEST) is Mode.HYPERFOCUS


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


def test_extreme_trouble_goes_before_all_but_recovery_and_does_not_wait() -> None:
    forced = Forced(Mode.DEFENSIVE, 'half of them')
    young = {'mode': Mode.HYPERFOCUS, 'since_ns': 100, 'stamp_ns': 101, 'jobs_waiting': 999}
    assert chosen(**young, forced=forced) is Mode.DEFENSIVE
    assert chosen(**young, forced=forced, voters_alive=2) is Mode.RECOVERY


def test_extreme_pressure_goes_before_batteries_and_advice_but_keeps_the_minimum_time() -> None:
    forced = Forced(Mode.HYPERFOCUS, '95 %')
    advice = ModeAdvice(Mode.EXPLORE, 1.0, '', 1000)
    assert chosen(forced=forced, advice=advice, batteries_low_permille=1000) is Mode.HYPERFOCUS
    assert chosen(forced=forced, mode=Mode.EXPLORE, since_ns=100, stamp_ns=101) is Mode.EXPLORE


def test_low_batteries_enter_conserve_at_half_and_leave_it_below_a_quarter() -> None:
    assert chosen(batteries_low_permille=499) is Mode.NORMAL
    assert chosen(batteries_low_permille=500) is Mode.CONSERVE
    assert chosen(batteries_low_permille=500, jobs_waiting=999) is Mode.CONSERVE
    assert chosen(mode=Mode.CONSERVE, batteries_low_permille=250) is Mode.CONSERVE
    assert chosen(mode=Mode.CONSERVE, batteries_low_permille=249) is Mode.NORMAL


def test_no_rule_chooses_maintenance_by_itself() -> None:
    assert all(Mode.MAINTENANCE not in rule.modes for rule in RULES)


def test_choice_without_a_reason_does_not_exist() -> None:
    busy: tuple[dict[str, int], ...] = (
        {}, {'voters_alive': 2}, {'jobs_waiting': 99}, {'batteries_low_permille': 999},
    )
    for changes in busy:
        assert choose_mode(dataclasses.replace(CALM, **changes)).reason


# ---- extreme pressure


BUSY = RobotPressure(pressure_permille=1000)
IDLE = RobotPressure(pressure_permille=0)
LOST = RobotPressure(phase=Liveness.SUSPECT)


def watch(
    gauge: PressureGauge, robots: list[RobotPressure], seconds: int, start: int = 0
) -> Forced | None:
    forced = None
    for n in range(2 * seconds + 1):
        forced = gauge.see(robots, start * SECOND + n * SECOND // 2)
    return forced


def test_pressure_forces_hyperfocus_only_after_it_lasted() -> None:
    gauge = PressureGauge()
    assert watch(gauge, [BUSY] * 3, 4) is None
    forced = watch(gauge, [BUSY] * 3, 1, start=4)
    assert forced is not None and forced.mode is Mode.HYPERFOCUS and '100 %' in forced.reason


def test_trouble_forces_defensive_and_goes_before_pressure() -> None:
    gauge = PressureGauge()
    forced = watch(gauge, [BUSY, BUSY, LOST, LOST], 6)
    assert forced is not None and forced.mode is Mode.DEFENSIVE and '50 %' in forced.reason


@pytest.mark.parametrize(
    'troubled',
    [
        RobotPressure(phase=Liveness.SUSPECT), RobotPressure(phase=Liveness.DEAD),
        RobotPressure(battery_permille=BATTERY_CRITICAL_PERMILLE),
        RobotPressure(awareness=DOUBT_HIGH),
    ],
)
def test_lost_doubting_and_empty_robots_are_in_trouble(troubled: RobotPressure) -> None:
    assert trouble_permille([troubled, IDLE, IDLE, IDLE]) == 250


def test_robots_that_left_or_are_long_gone_are_no_trouble() -> None:
    left = RobotPressure(phase=Liveness.LEFT)
    gone = RobotPressure(phase=Liveness.DEAD, silence_ns=LOST_COUNTS_FOR_NS + 1)
    assert trouble_permille([left, gone, gone, IDLE]) == 0
    assert trouble_permille([]) == batteries_low_permille([]) == backlog_permille([]) == 0


def test_few_robots_that_tell_their_pressure_do_not_speak_for_all() -> None:
    mute = RobotPressure()
    assert backlog_permille([BUSY, mute, mute]) == 0
    assert backlog_permille([BUSY, mute]) == 1000
    assert backlog_permille([BUSY, IDLE, IDLE, RobotPressure(pressure_permille=10**9)]) == 500


def test_only_gauges_count_for_batteries() -> None:
    low, full = RobotPressure(battery_permille=100), RobotPressure(battery_permille=900)
    assert batteries_low_permille([low, full, IDLE, IDLE]) == 500


def test_pressure_that_wavers_around_its_limit_changes_nothing() -> None:
    gauge, rng, changes, before = PressureGauge(), random.Random(1), 0, None
    for n in range(20_000):
        told = rng.choice((1000, 950, 850, 700))
        forced = gauge.see([RobotPressure(pressure_permille=told)] * 3, n * SECOND // 2)
        changes += (forced is None) is not (before is None)
        before = forced
    assert changes <= 1, 'in three hours'


def test_forced_mode_ends_after_the_pressure_was_low_for_long_enough() -> None:
    gauge = PressureGauge()
    assert watch(gauge, [BUSY], 6) is not None
    middle = [RobotPressure(pressure_permille=700)]
    assert watch(gauge, middle, 60, start=6) is not None, 'neither high nor low'
    assert watch(gauge, [IDLE], 4, start=66) is not None
    assert watch(gauge, [IDLE], 1, start=71) is None


def test_new_leader_goes_on_with_what_was_forced_until_it_has_seen_it_end() -> None:
    gauge = PressureGauge(resumed=Mode.DEFENSIVE)
    assert watch(gauge, [IDLE], 9) is not None
    assert watch(gauge, [IDLE], 2, start=9) is None


def test_leader_that_was_held_up_has_not_seen_that_it_lasted() -> None:
    gauge = PressureGauge()
    assert gauge.see([BUSY], 0) is None
    assert gauge.see([BUSY], 60 * SECOND) is None


def test_latch_that_would_flap_is_refused() -> None:
    with pytest.raises(ValueError, match='the mode flaps'):
        Latch(enter=5, leave=5, enter_for_ns=1, leave_for_ns=1)
