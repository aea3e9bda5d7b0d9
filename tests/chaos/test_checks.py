# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Each check must notice a history that was doctored, and have nothing against a good one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.checks import (
    Holding,
    Use,
    accepted_twice,
    crashed,
    exclusive,
    flat,
    holdings,
    lost,
    one_history,
    one_leader,
    spoken_for,
    told_once,
)
from chaos.evidence import SIGNS, Line, signs_of
from chaos.report import Outcome, table
from chaos.schedule import KINDS
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.spec import JobSpec
from swarm_coordinator.core.raft import Entry, EntryKind
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    Command,
    CompleteJob,
    Grant,
    GrantJobs,
    Issued,
    RegisterRobot,
    ReleaseLease,
    ReportJobs,
    SubmitJob,
    encode,
)

R1 = RobotId('r1')
MS = 1_000_000


def history_of(*said: tuple[RobotId, Command]) -> list[Entry]:
    return [
        Entry(index, 1, EntryKind.COMMAND, index * MS, encode(Issued(robot, 1, index, 1, command)))
        for index, (robot, command) in enumerate(said, 1)
    ]


def history(*commands: Command) -> list[Entry]:
    return history_of(*((R1, command) for command in commands))


def claim(holder: str) -> AcquireLease:
    return AcquireLease('dock', holder, R1, 1, 2000, 0, holder)


REGISTERED = RegisterRobot(R1, 1, True, 'host', '0.1.0', 1, ())
TWO_HOLDERS = history(REGISTERED, claim('one'), ReleaseLease('dock', 2), claim('two'))


def test_accepted_job_that_a_robot_does_not_know_to_be_done_is_lost() -> None:
    assert lost(['j1', 'j2'], {'r1': ['j1', 'j2', 'j3'], 'r2': ['j2', 'j1']}) == []
    assert lost(['j1', 'j2'], {'r1': ['j1', 'j2'], 'r2': ['j2']}) == [
        '1 accepted jobs are not done at r2: j1']


def test_completion_that_a_log_accepts_twice_is_noticed() -> None:
    assert accepted_twice({'r1': {'j1': 1}, 'r2': {'j1': 1}}) == []
    assert accepted_twice({'r1': {'j1': 1}, 'r2': {'j1': 2}}) == [
        'completed more than once at r2: j1']


def test_second_leader_of_a_term_and_a_swarm_without_any_are_noticed() -> None:
    assert one_leader({1: ['r1'], 2: ['r2']}) == []
    assert one_leader({1: ['r1'], 2: ['r2', 'r3']}) == ['term 2 was led by r2, r3']
    assert one_leader({}) == ['nobody ever led']


def test_entry_that_differs_between_two_robots_is_noticed() -> None:
    log = history(REGISTERED, claim('one'))
    assert one_history({'r1': log, 'r2': log[1:]}) == []
    forged = [log[0], replace(log[1], term=2)]
    assert one_history({'r1': log, 'r2': forged}) == ['entry 2 differs at r1 and r2']


def test_holders_are_read_from_the_log_by_the_rules_that_robots_apply() -> None:
    held = holdings(TWO_HOLDERS)
    assert held == [Holding('dock', 2, 'one', 2, 3), Holding('dock', 4, 'two', 4, None)]
    assert exclusive(held) == []


@pytest.mark.parametrize(
    ('doctored', 'complaint'),
    [
        (Holding('dock', 4, 'two', 2, None), 'dock: one and two at entry 2'),
        (Holding('dock', 2, 'two', 4, None), 'dock: token 2 after 2'),
    ],
)
def test_two_holders_at_a_time_and_a_token_that_does_not_grow_are_noticed(
    doctored: Holding, complaint: str
) -> None:
    held = holdings(TWO_HOLDERS)
    assert complaint in exclusive([held[0], doctored])


def test_report_on_a_job_of_another_robot_is_noticed() -> None:
    r2 = RobotId('r2')
    commands: list[tuple[RobotId, Command]] = [
        (R1, REGISTERED), (r2, replace(REGISTERED, robot_id=r2)),
        (R1, SubmitJob('j1', R1, JobSpec(ExecWork(('true',))), '', 'k1')),
        (R1, GrantJobs((Grant('j1', R1, 1, 1, 3000, 'free'),))),
    ]
    lie = (r2, ReportJobs((CompleteJob('j1', 4, 1, (), r2),)))
    truth = (R1, ReportJobs((CompleteJob('j1', 4, 1, (), R1),)))
    assert spoken_for(history_of(*commands, truth)) == []
    assert spoken_for(history_of(*commands, lie)) == [
        'r2 spoke of j1, which r1 held, at entry 5']


def test_process_that_ended_without_saying_why_is_noticed() -> None:
    assert crashed([('r1', 2, 'robot: no room on the disk'), ('twin3', -1, '')]) == []
    assert crashed([('r1', 1, 'Traceback'), ('r2', -11, 'so')]) == [
        'r1 ended with code 1: Traceback', 'r2 ended with code -11: so']


def test_token_that_was_given_to_two_is_noticed() -> None:
    assert told_once({3: ['a'], 4: ['b']}) == []
    assert told_once({3: ['a'], 4: ['c', 'b']}) == ['token 4 was given to b, c']


def life(grows_kb: int = 0, descriptors: int = 0, threads: int = 0) -> list[Use]:
    return [
        Use(second, 100_000 + grows_kb * second, 30 + descriptors * second // 10,
            20 + threads * second // 10)
        for second in range(600)
    ]


def test_process_that_grows_is_noticed_and_one_that_stays_is_not() -> None:
    assert flat({('r1', 7): life()}) == []
    assert 'resident_kb grew' in flat({('r1', 7): life(grows_kb=100)})[0]
    assert 'descriptors grew from' in flat({('r1', 7): life(descriptors=1)})[0]
    assert 'threads grew' in flat({('r1', 7): life(threads=1)})[0]
    assert flat({('r1', 7): life(grows_kb=100)[:60]}) == [], 'too short to tell'


def test_fault_that_nobody_spoke_of_is_noticed() -> None:
    told = [Line('r2', 'robot_dead r1 r1 is dead to the swarm; it held 1 jobs'),
            Line('r1', 'r1 of swarm chaos: start 12, entry 5, voters r1 r2 r3')]
    assert None not in signs_of('kill', ['r1'], 6000, told).values()
    assert list(signs_of('kill', ['r1'], 1000, told[1:]).values()) == ['r1: ' + told[1].text]
    assert list(signs_of('kill', ['r1'], 6000, told[1:]).values())[1] is None
    assert list(signs_of('kill', ['r2'], 1000, told).values()) == [None], 'another robot started'
    first = [Line('r1', 'r1 of swarm chaos: start 1, entry 0, voters r1 r2 r3')]
    assert list(signs_of('kill', ['r1'], 1000, first).values()) == [None], 'no new life'


def test_every_kind_of_fault_has_its_signs() -> None:
    assert set(SIGNS) == set(KINDS)


def test_report_has_one_line_for_each_kind_with_the_worst_of_it() -> None:
    lines = table([
        Outcome('kill', True, 'r2: said | so', 1.0, 2.0, 3),
        Outcome('kill', False, '', 4.0, 1.0, 2),
        Outcome('kill', None, '', 0.0, 0.0, 0),
        Outcome('loss', None, '', 0.1, 0.2, 1),
        Outcome('deaf', True, 'r1: [WARN] [1.5] [r1.a]: no room in /x/y/z', 0.1, 0.2, 1),
    ]).splitlines()
    assert lines[2:] == [
        '| deaf | 1 | 1 of 1 | r1: no room in z | 0.1 s | 0.2 s | 1 |',
        '| kill | 3 | 1 of 2 | r2: said / so | 4.0 s | 2.0 s | 5 |',
        '| loss | 1 | - | - | 0.1 s | 0.2 s | 1 |',
    ]
