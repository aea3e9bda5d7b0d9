# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the five figures of one robot."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.affect import NEUTRAL, Affect
from swarm_learning.core.config import LearningConfig
from swarm_learning.core.observation import Ending, Figures, LocalState, Mode, Outcome
from swarm_learning.core.run_times import RunTimes

S = 1_000_000_000
CONFIG = LearningConfig(robot_id='r1')
IDLE = LocalState('r1', cpu_load=0.05, memory_used=0.3, job_slots=2, leader='r1',
                  mode=Mode.NORMAL)


def affect() -> Affect:
    return Affect(CONFIG, RunTimes(), 0)


def drive(signal: Callable[[float], LocalState], hz: int, seconds: int) -> Affect:
    """Feed a signal of time in s, sampled at hz."""
    it = affect()
    for step in range(seconds * hz + 1):
        it.hear_local_state(signal(step / hz), 1, step * S // hz)
    it.check_invariants()
    return it


def figures_of(state: LocalState, seconds: int = 120) -> Figures:
    return drive(lambda t: state, 1, seconds).figures()


def outcome(number: int, ending: Ending = Ending.DONE, run_ms: int = 500) -> Outcome:
    return Outcome(f'job{number}', 1, 'exec', 'r1', ending, run_ms)


any_float = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))
counts = st.integers(0, 2**32 - 1)
states = st.builds(
    LocalState, st.just('r1'), any_float, any_float, any_float, st.integers(0, 65535), counts,
    counts, counts, counts, counts, counts, counts, st.sampled_from(['', 'r1']),
    st.one_of(st.none(), st.sampled_from(Mode)), st.just(3), st.integers(0, 3))
outcomes = st.builds(
    Outcome, st.text(max_size=3), st.integers(0, 255), st.text(max_size=3), st.just('r1'),
    st.one_of(st.none(), st.sampled_from(Ending)), counts)


@given(st.lists(st.tuples(st.integers(-S, 3600 * S), st.one_of(states, outcomes, st.none())),
                max_size=20))
@settings(max_examples=80, deadline=None)
def test_figures_stay_in_unit_range_whatever_is_heard_and_whenever(events: list) -> None:
    it, now_ns = affect(), 0
    for dt_ns, event in events:
        now_ns += dt_ns
        if isinstance(event, LocalState):
            it.hear_local_state(event, 1, now_ns)
        elif isinstance(event, Outcome):
            it.hear_outcome(event, 1, now_ns)
        else:
            it.advance(now_ns)
        it.check_invariants()
        assert len(it.reasons()) == 5


def steps_of_load(t: float) -> LocalState:
    """Load, work, faults and leader changes that step at whole seconds."""
    busy = int(t) // 15 % 2 == 1
    return replace(IDLE, cpu_load=0.9 if busy else 0.1, queued_work_ms=12000 if busy else 0,
                   held_jobs=3 if busy else 0, faults=int(t) // 7, leader_changes=int(t) // 40)


@pytest.mark.parametrize('seconds', [16, 33, 60, 97])
def test_same_signal_at_one_and_ten_hertz_gives_the_same_figures(seconds: int) -> None:
    slow = drive(steps_of_load, 1, seconds).figures().values()
    fast = drive(steps_of_load, 10, seconds).figures().values()
    assert slow == pytest.approx(fast, abs=0.05)
    assert slow != pytest.approx(NEUTRAL.values(), abs=0.05)


@given(st.lists(st.integers(1, 4 * S), max_size=15))
@settings(max_examples=40, deadline=None)
def test_asking_more_often_changes_nothing(times: list[int]) -> None:
    asked, left_alone = affect(), affect()
    for it in (asked, left_alone):
        it.hear_local_state(replace(IDLE, cpu_load=0.8, queued_work_ms=9000), 1, 0)
    for now_ns in [*sorted(times), 5 * S]:
        asked.advance(now_ns)
    left_alone.advance(5 * S)
    assert asked.figures().values() == pytest.approx(left_alone.figures().values(), abs=1e-9)


def test_idle_robot_is_calm_stable_and_without_pressure() -> None:
    idle = figures_of(IDLE)
    assert idle.arousal < 0.1 and idle.stability > 0.95 and idle.pressure < 0.01


def test_overloaded_robot_is_aroused_and_under_pressure() -> None:
    busy = figures_of(replace(IDLE, cpu_load=1.0, held_jobs=9, queued_work_ms=90_000))
    idle = figures_of(IDLE)
    assert busy.arousal > idle.arousal + 0.4
    assert busy.pressure > 0.95


@given(st.integers(0, 5), st.integers(0, 5), st.integers(2, 60))
@settings(max_examples=30, deadline=None)
def test_more_faults_never_mean_more_stability(some: int, extra: int, at_s: int) -> None:
    def with_faults(count: int) -> Callable[[float], LocalState]:
        return lambda t: replace(IDLE, faults=count if t >= at_s else 0)
    for seconds in (at_s, at_s + 1, at_s + 5, at_s + 40):
        fewer = drive(with_faults(some), 1, seconds).figures().stability
        more = drive(with_faults(some + extra), 1, seconds).figures().stability
        assert more <= fewer


@pytest.mark.parametrize('cause', ['leader_changes', 'faults'])
def test_stability_falls_after_trouble_and_comes_back(cause: str) -> None:
    def trouble(t: float) -> LocalState:
        return replace(IDLE, **{cause: 5 if t >= 60 else 0})
    before, shortly_after, later = (
        drive(trouble, 1, at).figures().stability for at in (59, 66, 240))
    assert before > 0.95
    assert shortly_after < 0.6
    assert later > 0.95


def test_switching_modes_costs_stability() -> None:
    modes = [Mode.NORMAL, Mode.EXPLORE]
    flapping = drive(lambda t: replace(IDLE, mode=modes[int(t) % 2]), 1, 60).figures()
    assert flapping.stability < 0.2


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_more_steady_load_never_means_less_arousal(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert (figures_of(replace(IDLE, cpu_load=low), 20).arousal
            <= figures_of(replace(IDLE, cpu_load=high), 20).arousal + 1e-12)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 16))
@settings(max_examples=30, deadline=None)
def test_more_work_never_means_less_pressure_and_more_slots_never_more(
    work: int, extra: int, slots: int
) -> None:
    base = replace(IDLE, queued_work_ms=work + 1, job_slots=slots)
    pressure = figures_of(base, 20).pressure
    assert figures_of(replace(base, queued_work_ms=work + 1 + extra), 20).pressure >= pressure
    assert figures_of(replace(base, job_slots=slots + 1), 20).pressure <= pressure


def test_jobs_that_wait_in_the_swarm_press_every_robot_by_its_share() -> None:
    waiting = replace(IDLE, swarm_waiting_jobs=40)
    alone, shared = affect(), affect()
    for second in range(30):
        alone.hear_local_state(waiting, 1, second * S)
        shared.hear_local_state(waiting, 4, second * S)
    assert alone.figures().pressure > shared.figures().pressure > 0.1


def test_arousal_rises_faster_than_it_falls() -> None:
    def pulse(t: float) -> LocalState:
        return replace(IDLE, cpu_load=1.0 if 60 <= t < 70 else 0.05)
    quiet, peak, four_s_later = (
        drive(pulse, 1, at).figures().arousal for at in (59, 70, 74))
    assert drive(pulse, 1, 64).figures().arousal - quiet > 0.3
    assert peak - four_s_later < 0.2


@pytest.mark.parametrize('facts, named', [
    ({'memory_used': 0.99}, 'memory'), ({'battery_charge': 0.02}, 'battery'),
    ({'sensors': 2, 'sensors_failing': 2}, 'sensors'), ({'leader': ''}, 'no leader known'),
])
def test_threats_raise_arousal_and_are_named(facts: dict, named: str) -> None:
    it = drive(lambda t: replace(IDLE, **facts), 1, 120)
    assert it.figures().arousal > figures_of(IDLE).arousal + 0.05
    assert named in it.reasons()[0]


def test_load_that_jumps_surprises_more_than_load_that_stays() -> None:
    stays = drive(lambda t: replace(IDLE, cpu_load=0.6), 1, 63).figures().arousal
    jumps = drive(lambda t: replace(IDLE, cpu_load=0.6 if t >= 60 else 0.0), 1, 63)
    assert jumps.figures().arousal > stays
    assert 'surprise' in jumps.reasons()[0]


def test_figures_return_to_neutral_when_local_state_goes_stale() -> None:
    it = drive(lambda t: replace(IDLE, cpu_load=1.0, queued_work_ms=90_000), 1, 60)
    it.advance(63 * S)
    assert it.is_fresh() and it.figures().pressure > 0.9
    it.advance(200 * S)
    assert not it.is_fresh()
    assert it.figures().values() == pytest.approx(NEUTRAL.values(), abs=1e-3)
    assert 'no recent local state' in it.reasons()[0]


def test_a_novel_situation_is_more_curious_than_a_familiar_one() -> None:
    new, familiar = (drive(lambda t: IDLE, 1, at).figures().curiosity for at in (40, 1200))
    assert familiar < new / 1.5


@pytest.mark.parametrize('trouble', [{'cpu_load': 1.0}, {'faults': 6}])
def test_a_busy_or_shaken_robot_is_less_curious_than_a_calm_one(trouble: dict) -> None:
    def at_once(t: float) -> LocalState:
        return replace(IDLE, **(trouble if t >= 5 else {}))
    assert drive(at_once, 1, 15).figures().curiosity < figures_of(IDLE, 15).curiosity - 0.02


def test_predictable_jobs_raise_confidence_and_erratic_ones_do_not() -> None:
    steady, erratic = affect(), affect()
    for n in range(40):
        steady.hear_outcome(outcome(n, run_ms=1000 + n % 3), 1, n * S)
        erratic.hear_outcome(outcome(n, run_ms=10 * 4 ** (n // 6)), 1, n * S)
    assert steady.figures().confidence > 0.9
    assert erratic.figures().confidence < steady.figures().confidence - 0.1
    assert 'inside the predicted 80 % interval' in steady.reasons()[2]


def test_failed_jobs_cost_stability_but_cancelled_ones_do_not() -> None:
    def after(ending: Ending) -> float:
        it = drive(lambda t: IDLE, 1, 60)
        for n in range(5):
            it.hear_outcome(outcome(n, ending), 1, 60 * S)
        it.advance(63 * S)
        return it.figures().stability
    assert after(Ending.FAILED) < 0.6
    assert after(Ending.CANCELLED) > 0.95


def test_counters_of_a_restarted_coordinator_are_not_negative_faults() -> None:
    it = drive(lambda t: replace(IDLE, faults=900 if t < 30 else 0), 1, 60)
    assert it.figures().stability > 0.95


def test_faults_from_before_the_learner_started_do_not_count() -> None:
    assert figures_of(replace(IDLE, faults=10**9), 30).stability > 0.95


def test_reasons_name_each_figure_and_its_value() -> None:
    it = drive(lambda t: replace(IDLE, cpu_load=0.8), 1, 30)
    names = [reason.split()[0] for reason in it.reasons()]
    assert names == ['arousal', 'curiosity', 'confidence', 'stability', 'pressure']
    assert 'load 0.80 (cpu)' in it.reasons()[0]
    assert not any(math.isnan(v) for v in it.figures().values())
