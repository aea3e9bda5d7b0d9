# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot may do with a job while it does not know how long its lease lasts, and until
nothing of the job runs."""

from __future__ import annotations

from coordinator_samples import MS, R2, TTL_MS, log_with_robots, ref, spec

from swarm_coordinator.core.held_job import Stage
from swarm_coordinator.core.jobs.job import Effects, Job, JobPhase
from swarm_coordinator.core.log_clock import LogClock
from swarm_coordinator.core.replicated.command import RenewJobs
from swarm_coordinator.core.worker import (
    STOPPED_MS,
    ProcessEnd,
    Propose,
    StartProcess,
    StopProcess,
    Worker,
    WorkerEffect,
)
from swarm_coordinator.runner.process_group import TERM_GRACE_S

TTL_NS = TTL_MS * MS


def leased(effects: Effects = Effects.IDEMPOTENT) -> Job:
    log = log_with_robots()
    log.submit('j1', spec(inputs=(ref(),), effects=effects))
    log.grant(R2, 'j1')
    return log.job('j1')


def late_worker(job: Job) -> Worker:
    """It has the job and does not know how old its grant is."""
    subject = Worker(R2, 1, 1)
    subject.job_changed(job, 0)
    return subject


def knowing_worker(job: Job, until_ns: int) -> Worker:
    """Its lease is known to last until then."""
    clock = LogClock(offset_ns=until_ns - job.lease_expires_ns)
    subject = Worker(R2, 1, 1, clock=clock)
    subject.job_changed(job, 0)
    return subject


def renewal(subject: Worker, now_ns: int) -> Propose:
    [proposed] = subject.tick(now_ns)
    assert isinstance(proposed, Propose) and isinstance(proposed.command, RenewJobs)
    return proposed


def started(effects: list[WorkerEffect]) -> bool:
    return any(isinstance(one, StartProcess) for one in effects)


def test_job_whose_grant_may_be_old_begins_once_its_renewal_is_in_the_log() -> None:
    job = leased()
    subject = late_worker(job)
    assert subject.inputs_ready('j1', job.token, 1) == []
    asked = renewal(subject, 2)
    assert started(subject.settled(asked.tag, timed_out=False, now_ns=50))
    assert subject.held['j1'].lease_until_ns == 2 + TTL_NS


def test_job_whose_renewal_got_lost_does_not_begin() -> None:
    job = leased()
    subject = late_worker(job)
    subject.inputs_ready('j1', job.token, 1)
    asked = renewal(subject, 2)
    assert not started(subject.settled(asked.tag, timed_out=True, now_ns=50))


def test_job_begins_at_once_where_its_lease_is_known() -> None:
    job = leased()
    assert started(knowing_worker(job, 100).inputs_ready('j1', job.token, 99))
    assert not started(knowing_worker(job, 100).inputs_ready('j1', job.token, 100))


def test_start_in_the_log_begins_nothing_after_the_lease() -> None:
    job = leased(Effects.ONCE)
    subject = knowing_worker(job, 100)
    subject.inputs_ready('j1', job.token, 1)
    assert subject.held['j1'].stage is Stage.STARTING
    job.phase = JobPhase.RUNNING
    assert not started(subject.job_changed(job, 100))
    asked = renewal(subject, 110)
    assert started(subject.settled(asked.tag, timed_out=False, now_ns=120))


def test_job_that_was_not_begun_waits_a_full_lease_for_its_first_renewal() -> None:
    job = leased()
    subject = late_worker(job)
    subject.tick(1)
    assert 'j1' in subject.held
    subject.tick(TTL_NS)
    assert 'j1' not in subject.held


def test_job_that_was_given_up_counts_as_live_until_the_log_says_so() -> None:
    """Its process takes a while to end: a robot that says goodbye must not free it before."""
    job = leased()
    subject = knowing_worker(job, 100)
    subject.inputs_ready('j1', job.token, 1)
    assert subject.live == 1
    [note, stop] = subject.tick(100)
    assert stop == StopProcess('j1', job.token, 'its lease was not renewed in time')
    assert not subject.held and subject.live == 1
    job.phase, job.robot_id = JobPhase.SUBMITTED, None
    subject.job_changed(job, 200)
    assert subject.live == 0


def test_job_that_was_given_up_and_is_forgotten_by_the_log_is_forgotten() -> None:
    job = leased()
    subject = knowing_worker(job, 100)
    subject.tick(TTL_NS)
    assert subject.dropped == {'j1': job.token}
    assert subject.only({'j1'}, TTL_NS) == [] and subject.dropped
    assert subject.only((), TTL_NS) == [] and not subject.dropped


def test_process_that_is_being_ended_is_live_and_one_that_waits_is_not() -> None:
    job = leased()
    subject = knowing_worker(job, 100)
    assert subject.live == 0
    subject.inputs_ready('j1', job.token, 1)
    subject.stop_all('its robot leaves', 2)
    assert subject.held['j1'].stage is Stage.STOPPING and subject.live == 1
    subject.process_ended(ProcessEnd('j1', job.token, None, 5, (), 'stopped', stopped=True), 3)
    assert subject.live == 0


def test_time_to_end_a_process_is_longer_than_the_runner_takes() -> None:
    assert STOPPED_MS > TERM_GRACE_S * 1000
