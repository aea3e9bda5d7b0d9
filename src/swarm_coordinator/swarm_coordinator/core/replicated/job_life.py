# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a job moves in the log: owns that a change of its phase, the indexes over jobs, what is
counted and what is told always go together. Refuses to know commands.
"""

from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Job, JobEvent, JobPhase
from swarm_coordinator.core.jobs.spec import JobSpec
from swarm_coordinator.core.replicated.applied import Applied, AttemptEnded
from swarm_coordinator.core.replicated.rules import MS, after
from swarm_coordinator.core.replicated.state import ReplicatedState


def enter(
    state: ReplicatedState,
    done: Applied,
    job_id: str,
    origin: RobotId,
    spec: JobSpec,
    output_dir: str = '',
    idempotency_key: str = '',
    parent: str = '',
) -> Job:
    """A new job, at the end of the queue."""
    job = Job(
        job_id=job_id,
        origin=origin,
        spec=spec,
        output_dir=output_dir,
        idempotency_key=idempotency_key,
        submitted_ns=state.stamp_ns,
        changed_ns=state.stamp_ns,
        queued_ns=state.stamp_ns,
        changed_index=state.applied_index,
        parent=parent,
    )
    by = f'stage of {parent}' if parent else f'submitted at {origin}'
    job.note(state.applied_index, state.stamp_ns, by)
    state.jobs[job_id] = job
    state.counts[JobPhase.SUBMITTED] += 1
    state.waiting.enter(job_id, spec.priority)
    if idempotency_key:
        state.job_by_key[idempotency_key] = job_id
    if job.deadline_ns:
        due_by(job, job.deadline_ns, state)
    done.jobs[job_id] = None
    done.created.append(job_id)
    return job


def due_by(job: Job, deadline_ns: int, state: ReplicatedState) -> None:
    """It expires then; 0 = never."""
    job.deadline_ns = deadline_ns
    if deadline_ns:
        state.job_deadlines.add(deadline_ns, job.submitted_ns, job.job_id)


def advance(
    job: Job,
    event: JobEvent,
    state: ReplicatedState,
    done: Applied,
    what: str,
    rest_until_ns: int = 0,
) -> None:
    """Move the job and put it where it belongs, at the end. `rest_until_ns`: a job that returns
    to the queue waits outside of it until then. Raises InvalidTransition and changes nothing."""
    before, index, rested = job.phase, state.index_of(job), job.not_before_ns > 0
    priority = job.spec.priority if before is JobPhase.SUBMITTED else 0
    job.move(event, state.applied_index, state.stamp_ns, what)
    _take_out(job, before, index, priority, state)
    if rested:
        state.job_rests.gone()
    if rest_until_ns > state.stamp_ns:
        job.not_before_ns = rest_until_ns
        state.job_rests.add(rest_until_ns, job.token, job.job_id)
    _put_in(job, state)
    state.counts[before] -= 1
    state.counts[job.phase] += 1
    done.jobs[job.job_id] = None


def _take_out(
    job: Job, before: JobPhase, index: object, priority: int, state: ReplicatedState
) -> None:
    if before is JobPhase.SUBMITTED:
        state.waiting.leave(job.job_id, priority)
        return
    assert isinstance(index, dict)
    del index[job.job_id]
    if index is state.held and not (job.held and job.phase is JobPhase.RUNNING):
        state.job_ends.gone()


def _put_in(job: Job, state: ReplicatedState) -> None:
    if job.phase is not JobPhase.SUBMITTED:
        index = state.index_of(job)
        assert isinstance(index, dict)
        index[job.job_id] = None
        if job.ended and job.deadline_ns:
            state.job_deadlines.gone()
    elif job.not_before_ns:
        state.waiting.rest(job.job_id)
    else:
        state.waiting.enter(job.job_id, job.spec.priority)


@dataclass(frozen=True)
class Terms:
    """Of one attempt: to which life of which robot, on which unit, and for how long unrenewed."""

    robot_id: RobotId
    incarnation: int
    unit: str
    ttl_ms: int


def lend(
    job: Job, event: JobEvent, terms: Terms, state: ReplicatedState, done: Applied, what: str
) -> None:
    """The next attempt, under a new token."""
    job.granted(terms.robot_id, terms.incarnation, state.applied_index)
    job.unit, job.ttl_ms = terms.unit, terms.ttl_ms
    job.lease_expires_ns = after(state.stamp_ns, terms.ttl_ms)
    advance(job, event, state, done, f'attempt {job.attempt} {what}')
    state.job_ends.add(job.lease_expires_ns, job.token, job.job_id)


def retry(job: Job, deadline_ns: int, state: ReplicatedState, done: Applied, what: str) -> None:
    """A job that ended without success waits again, with all its attempts anew. Raises
    InvalidTransition and changes nothing."""
    advance(job, JobEvent.RETRIED, state, done, what)
    job.forgive()
    due_by(job, deadline_ns, state)


def end_attempt(
    job: Job, state: ReplicatedState, done: Applied, outcome: str, thief: str = ''
) -> None:
    """Tell how the current attempt went, and remember it of its route. Before the job moves."""
    assert job.robot_id is not None
    spec = job.spec
    ended = AttemptEnded(
        job_id=job.job_id,
        attempt=job.attempt,
        robot_id=job.robot_id,
        outcome=outcome,
        queue_ms=max(0, _granted_ns(job) - job.queued_ns) // MS,
        run_ms=job.run_ms,
        kind=spec.kind,
        task=spec.task,
        unit=job.unit,
        origin=job.origin,
        bytes_in=sum(ref.size_bytes for ref in spec.inputs),
        bytes_out=sum(ref.size_bytes for ref in job.outputs),
        thief=thief,
        victim=job.robot_id if thief else '',
    )
    done.ended.append(ended)
    route = (ended.task, job.robot_id, job.unit)
    state.routes.record(route, outcome, job.run_ms, state.stamp_ns)


def _granted_ns(job: Job) -> int:
    lines = reversed(job.story)
    return next((one.stamp_ns for one in lines if one.index == job.token), job.queued_ns)
