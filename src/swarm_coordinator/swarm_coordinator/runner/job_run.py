# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One attempt of a job on its way through the runner, and what an executor is to the runner.

An executor knows how one kind of job is carried out. It gets a folder with the inputs in it and
says how it came out; time limits, outputs, logs and the report are not its concern.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from swarm_coordinator.core.worker import StartProcess
from swarm_coordinator.runner.event_loop import Timer
from swarm_coordinator.runner.job_logs import LogWriter
from swarm_coordinator.runner.limits import RunLimits
from swarm_coordinator.runner.progress import Marked, Meter

RESULT_BYTES_MAX = 8 * 1024  # it travels in the log of the swarm, to every robot


@dataclass(frozen=True)
class Outcome:
    """exit_code 0 and no reason: it succeeded. `result` is JSON or ''. `unable`: it could not be
    carried out here, which says nothing about the job."""

    exit_code: int | None
    reason: str = ''
    result: str = ''
    unable: bool = False


class Cut(Enum):
    """Why a job is ended before it has ended by itself."""

    ASKED = 'somebody stopped it'
    TIME = 'it took too long'
    SPACE = 'its folder took what was left of the disk'


class Execution(Protocol):
    def stop(self) -> None:
        """End it, all of it; the outcome is still told. May be called again."""


@dataclass
class JobRun:
    start: StartProcess
    folder: Path  # its working folder and all that it may write to
    limits: RunLimits
    writers: tuple[LogWriter, LogWriter]
    heard: Callable[['JobRun'], None]  # its meter has something new
    begun: Callable[['JobRun'], None]  # its executor has begun: its time counts from now
    began_s: float
    meter: Meter = field(default_factory=Meter)
    cut: Cut | None = None  # it was ended early
    stopped: str = ''  # why, for people
    execution: Execution | None = None
    haunted: bool = False  # a process of it cannot be ended, and may yet write
    limit_timer: Timer | None = None
    tell_timer: Timer | None = None
    _marked: Marked = field(default_factory=Marked)

    @property
    def key(self) -> tuple[str, int]:
        return self.start.job_id, self.start.token

    def printed(self, data: bytes) -> None:
        """To stdout."""
        self.writers[0].write(data)
        if lines := self._marked.feed(data):
            self.said(lines)

    def complained(self, data: bytes) -> None:
        """To stderr."""
        self.writers[1].write(data)

    def said(self, lines: list[bytes]) -> None:
        """In the protocol of progress.py."""
        if lines:
            self.meter.hear(lines)
            self.heard(self)

    def words(self) -> str:
        """The last that it wrote to stderr."""
        return self.writers[1].tail.decode('utf-8', 'replace').strip()


Done = Callable[[Outcome], None]


class Executor(Protocol):
    def begin(self, run: JobRun, done: Done) -> Execution:
        """`done` is called once, later, on the thread of the loop. Raises ValueError or OSError
        where this robot cannot do it."""

    def close(self) -> None: ...


def why(code: int, words: str) -> str:
    """How a process ended, for people."""
    return f'{_end_of(code)}: {words}' if words else _end_of(code)


def _end_of(code: int) -> str:
    if code >= 0:
        return f'exit code {code}'
    if -code == signal.SIGXFSZ:
        return f'ended by signal {-code}, a file beyond its size limit'
    try:
        return f'ended by signal {-code} ({signal.Signals(-code).name})'
    except ValueError:
        return f'ended by signal {-code}'


def too_large(size: int) -> str:
    return (
        f'its result takes {size} bytes as JSON, at most {RESULT_BYTES_MAX}: write it to a file '
        'and name that as an output of the job'
    )
