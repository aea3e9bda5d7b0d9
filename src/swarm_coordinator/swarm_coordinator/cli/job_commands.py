# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about jobs: submit, list, watch, cancel, explain."""

import argparse
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swarm_msgs import msg, srv

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import FAILED, OK, REFUSED, exit_code, print_json, say
from swarm_coordinator.core.jobs.job import Effects, JobPhase
from swarm_coordinator.ros.conversions import PHASE_FROM_MSG, PHASE_TO_MSG, is_settled
from swarm_coordinator.ros.topics import TOPICS

PAGE = 500


def submit(client: Any, options: argparse.Namespace) -> int:
    paths = [Path(name).resolve() for name in options.inputs]
    for path in paths:
        if not path.is_file():
            return say(f'--in {path}: no such file, or not a regular one', REFUSED)
    output_dir = options.output_dir or ('.' if options.outputs else '')
    request = srv.SubmitJob.Request(
        spec=msg.JobSpec(
            kind='exec',
            argv=options.argv,
            outputs=options.outputs,
            timeout_ms=round(options.timeout * 1000),
            attempts_max=options.attempts,
            effects=[one.value for one in Effects].index(options.effects),
            priority=options.priority,
            labels=options.labels,
        ),
        input_paths=[str(path) for path in paths],
        output_dir=str(Path(output_dir).resolve()) if output_dir else '',
        idempotency_key=options.key or uuid.uuid4().hex,
    )
    answer = client.call(srv.SubmitJob, 'submit_job', request, 30.0)
    if (code := exit_code(answer)) != OK:
        return code
    if options.no_wait:
        if options.json:
            return print_json({'job_id': answer.job_id})
        print(answer.job_id)
        return OK
    return _follow(client, [answer.job_id], [], options.json)


def _jobs(
    client: Any, ids: Sequence[str], labels: Sequence[str], phases: Sequence[int]
) -> list[Any]:
    """All matching jobs, page by page."""
    found: list[Any] = []
    while True:
        request = srv.ListJobs.Request(
            job_ids=list(ids),
            labels=list(labels),
            phases=list(phases),
            after=found[-1].job_id if found else '',
            limit=PAGE,
        )
        page = client.call(srv.ListJobs, 'list_jobs', request).jobs
        found += page
        if len(page) < PAGE:
            return found


def list_jobs(client: Any, options: argparse.Namespace) -> int:
    phases = [PHASE_TO_MSG[JobPhase(phase)] for phase in options.phase]
    return _show(_jobs(client, (), options.labels, phases), options.json)


def _show(jobs: Sequence[Any], as_json: bool) -> int:
    if as_json:
        return print_json([_job_facts(job) for job in jobs])
    print(
        tables.table(
            ('job', 'phase', 'robot', 'attempt', 'run', 'command', 'note'),
            [
                (
                    job.job_id,
                    PHASE_FROM_MSG[job.phase].value,
                    job.robot_id or '-',
                    job.attempt or '-',
                    f'{job.run_ms / 1000:.2f} s' if job.run_ms else '-',
                    ' '.join(job.spec.argv)[:60],
                    job.reason[:80],
                )
                for job in jobs
            ],
        )
    )
    return OK


def _job_facts(job: Any) -> dict[str, Any]:
    return {
        'job_id': job.job_id,
        'phase': PHASE_FROM_MSG[job.phase].value,
        'origin': job.origin,
        'robot': job.robot_id or None,
        'attempt': job.attempt,
        'token': job.token,
        'argv': list(job.spec.argv),
        'labels': list(job.spec.labels),
        'exit_code': None if job.exit_code == job.NO_EXIT_CODE else job.exit_code,
        'run_ms': job.run_ms,
        'outputs': [
            {'name': ref.name, 'size_bytes': ref.size_bytes, 'sha256': bytes(ref.sha256).hex()}
            for ref in job.outputs
        ],
        'delivered': job.outputs_delivered,
        'reason': job.reason,
    }


def watch(client: Any, options: argparse.Namespace) -> int:
    return _follow(client, options.job_ids, options.labels, options.json)


def _follow(client: Any, ids: Sequence[str], labels: Sequence[str], as_json: bool) -> int:
    """A line for each job that ends, a progress bar below; ends when all have."""
    changed = [True]
    topic = TOPICS['/swarm/jobs']
    client.node.create_subscription(
        msg.JobUpdates, topic.name, lambda _: changed.__setitem__(0, True), topic.qos
    )
    line, told = tables.StatusLine(), set[str]()
    while True:
        jobs = _jobs(client, ids, labels, ())
        missing = set(ids) - {job.job_id for job in jobs}
        if missing:
            line.end()
            return say(f'no such job: {", ".join(sorted(missing))}', FAILED)
        ended = [job for job in jobs if is_settled(job)]
        for job in ended:
            if job.job_id not in told and not as_json:
                line.print(_ending(job))
            told.add(job.job_id)
        line.show(f'{tables.bar(len(ended), len(jobs))} done or ended')
        if len(ended) == len(jobs):
            line.end()
            failed = [job for job in jobs if job.phase != job.PHASE_DONE or job.reason]
            if as_json:
                print_json([_job_facts(job) for job in jobs])
            return FAILED if failed else OK
        changed[0] = False
        # Updates come as messages; asking again now and then covers a lost leader.
        client.spin_until(lambda: changed[0], 1.0)


def _ending(job: Any) -> str:
    text = f'{job.job_id} {PHASE_FROM_MSG[job.phase].value}'
    if job.phase == job.PHASE_DONE:
        octets = sum(ref.size_bytes for ref in job.outputs)
        text += f' on {job.robot_id} in {job.run_ms / 1000:.2f} s'
        text += f', {tables.size(octets)} back' if job.outputs else ''
    return f'{text}: {job.reason}' if job.reason else text


def cancel(client: Any, options: argparse.Namespace) -> int:
    request = srv.CancelJob.Request(job_id=options.job_id, reason=options.reason)
    return exit_code(client.call(srv.CancelJob, 'cancel_job', request))


def explain(client: Any, options: argparse.Namespace) -> int:
    request = srv.Explain.Request(subject=srv.Explain.Request.SUBJECT_JOB, id=options.job_id)
    answer = client.call(srv.Explain, 'explain', request)
    if not answer.found:
        return say(answer.reason, FAILED)
    if options.json:
        return print_json(
            [
                {'stamp_ns': s.stamp_ns, 'log_index': s.log_index, 'what': s.what}
                for s in answer.story
            ]
        )
    for story in answer.story:
        clock = time.strftime('%H:%M:%S', time.localtime(story.stamp_ns / 1e9))
        print(
            f'{clock}.{story.stamp_ns // 1_000_000 % 1000:03}  {story.log_index:>6}  {story.what}'
        )
    return OK
