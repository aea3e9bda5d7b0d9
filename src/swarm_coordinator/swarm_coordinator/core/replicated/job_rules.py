# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What people say of jobs and the origin of their outputs: owns cancelling, another chance and
delivery, and which ended jobs are forgotten.

The rest of a job's life: submission_rules.py, grant_rules.py, steal_rules.py, pipeline_rules.py
and expiry_rules.py; what they share is in job_life.py and job_loss.py.
"""

from swarm_coordinator.core.jobs.job import Job, JobEvent, JobPhase
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import CancelJob, DeliverOutputs, RetryJob
from swarm_coordinator.core.replicated.event_log import Notable
from swarm_coordinator.core.replicated.job_life import advance, end_attempt, retry
from swarm_coordinator.core.replicated.pipeline_rules import fail_pipeline, open_pipeline, settle
from swarm_coordinator.core.replicated.rules import after, rule
from swarm_coordinator.core.replicated.state import (
    JOBS_ENDED_KEPT_MAX,
    JOBS_WAITING_MAX,
    PIPELINES_MAX,
    ReplicatedState,
)


@rule(CancelJob)
def _cancel(command: CancelJob, state: ReplicatedState, done: Applied) -> None:
    job = state.jobs.get(command.job_id)
    if job is None:
        done.refused = f'job {command.job_id} is not known'
        return
    if job.phase is JobPhase.CANCELLED:
        return
    if job.held:
        end_attempt(job, state, done, 'cancelled')
    advance(job, JobEvent.WITHDRAWN, state, done, f'cancelled: {command.reason}')
    job.reason = command.reason


@rule(RetryJob)
def _retry(command: RetryJob, state: ReplicatedState, done: Applied) -> None:
    job = state.jobs.get(command.job_id)
    if job is None:
        done.refused = f'job {command.job_id} is not known'
        return
    done.refused = _no_retry(job, state)
    if done.refused:
        return
    deadline_ms = job.spec.deadline_ms
    deadline_ns = after(state.stamp_ns, deadline_ms) if deadline_ms else 0
    retry(job, deadline_ns, state, done, f'to be tried again: {command.reason}')
    if job.pipeline:
        open_pipeline(job, state, done)
    done.value = job.job_id


def _no_retry(job: Job, state: ReplicatedState) -> str:
    """Why it may not run again; '' = it may, if its phase lets it."""
    if job.parent in state.jobs:
        return f'{job.job_id} is a stage: try {job.parent} again'
    if len(state.waiting) >= JOBS_WAITING_MAX:
        return f'{JOBS_WAITING_MAX} jobs may wait: try again when some have ended'
    if job.pipeline and len(state.pipelines) >= PIPELINES_MAX:
        return f'{PIPELINES_MAX} pipelines may be open: try again when some have ended'
    return ''


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


# ---- after each command


def finish_jobs(state: ReplicatedState, done: Applied) -> None:
    """What follows from what a command did to jobs."""
    if not done.jobs:
        return
    settle(state, done)
    _forget_oldest(state, done)
    # Those of one entry are in order of their names: a snapshot says no more of it.
    if len(done.created) > 1:
        for job_id in sorted(done.created):
            if (job := state.jobs.pop(job_id, None)) is not None:
                state.jobs[job_id] = job


def _forget_oldest(state: ReplicatedState, done: Applied) -> None:
    while len(state.ended) > JOBS_ENDED_KEPT_MAX:
        job_id = next(iter(state.ended))
        del state.ended[job_id]
        job = state.jobs.pop(job_id)
        state.counts[job.phase] -= 1
        state.job_by_key.pop(job.idempotency_key, None)
        done.jobs[job_id] = None
        _forgotten_stage(job, state, done)


def _forgotten_stage(job: Job, state: ReplicatedState, done: Applied) -> None:
    """A stage that is done but whose files never came home is lost to its pipeline."""
    if job.parent not in state.pipelines:
        return
    pipeline, name = state.jobs[job.parent], job.job_id.rpartition('.')[2]
    if name not in pipeline.stages_done and job.phase is JobPhase.DONE:
        why = f'the files of stage {name} did not come to {pipeline.origin}'
        fail_pipeline(pipeline, why, state, done)
