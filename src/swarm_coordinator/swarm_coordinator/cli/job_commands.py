# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about jobs that there are: list, watch, logs, cancel, retry, explain,
routes.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from swarm_msgs import msg, srv

from swarm_coordinator.cli.answers import FAILED, OK, REFUSED, exit_code, print_json, say
from swarm_coordinator.cli.job_choice import NoSuchJob, all_jobs, named_jobs
from swarm_coordinator.cli.job_text import (
    candidate_facts,
    candidates_table,
    has_ended,
    job_facts,
    job_text,
    jobs_table,
    phase_of,
    route_facts,
    route_name,
    routes_table,
)
from swarm_coordinator.cli.job_watch import follow
from swarm_coordinator.core.jobs.job import ENDED_PHASES, JobPhase
from swarm_coordinator.ros.job_conversions import PHASE_TO_MSG
from swarm_coordinator.ros.job_handle import (
    LOG_AGAIN_S,
    LOG_WAIT_MS,
    STREAMS,
    is_to_come,
    log_parts,
)

OPEN_PHASES = tuple(PHASE_TO_MSG[phase] for phase in JobPhase if phase not in ENDED_PHASES)
BAD_PHASES = tuple(
    PHASE_TO_MSG[phase] for phase in JobPhase
    if phase in ENDED_PHASES and phase is not JobPhase.DONE
)


def list_jobs(client: Any, options: argparse.Namespace) -> int:
    phases = [PHASE_TO_MSG[JobPhase(phase)] for phase in options.phase]
    filters = options.on or options.kind
    jobs = all_jobs(
        client, (), options.labels, phases, 0 if filters else max(0, options.last)
    )
    jobs = [
        job for job in jobs
        if options.on in ('', job.robot_id) and options.kind in ('', job.spec.kind)
    ]
    jobs = jobs[-options.last :] if options.last > 0 else jobs
    if options.json:
        return print_json([job_facts(job) for job in jobs])
    if not jobs:
        print('no jobs')
        return OK
    print(jobs_table(jobs))
    return OK


def watch(client: Any, options: argparse.Namespace) -> int:
    try:
        jobs = named_jobs(client, options.job_ids)
    except NoSuchJob as error:
        return say(str(error), FAILED)
    if not options.job_ids:
        jobs = all_jobs(client, (), options.labels, () if options.labels else OPEN_PHASES)
    if not jobs and not options.json:
        print('no jobs to follow')
        return OK
    return follow(client, [job.job_id for job in jobs], options.json)


def logs(client: Any, options: argparse.Namespace) -> int:
    try:
        (job,) = named_jobs(client, [options.job_id])
    except NoSuchJob as error:
        return say(str(error), FAILED)
    stream = 'stderr' if options.stderr else 'stdout'
    request = srv.ReadJobLog.Request(
        job_id=job.job_id,
        attempt=options.attempt,
        stream=STREAMS[stream],
        offset=-options.tail,
        wait_ms=LOG_WAIT_MS if options.follow else 0,
    )
    answers: list[Any] = []

    def ask(asked: Any) -> Any:
        answer = client.call(srv.ReadJobLog, 'read_job_log', asked, again_s=LOG_AGAIN_S)
        answers[:] = [answer]
        return answer

    def to_come() -> bool:
        return any(is_to_come(one) for one in all_jobs(client, [job.job_id]))

    text = b''
    try:
        for data in log_parts(ask, request, to_come):
            if options.json:
                text += data
                continue
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    except KeyError as error:
        return say(f'no {stream} of {job.job_id}: {error.args[0]}', FAILED)
    (answer,) = answers
    if answer.dropped_bytes and not options.json:
        say(f'{answer.dropped_bytes} bytes in the middle were dropped: the log was too long', OK)
    if options.json:
        return print_json({
            'job_id': job.job_id,
            'attempt': answer.attempt,
            'robot': answer.robot_id,
            'stream': stream,
            'size_bytes': answer.size_bytes,
            'dropped_bytes': answer.dropped_bytes,
            'ended': answer.ended,
            'text': text.decode(errors='replace'),
        })
    return OK


# ---- changes


def cancel(client: Any, options: argparse.Namespace) -> int:
    def ask(job_id: str) -> Any:
        request = srv.CancelJob.Request(job_id=job_id, reason=options.reason)
        return client.call(srv.CancelJob, 'cancel_job', request)

    return _change(client, options, OPEN_PHASES, 'cancelled', ask)


def retry(client: Any, options: argparse.Namespace) -> int:
    def ask(job_id: str) -> Any:
        request = srv.RetryJob.Request(job_id=job_id, reason=options.reason)
        return client.call(srv.RetryJob, 'retry_job', request)

    return _change(client, options, BAD_PHASES, 'submitted again', ask)


def _change(
    client: Any,
    options: argparse.Namespace,
    phases: tuple[int, ...],
    becomes: str,
    ask: Callable[[str], Any],
) -> int:
    """Of jobs by their ids, and of those in `phases` that have the labels."""
    if not options.job_ids and not options.labels:
        return say('expected ids of jobs, or --label', REFUSED)
    try:
        jobs = named_jobs(client, options.job_ids)
    except NoSuchJob as error:
        return say(str(error), FAILED)
    if options.labels:
        known = {job.job_id for job in jobs}
        labelled = all_jobs(client, (), options.labels, phases)
        jobs += [job for job in labelled if job.job_id not in known]
    codes, facts = [], []
    for job in jobs:
        if job.phase in phases:
            answer = ask(job.job_id)
            codes.append(exit_code(answer))
            reason = answer.reason
        else:
            reason = f'{job.job_id} is {phase_of(job)}: it cannot be {becomes}'
            codes.append(say(reason, REFUSED))
        facts.append({'job_id': job.job_id, 'accepted': codes[-1] == OK, 'reason': reason})
        if codes[-1] == OK and not options.json:
            print(f'{job.job_id} {becomes}')
    if options.json:
        print_json(facts)
    elif not jobs:
        print('no such jobs')
    return max(codes, default=OK)


# ---- why


def explain(client: Any, options: argparse.Namespace) -> int:
    try:
        (job,) = named_jobs(client, [options.job_id])
    except NoSuchJob as error:
        return say(str(error), FAILED)
    request = srv.Explain.Request(subject=srv.Explain.Request.SUBJECT_JOB, id=job.job_id)
    answer = client.call(srv.Explain, 'explain', request)
    if not answer.found:
        return say(answer.reason, FAILED)
    if options.json:
        return print_json({
            'job': job_facts(job),
            'story': [
                {'stamp_ns': one.stamp_ns, 'log_index': one.log_index, 'what': one.what}
                for one in answer.story
            ],
            'candidates': [candidate_facts(one) for one in answer.candidates],
        })
    print(job_text(job) + '\n')
    for one in answer.story:
        print(story_line(one))
    if job.phase == job.PHASE_SUBMITTED:
        for one in answer.candidates:
            print(f'not {route_name(one)}: {one.lost}')
    elif answer.candidates:
        print('\nroutes of the last grant, cost = (backlog + work + transfer) / success:')
        print(candidates_table(answer.candidates))
    if not has_ended(job) and job.not_before_ns > time.time_ns():
        print(f'\nwaits for {(job.not_before_ns - time.time_ns()) / 1e9:.0f} s more')
    return OK


def story_line(line: msg.StoryLine) -> str:
    clock = time.strftime('%H:%M:%S', time.localtime(line.stamp_ns / 1e9))
    return f'{clock}.{line.stamp_ns // 1_000_000 % 1000:03}  {line.log_index:>6}  {line.what}'


def routes(client: Any, options: argparse.Namespace) -> int:
    request = srv.ListRoutes.Request(task=options.task, robot_id=options.on)
    found = client.call(srv.ListRoutes, 'list_routes', request).routes
    if options.json:
        return print_json([route_facts(one) for one in found])
    if not found:
        print('nothing was learnt yet' + (f' of {options.task}' if options.task else ''))
        return OK
    print(routes_table(found))
    return OK
