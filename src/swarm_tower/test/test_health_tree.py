# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The tree of diagnostics: the worst goes up, stale is not an error, and it is bounded."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from swarm_facts import S

from swarm_tower.core.health_tree import (
    ERROR,
    OK,
    STALE,
    WARN,
    Branch,
    Diagnosed,
    Diagnoses,
    HealthTree,
    task_of,
    worst,
)


def told(task: str, level: str = OK, robot: str = 'r1', **more: Any) -> Diagnoses:
    values: dict[str, Any] = {'message': 'words', 'values': (('a', '1'),), **more}
    name = f'/{robot}/coordinator: {task}'
    return Diagnoses((Diagnosed(robot, name, robot, level, **values),))


def lines(tree: HealthTree) -> dict[str, Branch]:
    return {line.path: line for line in tree.tree()}


def test_parents_have_the_worst_level_and_name_what_is_bad() -> None:
    tree = HealthTree()
    for fact in (told('jobs'), told('storage', WARN), told('leader', ERROR, 'r2')):
        tree.fold(fact, 0)
    found = lines(tree)
    assert list(found) == [
        '/Swarm', '/Swarm/r1', '/Swarm/r1/jobs', '/Swarm/r1/storage', '/Swarm/r2',
        '/Swarm/r2/leader',
    ]
    assert (found['/Swarm'].level, found['/Swarm/r1'].level) == (ERROR, WARN)
    assert found['/Swarm/r1'].message == '1 of 2 not ok: storage warn'
    assert found['/Swarm'].message == '2 of 2 not ok: r2 error, r1 warn'


def test_what_is_no_longer_heard_is_stale_and_not_an_error() -> None:
    tree = HealthTree()
    tree.fold(told('jobs'), 0)
    tree.fold(told('jobs', robot='r2'), 4 * S)
    tree.age(5 * S)
    found = lines(tree)
    assert found['/Swarm/r1/jobs'].level == STALE
    assert found['/Swarm'].level == STALE and found['/Swarm/r2'].level == OK
    assert 'no longer heard; last: words' in found['/Swarm/r1/jobs'].message
    assert tree.get('r1/jobs')['since_ms'] == 5000


def test_stale_that_somebody_said_is_not_silence() -> None:
    tree = HealthTree()
    tree.fold(told('gps', STALE), S)
    row = tree.get('r1/gps')
    assert (row['level'], row['said'], row['silent']) == (STALE, STALE, False)
    assert lines(tree)['/Swarm/r1/gps'].message == 'words'
    tree.age(7 * S)
    row = tree.get('r1/gps')
    assert (row['level'], row['silent'], row['since_ms']) == (STALE, True, 1000)


def test_what_speaks_again_is_what_it_says() -> None:
    tree = HealthTree()
    tree.fold(told('jobs', WARN), 0)
    tree.age(6 * S)
    row = tree.get('r1/jobs')
    assert (row['level'], row['said'], row['silent']) == (STALE, WARN, True)
    tree.fold(told('jobs', WARN), 8 * S)
    row = tree.get('r1/jobs')
    assert (row['level'], row['silent'], row['since_ms']) == (WARN, False, 8000)


def test_error_outranks_stale_and_stale_outranks_a_warning() -> None:
    assert worst([OK, STALE, ERROR, WARN]) == ERROR
    assert worst([OK, STALE, WARN]) == STALE
    assert worst([]) == OK


def test_since_is_when_the_level_changed() -> None:
    tree = HealthTree()
    for second in range(1, 20):
        tree.fold(told('jobs', OK if second == 1 else WARN, values=(('n', str(second)),)),
                  second * S)
    row = tree.get('r1/jobs')
    assert row['since_ms'] == 2000 and row['values'] == (('n', '12'),)


def test_changing_figures_reach_the_page_seldom_and_a_level_at_once() -> None:
    tree = HealthTree()
    sent = 0
    for second in range(30):
        tree.fold(told('jobs', values=(('n', str(second)),)), second * S)
        sent += len(tree.changes())
    assert sent == 3
    tree.fold(told('jobs', WARN), 30 * S)
    assert tree.changes()['r1/jobs']['level'] == WARN
    assert dict(lines(tree)['/Swarm/r1/jobs'].values) == {'a': '1'}


def test_no_diagnostics_at_all_are_stale_and_say_so() -> None:
    (root,) = HealthTree().tree()
    assert (root.level, root.message) == (STALE, 'no diagnostics heard')


def test_what_others_say_is_under_other() -> None:
    tree = HealthTree()
    tree.fold(Diagnoses((Diagnosed('', '/lidar/driver: rate', 'LD06', OK, '', ()),)), 0)
    assert '/Swarm/other/lidar driver: rate' in lines(tree)


def test_what_was_heard_before_its_robot_is_moved_to_it() -> None:
    tree = HealthTree()
    name = '/r1/coordinator: jobs'
    tree.fold(Diagnoses((Diagnosed('', name, '', OK, '', ()),)), 0)
    assert list(tree.keys()) == ['other/r1 coordinator: jobs']
    tree.fold(told('jobs'), S)
    assert list(tree.keys()) == ['r1/jobs']


def test_two_names_for_one_task_stay_two() -> None:
    tree = HealthTree()
    tree.fold(told('lidar'), 0)
    tree.fold(Diagnoses((Diagnosed('r1', 'r1: lidar', '', ERROR, '', ()),)), 0)
    tree.fold(told('lidar'), S)
    assert set(tree.keys()) == {'r1/lidar', 'r1/r1: lidar'}
    assert tree.get('r1/lidar')['level'] == OK


@pytest.mark.parametrize(
    ('robot', 'name', 'task'),
    [
        ('r1', '/r1/coordinator: jobs', 'jobs'),
        ('r1', '/r1/tower: page', 'tower: page'),
        ('r1', '/r1/arm/joint: heat', 'arm joint: heat'),
        ('r1', 'r1: lidar', 'lidar'),
        ('r1', '/driver: rate', 'driver: rate'),
        ('', 'plain', 'plain'),
        ('', '/', '/'),
    ],
)
def test_task_is_what_is_left_of_a_name(robot: str, name: str, task: str) -> None:
    assert task_of(robot, name) == task


def test_copy_of_the_picture_goes_its_own_way() -> None:
    tree = HealthTree()
    tree.fold(told('jobs'), 0)
    other = copy.deepcopy(tree)
    other.fold(told('jobs', ERROR), S)
    assert lines(tree)['/Swarm'].level == OK and lines(other)['/Swarm'].level == ERROR


def test_no_more_than_so_many_are_held_and_old_ones_are_forgotten() -> None:
    tree = HealthTree()
    for i in range(tree.rows_max + 50):
        tree.fold(told(f't{i}'), 0)
    assert sum(tree.counts().values()) == tree.rows_max
    tree.age(3600 * S)
    assert tree.counts() == {} and list(tree.keys()) == []
