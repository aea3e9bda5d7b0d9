# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot says what is wrong with it, at the level that it deserves, and no longer than it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from swarm_coordinator.core.self_report import (
    MIB,
    NAMED_MAX,
    RECENT_NS,
    Level,
    Report,
    S,
    SelfReport,
    Sensor,
    Vitals,
)

WELL = Vitals(
    leader='r1', role='follower', term=3, voters=3, voters_heard=3, leader_changes=1,
    tick_late_ms=2, fsync_ms=4, heartbeat_ms=100, election_ms=500, awareness=0,
    disk_free_bytes=50_000 * MIB, job_slots=2, running_jobs=1, held_jobs=2, queued_work_ms=0,
    jobs_done=5, jobs_failed=1, faults=2, stopped=False, stop_reason='',
    battery_permille=800, learner_age_ms=300,
    sensors=(Sensor('imu', 'fresh', 100.0, ''),), devices=4, signed=True,
    cage='bubblewrap', cage_asked='auto', cage_told='bubblewrap: files of their own',
)

OPEN = {'cage': 'none', 'cage_weak': True, 'cage_told': 'nothing: jobs may do what the robot may'}


def told(task: str, **changed: Any) -> Report:
    reports = SelfReport(5000).reports(replace(WELL, **changed), 0)
    return next(one for one in reports if one.task == task)


def course(task: str, *steps: tuple[int, dict[str, Any]]) -> list[Level]:
    report, found = SelfReport(5000), []
    for now_ns, changed in steps:
        reports = report.reports(replace(WELL, **changed), now_ns)
        found.append(next(one.level for one in reports if one.task == task))
    return found


def test_robot_that_is_well_says_so_of_every_task_once() -> None:
    reports = SelfReport(5000).reports(WELL, 0)
    assert {one.level for one in reports} == {Level.OK}
    tasks = [one.task for one in reports]
    assert len(set(tasks)) == len(tasks) and all(one.message for one in reports)


def test_message_stays_the_same_while_only_figures_change() -> None:
    busy = {'tick_late_ms': 40, 'fsync_ms': 30, 'disk_free_bytes': 4_000 * MIB, 'running_jobs': 2,
            'queued_work_ms': 7000, 'jobs_done': 99, 'battery_permille': 700, 'term': 3}
    report = SelfReport(5000)
    before, after = report.reports(WELL, 0), report.reports(replace(WELL, **busy), S)
    assert [one.message for one in before] == [one.message for one in after]
    assert before != after


@pytest.mark.parametrize(
    ('task', 'changed', 'level', 'said'),
    [
        ('leader', {'voters_heard': 1}, Level.ERROR, '1 of 3 voters heard, 2 needed'),
        ('leader', {'leader': ''}, Level.WARN, 'no leader'),
        ('timing', {'fsync_ms': 120}, Level.WARN, 'disk'),
        ('timing', {'tick_late_ms': 260}, Level.WARN, 'held up'),
        ('timing', {'fsync_ms': 500}, Level.ERROR, 'elect without it'),
        ('storage', {'disk_free_bytes': 900 * MIB}, Level.WARN, 'filling up'),
        ('storage', {'disk_free_bytes': 100 * MIB}, Level.ERROR, 'full'),
        ('jobs', {'job_slots': 0}, Level.OK, 'takes no jobs'),
        ('cage', {'cage': 'missing', 'cage_told': 'no job is run'}, Level.ERROR, 'no job is run'),
        ('cage', {**OPEN, 'cage_asked': 'auto'}, Level.WARN, 'jobs may'),
        ('cage', {**OPEN, 'cage_asked': 'none'}, Level.OK, 'jobs may'),
        ('cage', {**OPEN, 'job_slots': 0}, Level.OK, 'no jobs'),
        ('emergency', {'stopped': True, 'stop_reason': 'smoke'}, Level.ERROR, 'smoke'),
        ('power', {'battery_permille': 150}, Level.WARN, 'low'),
        ('power', {'battery_permille': 50}, Level.ERROR, 'empty'),
        ('power', {'battery_permille': None}, Level.OK, 'no gauge'),
        ('learner', {'learner_age_ms': None}, Level.OK, 'none runs'),
        ('learner', {'learner_age_ms': 6000}, Level.STALE, 'silent'),
        ('sensors', {'sensors': ()}, Level.OK, 'none'),
        ('hardware', {'devices': None}, Level.OK, 'does not run'),
        ('hardware', {'devices_bad': ('gps',)}, Level.WARN, 'gps'),
    ],
)
def test_what_is_wrong_has_its_level_and_words(
    task: str, changed: dict[str, Any], level: Level, said: str
) -> None:
    report = told(task, **changed)
    assert report.level == level and said in report.message


def test_no_leader_is_an_error_once_no_election_takes_that_long() -> None:
    none = {'leader': ''}
    assert course('leader', (0, none), (4 * S, none), (5 * S, none), (6 * S, {}), (7 * S, none)) \
        == [Level.WARN, Level.WARN, Level.ERROR, Level.OK, Level.WARN]


def test_leader_that_changes_often_is_a_warning_for_a_minute() -> None:
    steps = [(i * S, {'leader_changes': 1 + i}) for i in range(4)]
    last = (RECENT_NS + 4 * S, {'leader_changes': 4})
    assert course('leader', *steps, last)[2:] == [Level.OK, Level.WARN, Level.OK]


@pytest.mark.parametrize(('task', 'count'), [('jobs', 'jobs_failed'), ('faults', 'faults')])
def test_what_happened_once_is_a_warning_for_a_minute(task: str, count: str) -> None:
    before, after = getattr(WELL, count), {count: getattr(WELL, count) + 1}
    assert before
    levels = course(task, (0, {}), (S, after), (RECENT_NS, after), (RECENT_NS + 2 * S, after))
    assert levels == [Level.OK, Level.WARN, Level.WARN, Level.OK]


def test_worst_sensor_decides_and_is_named_first() -> None:
    fresh, stale = Sensor('imu', 'fresh', 100.0, ''), Sensor('gps', 'stale', 0.0, '')
    faulty, unknown = Sensor('tof', 'faulty', 0.0, 'CRC'), Sensor('mic', 'unknown', 0.0, '')
    assert told('sensors', sensors=(fresh, unknown)).level == Level.OK
    assert told('sensors', sensors=(unknown,)).level == Level.STALE
    assert told('sensors', sensors=(fresh, stale)).level == Level.WARN
    report = told('sensors', sensors=(fresh, stale, faulty))
    assert report.level == Level.ERROR and 'tof' in report.message
    assert report.values[1] == ('tof', 'faulty 0 Hz CRC')


def test_length_is_bounded_whatever_the_number_of_sensors_and_devices() -> None:
    many = tuple(Sensor(f's{i}', 'faulty', 0.0, 'x') for i in range(256))
    report = told('sensors', sensors=many)
    assert len(report.values) <= 1 + 3 * NAMED_MAX and f'{256 - NAMED_MAX} more' in report.message
    report = told('hardware', devices_bad=tuple(f'd{i}' for i in range(300)),
                  notices=tuple('n' * 200 for _ in range(100)))
    assert len(report.values) <= 1 + NAMED_MAX and 'more' in report.message


def test_robot_that_signs_nothing_says_so_as_an_error() -> None:
    assert told('security', signed=False).level is Level.ERROR
    assert 'off' in told('security', signed=False).message


def test_refused_messages_are_a_warning_for_as_long_as_they_are_recent() -> None:
    assert course(
        'security',
        (0, {}),
        (S, {'refused': (('unsigned', 3),), 'refused_last': 'r9 on /swarm/vote: unsigned'}),
        (200 * S, {'refused': (('unsigned', 3),)}),
    ) == [Level.OK, Level.WARN, Level.OK]
    told_of = told('security', refused=(('unsigned', 3),))
    assert ('unsigned', '3') in told_of.values
