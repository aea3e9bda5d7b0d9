# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a job's program is told and how it answers: owns its descriptors, signals and exit code.

A program reads one JSON document on stdin, says progress on the descriptor SWARM_PROGRESS_FD, its
result on SWARM_RESULT_FD, and why it failed as one sentence on stderr. By hand, without these
descriptors, both go to stdout. Refuses to know what any kind does.

Exit codes: 0 done, 1 failed, 2 wrong input, 143 ended as asked (SIGTERM or SIGINT).
"""

import contextlib
import errno
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.runner.jobs.guard import begin_guarded

DOCUMENT_BYTES_MAX = 1 << 20
LINE_BYTES_MAX = 4096
SENTENCE_CHARS_MAX = 1000
RESULT_BYTES_MAX = 8 * 1024  # what the log keeps of a result
PROGRESS_PERIOD_S = 0.25  # more lines than the robot reports help nobody
FAILED, WRONG_INPUT, ENDED = 1, 2, 143
DISK_FULL = 'the disk of this robot is full'


class JobFailed(Exception):
    """The job cannot be done; the message is the sentence for people."""


class Ended(Exception):
    """The job was asked to end and has put things in order."""


@dataclass(frozen=True)
class Assignment:
    """One job. `namespace` begins with '/'; `unit` is '' where none was granted."""

    work: dict[str, Any]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    job_id: str = ''
    token: str = ''
    namespace: str = '/'
    unit: str = ''


def read_assignment(stream: IO[bytes], environment: dict[str, str]) -> Assignment:
    """Raises ValueError that says what was expected."""
    data = stream.read(DOCUMENT_BYTES_MAX + 1)
    if len(data) > DOCUMENT_BYTES_MAX:
        raise ValueError(f'the job on stdin is longer than {DOCUMENT_BYTES_MAX} bytes')
    try:
        document = json.loads(data)
    except RecursionError:
        raise ValueError('the job on stdin is nested too deeply') from None
    except ValueError as error:
        raise ValueError(f'expected one JSON document on stdin: {error}') from None
    if not isinstance(document, dict) or not isinstance(document.get('work'), dict):
        raise ValueError('expected a JSON object with "work", "inputs" and "outputs" on stdin')
    namespace = '/' + _text(document, 'namespace').strip('/')
    return Assignment(
        document['work'],
        _names(document, 'inputs'),
        _names(document, 'outputs'),
        _text(document, 'job_id'),
        environment.get('SWARM_TOKEN', ''),
        namespace,
        environment.get('SWARM_COMPUTE_UNIT', ''),
    )


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key, '')
    if not isinstance(value, str):
        raise ValueError(f'{key}: expected a text')
    return value


def _names(document: dict[str, Any], key: str) -> tuple[str, ...]:
    names = document.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f'{key}: expected a list of file names')
    return tuple(checked_file_name(name) for name in names)


def texts_of(work: dict[str, Any], key: str) -> tuple[str, ...]:
    """The list of texts `key` of a work; raises ValueError."""
    value = work.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f'{key}: expected a list of texts')
    return tuple(value)


def text_of(work: dict[str, Any], key: str) -> str:
    """The text `key` of a work; raises ValueError."""
    value = work.get(key, '')
    if not isinstance(value, str):
        raise ValueError(f'{key}={value!r}: expected a text')
    return value


def number_of(work: dict[str, Any], key: str) -> int:
    """The whole number `key` of a work; raises ValueError."""
    value = work.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f'{key}={value!r}: expected a whole number')
    return value


@dataclass
class Report:
    """What the robot hears from this job. A reader that is gone is not this job's failure.

    progress_fd, result_fd: -1 = stdout, for people.
    """

    progress_fd: int = -1
    result_fd: int = -1
    _said_s: float = -1.0
    _last: str = ''

    def progress(self, fraction: float, text: str = '', always: bool = False) -> None:
        """`fraction` 0 to 1. Lines that follow another one too soon are left out."""
        fraction = min(max(fraction, 0.0), 1.0)
        self._line(f'progress {fraction:.3f} {text}', always)

    def note(self, text: str, always: bool = False) -> None:
        self._line(f'note {text}', always)

    def result(self, text: str) -> None:
        """JSON text. Raises ValueError above RESULT_BYTES_MAX."""
        data = text.encode()
        if len(data) > RESULT_BYTES_MAX:
            raise ValueError(f'a result of {len(data)} bytes: at most {RESULT_BYTES_MAX}')
        self._write(self.result_fd, data if self.result_fd >= 0 else data + b'\n')

    def _line(self, line: str, always: bool) -> None:
        now_s = time.monotonic()
        if line == self._last or (
            not always and self._said_s >= 0 and now_s - self._said_s < PROGRESS_PERIOD_S
        ):
            return
        self._said_s, self._last = now_s, line
        text = ' '.join(line.split())
        if self.progress_fd < 0:
            text = f'##swarm {text}'
        data = text.encode('utf-8', 'replace')[: LINE_BYTES_MAX - 1]
        self._write(self.progress_fd, data + b'\n')

    def _write(self, descriptor: int, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            while data:
                data = data[os.write(1 if descriptor < 0 else descriptor, data):]


@dataclass
class Stop:
    """Whether the job was asked to end. `asked` is set by a signal, at any time.

    `afterwards`: what is closed when the outcome has been told.
    """

    asked: threading.Event = field(default_factory=threading.Event)
    afterwards: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.asked.set())

    def check(self) -> None:
        """Raises Ended."""
        if self.asked.is_set():
            raise Ended('ended as asked')


Program = Callable[[Assignment, Report, Stop], str]


def serve(program: Program, guarded: bool = False) -> int:
    """Run `program`, which returns its result as JSON text ('' = none); returns the exit code.

    It raises ValueError for wrong input, JobFailed, Ended, or OSError. `guarded`: its outcome
    counts also where closing `afterwards` crashes or hangs; see guard.py.
    """
    told = begin_guarded() if guarded else None
    stop = Stop()
    stop.listen()
    code = _outcome(program, stop)
    if told is not None:
        told(code)
    stop.afterwards.close()
    return code


def _outcome(program: Program, stop: Stop) -> int:
    try:
        report = Report(_descriptor('SWARM_PROGRESS_FD'), _descriptor('SWARM_RESULT_FD'))
        assignment = read_assignment(sys.stdin.buffer, dict(os.environ))
        stop.check()
        text = program(assignment, report, stop)
        if text:
            report.result(text)
        return 0
    except Ended as ended:
        return _say(str(ended), ENDED)
    except ValueError as error:
        return _say(str(error), WRONG_INPUT)
    except JobFailed as failure:
        return _say(str(failure), FAILED)
    except OSError as error:
        return _say(disk_sentence(error), FAILED)


def _descriptor(name: str) -> int:
    """-1 where the variable is missing. Raises ValueError for one that is not open."""
    text = os.environ.get(name, '')
    if not text:
        return -1
    if not text.isdecimal():
        raise ValueError(f'{name}={text[:40]!r}: expected the number of an open descriptor')
    try:
        os.fstat(int(text))
    except (OSError, OverflowError):
        raise ValueError(f'{name}={text[:40]}: no such descriptor is open') from None
    return int(text)


def disk_sentence(error: OSError) -> str:
    """What a person should know of `error`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DISK_FULL
    if error.errno == errno.EFBIG:
        return 'the file became longer than the limit for one file of a job'
    return str(error)


def _say(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        print(' '.join(sentence.split())[:SENTENCE_CHARS_MAX], file=sys.stderr, flush=True)
    return code


@contextlib.contextmanager
def whole_file(name: str) -> Iterator[str]:
    """A name to write to; the file gets the name `name` only where the block ends well."""
    folder = os.path.dirname(name)
    if folder:
        os.makedirs(folder, exist_ok=True)
    partial = os.path.join(folder, f'.{os.path.basename(name)[:200]}.partial')
    try:
        yield partial
        os.replace(partial, name)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)
        raise
