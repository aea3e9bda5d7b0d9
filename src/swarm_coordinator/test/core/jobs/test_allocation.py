# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which robot gets which waiting job."""

from __future__ import annotations

import itertools

import pytest
from coordinator_samples import R1, R2, R3, log_with_robots, ref, registration, spec

from swarm_coordinator.core.ids import RobotId, checked_job_id, checked_name
from swarm_coordinator.core.jobs.allocation import (
    QUEUED_AHEAD,
    Allocation,
    Candidate,
    allocate,
    candidates,
)
from swarm_coordinator.core.jobs.job import Job, JobSpec
from swarm_coordinator.core.jobs.kinds import JOB_KINDS
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.state import Member

ALL = (R1, R2, R3)


def member(robot: RobotId, slots: int = 1, offers: tuple[str, ...] = ('exec:true',),
           phase: Liveness = Liveness.HEALTHY) -> Member:
    said = registration(robot, job_slots=slots, offers=offers)
    return Member(robot, 1, True, 'h', 'v', slots, said.capabilities, phase)


def jobs(count: int, what: JobSpec | None = None) -> list[Job]:
    log = log_with_robots()
    for number in range(count):
        log.submit(f'j{number}', what)
    return log.state.waiting_jobs()


def chosen(
    waiting: list[Job], robots: list[Candidate], reachable: tuple[RobotId, ...] = ALL,
    grants_max: int = 64,
) -> Allocation:
    return allocate(waiting, robots, reachable, 6000, grants_max)


def pairs(allocation: Allocation) -> list[tuple[str, str]]:
    return [(grant.job_id, grant.robot_id) for grant in allocation.grants]


def test_least_loaded_robot_gets_the_job_and_ties_go_to_the_lowest_id() -> None:
    robots = [Candidate(member(R3), 0), Candidate(member(R2), 0), Candidate(member(R1), 1)]
    assert pairs(chosen(jobs(2), robots)) == [('j0', R2), ('j1', R3)]


def test_load_is_per_slot() -> None:
    robots = [Candidate(member(R1, slots=4), 2), Candidate(member(R2, slots=1), 1)]
    assert pairs(chosen(jobs(1), robots)) == [('j0', R1)]


def test_choice_does_not_depend_on_the_order_of_the_robots() -> None:
    results = {
        tuple(pairs(chosen(jobs(5), [Candidate(member(robot, 2), 0) for robot in order])))
        for order in itertools.permutations(ALL)
    }
    assert len(results) == 1


def test_no_robot_holds_more_than_its_slots_and_one_ahead() -> None:
    robot = Candidate(member(R1, slots=2), 0)
    allocation = chosen(jobs(10), [robot])
    assert len(allocation.grants) == 2 + QUEUED_AHEAD == robot.held
    assert not allocation.blocked, 'jobs that only wait for room are not blocked'


@pytest.mark.parametrize('phase', list(Liveness))
def test_only_robots_that_can_be_reached_are_candidates(phase: Liveness) -> None:
    found = candidates([member(R1, phase=phase)], {R1: 3})
    assert bool(found) is (phase in (Liveness.HEALTHY, Liveness.SLOW))
    assert all(one.held == 3 for one in found)


def test_robot_without_slots_is_no_candidate() -> None:
    assert candidates([member(R1, slots=0)], {}) == []


def test_job_that_nobody_can_run_is_blocked_with_the_reason_and_holds_up_no_other() -> None:
    log = log_with_robots()
    log.submit('j1', spec('ffmpeg', requires=('gpu',)))
    log.submit('j2', spec())
    found = chosen(log.state.waiting_jobs(), [Candidate(member(R1), 0)])
    assert pairs(found) == [('j2', R1)]
    assert found.blocked == {'j1': 'no reachable robot offers exec:ffmpeg, gpu'}


def test_every_required_capability_is_needed() -> None:
    waiting = jobs(1, spec(requires=('gpu',)))
    partly = [Candidate(member(R1), 0), Candidate(member(R2, offers=('gpu',)), 0)]
    assert not chosen(waiting, partly).grants
    fully = [*partly, Candidate(member(R3, offers=('gpu', 'exec:true')), 1)]
    assert pairs(chosen(waiting, fully)) == [('j0', R3)]


def test_job_whose_inputs_cannot_be_reached_waits_and_one_without_inputs_does_not() -> None:
    log = log_with_robots()
    log.submit('j1', spec(inputs=(ref(),)))
    log.submit('j2')
    found = chosen(log.state.waiting_jobs(), [Candidate(member(R2), 0)], reachable=(R2,))
    assert pairs(found) == [('j2', R2)]
    assert 'r1' in found.blocked['j1']


def test_robot_that_handed_the_job_back_is_avoided_while_there_is_another() -> None:
    [job] = jobs(1)
    job.avoid = (R1,)
    both = [Candidate(member(R1), 0), Candidate(member(R2), 1)]
    assert pairs(chosen([job], both)) == [('j0', R2)]
    assert pairs(chosen([job], [Candidate(member(R1), 0)])) == [('j0', R1)]


def test_avoided_robot_is_not_asked_just_because_the_other_is_full() -> None:
    [job] = jobs(1)
    job.avoid = (R1,)
    full = [Candidate(member(R1), 0), Candidate(member(R2), 1 + QUEUED_AHEAD)]
    assert not chosen([job], full).grants


def test_grants_of_one_entry_are_bounded() -> None:
    assert len(chosen(jobs(9), [Candidate(member(R1, slots=20), 0)], grants_max=4).grants) == 4


def test_grant_is_for_the_next_attempt_and_this_life() -> None:
    [job] = jobs(1)
    job.attempt = 2
    robot = member(R1)
    robot.incarnation = 7
    [grant] = chosen([job], [Candidate(robot, 0)]).grants
    assert (grant.attempt, grant.incarnation, grant.ttl_ms) == (3, 7, 6000)


# ---- what a valid exec job is


@pytest.mark.parametrize(
    ('what', 'expected'),
    [
        (JobSpec('exec', ()), 'argv is empty'),
        (JobSpec('exec', ('',)), 'argv is empty'),
        (spec('/bin/true'), 'not a path'),
        (spec(argv=('true', 'a\0b')), 'zero byte'),
        (spec(argv=('true', *['x'] * 256)), 'too long'),
        (spec(argv=('true', 'x' * 32 * 1024)), 'too long'),
        (spec(outputs=tuple(f'o{n}' for n in range(257))), 'too many files'),
        (spec(outputs=('../x',)), 'relative path'),
        (spec(inputs=(ref('a/../../b'),)), 'relative path'),
        (spec(inputs=(ref('a', 'a'), ref('a', 'b'))), 'same name'),
    ],
)
def test_wrong_exec_job_is_refused_with_what_was_expected(what: JobSpec, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        JOB_KINDS['exec'].check(what)


def test_right_exec_job_needs_its_program_and_what_it_requires() -> None:
    what = spec(inputs=(ref('in/a'),), outputs=('out/b',), requires=('gpu',))
    JOB_KINDS['exec'].check(what)
    assert JOB_KINDS['exec'].required(what) == ('exec:true', 'gpu')


@pytest.mark.parametrize('name', ['', '1a', 'a-b', 'a/b', 'a b', 'a' * 64, 'ä', 'a\n'])
def test_wrong_name_is_refused_with_where_it_was_given(name: str) -> None:
    with pytest.raises(ValueError, match='robot_id='):
        checked_name(name, 'robot_id')


@pytest.mark.parametrize('job_id', ['', '-', '../a', 'a/b', 'a.b', 'a' * 128, 'a\n', '-rf'])
def test_wrong_job_id_is_refused(job_id: str) -> None:
    assert checked_job_id('r1-12-7') == 'r1-12-7'
    with pytest.raises(ValueError, match='job_id='):
        checked_job_id(job_id)
