# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Schedules: what is written can be read again, and what cannot be read says why."""

from __future__ import annotations

import pytest

from swarm_coordinator.sim.scenario import schedule_of
from swarm_coordinator.sim.schedule import MalformedSchedule, Schedule, Settings, Step, parse

TEXT = """
# what a shrunk failure looks like
seed 7
voters 3
length_ms 900
----
     120 crash @leader 300 kept
     450 split r1|r2,r3 200
"""


def test_schedule_is_read_as_it_is_written() -> None:
    schedule = parse(TEXT)
    assert schedule.settings == Settings(seed=7, voters=3, length_ms=900)
    assert schedule.steps == (
        Step(120, 'crash', ('@leader', '300', 'kept')), Step(450, 'split', ('r1|r2,r3', '200')),
    )


@pytest.mark.parametrize('seed', range(20))
def test_every_schedule_survives_being_written_and_read(seed: int) -> None:
    schedule = schedule_of(seed, length_ms=5_000)
    assert parse(str(schedule)) == schedule


def test_seed_chooses_the_schedule() -> None:
    assert schedule_of(3) == schedule_of(3)
    assert schedule_of(3) != schedule_of(4)


@pytest.mark.parametrize(
    ('text', 'says'),
    [
        ('seed 7\n', "line 1: expected a line '----'"),
        ('sed 7\n----\n', 'line 1: expected one of seed, voters'),
        ('seed x\n----\n', 'line 1: invalid literal'),
        ('voters 9\n----\n', 'expected 1 to 7'),
        ('profile fast\n----\n', "expected one of ['congested', 'mesh', 'wifi', 'wired']"),
        ('workload x\n----\n', "expected one of ['registers', 'services', 'jobs']"),
        ('seed 7\n----\nsoon crash r1\n', 'line 3: expected a time in ms, a verb'),
        ('seed 7\n----\n100\n', 'line 3: expected a time in ms, a verb'),
    ],
)
def test_text_that_is_no_schedule_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(MalformedSchedule) as error:
        parse(text)
    assert says in str(error.value)


def test_schedule_without_steps_is_one() -> None:
    assert parse('seed 7\n----\n') == Schedule(Settings(seed=7))
