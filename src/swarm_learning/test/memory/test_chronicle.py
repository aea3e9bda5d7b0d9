# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what a robot remembers: once in the whole swarm, and with its unit and severity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from swarm_learning.core.memory.chronicle import ERROR, INFO, SAMPLE_NS, WARN, Chronicle, Told
from swarm_learning.core.memory.events import Occurrence, Sample
from swarm_learning.core.observation import Ending, Figures, LocalState, Outcome
from swarm_learning.core.regimes.snapshot import Regime
from swarm_learning.core.regimes.watch import RegimeView

S = 1_000_000_000
FIGURES = Figures(0.1, 0.2, 0.3, 0.4, 0.5)
DONE = Outcome('j1', 1, 'exec', 'r1', Ending.DONE, 300, 'xz', queue_ms=20)
CALM = RegimeView(Regime.CALM, Regime.CALM, 0.9, False, 0, (), 1.0, 3.0, 'm', 'all is well')
PANIC = replace(CALM, regime=Regime.PANIC, alarm=True, reason='goodput falls')


def chronicle() -> Chronicle:
    return Chronicle('r1')


def values(made: Chronicle, goodput: float | None = None, stamp_ns: int = S) -> dict[str, float]:
    [found] = made.hear_figures(FIGURES, goodput, stamp_ns)
    assert isinstance(found, Sample) and found.stamp_ns == stamp_ns
    return dict(found.values)


def test_figures_are_sampled_once_in_ten_seconds() -> None:
    made = chronicle()
    kept = [second for second in range(100) if made.hear_figures(FIGURES, None, second * S)]
    assert kept == list(range(0, 100, SAMPLE_NS // S))


def test_a_clock_that_is_set_back_does_not_end_the_sampling() -> None:
    made = chronicle()
    made.hear_figures(FIGURES, None, 1_000_000 * S)
    assert made.hear_figures(FIGURES, None, S)
    assert not made.hear_figures(FIGURES, None, 2 * S)


def test_only_what_is_known_is_remembered() -> None:
    figures = {'arousal': 0.1, 'curiosity': 0.2, 'confidence': 0.3, 'stability': 0.4,
               'pressure': 0.5}
    assert values(chronicle()) == figures
    made = chronicle()
    made.hear_state(LocalState('r1', cpu_load=0.5, held_jobs=2, queued_work_ms=900))
    assert values(made) == {**figures, 'cpu': 0.5, 'held_jobs': 2.0, 'queued_ms': 900.0}


def test_the_goodput_of_the_swarm_is_remembered_by_who_is_told_it() -> None:
    assert values(chronicle(), goodput=0.75)['goodput'] == 0.75
    assert 'goodput' not in values(chronicle())


def test_the_state_of_another_robot_is_not_its_own() -> None:
    made = chronicle()
    made.hear_state(LocalState('r2', cpu_load=0.9))
    assert 'cpu' not in values(made)


def test_an_attempt_is_remembered_by_who_ran_it() -> None:
    [found] = chronicle().hear_outcome(DONE, S)
    assert isinstance(found, Occurrence) and found.subject == 'j1'
    assert dict(found.values) == {'queue_ms': 20.0, 'run_ms': 300.0}
    assert Chronicle('r2').hear_outcome(DONE, S) == ()
    assert chronicle().hear_outcome(replace(DONE, ending=None), S) == ()


@pytest.mark.parametrize(('ending', 'severity'), [
    (Ending.DONE, INFO), (Ending.CANCELLED, INFO), (Ending.STOLEN, INFO), (Ending.FAILED, WARN),
    (Ending.TIMED_OUT, WARN), (Ending.LEASE_EXPIRED, WARN), (Ending.REFUSED, WARN)])
def test_a_failure_stands_out(ending: Ending, severity: int) -> None:
    [found] = chronicle().hear_outcome(replace(DONE, ending=ending), S)
    assert isinstance(found, Occurrence) and found.severity == severity
    assert ending.value in found.kind


def test_a_job_that_never_began_has_no_run_time() -> None:
    [found] = chronicle().hear_outcome(replace(DONE, run_ms=0, ending=Ending.REFUSED), S)
    assert isinstance(found, Occurrence) and 'run_ms' not in found.values


@pytest.mark.parametrize(('log_index', 'sender', 'leads', 'kept'), [
    (7, 'r2', True, True), (7, 'r1', False, False), (0, 'r1', False, True),
    (0, 'r2', True, False)])
def test_an_event_of_the_log_is_the_leader_s_an_observation_its_maker_s(
    log_index: int, sender: str, leads: bool, kept: bool
) -> None:
    told = Told(sender, log_index, 'robot lost', WARN, 'r3', 'silent')
    found = chronicle().hear_event(told, leads, S)
    assert len(found) == int(kept)


def test_one_event_of_the_log_is_remembered_once_in_a_swarm() -> None:
    told = Told('r2', 7, 'robot lost', WARN, 'r3', 'silent')
    found = [Chronicle(name).hear_event(told, name == 'r2', S) for name in ('r1', 'r2', 'r3')]
    assert [len(one) for one in found] == [0, 1, 0]


def test_a_severity_that_there_is_not_is_the_nearest_one() -> None:
    found = [chronicle().hear_event(Told('r1', 0, 'k', severity, 's', 't'), False, S)[0]
             for severity in (-3, 99)]
    assert [one.severity for one in found if isinstance(one, Occurrence)] == [INFO, ERROR]


def test_an_alarm_is_remembered_when_it_begins_and_when_it_ends() -> None:
    made = chronicle()
    views = [CALM, PANIC, PANIC, CALM, CALM]
    found = [made.hear_regime(view, True, S) for view in views]
    assert [len(one) for one in found] == [0, 1, 0, 1, 0]
    [[begin], [end]] = [one for one in found if one]
    assert isinstance(begin, Occurrence) and isinstance(end, Occurrence)
    assert (begin.kind, begin.severity) == ('regime alarm', ERROR)
    assert (end.kind, end.severity) == ('regime alarm over', INFO)
    assert 'goodput falls' in begin.text


def test_a_follower_remembers_no_alarm() -> None:
    assert chronicle().hear_regime(PANIC, False, S) == ()
