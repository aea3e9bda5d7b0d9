# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How often a job is tried again, when, and when it is given up, one promise a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from coordinator_samples import (
    MS,
    R1,
    R2,
    R3,
    TTL_MS,
    AppliedLog,
    log_with_robots,
    ref,
    registration,
    spec,
)

from swarm_coordinator.core.jobs.job import Effects, JobPhase
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    ExpireDue,
    FailJob,
    HandBackJob,
    LeaveSwarm,
    Renewal,
    RenewJobs,
    RetryJob,
    RevokeJob,
)
from swarm_coordinator.core.replicated.job_loss import (
    REFUSALS_MAX,
    REST_MS_MAX,
    RETURN_REST_MS,
    doubled,
)
from swarm_coordinator.core.replicated.state import earliest_due_ns

GRACE_MS = 1500


def log_with_job(**other: Any) -> AppliedLog:
    log = log_with_robots()
    log.submit('j1', replace(spec(), **other))
    return log


def fail(log: AppliedLog, job_id: str = 'j1') -> Applied:
    return log.do(FailJob(job_id, log.grant(job_id=job_id), 20, 1, 'broke'))


def lose(log: AppliedLog, robot: str = R1) -> Applied:
    log.grant(R2 if robot == R2 else R3 if robot == R3 else R1)
    log.wait(TTL_MS + GRACE_MS)
    return log.do(ExpireDue(GRACE_MS))


def wake(log: AppliedLog) -> None:
    """Wait until what rests can be granted."""
    due_ns = earliest_due_ns(log.state, 0)
    assert due_ns is not None
    log.stamp_ns = max(log.stamp_ns, due_ns)
    log.do(ExpireDue(0))


# ---- failures of the job itself


def test_failed_job_is_tried_again_as_often_as_it_allows_and_then_failed() -> None:
    log = log_with_job(retries=2)
    for failures in (1, 2):
        assert [one.outcome for one in fail(log).ended] == ['failed']
        assert (log.job().phase, log.job().failures) == (JobPhase.SUBMITTED, failures)
        wake(log)
    fail(log)
    assert (log.job().phase, log.job().failures, log.job().attempt) == (JobPhase.FAILED, 3, 3)


def test_each_try_waits_twice_as_long_and_at_most_a_minute() -> None:
    log = log_with_job(retries=9, retry_delay_ms=1500)
    waited = []
    for _ in range(8):
        fail(log)
        waited.append((log.job().not_before_ns - log.stamp_ns) // MS)
        wake(log)
    assert waited == [1500, 3000, 6000, 12_000, 24_000, 48_000, 60_000, 60_000]


def test_largest_delay_and_count_are_held_to_a_minute() -> None:
    assert doubled(2**32 - 1, 0) == doubled(1, 255) == REST_MS_MAX
    assert doubled(0, 255) == 0


def test_resting_job_cannot_be_granted_and_is_not_among_the_next() -> None:
    log = log_with_job(retries=1)
    log.submit('j2')
    fail(log)
    log.grant()
    assert log.job().phase is JobPhase.SUBMITTED and log.job().attempt == 1
    assert [job.job_id for job in log.state.ready_jobs()] == ['j2']
    assert [job.job_id for job in log.state.waiting_jobs()] == ['j2', 'j1']
    wake(log)
    assert [job.job_id for job in log.state.ready_jobs()] == ['j2', 'j1']
    log.grant()
    assert log.job().phase is JobPhase.LEASED


def test_resting_job_is_woken_at_its_stamp_and_not_before() -> None:
    log = log_with_job(retries=1, retry_delay_ms=700)
    fail(log)
    assert earliest_due_ns(log.state, 99) == log.job().not_before_ns == log.stamp_ns + 700 * MS
    log.wait(699)
    log.do(ExpireDue(99))
    assert log.job().not_before_ns
    log.wait(1)
    assert log.do(ExpireDue(99)).jobs == {'j1': None}
    assert not log.job().not_before_ns and earliest_due_ns(log.state, 0) is None


def test_jobs_that_wake_together_come_in_the_order_in_which_they_were_due() -> None:
    log = log_with_robots()
    for job_id, delay_ms in (('j1', 500), ('j2', 100), ('j3', 300)):
        log.submit(job_id, replace(spec(), retries=1, retry_delay_ms=delay_ms))
        fail(log, job_id)
    log.wait(1000)
    log.do(ExpireDue(0))
    assert [job.job_id for job in log.state.ready_jobs()] == ['j2', 'j3', 'j1']


def test_resting_job_can_be_cancelled() -> None:
    log = log_with_job(retries=1)
    fail(log)
    log.do(CancelJob('j1', 'x'))
    assert log.job().phase is JobPhase.CANCELLED and earliest_due_ns(log.state, 0) is None


def test_run_time_of_a_failed_attempt_is_not_that_of_the_next_one() -> None:
    log = log_with_job(retries=1, retry_delay_ms=0)
    assert fail(log).ended[0].run_ms == 20
    assert lose(log).ended[0].run_ms == 0


# ---- losses


def test_losses_and_failures_are_counted_apart() -> None:
    log = log_with_job(retries=1, attempts_max=2, retry_delay_ms=0)
    lose(log)
    fail(log)
    assert (log.job().failures, log.job().losses) == (1, 1)
    assert log.job().phase is JobPhase.SUBMITTED


def test_poison_job_is_quarantined_after_attempts_max_robots_and_each_is_avoided() -> None:
    log = log_with_job(attempts_max=3)
    for robot in (R1, R2):
        lose(log, robot)
        assert log.job().avoid[-1] == robot
    lose(log, R3)
    assert log.job().phase is JobPhase.QUARANTINED
    assert log.job().avoid == (R1, R2, R3)


def test_robot_that_leaves_in_good_order_does_not_count_against_the_job() -> None:
    log = log_with_job(attempts_max=1)
    log.grant(R2)
    log.do(LeaveSwarm(R2, 1), by=R2)
    assert (log.job().phase, log.job().losses) == (JobPhase.SUBMITTED, 0)


def test_robot_that_restarts_counts_because_it_may_have_died_of_the_job() -> None:
    log = log_with_job(attempts_max=1)
    log.grant(R2)
    log.do(registration(R2, incarnation=2), by=R2, incarnation=2)
    assert log.job().phase is JobPhase.QUARANTINED


# ---- handing back


def test_robot_that_could_not_run_it_is_avoided_and_one_that_could_is_not() -> None:
    log = log_with_job()
    log.do(HandBackJob('j1', log.grant(R1), 'no such program'))
    log.do(HandBackJob('j1', log.grant(R2), 'an emergency', able=True))
    assert log.job().avoid == (R1,)


def test_job_that_nobody_can_run_comes_to_an_end() -> None:
    log = log_with_job()
    for number in range(REFUSALS_MAX):
        assert log.job().phase is JobPhase.SUBMITTED, number
        log.do(HandBackJob('j1', log.grant((R1, R2, R3)[number % 3]), 'no such program'))
    assert log.job().phase is JobPhase.QUARANTINED and 'no such program' in log.job().reason
    assert log.job().losses == 0 and log.job().avoid == (R3, R1, R2)


def test_every_robot_may_refuse_once_before_a_job_is_given_up() -> None:
    robots = [f'r{number:02}' for number in range(REFUSALS_MAX + 4)]
    log = AppliedLog()
    for robot in robots:
        log.do(registration(robot), by=robot)  # type: ignore[arg-type]
    log.do(registration(R1))
    log.submit()
    for robot in robots:
        log.do(HandBackJob('j1', log.grant(robot), 'cannot'))  # type: ignore[arg-type]
    assert log.job().phase is JobPhase.SUBMITTED


def test_job_that_able_robots_hand_back_for_ever_waits_visibly_and_ever_longer() -> None:
    log = log_with_job()
    waited = []
    for _ in range(14):
        log.do(HandBackJob('j1', log.grant(), 'busy', able=True))
        waited.append(max(0, log.job().not_before_ns - log.stamp_ns) // MS)
        if waited[-1]:
            wake(log)
    assert waited[:4] == [0, RETURN_REST_MS, RETURN_REST_MS * 2, RETURN_REST_MS * 4]
    assert waited[-1] == REST_MS_MAX and 'busy' in log.job().reason
    log.start(log.grant())
    log.do(HandBackJob('j1', log.job().token, 'busy', able=True))
    assert not log.job().not_before_ns, 'only those in a row count'


def test_begun_job_whose_effect_must_happen_once_is_not_repeated_when_it_is_handed_back() -> None:
    log = log_with_job(effects=Effects.ONCE)
    token = log.grant()
    log.start(token)
    log.do(HandBackJob('j1', token, 'stopped', able=True))
    assert log.job().phase is JobPhase.EXPIRED and 'once' in log.job().reason


# ---- deadlines


@pytest.mark.parametrize('held', ['waits', 'rests', 'leased', 'running'])
def test_job_expires_at_its_deadline_whatever_it_does(held: str) -> None:
    log = log_with_job(deadline_ms=5000, retries=1, retry_delay_ms=60_000)
    token = 0
    if held == 'rests':
        fail(log)
    elif held != 'waits':
        token = log.grant()
    if held == 'running':
        log.start(token)
    assert earliest_due_ns(log.state, GRACE_MS) == log.job().submitted_ns + 5000 * MS
    log.wait(4999)
    log.do(ExpireDue(GRACE_MS))
    assert not log.job().ended
    log.wait(1)
    done = log.do(ExpireDue(GRACE_MS))
    assert log.job().phase is JobPhase.EXPIRED and 'deadline' in log.job().reason
    assert [one.outcome for one in done.ended] == (['cancelled'] if token else [])
    assert [one.kind for one in done.notable] == ['job_expired']
    assert not token or log.complete(token).refused
    assert earliest_due_ns(log.state, GRACE_MS) is None


def test_job_that_was_done_in_time_does_not_expire() -> None:
    log = log_with_job(deadline_ms=5000)
    log.complete(log.grant())
    log.wait(9000)
    log.do(ExpireDue(0))
    assert log.job().phase is JobPhase.DONE


# ---- another chance


def ended_as(phase: JobPhase) -> AppliedLog:
    log = log_with_job(deadline_ms=90_000, attempts_max=1)
    if phase is JobPhase.CANCELLED:
        log.do(CancelJob('j1', 'x'))
    elif phase is JobPhase.EXPIRED:
        log.grant(), log.wait(90_000), log.do(ExpireDue(0))
    elif phase is JobPhase.FAILED:
        fail(log)
    elif phase is JobPhase.QUARANTINED:
        lose(log)
    assert log.job().phase is phase
    return log


@pytest.mark.parametrize(
    'phase', [JobPhase.FAILED, JobPhase.EXPIRED, JobPhase.QUARANTINED, JobPhase.CANCELLED]
)
def test_operator_has_a_job_run_again_with_all_its_attempts_and_time(phase: JobPhase) -> None:
    log = ended_as(phase)
    attempt = log.job().attempt
    assert log.do(RetryJob('j1', 'it is mended')).value == 'j1'
    job = log.job()
    assert job.phase is JobPhase.SUBMITTED and not any(job.counts) and not job.avoid
    assert (job.exit_code, job.run_ms, job.reason) == (None, 0, '')
    assert job.deadline_ns == log.stamp_ns + 90_000 * MS == earliest_due_ns(log.state, 0)
    log.complete(log.grant())
    assert (log.job().phase, log.job().attempt) == (JobPhase.DONE, attempt + 1)


def test_only_what_ended_without_success_is_retried() -> None:
    log = log_with_job()
    assert 'does not accept' in log.do(RetryJob('j1', '')).refused
    token = log.grant()
    assert 'does not accept' in log.do(RetryJob('j1', '')).refused
    log.complete(token)
    assert 'does not accept' in log.do(RetryJob('j1', '')).refused
    assert 'not known' in log.do(RetryJob('j9', '')).refused


def test_deadline_of_a_former_life_does_not_end_a_job_that_was_asked_for_again() -> None:
    log = log_with_job(deadline_ms=5000)
    log.do(CancelJob('j1', ''))
    log.wait(4000)
    log.do(RetryJob('j1', ''))
    log.wait(1500)
    log.do(ExpireDue(0))
    assert log.job().phase is JobPhase.SUBMITTED
    log.wait(3500)
    log.do(ExpireDue(0))
    assert log.job().phase is JobPhase.EXPIRED


# ---- what is stuck


def test_revoked_job_goes_back_to_the_queue_and_avoids_its_robot() -> None:
    log = log_with_job()
    token = log.grant(R1)
    log.start(token)
    done = log.do(RevokeJob('j1', token, 'no progress for 40 s'))
    assert (log.job().phase, log.job().avoid) == (JobPhase.SUBMITTED, (R1,))
    assert [one.kind for one in done.notable] == ['job_revoked']
    assert log.complete(token).refused


def test_job_that_is_stuck_wherever_it_runs_is_quarantined() -> None:
    log = log_with_job(attempts_max=2)
    for robot in (R1, R2):
        log.do(RevokeJob('j1', log.grant(robot), 'stuck'))
    assert log.job().phase is JobPhase.QUARANTINED


def test_revocation_counts_under_the_current_token_and_not_for_what_must_happen_once() -> None:
    log = log_with_job(effects=Effects.ONCE)
    token = log.grant()
    assert 'under token' in log.do(RevokeJob('j1', token - 1, '')).refused
    log.start(token)
    assert 'once' in log.do(RevokeJob('j1', token, '')).refused
    assert log.job().phase is JobPhase.RUNNING


# ---- progress


def test_progress_counts_from_the_start_and_from_each_new_word() -> None:
    log = log_with_job()
    token = log.grant()
    assert log.job().progressed_ns == 0
    log.start(token)
    started_ns = log.job().progressed_ns
    assert started_ns == log.stamp_ns
    log.wait(1000)
    log.do(RenewJobs((Renewal('j1', token, 0),)))
    assert log.job().progressed_ns == started_ns, 'a renewal alone is no progress'
    log.do(RenewJobs((Renewal('j1', token, 300, 2, 'copying'),)))
    assert log.job().progressed_ns == log.stamp_ns and log.job().quiet_ms == 1000
    log.wait(1000)
    log.do(RenewJobs((Renewal('j1', token, 100, 1, 'overtaken'),)))
    assert (log.job().progress_permille, log.job().progress_text) == (300, 'copying')


def test_attempt_says_what_the_learners_need() -> None:
    log = log_with_job(inputs=(ref('i', 'a', 70),), outputs=('o',), effects=Effects.NONE)
    [ended] = log.complete(log.grant(R2), outputs=(ref('o', 'b', 7),)).ended
    assert (ended.kind, ended.task, ended.unit, ended.origin) == ('exec', 'exec:true', '', R1)
    assert (ended.bytes_in, ended.bytes_out, ended.robot_id) == (70, 7, R2)
    assert (ended.thief, ended.victim) == ('', '')
