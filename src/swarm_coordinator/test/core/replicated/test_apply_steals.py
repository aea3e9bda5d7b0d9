# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A job moves to an idle robot if the log lets it, one promise a test."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coordinator_samples import (
    R1,
    R2,
    R3,
    TTL_MS,
    AppliedLog,
    log_with_robots,
    registration,
    spec,
)

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Effects, JobPhase, JobSpec
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import (
    ExpireDue,
    FailJob,
    HandBackJob,
    MarkRobot,
    SetMode,
    Steal,
    StealJobs,
)
from swarm_coordinator.core.replicated.steal_rules import MOVES_MAX


def log_with_leased(what: JobSpec | None = None) -> tuple[AppliedLog, int]:
    log = log_with_robots()
    log.submit('j1', what)
    return log, log.grant(R1)


def log_with_running(what: JobSpec | None = None) -> tuple[AppliedLog, int]:
    log, token = log_with_leased(what)
    log.start(token)
    return log, token


def steal(
    log: AppliedLog, token: int, thief: RobotId = R2, incarnation: int = 1, job_id: str = 'j1'
) -> Applied:
    steals = (Steal(job_id, token, 'gpu0', TTL_MS, 'idle'),)
    return log.do(StealJobs(thief, incarnation, steals), by=thief)


def test_leased_job_moves_at_once_under_the_index_of_the_entry() -> None:
    log, token = log_with_leased()
    done = steal(log, token)
    job = log.job()
    assert (job.phase, job.robot_id, job.token) == (JobPhase.LEASED, R2, log.state.applied_index)
    assert (job.attempt, job.moves, job.unit) == (2, 1, 'gpu0')
    assert done.value == 'j1' and not done.refused
    [ended] = done.ended
    assert (ended.outcome, ended.robot_id, ended.attempt) == ('stolen', R1, 1)
    assert (ended.thief, ended.victim) == (R2, R1)
    route = log.state.routes.get('exec:true', R1)
    assert route is not None and route.stolen == 1


def test_victim_may_not_go_on_with_a_stolen_job() -> None:
    log, token = log_with_leased()
    steal(log, token)
    assert log.start(token).refused and log.complete(token).refused
    assert not log.complete(log.job().token).refused


def test_lease_of_a_stolen_job_ends_at_the_thief() -> None:
    log, token = log_with_leased()
    log.wait(4000)
    steal(log, token)
    log.wait(TTL_MS - 1)
    log.do(ExpireDue(0))
    assert log.job().robot_id == R2 and log.job().held
    log.wait(1)
    log.do(ExpireDue(0))
    assert log.job().phase is JobPhase.SUBMITTED and log.job().avoid == (R2,)


def test_first_of_two_thieves_gets_it_and_the_second_is_told_why_not() -> None:
    log, token = log_with_leased()
    steal(log, token, R2)
    assert 'under token' in steal(log, token, R3).refused
    assert log.job().robot_id == R2


def test_running_job_is_marked_and_moves_when_its_robot_has_ended_it() -> None:
    log, token = log_with_running()
    done = steal(log, token)
    assert (log.job().phase, log.job().revoked_for) == (JobPhase.RUNNING, R2)
    assert log.job().token == token and done.jobs == {'j1': None} and not done.ended
    done = log.do(HandBackJob('j1', token, 'stolen', able=True))
    job = log.job()
    assert (job.phase, job.robot_id, job.attempt, job.moves) == (JobPhase.LEASED, R2, 2, 1)
    assert job.revoked_for is None and job.token == log.state.applied_index
    assert [(one.outcome, one.thief, one.victim) for one in done.ended] == [('stolen', R2, R1)]


def test_marked_job_that_is_done_first_is_done() -> None:
    log, token = log_with_running()
    steal(log, token)
    assert not log.complete(token).refused
    assert (log.job().phase, log.job().revoked_for) == (JobPhase.DONE, None)


def test_marked_job_whose_lease_ends_goes_to_the_thief() -> None:
    log, token = log_with_running()
    steal(log, token)
    log.wait(TTL_MS)
    done = log.do(ExpireDue(0))
    assert (log.job().phase, log.job().robot_id) == (JobPhase.LEASED, R2)
    assert [one.outcome for one in done.ended] == ['lease_expired']
    assert (log.job().losses, log.job().moves) == (1, 1)


def test_marked_job_that_fails_is_not_handed_over() -> None:
    log, token = log_with_running(replace(spec(), retries=1))
    steal(log, token)
    log.do(FailJob('j1', token, 1, 1, 'broke'))
    assert (log.job().phase, log.job().revoked_for) == (JobPhase.SUBMITTED, None)


@pytest.mark.parametrize('gone', [Liveness.DEAD, Liveness.LEFT])
def test_marked_job_goes_to_the_queue_when_its_thief_is_gone(gone: Liveness) -> None:
    log, token = log_with_running()
    steal(log, token)
    log.do(MarkRobot(R2, 1, gone))
    log.do(HandBackJob('j1', token, 'stolen', able=True))
    assert log.job().phase is JobPhase.SUBMITTED and not log.job().not_before_ns


def test_marked_job_goes_to_the_present_life_of_its_thief() -> None:
    log, token = log_with_running()
    steal(log, token)
    log.do(registration(R2, incarnation=2), by=R2, incarnation=2)
    log.do(HandBackJob('j1', token, 'stolen', able=True))
    assert (log.job().robot_id, log.job().incarnation) == (R2, 2)


def test_job_moves_a_bounded_number_of_times() -> None:
    log, token = log_with_leased()
    for number in range(MOVES_MAX):
        steal(log, log.job().token, (R2, R3)[number % 2])
    assert log.job().moves == MOVES_MAX
    assert f'at most {MOVES_MAX}' in steal(log, log.job().token, R1).refused


def test_job_whose_effect_must_happen_once_moves_only_before_it_began() -> None:
    log, token = log_with_running(spec(effects=Effects.ONCE))
    assert 'once' in steal(log, token).refused and log.job().revoked_for is None
    log, token = log_with_leased(spec(effects=Effects.ONCE))
    assert not steal(log, token).refused


def test_thief_that_has_it_cannot_run_it_failed_with_it_or_is_not_there_is_refused() -> None:
    log, token = log_with_leased()
    assert 'already' in steal(log, token, R1).refused
    assert 'not present' in steal(log, token, R2, incarnation=2).refused
    log.do(registration(R3, offers=('exec:other',)), by=R3)
    assert 'exec:true' in steal(log, token, R3).refused
    log.do(HandBackJob('j1', token, 'cannot'))
    token = log.grant(R2)
    assert 'avoids' in steal(log, token, R1).refused
    log.do(MarkRobot(R3, 1, Liveness.DEAD))
    assert 'not present' in steal(log, token, R3).refused
    assert (log.job().robot_id, log.job().moves) == (R2, 0)


def test_nobody_steals_in_a_mode_that_takes_no_jobs() -> None:
    log, token = log_with_leased()
    log.do(SetMode(Mode.MAINTENANCE, 'x'))
    assert 'takes no new jobs' in steal(log, token).refused
    assert log.job().robot_id == R1


def test_second_thief_of_a_marked_job_is_refused() -> None:
    log, token = log_with_running()
    steal(log, token, R2)
    assert f'goes to {R2}' in steal(log, token, R3).refused


def test_each_of_many_steals_counts_for_itself() -> None:
    log, token = log_with_leased()
    log.submit('j2')
    other = log.grant(R1, 'j2')
    steals = (
        Steal('gone', 3, '', TTL_MS, ''), Steal('j1', token, '', TTL_MS, ''),
        Steal('j1', token, '', TTL_MS, 'twice'), Steal('j2', other, '', TTL_MS, ''),
    )
    done = log.do(StealJobs(R2, 1, steals), by=R2)
    assert done.value == 'j1 j2' and 'gone is not known' in done.refused
    assert {log.job('j1').robot_id, log.job('j2').robot_id} == {R2}
    assert log.job().moves == 1


def test_robot_may_not_steal_for_another() -> None:
    log, token = log_with_leased()
    steals = (Steal('j1', token, '', TTL_MS, ''),)
    assert 'for another robot' in log.do(StealJobs(R2, 1, steals), by=R3).refused
