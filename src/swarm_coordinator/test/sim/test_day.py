# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What `python -m swarm_coordinator.sim --day 24` checks is noticed where it is broken."""

from __future__ import annotations

import dataclasses

from swarm_coordinator.sim.day import (
    ENTRIES_MAX,
    DayScenario,
    Size,
    day_summary,
    flat,
    hour_line,
    live,
    memory_of,
    settings_of_day,
)


def sizes(*memory: int, entries: int = 100) -> dict[str, list[Size]]:
    return {'r1': [Size(hour, each, entries, 1, 1, 1) for hour, each in enumerate(memory, 1)]}


def test_memory_that_fills_up_and_stays_is_in_order() -> None:
    assert not flat(sizes(1, 50, 100, 104, 99, 101))


def test_memory_that_goes_on_growing_is_noticed() -> None:
    [complaint] = flat(sizes(1, 50, 100, 110, 120, 130))
    assert 'r1: the memory of its core grew' in complaint


def test_a_log_that_is_not_shortened_is_noticed() -> None:
    assert flat(sizes(1, 1, 1, entries=ENTRIES_MAX + 1))


def test_memory_counts_what_hangs_below_and_shared_things_once() -> None:
    text = 'x' * 1000
    assert memory_of([text]) > 1000
    assert memory_of([text, text]) < 2000
    assert memory_of([]) < 200


def test_minutes_of_work_and_faults_keep_every_promise() -> None:
    settings = dataclasses.replace(settings_of_day(1, 3, 3, 0), length_ms=150_000)
    *_, report = live(settings)
    assert not report.complaints
    assert report.completions > 100 and report.elections >= 1
    assert 'jobs done' in hour_line(report) and 'in order' in day_summary(report)


def test_a_day_has_all_of_its_jobs_and_faults() -> None:
    steps = DayScenario(settings_of_day(1, 24, 3, 1)).steps()
    verbs = {step.verb for step in steps}
    assert {'job', 'crash', 'pause', 'split', 'oneway', 'stall', 'clock', 'crash-all'} <= verbs
    assert sum(step.verb == 'job' for step in steps) > 11_000
