# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Carries out a job as a process of its own: owns its pipes from start to end.

What is started is decided by a `Launch`; this file knows no kind of job.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from swarm_coordinator.runner import sandbox
from swarm_coordinator.runner.cage import Cage, CagePolicy, Needs
from swarm_coordinator.runner.cgroup import Cgroup, CgroupTree
from swarm_coordinator.runner.event_loop import EventLoop
from swarm_coordinator.runner.job_run import (
    RESULT_BYTES_MAX,
    Done,
    Execution,
    JobRun,
    Outcome,
    too_large,
    why,
)
from swarm_coordinator.runner.limits import RunLimits
from swarm_coordinator.runner.process_group import STORAGE_MARK, ProcessGroup
from swarm_coordinator.runner.progress import Lines
from swarm_coordinator.runner.streams import PipeReader


@dataclass
class Workshop:
    """What executors share."""

    loop: EventLoop
    mark: str  # value of STORAGE_MARK: which robot's jobs these are
    programs: Mapping[str, str]  # allowed name -> absolute path
    log: logging.Logger
    namespace: str = ''  # of the robot's nodes
    programs_of_ours: str = ''  # another package of them, for tests
    tree: CgroupTree | None = None
    cage: Cage = field(default_factory=lambda: Cage(CagePolicy(wall='none')))

    def group_for(self, name: str, limits: RunLimits) -> Cgroup | None:
        """Raises OSError."""
        return None if self.tree is None else self.tree.make(name, limits)


@dataclass(frozen=True)
class Launch:
    """`stdin` is a path; `document`, if given, is what stdin reads instead; `code`: it is a
    program of ours."""

    command: list[str]
    folder: Path
    environment: dict[str, str]
    stdin: str = os.devnull
    document: str | None = None
    with_result: bool = False
    code: bool = False


Launcher = Callable[[JobRun, Workshop], Launch]


@dataclass
class ProgramExecutor:
    workshop: Workshop
    launcher: Launcher

    def begin(self, run: JobRun, done: Done) -> Execution:
        return Program(self.workshop, run, self.launcher(run, self.workshop), done)

    def close(self) -> None:
        pass


class Program:
    """A running process of one job."""

    def __init__(self, workshop: Workshop, run: JobRun, launch: Launch, done: Done) -> None:
        self._run = run
        self._done = done
        self._log = workshop.log
        self._result = b''
        self._lines = Lines()
        start = run.start
        spec = start.spec
        self._cage = workshop.cage
        self._cell = self._cage.enter(Needs(
            spec.kind, run.folder, run.folder, (*spec.required, start.unit, spec.compute_unit),
            launch.code, launch.command[0],
        ))
        try:
            self._cgroup = workshop.group_for(f'{start.job_id}-{start.attempt}', run.limits)
            spawned = self._spawn(launch)
        except BaseException:
            self._cage.leave(self._cell)
            raise
        loop = workshop.loop
        self._readers = [
            PipeReader(loop, spawned.stdout, run.printed),
            PipeReader(loop, spawned.stderr, run.complained),
            PipeReader(loop, spawned.progress, self._progressed),
        ]
        if spawned.result >= 0:
            self._readers.append(PipeReader(loop, spawned.result, self._take_result))
        marks = (
            f'{STORAGE_MARK}={workshop.mark}',
            f'SWARM_JOB_ID={start.job_id}',
            f'SWARM_TOKEN={start.token}',
        )
        self._group = ProcessGroup(
            loop, spawned.process, marks, self._cgroup, self._gone, link=spawned.link,
            uid=self._cell.own_uid,
        )
        run.begun(run)

    def _spawn(self, launch: Launch) -> sandbox.Spawned:
        document = -1 if launch.document is None else sandbox.document(launch.document)
        try:
            return sandbox.spawn(
                launch.command,
                launch.folder,
                launch.environment,
                self._run.limits,
                self._cgroup,
                self._cell,
                launch.stdin if document < 0 else f'/proc/self/fd/{document}',
                launch.with_result,
                () if document < 0 else (document,),
            )
        finally:
            if document >= 0:
                os.close(document)

    def stop(self) -> None:
        self._group.end()

    def _progressed(self, data: bytes) -> None:
        self._run.said(self._lines.feed(data))

    def _take_result(self, data: bytes) -> None:
        # Beyond the limit only its size is of interest, and not even that exactly.
        if len(self._result) <= RESULT_BYTES_MAX:
            self._result += data

    def _gone(self, code: int) -> None:
        for reader in self._readers:
            reader.drain()
            reader.close()
        if not self._group.stuck:
            self._cage.leave(self._cell)
        else:
            self._run.haunted = True
            self._log.warning(
                '%s: processes %s cannot be ended', self._run.start.job_id, self._group.stuck
            )
        self._done(self._outcome(code))

    def _outcome(self, code: int) -> Outcome:
        if code != 0:
            reason = why(code, self._run.words())
            if self._cgroup is not None and self._cgroup.out_of_memory():
                reason = f'beyond {self._run.limits.memory_bytes} bytes of memory; {reason}'
            elif self._cell.kept and not self._group.kept and code > 0:
                # bubblewrap itself, or what it starts: the job has not begun.
                return Outcome(None, f'the cage of the job: {reason}', unable=True)
            return Outcome(code, reason)
        if len(self._result) > RESULT_BYTES_MAX:
            return Outcome(0, too_large(len(self._result)))
        try:
            return Outcome(0, result=self._result.decode().strip())
        except UnicodeDecodeError:
            return Outcome(0, 'its result is not UTF-8 text')
