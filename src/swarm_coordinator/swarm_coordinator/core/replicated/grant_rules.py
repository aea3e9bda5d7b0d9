# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the robots that jobs are granted to say and get: owns grants, their renewal and reports,
each of which counts under the current token only. Refuses to know who decides what is granted.
"""

from collections.abc import Callable
from typing import Any

from swarm_coordinator.core.jobs.job import InvalidTransition, Job, JobEvent, JobPhase
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import (
    CompleteJob,
    FailJob,
    Grant,
    GrantJobs,
    HandBackJob,
    Renewal,
    RenewJobs,
    ReportJobs,
    StartJob,
)
from swarm_coordinator.core.replicated.event_log import Notable
from swarm_coordinator.core.replicated.job_life import Terms, advance, end_attempt, lend
from swarm_coordinator.core.replicated.job_loss import fail_attempt, return_attempt
from swarm_coordinator.core.replicated.rules import after, rule
from swarm_coordinator.core.replicated.state import ReplicatedState

PROGRESS_CHARS_MAX = 120  # what a line of a table holds


@rule(GrantJobs)
def _grant_all(command: GrantJobs, state: ReplicatedState, done: Applied) -> None:
    for grant in command.grants:
        _grant(grant, state, done)


def _grant(grant: Grant, state: ReplicatedState, done: Applied) -> None:
    job = state.jobs.get(grant.job_id)
    member = state.members.get(grant.robot_id)
    if (
        job is None
        or job.phase is not JobPhase.SUBMITTED
        or job.not_before_ns
        or grant.attempt != job.attempt + 1
        or member is None
        or member.incarnation != grant.incarnation
        or member.phase is Liveness.LEFT
    ):
        return  # decided on a state that has moved on; the leader will decide again
    job.chosen_among(grant.candidates)
    terms = Terms(member.robot_id, member.incarnation, grant.unit, grant.ttl_ms)
    what = f'granted to {grant.robot_id}: {grant.why}'
    lend(job, JobEvent.GRANTED, terms, state, done, what)


def current(job_id: str, token: int, state: ReplicatedState) -> Job | str:
    """The job if `token` is that of its current grant; otherwise why it is not."""
    job = state.jobs.get(job_id)
    if job is None:
        return f'job {job_id} is not known'
    if job.token != token or not job.held:
        return f'job {job_id} is {job.phase.value} under token {job.token}, not {token}'
    return job


def _current(job_id: str, token: int, state: ReplicatedState, done: Applied) -> Job | None:
    found = current(job_id, token, state)
    if isinstance(found, Job):
        return found
    done.refused = found
    return None


@rule(RenewJobs)
def _renew_all(command: RenewJobs, state: ReplicatedState, done: Applied) -> None:
    for renewal in command.renewals:
        _renew(renewal, state, done)


def _renew(renewal: Renewal, state: ReplicatedState, done: Applied) -> None:
    job = _current(renewal.job_id, renewal.token, state, done)
    if job is None:
        return
    job.lease_expires_ns = after(state.stamp_ns, job.ttl_ms)
    if renewal.sequence > job.progress_sequence:  # one that was overtaken says nothing new
        text = renewal.text[:PROGRESS_CHARS_MAX]
        job.spoke(renewal.progress_permille, renewal.sequence, text, state.stamp_ns)
        done.jobs[job.job_id] = None


@rule(ReportJobs)
def _report_all(command: ReportJobs, state: ReplicatedState, done: Applied) -> None:
    for report in command.reports:
        try:
            _REPORTS[type(report)](report, state, done)
        except InvalidTransition as refusal:
            done.refused = str(refusal)


def _start(command: StartJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is not None:
        advance(job, JobEvent.STARTED, state, done, f'{job.robot_id} started it')
        job.count(returns=0)


def _complete(command: CompleteJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is None:
        _refuse_result(command.job_id, done)
        return
    names = tuple(ref.name for ref in command.outputs)
    if set(names) != set(job.spec.outputs):
        done.refused = f'outputs {names} are not the promised {job.spec.outputs}'
        _refuse_result(command.job_id, done)
        return
    job.exit_code, job.run_ms = 0, command.run_ms
    job.completed_with(command.outputs, command.result)
    job.outputs_at = command.outputs_at
    job.progress_permille = 1000
    # Without a folder to put them in they are home as soon as they are in the origin's store.
    home = command.outputs_at == job.origin and not job.output_dir
    job.delivered = home or not command.outputs
    done.completed.append(job.job_id)
    end_attempt(job, state, done, 'done')
    advance(job, JobEvent.COMPLETED, state, done, f'done by {job.robot_id}')


def _refuse_result(job_id: str, done: Applied) -> None:
    """Work that was done for nothing, most often because its robot was out of reach for longer
    than its lease. `done.refused` says why."""
    done.late.append(job_id)
    text = f'a result of {done.by} is not taken: {done.refused}'
    done.notable.append(Notable('job_result_refused', 'info', job_id, text))


def _fail(command: FailJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is None:
        return
    job.exit_code, job.run_ms, job.reason = command.exit_code, command.run_ms, command.reason
    outcome = 'timed_out' if command.exit_code is None else 'failed'
    fail_attempt(job, outcome, state, done)


def _hand_back(command: HandBackJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is not None:
        return_attempt(job, command.able, state, done, command.reason)


_REPORTS: dict[type, Callable[[Any, ReplicatedState, Applied], None]] = {
    StartJob: _start,
    CompleteJob: _complete,
    FailJob: _fail,
    HandBackJob: _hand_back,
}
