# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Functions that tests of python jobs call in a worker: good ones and bad ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from swarm_coordinator import job

left: list[Any] = []
calls = 0


class Tools:
    @staticmethod
    def twice(number: int) -> int:
        return 2 * number


not_a_function = 3


def noop() -> None:
    pass


def add(first: int, second: int = 0) -> int:
    return first + second


def counted() -> list[int]:
    global calls
    calls += 1
    return [os.getpid(), calls]


def surroundings() -> dict[str, Any]:
    import tempfile

    names = ('SWARM_JOB_ID', 'SWARM_ATTEMPT', 'SWARM_TOKEN', 'SWARM_COMPUTE_UNIT', 'HOME', 'EXTRA')
    told: dict[str, Any] = {name: os.environ.get(name, '') for name in names}
    told['folder'], told['token'], told['job'] = os.getcwd(), job.token(), job.job_id()
    told['temporary'] = tempfile.gettempdir()
    told['path'] = sys.path[0]
    Path('left').touch()  # so that the next job has another folder
    os.environ['EXTRA'] = 'left by a job'
    os.environ['HOME'] = '/nowhere'
    sys.path.insert(0, '/nowhere')
    return told


def copy(source: str, target: str) -> int:
    data = Path(source).read_bytes()
    Path(target).write_bytes(data)
    return len(data)


def says() -> None:
    print('to stdout')
    print('to stderr', file=sys.stderr)
    job.note('beginning')
    job.progress(0.5, 'half way\nthere')
    job.progress(1.0)


def tells(fifo: str, text: str) -> None:
    """Lets the test know where this is, and waits for ever."""
    with open(fifo, 'w') as file:
        file.write(f'{os.getpid()} {text}\n')
    threading.Event().wait()


def stubborn(fifo: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tells(fifo, 'stubborn')


def fails(text: str) -> None:
    raise ValueError(text)


def fails_in_library() -> None:
    import json

    json.loads('{')


def big(size: int) -> str:
    return 'x' * size


def strange(what: str) -> Any:
    return {
        'set': {1, 2},
        'nan': float('nan'),
        'surrogate': '\ud800',
        'loop': left,
    }[what]


def make_loop() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


def exits(code: Any) -> None:
    sys.exit(code)


def vanishes(code: int) -> None:
    print('last words', file=sys.stderr, flush=True)
    os._exit(code)


def crashes() -> None:
    import ctypes

    ctypes.string_at(0)


def closes_everything() -> str:
    os.closerange(0, 1000)
    return 'still there'


def closes_stdout() -> str:
    sys.stdout.close()
    return 'done'


def forges() -> str:
    """Writes to the socket of its worker."""
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b'{"end": "nonsense"}\n')
        except OSError:
            continue
    return 'done'


def leaves_process(fifo: str, new_session: bool) -> int:
    script = f'trap "" TERM HUP; echo > {fifo}; sleep 600; :'
    return subprocess.Popen(['sh', '-c', script], start_new_session=new_session).pid


def leaves_orphan(fifo: str) -> None:
    """Forks twice, so that its parent is gone."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(fifo, 'w') as file:
                file.write(f'{os.getpid()}\n')
            signal.pause()
        os._exit(0)
    os.wait()


def leaves_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def takes_memory(size: int, keep: bool = False) -> int:
    block = b'x' * size
    if keep:
        left.append(block)
    return len(block)


def writes(name: str, size: int) -> None:
    Path(name).write_bytes(bytes(size))


def prints(megabytes: int) -> None:
    block = b'x' * (1 << 20)
    for _ in range(megabytes):
        sys.stdout.buffer.write(block)


def floods(lines: int) -> None:
    for number in range(lines):
        job.progress(number / lines, f'line {number}')
    os.write(int(os.environ['SWARM_PROGRESS_FD']), b'\xff\x00garbage' * 10_000)


def deep() -> None:
    deep()


def reads(path: str) -> str:
    return Path(path).read_text()[:100]


def who() -> list[int]:
    return [os.getuid(), os.getpid()]
