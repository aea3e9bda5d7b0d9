# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What commands about jobs do: owns the rules of a job's life in the log, from submission to its
last attempt. Refuses to know who decides what is granted."""

from swarm_coordinator.core.ids import RobotId, checked_job_id
from swarm_coordinator.core.jobs.job import (
    ENDED_PHASES,
    HELD_PHASES,
    Effects,
    Job,
    JobEvent,
    JobPhase,
)
from swarm_coordinator.core.jobs.kinds import JOB_KINDS
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.applied import Applied, AttemptEnded
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    CompleteJob,
    DeliverOutputs,
    FailJob,
    Grant,
    GrantJobs,
    HandBackJob,
    Renewal,
    RenewJobs,
    StartJob,
    SubmitJob,
)
from swarm_coordinator.core.replicated.event_log import Notable
from swarm_coordinator.core.replicated.rules import MS, after, rule
from swarm_coordinator.core.replicated.state import (
    JOBS_ENDED_KEPT_MAX,
    JOBS_WAITING_MAX,
    ReplicatedState,
)


@rule(SubmitJob)
def _submit(command: SubmitJob, state: ReplicatedState, done: Applied) -> None:
    earlier = state.job_by_key.get(command.idempotency_key) if command.idempotency_key else None
    if earlier is not None:
        done.value, done.duplicate = earlier, True
        return
    kind = JOB_KINDS.get(command.spec.kind)
    if kind is None:
        done.refused = f'job kind {command.spec.kind!r}: expected one of {", ".join(JOB_KINDS)}'
        return
    try:
        # The origin checked it as well; a peer that did not must not crash every leader in turn.
        checked_job_id(command.job_id)
        kind.check(command.spec)
    except ValueError as error:
        done.refused = str(error)
        return
    if command.job_id in state.jobs:
        done.refused = f'job {command.job_id} exists'
        return
    if len(state.waiting) >= JOBS_WAITING_MAX:
        done.refused = f'{JOBS_WAITING_MAX} jobs wait already: try again when some have ended'
        return
    job = Job(
        job_id=command.job_id,
        origin=command.origin,
        spec=command.spec,
        output_dir=command.output_dir,
        idempotency_key=command.idempotency_key,
        submitted_ns=state.stamp_ns,
        changed_ns=state.stamp_ns,
        queued_ns=state.stamp_ns,
        changed_index=state.applied_index,
    )
    job.note(state.applied_index, state.stamp_ns, f'submitted at {command.origin}')
    state.jobs[job.job_id] = job
    state.counts[JobPhase.SUBMITTED] += 1
    state.waiting[job.job_id] = None
    if command.idempotency_key:
        state.job_by_key[command.idempotency_key] = job.job_id
    done.value = job.job_id
    done.jobs[job.job_id] = None


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
        or grant.attempt != job.attempt + 1
        or member is None
        or member.incarnation != grant.incarnation
        or member.phase is Liveness.LEFT
    ):
        return  # decided on a state that has moved on; the leader will decide again
    job.attempt = grant.attempt
    job.token = state.applied_index
    job.robot_id = grant.robot_id
    job.incarnation = grant.incarnation
    job.ttl_ms = grant.ttl_ms
    job.lease_expires_ns = after(state.stamp_ns, grant.ttl_ms)
    job.reason = ''
    _move(
        job,
        JobEvent.GRANTED,
        state,
        done,
        f'attempt {job.attempt} granted to {job.robot_id}: {grant.why}',
    )
    state.job_ends.add(job.lease_expires_ns, job.token, job.job_id)


def _current(job_id: str, token: int, state: ReplicatedState, done: Applied) -> Job | None:
    """The job if `token` is that of its current grant; otherwise the refusal is noted."""
    job = state.jobs.get(job_id)
    if job is None:
        done.refused = f'job {job_id} is not known'
    elif job.token != token or not job.held:
        done.refused = f'job {job_id} is {job.phase.value} under token {job.token}, not {token}'
    else:
        return job
    return None


@rule(StartJob)
def _start(command: StartJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is not None:
        _move(job, JobEvent.STARTED, state, done, f'{job.robot_id} started it')


@rule(RenewJobs)
def _renew_all(command: RenewJobs, state: ReplicatedState, done: Applied) -> None:
    for renewal in command.renewals:
        _renew(renewal, state, done)


def _renew(renewal: Renewal, state: ReplicatedState, done: Applied) -> None:
    job = _current(renewal.job_id, renewal.token, state, done)
    if job is None:
        return
    job.lease_expires_ns = after(state.stamp_ns, job.ttl_ms)
    if job.progress_permille != renewal.progress_permille:
        job.progress_permille = max(0, min(1000, renewal.progress_permille))
        done.jobs[job.job_id] = None


@rule(CompleteJob)
def _complete(command: CompleteJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is None:
        return
    names = tuple(ref.name for ref in command.outputs)
    if set(names) != set(job.spec.outputs):
        done.refused = f'outputs {names} are not the promised {job.spec.outputs}'
        return
    job.exit_code, job.run_ms = 0, command.run_ms
    job.outputs, job.outputs_at = command.outputs, command.outputs_at
    job.progress_permille = 1000
    # Without a folder to put them in they are home as soon as they are in the origin's store.
    home = command.outputs_at == job.origin and not job.output_dir
    job.delivered = home or not job.outputs
    _end(job, JobEvent.COMPLETED, state, done, 'done', f'done by {job.robot_id}')


@rule(FailJob)
def _fail(command: FailJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is None:
        return
    job.exit_code, job.run_ms, job.reason = command.exit_code, command.run_ms, command.reason
    outcome = 'timed_out' if command.exit_code is None else 'failed'
    _end(job, JobEvent.BROKE_DOWN, state, done, outcome, f'failed: {command.reason}')
    done.notable.append(
        Notable('job_failed', 'warn', job.job_id, f'{job.job_id} failed: {command.reason}')
    )


@rule(HandBackJob)
def _hand_back(command: HandBackJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is None:
        return
    assert job.robot_id is not None
    job.avoid = (*job.avoid, job.robot_id)
    job.reason = command.reason
    _ended_attempt(job, state, done, 'refused')
    what = f'handed back by {job.robot_id}: {command.reason}'
    done.notable.append(Notable('job_handed_back', 'warn', job.job_id, f'{job.job_id} {what}'))
    _requeue(job, JobEvent.HANDED_BACK, state, done, what)


@rule(CancelJob)
def _cancel(command: CancelJob, state: ReplicatedState, done: Applied) -> None:
    job = state.jobs.get(command.job_id)
    if job is None:
        done.refused = f'job {command.job_id} is not known'
        return
    if job.phase is JobPhase.CANCELLED:
        return
    was_held = job.held
    _move(job, JobEvent.WITHDRAWN, state, done, f'cancelled: {command.reason}')
    job.reason = command.reason
    if was_held:
        _ended_attempt(job, state, done, 'cancelled')


@rule(DeliverOutputs)
def _deliver(command: DeliverOutputs, state: ReplicatedState, done: Applied) -> None:
    job = state.jobs.get(command.job_id)
    if job is None or job.phase is not JobPhase.DONE or job.token != command.token:
        done.refused = f'job {command.job_id} is not done under token {command.token}'
        return
    if job.delivered:
        return
    job.delivered = True
    job.reason = command.problem
    text = f'not delivered: {command.problem}' if command.problem else 'outputs delivered'
    job.note(state.applied_index, state.stamp_ns, text)
    done.jobs[job.job_id] = None
    if command.problem:
        done.notable.append(
            Notable('outputs_not_delivered', 'error', job.job_id, f'{job.job_id} {text}')
        )


# ---- shared with the rules about robots and time


def extend_job_leases(state: ReplicatedState) -> None:
    for job in state.held_jobs():
        job.lease_expires_ns = max(job.lease_expires_ns, after(state.stamp_ns, job.ttl_ms))


def expire_jobs(grace_ms: int, state: ReplicatedState, done: Applied) -> None:
    for job in state.held_jobs():
        if job.lease_expires_ns + grace_ms * MS <= state.stamp_ns:
            lose_attempt(job, state, done, f'no word from {job.robot_id} for its lease')


def lose_jobs_of(
    robot_id: RobotId, incarnation_below: int, state: ReplicatedState, done: Applied, why: str
) -> None:
    """Lives of the robot before `incarnation_below` are over, and what they were running."""
    for job in state.held_by(robot_id):
        if job.incarnation < incarnation_below:
            lose_attempt(job, state, done, why)


def lose_attempt(job: Job, state: ReplicatedState, done: Applied, why: str) -> None:
    """The robot is gone or silent: the attempt ends, the job goes on if it may."""
    _ended_attempt(job, state, done, 'lease_expired')
    if job.spec.effects is Effects.ONCE:
        job.reason = f'{why}; its effect must happen once, so it is not repeated'
        _move(job, JobEvent.LEFT_UNKNOWN, state, done, job.reason)
        done.notable.append(
            Notable('job_left_unknown', 'error', job.job_id, f'{job.job_id}: {job.reason}')
        )
        return
    done.notable.append(
        Notable('job_reissued', 'warn', job.job_id, f'{job.job_id} goes back to the queue: {why}')
    )
    _requeue(job, JobEvent.LEASE_ENDED, state, done, why)


def _requeue(job: Job, event: JobEvent, state: ReplicatedState, done: Applied, why: str) -> None:
    if job.attempt >= job.spec.attempts_max:
        job.reason = f'{job.attempt} attempts of {job.spec.attempts_max}: {why}'
        _move(job, JobEvent.GIVEN_UP, state, done, f'given up after {job.reason}')
        done.notable.append(
            Notable('job_quarantined', 'error', job.job_id, f'{job.job_id}: {job.reason}')
        )
        return
    _move(job, event, state, done, why)


def _end(
    job: Job, event: JobEvent, state: ReplicatedState, done: Applied, outcome: str, what: str
) -> None:
    _move(job, event, state, done, what)
    _ended_attempt(job, state, done, outcome)


def _ended_attempt(job: Job, state: ReplicatedState, done: Applied, outcome: str) -> None:
    granted_ns = next(
        (line.stamp_ns for line in reversed(job.story) if line.index == job.token), job.queued_ns
    )
    done.ended.append(
        AttemptEnded(
            job_id=job.job_id,
            attempt=job.attempt,
            robot_id=job.robot_id or '',
            outcome=outcome,
            queue_ms=max(0, granted_ns - job.queued_ns) // MS,
            run_ms=job.run_ms,
        )
    )


def _move(job: Job, event: JobEvent, state: ReplicatedState, done: Applied, what: str) -> None:
    before = job.phase
    job.move(event, state.applied_index, state.stamp_ns, what)
    _refile(job, before, state, done)


def _refile(job: Job, before: JobPhase, state: ReplicatedState, done: Applied) -> None:
    """Put the job into the index of its phase, at the end: queue order is order of the log."""
    done.jobs[job.job_id] = None
    for index in (state.waiting, state.held, state.ended):
        index.pop(job.job_id, None)
    if before in HELD_PHASES and job.phase not in HELD_PHASES:
        state.job_ends.gone()
    if job.phase in HELD_PHASES:
        state.held[job.job_id] = None
    elif job.phase in ENDED_PHASES:
        state.ended[job.job_id] = None
    else:
        state.waiting[job.job_id] = None
    state.counts[before] -= 1
    state.counts[job.phase] += 1
    _forget_oldest(state)


def _forget_oldest(state: ReplicatedState) -> None:
    while len(state.ended) > JOBS_ENDED_KEPT_MAX:
        job_id = next(iter(state.ended))
        del state.ended[job_id]
        job = state.jobs.pop(job_id)
        state.counts[job.phase] -= 1
        state.job_by_key.pop(job.idempotency_key, None)
