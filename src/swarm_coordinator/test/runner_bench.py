# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A runner with real processes, for tests: owns its folder and what it reported."""

from __future__ import annotations

import logging
import os
import queue
import select
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.kinds.python_kind import PythonWork
from swarm_coordinator.core.jobs.spec import FileRef, JobSpec
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.core.worker import ProcessEnd, StartProcess
from swarm_coordinator.runner import process_group
from swarm_coordinator.runner.folders import is_untouched
from swarm_coordinator.runner.job_logs import JobLogs
from swarm_coordinator.runner.job_runner import JobRunner, Progress, RunnerSetup, find_programs
from swarm_coordinator.runner.limits import RunLimits
from swarm_coordinator.runner.process_group import STORAGE_MARK, marked_processes
from swarm_coordinator.storage.blob_store import BlobStore

PROGRAMS, _ = find_programs(('sh', 'true', 'cat', 'python3', 'head', 'sleep'))
WAIT_S = 20.0
GRACE_S = 0.3
LIMITS = RunLimits(10_000, 1_000_000, nice=1)


class Errors(logging.Handler):
    """Keeps what is logged as an error: no job, whatever it does, is one of the runner."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(self.format(record))


class Bench:
    """`start` a job and `end` waits for the report of one; `run` does both."""

    def __init__(
        self,
        folder: Path,
        limits: RunLimits = LIMITS,
        setup: RunnerSetup | None = None,
        quota_bytes: int = 10**8,
    ) -> None:
        self.ends: queue.Queue[ProcessEnd] = queue.Queue()
        self.reported: list[ProcessEnd] = []
        self.progress: queue.Queue[Progress] = queue.Queue()
        self.callables: queue.Queue[tuple[tuple[str, ...], dict[str, str]]] = queue.Queue()
        self.folder = folder / 'jobs'
        self.store = BlobStore(folder / 'store', quota_bytes)
        log = logging.getLogger('test')
        self.errors = Errors()
        log.addHandler(self.errors)
        self.logs = JobLogs(folder / 'logs', quota_bytes, log)
        self.runner = JobRunner(
            self.folder, self.store, PROGRAMS, limits, self._ended, log, self.logs,
            self.progress.put, setup, lambda *said: self.callables.put(said),
        )
        self.jobs = 0
        self.runner.clear()

    def _ended(self, end: ProcessEnd) -> None:
        self.reported.append(end)
        self.ends.put(end)

    def start(self, what: JobSpec | Work, token: int = 5) -> str:
        self.jobs += 1
        job_id = f'r1-1-{self.jobs}'
        spec = what if isinstance(what, JobSpec) else JobSpec(what)
        self.runner.start(StartProcess(job_id, 1, token, spec, 'cpu0'))
        return job_id

    def end(self) -> ProcessEnd:
        return self.ends.get(timeout=WAIT_S)

    def run(self, what: JobSpec | Work) -> ProcessEnd:
        job_id = self.start(what)
        end = self.end()
        assert end.job_id == job_id
        return end

    def printed(self, end: ProcessEnd, stream: str = 'stdout') -> str:
        return self.logs.read(end.job_id, 1, stream, 0, 10**6).data.decode()

    def output(self, end: ProcessEnd, number: int = 0) -> str:
        return self.store.path(end.outputs[number].sha256).read_text()

    def given(self, name: str, text: str) -> FileRef:
        path = self.folder.parent / 'given'
        path.write_text(text)
        return self.store.add_file(path, name)

    def clean(self) -> bool:
        """Nothing of any job is left in the folders of jobs."""
        return all(is_untouched(path) for path in self.runner.cage.root.iterdir())

    def close(self) -> None:
        self.runner.close()
        assert marked_processes((f'{STORAGE_MARK}={self.folder}',)) == [], 'none outlives it'
        logging.getLogger('test').removeHandler(self.errors)
        assert self.errors.told == [], 'the runner itself has failed'
        assert len({end.job_id for end in self.reported}) == len(self.reported), 'ended twice'


def exec_job(*argv: str, **fields: Any) -> JobSpec:
    work = {name: fields.pop(name) for name in ('environment', 'stdin', 'folder')
            if name in fields}
    return JobSpec(ExecWork(argv, **work), **fields)


def shell(script: str, **fields: Any) -> JobSpec:
    return exec_job('sh', '-c', script, **fields)


def python(script: str, *argv: str, **fields: Any) -> JobSpec:
    return exec_job('python3', '-c', script, *argv, **fields)


def function(name: str, arguments: str = '', **fields: Any) -> JobSpec:
    return replace(JobSpec(PythonWork(f'python_calls:{name}', arguments)), **fields)


def fast_end(monkeypatch: Any) -> None:
    """Tests need not wait for the grace that jobs are given."""
    monkeypatch.setattr(process_group, 'TERM_GRACE_S', GRACE_S)


def patient_end(monkeypatch: Any) -> None:
    """For jobs that do something in their grace: on a busy machine it may take long."""
    monkeypatch.setattr(process_group, 'TERM_GRACE_S', WAIT_S)


def word_from(path: Path) -> str:
    """What another process writes into the fifo `path`: waits for it without polling."""
    if not path.exists():
        os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)  # also for writing: no end while nobody has it open
    try:
        assert select.select([descriptor], [], [], WAIT_S)[0], 'nobody wrote'
        return os.read(descriptor, 100).decode().strip()
    finally:
        os.close(descriptor)


def alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def gone(pid: int) -> bool:
    """A process that was killed runs no line of its own, but takes a moment to be a zombie."""
    return eventually(lambda: not alive(pid))


def eventually(condition: Callable[[], bool]) -> bool:
    """Polls what the kernel does after the fact and gives nothing to wait on."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if condition():
            return True
        os.sched_yield()
    return False
