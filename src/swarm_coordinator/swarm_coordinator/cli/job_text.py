# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs and routes as text and as JSON: owns which facts are shown, and their keys, which stay."""

import json
from collections.abc import Sequence
from typing import Any

from swarm_coordinator.cli import tables
from swarm_coordinator.core.jobs.job import ENDED_PHASES
from swarm_coordinator.ros.job_conversions import EFFECTS_FROM_MSG, PHASE_FROM_MSG


def phase_of(job: Any) -> str:
    return PHASE_FROM_MSG[job.phase].value


def has_ended(job: Any) -> bool:
    return PHASE_FROM_MSG[job.phase] in ENDED_PHASES


def job_facts(job: Any) -> dict[str, Any]:
    spec = job.spec
    return {
        'job_id': job.job_id,
        'phase': phase_of(job),
        'kind': spec.kind,
        'work': tables.work_text(spec),
        'origin': job.origin,
        'parent': job.parent or None,
        'robot': job.robot_id or None,
        'compute_unit': job.compute_unit or None,
        'attempt': job.attempt,
        'token': job.token,
        'failures': job.failures,
        'losses': job.losses,
        'moves': job.moves,
        'priority': spec.priority,
        'effects': EFFECTS_FROM_MSG[spec.effects].value,
        'labels': list(spec.labels),
        'progress': round(job.progress_permille / 1000, 3),
        'progress_text': job.progress_text,
        'exit_code': None if job.exit_code == job.NO_EXIT_CODE else job.exit_code,
        'result': _result(job),
        'run_ms': job.run_ms,
        'submitted_ns': job.submitted_ns,
        'changed_ns': job.changed_ns,
        'not_before_ns': job.not_before_ns or None,
        'deadline_ns': job.deadline_ns or None,
        'outputs': [
            {'name': ref.name, 'size_bytes': ref.size_bytes, 'sha256': bytes(ref.sha256).hex()}
            for ref in job.outputs
        ],
        'delivered': job.outputs_delivered,
        'reason': job.reason,
    }


def _result(job: Any) -> Any:
    try:
        return json.loads(job.result) if job.result else None
    except ValueError:
        return job.result


def name_of(job: Any) -> str:
    """What people called it: the label 'job:NAME' of a batch, the stage of a pipeline, else ''."""
    named = [label[4:] for label in job.spec.labels if label.startswith('job:')]
    stage = job.job_id.removeprefix(f'{job.parent}.') if job.parent else ''
    return named[0] if named else stage


def jobs_table(jobs: Sequence[Any], width: int | None = None) -> str:
    named = any(name_of(job) for job in jobs)
    header = ['job', 'name', 'phase', 'robot', 'run', 'work', 'note']
    rows = [
        [
            job.job_id,
            name_of(job),
            phase_of(job),
            job.robot_id or '-',
            tables.duration(job.run_ms) if job.run_ms else '-',
            tables.work_text(job.spec),
            note_of(job),
        ]
        for job in jobs
    ]
    if not named:
        del header[1]
        rows = [[row[0], *row[2:]] for row in rows]
    flexible = [name for name in ('name', 'work', 'note') if name in header]
    return tables.table(header, rows, width, flexible)


def job_text(job: Any) -> str:
    """All that is worth saying of one job, a line each."""
    route = f'{job.robot_id}/{job.compute_unit}' if job.compute_unit else job.robot_id
    counts = [
        f'attempt {job.attempt}' if job.attempt else '',
        f'failed {job.failures}x' if job.failures else '',
        f'lost {job.losses}x' if job.losses else '',
        f'moved {job.moves}x' if job.moves else '',
        f'ran {tables.duration(job.run_ms)}' if job.run_ms else '',
    ]
    lines = [
        ('job', f'{job.job_id}{f" ({name_of(job)})" if name_of(job) else ""}'),
        ('phase', phase_of(job) + (f' on {route}' if route else '')),
        ('', ', '.join(filter(None, counts))),
        ('work', f'{job.spec.kind}: {tables.work_text(job.spec)}'),
        ('labels', ' '.join(job.spec.labels)),
        ('progress', '' if has_ended(job) else
         f'{job.progress_permille // 10} % {job.progress_text}'),
        ('result', job.result),
        ('outputs', ', '.join(
            f'{one.name} ({tables.size(one.size_bytes)})' for one in job.outputs
        )),
        ('reason', job.reason),
    ]
    return '\n'.join(f'{name:8}  {tables.one_line(text)}' for name, text in lines if text)


def note_of(job: Any) -> str:
    """What else is to be said: how far it is, why it waits or failed, what it answered."""
    parts = []
    if not has_ended(job) and (job.progress_permille or job.progress_text):
        parts.append(f'{job.progress_permille // 10} % {job.progress_text}'.strip())
    if job.attempt > 1:
        parts.append(f'attempt {job.attempt}')
    if job.moves:
        parts.append(f'moved {job.moves}x')
    if job.reason:
        parts.append(job.reason)
    elif job.result:
        parts.append(f'= {job.result}')
    return ', '.join(parts)


def ending(job: Any) -> str:
    """One line: how it ended."""
    name = name_of(job)
    text = f'{job.job_id}{f" ({name})" if name else ""} {phase_of(job)}'
    if job.phase == job.PHASE_DONE:
        octets = sum(ref.size_bytes for ref in job.outputs)
        text += f' on {job.robot_id}' if job.robot_id else ''
        text += f' in {tables.duration(job.run_ms)}' if job.run_ms else ''
        text += f', {tables.size(octets)} back' if job.outputs else ''
        text += f' = {job.result}' if job.result else ''
    return tables.one_line(f'{text}: {job.reason}' if job.reason else text)


def progress_line(job: Any, id_width: int = 0) -> str:
    """'r1-7-1  [####------]  40 % running on r2, copying'."""
    full = job.progress_permille // 100
    where = f' on {job.robot_id}' if job.robot_id else ''
    said = job.progress_text or (job.reason if not where else '')
    label = name_of(job) or job.job_id
    return tables.one_line(
        f'{label.ljust(id_width)}  [{"#" * full}{"-" * (10 - full)}] '
        f'{job.progress_permille // 10:3} % {phase_of(job)}{where}{f", {said}" if said else ""}'
    )


# ---- routes


def candidate_facts(one: Any) -> dict[str, Any]:
    return {
        'robot': one.robot_id,
        'compute_unit': one.compute_unit or None,
        'backlog_ms': one.backlog_ms,
        'work_ms': one.work_ms,
        'transfer_ms': one.transfer_ms,
        'success': one.success_permille / 1000,
        'cost_ms': one.cost_ms,
        'lost': one.lost or None,
    }


def candidates_table(candidates: Sequence[Any], width: int | None = None) -> str:
    """Cost = (backlog + work + transfer) / success."""
    header = ('route', 'backlog', 'work', 'transfer', 'success', 'cost', 'why it lost')
    rows = [
        (
            route_name(one),
            tables.duration(one.backlog_ms),
            tables.duration(one.work_ms),
            tables.duration(one.transfer_ms),
            f'{one.success_permille / 10:.0f} %',
            tables.duration(one.cost_ms),
            one.lost or '(chosen)',
        )
        for one in candidates
    ]
    return tables.table(header, rows, width, ('why it lost',))


def route_name(one: Any) -> str:
    return f'{one.robot_id}/{one.compute_unit}' if one.compute_unit else str(one.robot_id)


def route_facts(one: Any) -> dict[str, Any]:
    return {
        'task': one.task,
        'robot': one.robot_id,
        'compute_unit': one.compute_unit or None,
        'done': one.jobs_done,
        'failed': one.jobs_failed,
        'lost': one.jobs_lost,
        'stolen': one.jobs_stolen,
        'success': round(one.success, 4),
        'mean_ms': one.mean_ms,
        'p95_ms': one.p95_ms,
        'work_ms': one.work_ms,
        'cost_ms': one.cost_ms,
    }


def routes_table(routes: Sequence[Any], width: int | None = None) -> str:
    header = ('task', 'route', 'done', 'failed', 'lost', 'success', 'mean', 'p95', 'cost now')
    rows = [
        (
            one.task,
            route_name(one),
            one.jobs_done,
            one.jobs_failed,
            one.jobs_lost,
            f'{one.success:.0%}',
            tables.duration(one.mean_ms) if one.mean_ms else '-',
            tables.duration(one.p95_ms) if one.p95_ms else '-',
            tables.duration(one.cost_ms),
        )
        for one in routes
    ]
    return tables.table(header, rows, width, ('task', 'route'))
