# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl top shows what was heard and says what it does not know."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import pytest

from swarm_coordinator.cli.top_view import (
    Beat,
    Choice,
    Facts,
    Happened,
    Swarm,
    leader_of,
    screen,
)

NOW = 100.0


def beat(robot: str = 'r1', **more: Any) -> Beat:
    values: dict[str, Any] = {
        'role': 'leader' if robot == 'r1' else 'follower', 'leader': 'r1', 'term': 3,
        'commit': 9, 'mode': 'normal', 'emergency': False, 'cpu': 0.25, 'battery': None,
        'running': 1, 'held': 3, 'queued_s': 2.0, 'arousal': 0.5, 'stability': 1.0,
        'pressure': None, 'at_s': NOW, **more,
    }
    return Beat(robot=robot, **values)


def swarm(**more: Any) -> Swarm:
    values: dict[str, Any] = {
        'sender': 'r1', 'leader': 'r1', 'term': 3, 'voters': 3, 'quorum': 2, 'voters_heard': 3,
        'mode': 'normal', 'mode_reason': 'nothing calls', 'overridden': False, 'emergency': '',
        'jobs': (('waiting', 4), ('done', 0)), 'slots': (('r1', 2),),
        'phases': (('r1', 'healthy'), ('r2', 'healthy'), ('r3', 'dead')), 'at_s': NOW, **more,
    }
    return Swarm(**values)


def facts(*beats: Beat, **more: Any) -> Facts:
    made = Facts('orchard', '7', swarm=more.get('swarm'))
    for one in beats:
        made.hear(one)
    return made


def shown(given: Facts, choice: Choice | None = None, width: int = 140, height: int = 30) -> str:
    return '\n'.join(screen(given, choice or Choice(), NOW, width, height, colour=False))


def test_robots_are_shown_with_their_figures_and_what_is_unknown_is_a_dash() -> None:
    text = shown(facts(beat(), beat('r2'), swarm=swarm()))
    row = next(line for line in text.splitlines() if line.startswith('r1'))
    assert row.split() == ['r1', 'leader', 'ok', 'normal', '25%', '1+2/2', '2.0', 's', '-', '0.50',
                           '1.00', '-', '0.0', 's']
    assert 'leader r1 (term 3)' in text and 'waiting 4' in text and 'done' not in text


def test_robot_of_the_log_that_is_not_heard_is_shown_as_such() -> None:
    text = shown(facts(beat(), beat('r2'), swarm=swarm()))
    assert re.search(r'^r3 .*not heard', text, re.MULTILINE)


@pytest.mark.parametrize(('age_s', 'word'), [(0.1, 'ok'), (2.0, 'stale'), (9.0, 'lost')])
def test_silent_robot_becomes_stale_and_then_lost(age_s: float, word: str) -> None:
    text = shown(facts(beat('r2', at_s=NOW - age_s)))
    assert next(line for line in text.splitlines() if line.startswith('r2')).split()[2] == word


@pytest.mark.parametrize(('beats', 'expected', 'tone'), [
    ([], 'no robot is heard', 'bad'),
    ([beat(), beat('r2')], 'r1 (term 3)', 'good'),
    ([beat(), beat('r2', leader='r2')], 'split view: r1 (1), r2 (1)', 'bad'),
    ([beat(), beat('r2', leader='')], 'r1 (term 3), 1 of 2 know none', 'warn'),
    ([beat(leader='', term=4)], 'none (term 4)', 'bad'),
    ([beat(at_s=NOW - 2)], 'no robot is heard', 'bad'),
])
def test_leader_is_told_with_how_sure_that_is(
    beats: list[Beat], expected: str, tone: str
) -> None:
    assert leader_of(facts(*beats), NOW) == (expected, tone)


def test_leader_without_a_quorum_is_not_shown_as_one() -> None:
    given = facts(beat(), swarm=swarm(voters_heard=1))
    assert leader_of(given, NOW) == ('r1 (term 3), no quorum', 'bad')


def test_without_a_leaders_state_it_is_said_what_to_check() -> None:
    assert 'ROS domain 7' in shown(facts(beat()))


def test_emergency_is_the_second_line() -> None:
    lines = shown(facts(beat(), swarm=swarm(emergency='smoke'))).splitlines()
    assert lines[1] == 'EMERGENCY: smoke'


def test_keys_change_the_order_and_the_events_and_end_it() -> None:
    given = facts(beat('r1', cpu=0.1), beat('r2', cpu=0.9), swarm=swarm())
    given.events.append(Happened('10:00:00', 0, 'job_done', 'fine'))
    given.events.append(Happened('10:00:01', 2, 'robot_dead', 'r3 is dead'))
    choice = Choice()
    assert 'job_done' in shown(given, choice)
    assert choice.key('s') and choice.sort == 'cpu'
    text = shown(given, choice)
    assert text.index('\nr2') < text.index('\nr1')
    assert choice.key('e') and choice.key('e')
    text = shown(given, choice)
    assert 'job_done' not in text and 'error: robot_dead' in text
    assert choice.key('p') and choice.paused and choice.key('p') and not choice.paused
    assert not choice.key('q') and not choice.key('\x03')


@pytest.mark.parametrize('seed', range(30))
def test_screen_never_exceeds_the_terminal(seed: int) -> None:
    rng = random.Random(seed)
    beats = [
        beat(f'robot_{n}' * rng.randint(1, 5), at_s=NOW - rng.random() * 10)
        for n in range(rng.randint(0, 60))
    ]
    given = facts(*beats, swarm=rng.choice((None, swarm(mode_reason='x' * 400))))
    for n in range(rng.randint(0, 100)):
        given.events.append(Happened('10:00:00', rng.randint(0, 2), 'kind', f'text {n} ' * 30))
    width, height = rng.randint(20, 200), rng.randint(8, 60)
    lines = screen(given, Choice(), NOW, width, height, colour=False)
    assert len(lines) <= height and all(len(line) <= width for line in lines)
    coloured = screen(given, Choice(), NOW, width, height, colour=True)
    plain = [re.sub(r'\x1b\[[0-9;]*m', '', line).rstrip() for line in coloured]
    assert plain == lines


def test_names_from_the_network_cannot_write_on_the_terminal() -> None:
    evil = dataclasses.replace(beat(), robot='r1\x1b[2J\n')
    text = shown(facts(evil, swarm=swarm(mode_reason='\x1b]0;owned\x07')))
    assert '\x1b' not in text and '\x07' not in text


def test_robots_that_are_kept_are_bounded() -> None:
    given = facts(*(beat(f'r{n}') for n in range(2000)))
    assert len(given.beats) <= 512
