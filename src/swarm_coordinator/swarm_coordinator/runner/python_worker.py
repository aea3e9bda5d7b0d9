# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The process that calls the functions of `python` jobs, one after the other. Run as a module.

    python -m swarm_coordinator.runner.python_worker FD MODULE:FUNCTION...

Owns what a call sees: its working folder, environment and limits, and how its value or its error
becomes text. Talks to python_pool.py over the socket FD, whose packets are each one message; a
message is a line of JSON and then, perhaps, text:

    <- {"job_id", "attempt", "token", "unit", "folder", "callable", "memory_bytes", "file_bytes"}
       arguments
    -> {"hello": [callable...], "problems": {callable: why}, "rss_kb": n}
    -> {"end": exit code, "left": what it left behind, "rss_kb": n}
       result, or the reason of a failure

Imports as little as it can: it is started for every slot of a robot.
"""

import json
import os
import resource
import signal
import socket
import sys
import threading
from typing import Any

PACKET_BYTES_MAX = 80 * 1024  # 64 KiB of arguments and their head
RESULT_BYTES_MAX = 8 * 1024  # as in job_run.py, which is not imported for its weight
REASON_CHARS_MAX = 1000
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)

Json = dict[str, Any]


class TooLarge(Exception):
    """The value of a call is more than the log of the swarm should carry."""


def find_callables(names: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What is named 'module:function', imported; and for each that cannot be, why."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in names:
        module, _, path = name.partition(':')
        try:
            value: Any = __import__(module, fromlist=['_'])
            for part in path.split('.'):
                value = getattr(value, part)
            if not callable(value):
                raise TypeError(f'{path} is no function')
        except BaseException as error:  # a module may do anything when it is imported
            if isinstance(error, KeyboardInterrupt):
                raise
            problems[name] = f'{type(error).__name__}: {error}'[:REASON_CHARS_MAX]
        else:
            found[name] = value
    return found, problems


def call(function: Any, arguments: str) -> str:
    """Its value as JSON; '' for None."""
    given = json.loads(arguments) if arguments else []
    value = function(**given) if isinstance(given, dict) else function(*given)
    if value is None:
        return ''
    text = json.dumps(value, separators=(',', ':'), allow_nan=False, ensure_ascii=False)
    size = len(text.encode('utf-8', 'surrogatepass'))
    if size > RESULT_BYTES_MAX:
        raise TooLarge(
            f'its result takes {size} bytes as JSON, at most {RESULT_BYTES_MAX}: write it to a '
            'file and name that as an output of the job'
        )
    text.encode()  # half of a surrogate pair is no text
    return text


def reason_of(error: BaseException) -> str:
    """What went wrong, and where: the last line of code that is not the standard library's."""
    if isinstance(error, TooLarge):
        return str(error)
    said = f'{type(error).__name__}: {error}'.strip().removesuffix(':')
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    library = os.path.dirname(os.__file__) + os.sep
    theirs = [
        each for each in frames
        if each[0] != __file__
        and (not each[0].startswith(library) or 'site-packages' in each[0])
        and not each[0].startswith('<')
    ]
    if theirs:
        file, line, function = theirs[-1]
        said = f'{said[: REASON_CHARS_MAX - 200]} ({file}:{line} in {function})'
    return said[:REASON_CHARS_MAX]


class Surroundings:
    """What a job may change in this process, and what it must be for the next one."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self.threads = threading.active_count()
        self.data_bytes = _data_bytes()
        self.hard_data = resource.getrlimit(resource.RLIMIT_DATA)[1]
        self.hard_file = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        self.path = list(sys.path)
        self._limits = (-1, -1)

    def enter(self, job: Json) -> None:
        folder = job['folder']
        os.chdir(folder)
        os.environ.update(
            HOME=folder,
            TMPDIR=folder,
            SWARM_JOB_ID=job['job_id'],
            SWARM_ATTEMPT=str(job['attempt']),
            SWARM_TOKEN=str(job['token']),
            SWARM_COMPUTE_UNIT=job['unit'],
        )
        if 'tempfile' in sys.modules:
            setattr(sys.modules['tempfile'], 'tempdir', None)  # noqa: B010  it remembers the folder of the job before
        wanted = (job['memory_bytes'], job['file_bytes'])
        if wanted != self._limits:
            self._limit(*wanted)

    def _limit(self, memory_bytes: int, file_bytes: int) -> None:
        """Soft limits: a call that meets one gets MemoryError or EFBIG, and may go on. What this
        process took before any job does not count."""
        self._limits = (memory_bytes, file_bytes)
        memory = self.data_bytes + memory_bytes if memory_bytes else resource.RLIM_INFINITY
        for which, value, hard in (
            (resource.RLIMIT_DATA, memory, self.hard_data),
            (resource.RLIMIT_FSIZE, file_bytes or resource.RLIM_INFINITY, self.hard_file),
        ):
            if hard != resource.RLIM_INFINITY:
                value = hard if value == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (value, hard))

    def leave(self) -> str:
        """Put things back. Returns what cannot be: then this process is not used again."""
        os.chdir('/')
        for name in [name for name in os.environ if name not in self.environment]:
            del os.environ[name]
        for name, value in self.environment.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        sys.path[:] = self.path
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if threading.active_count() > self.threads:
            return 'threads'
        return 'processes' if _has_children() else ''


def run_one(functions: Json, surroundings: Surroundings, job: Json, text: str) -> tuple[int, str]:
    """(exit code, result or reason)."""
    try:
        surroundings.enter(job)
        return 0, call(functions[job['callable']], text)
    except SystemExit as error:
        code = error.code
        if code in (None, 0):
            return 0, ''
        return (code, f'exit code {code}') if isinstance(code, int) else (1, str(code))
    except BaseException as error:  # whatever the job does, this process has to report it
        _show(error)
        return 1, reason_of(error)


def serve(link: socket.socket, names: list[str]) -> None:
    """Until the other end is closed."""
    functions, problems = find_callables(names)
    surroundings = Surroundings()
    _send(link, {'hello': list(functions), 'problems': problems, 'rss_kb': _rss_kb()})
    while packet := link.recv(PACKET_BYTES_MAX):
        head, _, text = packet.decode().partition('\n')
        code, said = run_one(functions, surroundings, json.loads(head), text)
        left = ''
        try:
            left = surroundings.leave()
        except Exception as error:  # stdout closed, the environment replaced, and so on
            left = f'{type(error).__name__}: {error}'
        _send(link, {'end': code, 'left': left[:200], 'rss_kb': _rss_kb()}, said)


def _send(link: socket.socket, head: Json, text: str = '') -> None:
    link.send(json.dumps(head).encode() + b'\n' + text.encode('utf-8', 'replace'))


def _show(error: BaseException) -> None:
    import traceback

    try:
        traceback.print_exception(type(error), error, error.__traceback__)
    except Exception:
        return


def _rss_kb() -> int:
    """What it holds now. Not ru_maxrss: that begins with the size of the process that started
    this one."""
    return _statm()[1] * resource.getpagesize() // 1024


def _data_bytes() -> int:
    return _statm()[5] * resource.getpagesize()


def _statm() -> list[int]:
    """Pages: all, resident, shared, text, 0, data and stack, 0 (proc_pid_statm(5))."""
    with open('/proc/self/statm', 'rb') as file:
        return [int(count) for count in file.read().split()]


def _has_children() -> bool:
    try:
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
    except ChildProcessError:
        return False


def _adopt_orphans() -> None:
    """What a call leaves behind becomes a child of this process, so that it can be seen."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor = int(arguments[0])
    os.set_inheritable(descriptor, False)
    os.set_inheritable(int(os.environ['SWARM_PROGRESS_FD']), False)
    if sys.path and os.path.abspath(sys.path[0]) == os.getcwd():
        del sys.path[0]  # `-m` puts the working folder first
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # who follows the log
    _adopt_orphans()
    with socket.socket(fileno=descriptor) as link:
        serve(link, arguments[1:])
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
