# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture of a time, jumped to in any order, is the one that was there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from swarm_facts import beacon, event, job, swarm_state

from swarm_tower.core import facts
from swarm_tower.core.time_travel import CHECKPOINTS_MAX, NS_PER_S, Timeline
from swarm_tower.core.view import SwarmView

BEGIN = 1_800_000_000 * NS_PER_S


class Tape:
    """A recording in memory that counts what is played."""

    def __init__(self, seconds: int) -> None:
        self.told: list[tuple[int, facts.Fact]] = []
        self.played = 0
        for n in range(seconds):
            self.add(n)

    def add(self, n: int) -> None:
        at = BEGIN + n * NS_PER_S
        phase = ('submitted', 'running', 'done')[n % 3]
        self.told.append((at, beacon('robot_a')))
        if n < 40:
            self.told.append((at, beacon('robot_b')))
        updates = facts.JobUpdates(n + 1, (job(f'job-{n // 3}', phase),))
        self.told.append((at + 1, updates))
        self.told.append((at + 1, event(f'event {n}')))
        self.told.append((at + 2, swarm_state(n + 1)))

    def play(self, after_ns: int) -> Iterator[tuple[int, facts.Fact]]:
        for at, fact in list(self.told):
            if at > after_ns:
                self.played += 1
                yield at, fact

    def line(self) -> Timeline:
        return Timeline(begin, self.play)


def begin() -> SwarmView:
    return SwarmView('swarm', 0, 1500, 5000, BEGIN, [])


def picture(line: Timeline, second: float) -> dict[str, Any]:
    at = BEGIN + round(second * NS_PER_S)
    view = line.at(at)
    view.delta(at)
    found = view.snapshot()
    del found['revision']
    return found


def test_jumps_show_what_playing_from_the_beginning_shows() -> None:
    tape, chance = Tape(120), random.Random(4)
    line = tape.line()
    for _ in range(60):
        second = chance.uniform(0, 125)
        assert picture(line, second) == picture(tape.line(), second), second


def test_a_robot_that_falls_silent_is_lost_then_and_not_before() -> None:
    line = Tape(120).line()
    assert picture(line, 100)['robots']['robot_b']['presence'] == 'lost'
    assert picture(line, 30)['robots']['robot_b']['presence'] == 'fresh'
    kinds = [row['kind'] for row in picture(line, 60)['events']]
    assert kinds.count('robot_unheard') == 1


def test_a_jump_back_begins_at_a_checkpoint_and_going_on_plays_only_what_is_new() -> None:
    tape = Tape(120)
    line = tape.line()
    picture(line, 119)
    tape.played = 0
    picture(line, 100)
    assert tape.played <= 5 * 6 + 1
    tape.played = 0
    picture(line, 101)
    assert tape.played <= 6


def test_checkpoints_are_bounded_however_long_it_is() -> None:
    line = Tape(3000).line()
    picture(line, 2999)
    assert CHECKPOINTS_MAX // 3 < line.checkpoints <= CHECKPOINTS_MAX
    assert picture(line, 7.5)['jobs']['job-2']['phase'] == 'running'


def test_a_recording_that_grows_is_followed() -> None:
    tape = Tape(10)
    line = tape.line()
    assert len(picture(line, 20)['events']) == 10 + 2 + 2  # two robots heard, and lost
    for n in range(30, 33):
        tape.add(n)
    assert 'job-10' in picture(line, 33)['jobs']


def test_looking_at_a_time_does_not_change_what_is_kept_of_it() -> None:
    line = Tape(60).line()
    first = picture(line, 20)
    picture(line, 59)
    for _ in range(3):
        assert picture(line, 20) == first


@pytest.mark.parametrize('second', [-5.0, 0.0])
def test_before_the_beginning_there_is_nothing_but_the_beginning(second: float) -> None:
    assert len(picture(Tape(5).line(), second)['jobs']) == 0
