# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a pipeline runs: owns when its stages are submitted and how they decide its end.

No robot holds a pipeline. After each command the pipelines that it touched are looked at as a
whole: a stage whose needs are done becomes the job '<pipeline>.<stage>', a stage that ended
without success fails the pipeline, and with the pipeline all its stages end. What is done, and
the files that others need of it, is written into the pipeline: a stage may be forgotten before
the next one begins.
"""

from dataclasses import replace

from swarm_coordinator.core.jobs.job import Job, JobEvent, JobPhase
from swarm_coordinator.core.jobs.kinds.pipeline_kind import PipelineWork, Stage
from swarm_coordinator.core.jobs.spec import FileRef, JobSpec
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import RUN_MS_MAX
from swarm_coordinator.core.replicated.event_log import Notable
from swarm_coordinator.core.replicated.job_life import (
    advance,
    due_by,
    end_attempt,
    enter,
    retry,
)
from swarm_coordinator.core.replicated.rules import MS
from swarm_coordinator.core.replicated.state import ReplicatedState


def open_pipeline(job: Job, state: ReplicatedState, done: Applied) -> None:
    """It runs from here on; `settle` submits its stages. Opened again, it keeps those that are
    done and still known: their files are where they were."""
    job.granted(None, 0, state.applied_index)
    job.stages_ended((), ())
    advance(job, JobEvent.OPENED, state, done, f'opened with {len(_stages(job))} stages')
    job.progressed_ns = state.stamp_ns


def settle(state: ReplicatedState, done: Applied) -> None:
    """Look at the pipelines that a command touched, until nothing follows any more."""
    touched = dict.fromkeys(
        pipeline for job_id in done.jobs if (pipeline := _pipeline_of(job_id, state))
    )
    for job_id in touched:
        job = state.jobs[job_id]
        if not job.ended:
            _follow(job, state, done)
        if job.ended:
            _end_stages(job, state, done)


def fail_pipeline(job: Job, why: str, state: ReplicatedState, done: Applied) -> None:
    """It ends without success, and its stages with it."""
    job.reason, job.run_ms = why, _run_ms(job, state)
    advance(job, JobEvent.BROKE_DOWN, state, done, f'failed: {why}')
    done.notable.append(Notable('job_failed', 'warn', job.job_id, f'{job.job_id} failed: {why}'))
    _end_stages(job, state, done)


def stage_id(pipeline: str, stage: Stage) -> str:
    """Id of the job of a stage."""
    return f'{pipeline}.{stage.name}'


def _pipeline_of(job_id: str, state: ReplicatedState) -> str:
    """The pipeline that is the job or that it is a stage of; '' = none is known."""
    job = state.jobs.get(job_id)
    if job is None:
        return ''
    if job.pipeline:
        return job_id
    return job.parent if job.parent in state.jobs else ''


def _stages(job: Job) -> tuple[Stage, ...]:
    work = job.spec.work
    assert isinstance(work, PipelineWork), job
    return work.stages


# ---- while it runs


def _follow(job: Job, state: ReplicatedState, done: Applied) -> None:
    before = job.stages_done
    for stage in _stages(job):
        child = _child(job, stage, state)
        if child is None or stage.name in job.stages_done or not child.ended:
            continue
        if child.phase is not JobPhase.DONE:
            reason = child.reason or 'no reason is known'
            why = f'stage {stage.name} is {child.phase.value}: {reason}'
            fail_pipeline(job, why, state, done)
            return
        if child.delivered:
            _stage_done(job, stage, child)
    if job.stages_done != before:
        _progress(job, state, done)
    if len(job.stages_done) == len(_stages(job)):
        _complete(job, state, done)
    else:
        _begin_stages(job, state, done)


def _child(job: Job, stage: Stage, state: ReplicatedState) -> Job | None:
    """The job of a stage; None: not submitted since the pipeline was opened, and not done."""
    child = state.jobs.get(stage_id(job.job_id, stage))
    if child is None or child.phase is JobPhase.DONE:
        return child
    return None if child.ended and child.changed_index < job.token else child


def _stage_done(job: Job, stage: Stage, child: Job) -> None:
    wanted = _wanted(job)
    named = [replace(ref, name=f'{stage.name}/{ref.name}') for ref in child.outputs]
    kept = (ref for ref in named if ref.name in wanted)
    job.stages_ended((*job.stages_done, stage.name), (*job.outputs, *kept))


def _wanted(job: Job) -> set[str]:
    """Files that other stages are fed with or that the pipeline promises."""
    fed = {f'{feed.stage}/{feed.output}' for stage in _stages(job) for feed in stage.feeds}
    return fed | set(job.spec.outputs)


def _progress(job: Job, state: ReplicatedState, done: Applied) -> None:
    count, total = len(job.stages_done), len(_stages(job))
    text = f'{count} of {total} stages done'
    job.spoke(count * 1000 // total, job.progress_sequence + 1, text, state.stamp_ns)
    job.note(state.applied_index, state.stamp_ns, f'{text}: {job.stages_done[-1]}')
    done.jobs[job.job_id] = None


def _complete(job: Job, state: ReplicatedState, done: Applied) -> None:
    promised = set(job.spec.outputs)
    outputs = tuple(ref for ref in job.outputs if ref.name in promised)
    job.stages_ended(job.stages_done, outputs)
    job.exit_code, job.run_ms = 0, _run_ms(job, state)
    job.outputs_at = job.origin  # a stage is done when its files are there
    job.delivered = not outputs or not job.output_dir
    done.completed.append(job.job_id)
    advance(job, JobEvent.COMPLETED, state, done, f'all {len(job.stages_done)} stages are done')


def _begin_stages(job: Job, state: ReplicatedState, done: Applied) -> None:
    ready = set(job.stages_done)
    for stage in _stages(job):
        if stage.name in ready or _child(job, stage, state) is not None:
            continue
        if ready.issuperset(stage.needs):
            _begin(job, stage, state, done)


def _begin(job: Job, stage: Stage, state: ReplicatedState, done: Applied) -> None:
    spec, job_id = _spec_of(job, stage), stage_id(job.job_id, stage)
    known = state.jobs.get(job_id)
    if known is None:
        child = enter(state, done, job_id, job.origin, spec, parent=job.job_id)
        due_by(child, job.deadline_ns, state)
        return
    known.asked_anew(spec)
    retry(known, job.deadline_ns, state, done, f'{job.job_id} runs again')


def _spec_of(job: Job, stage: Stage) -> JobSpec:
    """That of the stage with its files; what it does not say is as the pipeline has it."""
    made = {ref.name: ref for ref in job.outputs}
    fed = tuple(
        replace(made[f'{feed.stage}/{feed.output}'], name=feed.name) for feed in stage.feeds
    )
    inputs: tuple[FileRef, ...] = (*stage.spec.inputs, *fed)
    return replace(
        stage.spec,
        inputs=inputs,
        priority=stage.spec.priority or job.spec.priority,
        labels=stage.spec.labels or job.spec.labels,
    )


def _run_ms(job: Job, state: ReplicatedState) -> int:
    return min(RUN_MS_MAX, max(0, state.stamp_ns - job.queued_ns) // MS)


# ---- when it has ended


def _end_stages(job: Job, state: ReplicatedState, done: Applied) -> None:
    """What has not ended is cancelled."""
    for stage in _stages(job):
        child = state.jobs.get(stage_id(job.job_id, stage))
        if child is None or child.ended:
            continue
        if child.held:
            end_attempt(child, state, done, 'cancelled')
        child.reason = f'its pipeline {job.job_id} is {job.phase.value}'
        advance(child, JobEvent.WITHDRAWN, state, done, f'cancelled: {child.reason}')
