# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""For code that runs as a job: says how far it is, and knows under which token it runs.

    from swarm_coordinator import job

    def map_floor(floor, rooms):
        for number, room in enumerate(rooms):
            job.progress(number / len(rooms), f'room {room}')
            ...
        return {'rooms': len(rooms)}

Works in `python` jobs and in Python programs that run as `exec` jobs. The working folder holds the
inputs of the job, and its outputs are taken from there. Outside a job, progress goes nowhere.
"""

import contextlib
import os

LINE_BYTES_MAX = 4096
TEXT_CHARS_MAX = 500


def progress(fraction: float, text: str = '') -> None:
    """`fraction` of the work that is done, 0 to 1; `text` says in a few words what is being done.

    Costs a system call: not for the innermost loop. Raises ValueError for another fraction.
    """
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f'fraction={fraction!r}: expected 0 to 1')
    _say(f'progress {fraction:.4f} {_one_line(text)}')


def note(text: str) -> None:
    """Words only; the fraction stays."""
    _say(f'note {_one_line(text)}')


def token() -> int:
    """The fencing token of this attempt: who guards a resource refuses a lower one than it has
    seen. Raises RuntimeError outside a job."""
    return int(_given('SWARM_TOKEN'))


def job_id() -> str:
    """Raises RuntimeError outside a job."""
    return _given('SWARM_JOB_ID')


def _given(name: str) -> str:
    value = os.environ.get(name, '')
    if not value:
        raise RuntimeError(f'{name} is not set: this is not running as a job of a swarm')
    return value


def _one_line(text: str) -> str:
    return ' '.join(str(text)[:TEXT_CHARS_MAX].split())


def _say(line: str) -> None:
    descriptor = os.environ.get('SWARM_PROGRESS_FD', '')
    if not descriptor.isdecimal():
        return
    data = line.encode('utf-8', 'replace')[: LINE_BYTES_MAX - 1] + b'\n'
    # Where nobody reads it any more, that is not the job's failure.
    with contextlib.suppress(OSError):
        os.write(int(descriptor), data)
