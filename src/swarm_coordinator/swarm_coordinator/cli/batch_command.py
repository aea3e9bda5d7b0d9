# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl jobs run: a batch file from a terminal. `check` needs no robot and no ROS."""

import argparse
import sys
import uuid
from pathlib import Path
from typing import Any

from swarm_coordinator.batch import Batch, BatchErrors, read_batch
from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import (
    INTERRUPTED,
    OK,
    REFUSED,
    UNAVAILABLE,
    print_json,
    say,
)
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.kinds.pipeline_kind import PipelineWork
from swarm_coordinator.core.jobs.kinds.python_kind import PythonWork
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.marked_yaml import TEXT_BYTES_MAX
from swarm_coordinator.orders import KEY_CHARS_MAX

RUN_CHARS_MAX = KEY_CHARS_MAX - 64


def check(options: argparse.Namespace) -> int:
    batch = _read(options, 'check')
    if isinstance(batch, int):
        return batch
    if options.json:
        return print_json({
            'batch': batch.name,
            'jobs': [
                {
                    'name': job.name,
                    'kind': job.order.spec.kind,
                    'work': work_text(job.order.spec.work),
                    'stages': list(job.names) if len(job.names) > 1 else [],
                    'inputs': list(job.order.input_paths),
                    'outputs': list(job.order.spec.outputs),
                    'output_dir': job.order.output_dir,
                }
                for job in batch.jobs
            ],
        })
    print(plan_text(batch))
    return OK


def plan_text(batch: Batch, width: int | None = None) -> str:
    """What would be submitted."""
    rows = [
        (
            job.name,
            job.order.spec.kind,
            work_text(job.order.spec.work),
            len(job.order.input_paths) + sum(len(paths) for _, paths in job.order.stage_paths),
            len(job.order.spec.outputs),
        )
        for job in batch.jobs
    ]
    shown = tables.table(('name', 'kind', 'work', 'in', 'out'), rows, width, ('name', 'work'))
    count = sum(len(job.names) for job in batch.jobs)
    return f'{shown}\n{batch.name}: {count} job{"s" * (count != 1)}, nothing is wrong'


def work_text(work: Work) -> str:
    if isinstance(work, ExecWork):
        return ' '.join(work.argv)
    if isinstance(work, PythonWork):
        return tables.python_text(work.callable, work.arguments)
    if isinstance(work, PipelineWork):
        return ' > '.join(stage.name for stage in work.stages)
    return work.task()


def _read(options: argparse.Namespace, run: str) -> Batch | int:
    """The batch, or the exit code where it cannot be."""
    path = Path(options.file)
    try:
        with path.open('rb') as file:
            octets = file.read(TEXT_BYTES_MAX + 1)
        text = octets.decode()
    except OSError as error:
        return say(f'{path}: {error.strerror}', REFUSED)
    except UnicodeDecodeError as error:
        return say(f'{path}: byte {error.start} is not UTF-8', REFUSED)
    try:
        return read_batch(text, str(path), path.resolve().parent, run)
    except BatchErrors as error:
        for line in error.lines():
            print(line, file=sys.stderr)
        count = len(error.problems)
        return say(f'{path}: {count} problem{"s" * (count != 1)}, nothing submitted', REFUSED)


def run(client: Any, options: argparse.Namespace) -> int:
    name = options.run_name or uuid.uuid4().hex[:8]
    if len(name) > RUN_CHARS_MAX:
        return say(f'--run: expected at most {RUN_CHARS_MAX} characters', REFUSED)
    batch = _read(options, name)
    if isinstance(batch, int):
        return batch
    again = f'swarmctl jobs run {options.file} --run {name}'
    if not options.run_name and not options.no_wait:
        say(f'run {name}; after an interruption go on with: {again}', OK)
    try:
        return _submit_and_follow(client, batch, options)
    except KeyboardInterrupt:
        say(f'interrupted, the jobs go on; follow them with: {again}', OK)
        return INTERRUPTED


def _submit_and_follow(client: Any, batch: Batch, options: argparse.Namespace) -> int:
    # Late: checking a file must not need ROS.
    from swarm_msgs import srv

    from swarm_coordinator.cli.job_choice import all_jobs
    from swarm_coordinator.cli.job_commands import BAD_PHASES
    from swarm_coordinator.cli.job_watch import follow
    from swarm_coordinator.ros.job_requests import Refused, checked, submit_all
    from swarm_coordinator.ros.requests import Unavailable

    submitted = []
    live = tables.Live()
    try:
        for one in submit_all(client.call, [job.order for job in batch.jobs]):
            submitted.append(one)
            if not options.json:
                live.show([f'{tables.bar(len(submitted), len(batch.jobs))} submitted'])
        live.end()
        known = [one.job_id for one in submitted if one.known]
        if known:
            say(f'{len(known)} of {len(submitted)} were submitted before', OK)
        if options.retry_failed and known:
            for job in all_jobs(client, known, (), BAD_PHASES):
                request = srv.RetryJob.Request(job_id=job.job_id, reason='retried by its batch')
                checked(client.call(srv.RetryJob, 'retry_job', request))
    except Refused as error:
        live.end()
        job = f'job {batch.jobs[error.place].name!r}: ' if error.place is not None else ''
        said = f' ({len(submitted)} of {len(batch.jobs)} were submitted before)'
        return say(f'{job}{error}{said if submitted else ""}', REFUSED)
    except Unavailable as error:
        live.end()
        return say(f'{error} ({len(submitted)} of {len(batch.jobs)} submitted)', UNAVAILABLE)
    ids = [one.job_id for one in submitted]
    if not options.no_wait:
        return follow(client, ids, options.json)
    if options.json:
        pairs = zip(batch.jobs, submitted, strict=True)
        return print_json([
            {'name': job.name, 'job_id': one.job_id, 'duplicate': one.known} for job, one in pairs
        ])
    print('\n'.join(ids))
    return OK
