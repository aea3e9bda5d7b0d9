# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl jobs submit: owns how its arguments become a job."""

import argparse
from pathlib import Path
from typing import Any

from swarm_coordinator.cli.answers import REFUSED, UNAVAILABLE, print_json, say
from swarm_coordinator.cli.job_watch import follow
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.orders import JobOptions, JobOrder, order, work_of
from swarm_coordinator.ros.job_requests import Refused, submit_all
from swarm_coordinator.ros.requests import Unavailable

KINDS = ('python', 'record', 'call', 'encode')
# Of the output, where --out names none.
CONTAINERS = {'vp8': '.webm', 'vp9': '.webm', 'av1': '.webm', 'opus': '.opus', 'vorbis': '.ogg',
              'flac': '.flac', 'mp3': '.mp3', 'aac': '.m4a', 'mjpeg': '.avi', 'ffv1': '.mkv'}
CONTAINER_DEFAULT = '.mp4'


def submit(client: Any, options: argparse.Namespace) -> int:
    try:
        made = order_of(options)
        (submitted,) = submit_all(client.call, [made])
    except (ValueError, Refused) as error:
        return say(str(error), REFUSED)
    except Unavailable as error:
        return say(str(error), UNAVAILABLE)
    if options.no_wait:
        if options.json:
            return print_json({'job_id': submitted.job_id, 'duplicate': submitted.known})
        print(submitted.job_id)
        return 0
    return follow(client, [submitted.job_id], options.json)


def order_of(options: argparse.Namespace) -> JobOrder:
    """Raises ValueError that says what was expected."""
    kinds = [kind for kind in KINDS if getattr(options, kind)]
    kinds += ['exec'] if options.argv else []
    if len(kinds) != 1:
        given = f'{" and ".join(kinds)} were given' if kinds else 'none was given'
        raise ValueError(
            f'{given}: expected one of -- PROGRAM ARGS, --python, --record, --call, --encode'
        )
    work = _WORKS[kinds[0]](options)
    inputs = [*options.inputs, *([options.encode[1]] if options.encode else [])]
    outputs = tuple(options.outputs or _outputs(options))
    output_dir = options.output_dir or ('.' if outputs else '')
    return order(
        work,
        JobOptions(
            inputs=[_file(name) for name in inputs],
            outputs=outputs,
            output_dir=str(Path(output_dir).resolve()) if output_dir else '',
            key=options.key,
            timeout_s=options.timeout,
            deadline_s=options.deadline,
            attempts_max=options.attempts,
            retries=options.retries,
            retry_delay_s=options.retry_delay,
            effects=options.effects,
            priority=options.priority,
            requires=options.requires,
            memory_mb=options.memory,
            cpu=options.cpu,
            file_mb=options.file_size,
            battery_percent=options.battery,
            compute_unit=options.unit,
            labels=options.labels,
        ),
    )


def _file(name: str) -> str:
    path = Path(name).resolve()
    if not path.is_file():
        raise ValueError(f'{path}: no such file, or not a regular one')
    return str(path)


def _outputs(options: argparse.Namespace) -> list[str]:
    """Of kinds that always have one."""
    if options.record:
        return ['recording.mcap']
    if options.encode:
        codec, name = options.encode
        return [f'{Path(name).stem}.{codec}{CONTAINERS.get(codec, CONTAINER_DEFAULT)}']
    return []


def _exec(options: argparse.Namespace) -> Work:
    return work_of(
        'exec',
        argv=tuple(options.argv),
        environment=tuple(options.env),
        stdin=options.stdin,
        folder=options.folder,
    )


def _python(options: argparse.Namespace) -> Work:
    return work_of('python', callable=options.python, arguments=options.args)


def _record(options: argparse.Namespace) -> Work:
    return work_of(
        'record',
        topics=tuple(options.record),
        duration_ms=round(options.seconds * 1000),
        messages_max=options.messages,
    )


def _call(options: argparse.Namespace) -> Work:
    name, *rest = options.call
    if not 1 <= len(rest) <= 2:
        raise ValueError(
            '--call: expected NAME TYPE and perhaps JSON, e.g. reset std_srvs/srv/SetBool '
            '\'{"data": true}\''
        )
    return work_of('call', name=name, interface_type=rest[0], request=''.join(rest[1:]))


def _encode(options: argparse.Namespace) -> Work:
    width, _, height = (options.size or '0x0').partition('x')
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f'--size {options.size}: expected WIDTHxHEIGHT, e.g. 1280x720 or 1280x0')
    return work_of(
        'encode',
        codec=options.encode[0],
        bitrate_kbps=options.bitrate,
        width=int(width),
        height=int(height),
    )


_WORKS = {'exec': _exec, 'python': _python, 'record': _record, 'call': _call, 'encode': _encode}
