# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How jobs come into the log: owns what is taken, what is refused and what was asked before."""

from swarm_coordinator.core.ids import checked_job_id
from swarm_coordinator.core.jobs.kinds.pipeline_kind import PipelineWork
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import SubmitJob, SubmitJobs
from swarm_coordinator.core.replicated.job_life import enter
from swarm_coordinator.core.replicated.pipeline_rules import open_pipeline, stage_id
from swarm_coordinator.core.replicated.rules import rule
from swarm_coordinator.core.replicated.state import (
    JOBS_WAITING_MAX,
    PIPELINES_MAX,
    ReplicatedState,
)


@rule(SubmitJob)
def _submit_one(command: SubmitJob, state: ReplicatedState, done: Applied) -> None:
    if earlier := _earlier(command, state):
        done.value, done.duplicate = earlier, True
        return
    done.refused = _refusal(command, state) or no_room((command,), state)
    if not done.refused:
        _submit(command, state, done)
        done.value = command.job_id


@rule(SubmitJobs)
def _submit_all(command: SubmitJobs, state: ReplicatedState, done: Applied) -> None:
    """`value`: their ids, separated by blanks."""
    earlier = [_earlier(one, state) for one in command.jobs]
    fresh = [one for one, known in zip(command.jobs, earlier, strict=True) if not known]
    done.refused = _batch_refusal(command, fresh, state)
    if done.refused:
        return
    for one in fresh:
        _submit(one, state, done)
    done.value = ' '.join(
        known or one.job_id for one, known in zip(command.jobs, earlier, strict=True)
    )
    done.duplicate = not fresh


def _batch_refusal(
    command: SubmitJobs, fresh: list[SubmitJob], state: ReplicatedState
) -> str:
    ids = [one.job_id for one in fresh]
    keys = [one.idempotency_key for one in fresh if one.idempotency_key]
    if len(set(ids)) != len(ids) or len(set(keys)) != len(keys):
        return 'two jobs of the batch have the same id or idempotency key'
    fresh_ids = set(ids)
    for place, one in enumerate(command.jobs, 1):
        if one.job_id in fresh_ids and (refusal := _refusal(one, state)):
            return f'job {place} of {len(command.jobs)}: {refusal}'
    return no_room(fresh, state)


def _earlier(command: SubmitJob, state: ReplicatedState) -> str:
    """The job that was submitted under the same key; '' = none."""
    key = command.idempotency_key
    return state.job_by_key.get(key, '') if key else ''


def _refusal(command: SubmitJob, state: ReplicatedState) -> str:
    """Why `command` cannot be taken; '' = it can."""
    try:
        # The origin checked it as well; a peer that did not must not crash every leader in turn.
        # An id has no dot, so that of a stage ('<pipeline>.<stage>') is never taken.
        checked_job_id(command.job_id)
        command.spec.check()
    except ValueError as error:
        return str(error)
    work = command.spec.work
    stages = work.stages if isinstance(work, PipelineWork) else ()
    ids = (command.job_id, *(stage_id(command.job_id, stage) for stage in stages))
    known = [job_id for job_id in ids if job_id in state.jobs]
    return f'job {known[0]} exists' if known else ''


def no_room(commands: 'tuple[SubmitJob, ...] | list[SubmitJob]', state: ReplicatedState) -> str:
    """Why so many more cannot wait; '' = they can. A pipeline counts as its stages."""
    works = [one.spec.work for one in commands]
    pipelines = [work for work in works if isinstance(work, PipelineWork)]
    count = len(works) - len(pipelines) + sum(len(work.stages) for work in pipelines)
    if len(state.waiting) + count > JOBS_WAITING_MAX:
        return f'{JOBS_WAITING_MAX} jobs may wait: try again when some have ended'
    if pipelines and len(state.pipelines) + len(pipelines) > PIPELINES_MAX:
        return f'{PIPELINES_MAX} pipelines may be open: try again when some have ended'
    return ''


def _submit(command: SubmitJob, state: ReplicatedState, done: Applied) -> None:
    job = enter(
        state,
        done,
        command.job_id,
        command.origin,
        command.spec,
        command.output_dir,
        command.idempotency_key,
    )
    if isinstance(command.spec.work, PipelineWork):
        open_pipeline(job, state, done)
