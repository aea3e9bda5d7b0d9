# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Carries out the jobs that were granted to this robot: owns their way from start to report.

    folder and inputs -> executor of the kind (executors/) -> outputs into the store -> ProcessEnd

One thread waits for all of them (event_loop.py); copying and hashing files is done by a few
others. How many jobs run at a time is the coordinator's decision.
"""

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.core.worker import ProcessEnd, StartProcess
from swarm_coordinator.runner import disk_guard
from swarm_coordinator.runner.cage import Cage, CagePolicy, Wall
from swarm_coordinator.runner.cgroup import find_tree
from swarm_coordinator.runner.environment import PROGRAM_PATH
from swarm_coordinator.runner.event_loop import EventLoop
from swarm_coordinator.runner.executors import make_executors
from swarm_coordinator.runner.executors.program_executor import Workshop
from swarm_coordinator.runner.executors.python_executor import PythonExecutor
from swarm_coordinator.runner.folders import Folders
from swarm_coordinator.runner.job_files import (
    bring_inputs,
    let_go,
    remove_folder,
    take_outputs,
)
from swarm_coordinator.runner.job_logs import JobLogs
from swarm_coordinator.runner.job_run import Cut, Executor, JobRun, Outcome
from swarm_coordinator.runner.limits import RunLimits
from swarm_coordinator.runner.process_group import STORAGE_MARK, end_marked, end_users
from swarm_coordinator.runner.python_pool import PythonPool
from swarm_coordinator.storage.blob_store import BlobStore

FILE_THREADS = 4  # they wait for the disk, and the disk gains nothing from more
REASON_CHARS_MAX = 1000
CLOSE_S_MAX = 10.0  # for what ends and still has to be reported; beyond the grace and the kill


@dataclass(frozen=True)
class Progress:
    """What a running job says of itself; `sequence` grows with every line that it wrote."""

    job_id: str
    token: int
    permille: int
    text: str
    sequence: int


@dataclass(frozen=True)
class RunnerSetup:
    """`python_allow`: 'module:function', what python jobs may call; `python_workers`: how many
    processes wait for them; `namespace`: that of the robot's nodes; `with_cgroups` False: do not
    look for control groups; `cage`: what keeps jobs and the robot apart."""

    python_allow: tuple[str, ...] = ()
    python_workers: int = 1
    namespace: str = ''
    programs_of_ours: str = ''  # another package of them, for tests
    with_cgroups: bool = True
    cage: CagePolicy = CagePolicy(wall='none')


def _ignore(*_: Any) -> None:
    pass


class JobRunner:
    """Public methods may be called from any thread. `ended` and `progressed` are called on the
    runner's own, as is `python_ready` (names that can be called; for the others why not)."""

    def __init__(
        self,
        folder: Path,
        store: BlobStore,
        programs: Mapping[str, str],  # allowed name -> absolute path
        limits: RunLimits,
        ended: Callable[[ProcessEnd], None],
        log: logging.Logger,
        logs: JobLogs,
        progressed: Callable[[Progress], None] = _ignore,
        setup: RunnerSetup | None = None,
        python_ready: Callable[[tuple[str, ...], dict[str, str]], None] = _ignore,
    ) -> None:
        self.folder = folder
        self.logs = logs
        self._store = store
        self._limits = limits
        self._ended = ended
        self._progressed = progressed
        self._log = log
        self._setup = setup = setup or RunnerSetup()
        self._loop = EventLoop('jobs', log)
        self._folders = Folders(folder)
        self._files = ThreadPoolExecutor(FILE_THREADS, 'job files')
        logs.aside = self._aside
        self._workshop = Workshop(
            self._loop, str(folder), programs, log, setup.namespace, setup.programs_of_ours,
            cage=Cage(setup.cage, str(folder), log),
        )
        self._pool = PythonPool(
            self._workshop, setup.python_allow, setup.python_workers, limits, python_ready
        )
        self._executors: dict[str, Executor] = make_executors(
            self._workshop, PythonExecutor(self._pool)
        )
        self._runs: dict[tuple[str, int], JobRun] = {}
        self._guarding = False
        self._closing = False
        self._started = False

    def clear(self) -> None:
        """End what a former life of this robot left running and remove its folders, then be ready
        for jobs. Says which limits are in force."""
        if self._setup.with_cgroups:
            self._workshop.tree = find_tree(tree_name(self.folder))
        left = self._workshop.tree.clear() if self._workshop.tree is not None else 0
        left += len(end_marked((f'{STORAGE_MARK}={self.folder}',)))
        if os.geteuid() == 0:
            left += len(end_users(self.cage.users))
        if left:
            self._log.warning('%d processes that a former start left were ended', left)
        self._raise_walls()
        self._folders.clear()
        self._log.info('limits of jobs: %s', self.limits_in_force())
        self._loop.start()
        self._started = True

    def _raise_walls(self) -> None:
        cage = self._workshop.cage
        remove_folder(self.folder)
        cage.open()
        try:
            self._folders.folder = cage.place(self.folder)
        except OSError as error:
            cage.wall, cage.why = Wall.MISSING, str(error)
        level = logging.WARNING if cage.weak else logging.INFO
        self._log.log(level, 'the cage of jobs: %s', cage.told())

    @property
    def cage(self) -> Cage:
        return self._workshop.cage

    def warm(self) -> None:
        """Start the python workers, after which `python_ready` is called."""
        self._loop.call(self._pool.open)

    def limits_in_force(self) -> str:
        """For people: what is limited, and by what."""
        tree = self._workshop.tree
        controllers = tree.controllers if tree is not None else frozenset()
        limited, open_ = ['file size (rlimit)'], []
        for what, controller, otherwise in (
            ('memory', 'memory', 'memory of each process (rlimit)'),
            ('processor time', 'cpu', ''),
            ('number of processes', 'pids', ''),
        ):
            if controller in controllers:
                limited.append(f'{what} (cgroup)')
            elif otherwise:
                limited.append(otherwise)
            else:
                open_.append(what)
        said = ', '.join(limited) + (f'; no limit of {", ".join(open_)}' if open_ else '')
        way = 'their control group' if tree is not None else 'process group and marks'
        return f'{said}; jobs are ended by {way}'

    def start(self, start: StartProcess) -> None:
        self._loop.call(partial(self._begin, start))

    def stop(self, job_id: str, token: int, why: str) -> None:
        """End the job, all of its processes; its end is still reported. Unknown ones are
        ignored."""
        self._loop.call(partial(self._stop, job_id, token, why))

    def close(self) -> None:
        """Ends what runs, reports it, and returns when nothing is left. Again: nothing."""
        if not self._started:
            return
        self._started = False
        done = threading.Event()
        self._loop.call(partial(self._close, done))
        if not done.wait(CLOSE_S_MAX):
            self._log.warning('not all jobs have ended within %.0f s', CLOSE_S_MAX)
        self._files.shutdown(wait=True, cancel_futures=True)
        self._loop.close()
        if self.cage.root != self.folder:
            remove_folder(self.cage.root)
            self.cage.close()
        if self._workshop.tree is not None:
            self._workshop.tree.close()

    # ---- the loop: one job

    def _begin(self, start: StartProcess) -> None:
        try:
            folder = self._folders.take()
        except OSError as error:
            self._ended(ProcessEnd(start.job_id, start.token, None, 0, (), str(error), True))
            return
        run = JobRun(
            start,
            folder,
            self._limits.of(start.spec),
            self.logs.open(start.job_id, start.attempt),
            self._heard,
            self._begun,
            time.monotonic(),
        )
        self._runs[run.key] = run
        if not self._guarding:
            self._guarding = True
            self._loop.later(disk_guard.LOOK_S, self._guard_disk)
        if self._closing:
            run.cut, run.stopped = Cut.ASKED, 'the robot stops'
        inputs = start.spec.inputs
        if not inputs:
            # The usual case of small jobs, for which a thread would cost more than the job.
            self._ready(run, '')
            return
        bring = partial(bring_inputs, self._store, inputs, run.folder)
        self._by_files(partial(_problem, bring), partial(self._ready, run))

    def _ready(self, run: JobRun, problem: str) -> None:
        """Its folder is as it should be, or not."""
        if run.cut is not None or problem:
            self._outcome(run, Outcome(None, problem, unable=True))
            return
        work = run.start.spec.work
        executor = self._executors.get(work.kind)
        try:
            if executor is None:
                raise ValueError(
                    f'jobs of the kind {work.kind!r} cannot run here: expected one of '
                    f'{", ".join(sorted(self._executors))}'
                )
            run.execution = executor.begin(run, partial(self._outcome, run))
        except (OSError, ValueError) as error:
            self._outcome(run, Outcome(None, str(error), unable=True))
        except Exception as error:  # the job must not be lost in it
            self._log.exception('job %s', run.start.job_id)
            self._outcome(run, Outcome(None, f'runner: {error!r}', unable=True))

    def _begun(self, run: JobRun) -> None:
        run.began_s = time.monotonic()
        if run.limits.timeout_ms:
            run.limit_timer = self._loop.later(
                run.limits.timeout_ms / 1000, partial(self._time_out, run)
            )

    def _time_out(self, run: JobRun) -> None:
        self._cut(run, Cut.TIME, f'not done within {run.limits.timeout_ms} ms')

    def _stop(self, job_id: str, token: int, why: str) -> None:
        run = self._runs.get((job_id, token))
        if run is not None:
            self._cut(run, Cut.ASKED, why or 'stopped')

    def _cut(self, run: JobRun, cut: Cut, why: str) -> None:
        if run.cut is not None or run.key not in self._runs:
            return
        run.cut, run.stopped = cut, why
        if run.execution is not None:
            run.execution.stop()

    def _outcome(self, run: JobRun, outcome: Outcome) -> None:
        """It has been carried out, and nothing of it runs any more."""
        run.execution = None
        for timer in (run.limit_timer, run.tell_timer):
            if timer is not None:
                timer.cancel()
        run_ms = int((time.monotonic() - run.began_s) * 1000)
        if run.cut is not None:
            outcome = Outcome(None, run.stopped)
        outputs = run.start.spec.outputs
        if outcome.exit_code == 0 and not outcome.reason and outputs:
            take = partial(_taken, self._store, outputs, run.folder)
            self._by_files(take, lambda taken: self._taken(run, outcome, taken, run_ms))
        else:
            self._finish(run, outcome, (), run_ms)

    def _taken(
        self, run: JobRun, outcome: Outcome, taken: 'tuple[FileRef, ...] | Outcome', run_ms: int
    ) -> None:
        if run.cut is not None and isinstance(taken, tuple):
            let_go(self._store, taken)
            taken = Outcome(None, run.stopped)
        if isinstance(taken, tuple):
            self._finish(run, outcome, taken, run_ms)
        else:
            self._finish(run, taken, (), run_ms)

    def _finish(
        self, run: JobRun, outcome: Outcome, outputs: tuple[FileRef, ...], run_ms: int
    ) -> None:
        """Clean up, then report: who hears of the end may rely on nothing being left."""
        self.logs.ended(run.writers)
        end = ProcessEnd(
            run.start.job_id,
            run.start.token,
            outcome.exit_code,
            run_ms,
            outputs,
            outcome.reason[:REASON_CHARS_MAX],
            # Another robot may have the room for it.
            run.cut is Cut.SPACE or (outcome.unable and run.cut is None),
            outcome.result,
            run.cut is Cut.ASKED,
        )
        if not run.haunted and self._folders.give_back(run.folder):
            self._report(run, end)
        else:
            self._by_files(
                partial(remove_folder, run.folder), lambda _: self._report(run, end)
            )

    def _report(self, run: JobRun, end: ProcessEnd) -> None:
        self._runs.pop(run.key, None)
        self._ended(end)

    # ---- the loop: progress

    def _heard(self, run: JobRun) -> None:
        due_ns = run.meter.due_ns()
        if due_ns is None or run.tell_timer is not None:
            return
        now_ns = time.monotonic_ns()
        if due_ns <= now_ns:
            self._tell(run)
        else:
            run.tell_timer = self._loop.later(
                (due_ns - now_ns) / 1e9, partial(self._tell, run)
            )

    def _tell(self, run: JobRun) -> None:
        run.tell_timer = None
        update = run.meter.take(time.monotonic_ns())
        if update is not None and run.key in self._runs:
            self._progressed(
                Progress(*run.key, update.permille, update.text, update.sequence)
            )

    # ---- the loop: the rest

    def _guard_disk(self) -> None:
        self._guarding = bool(self._runs)
        if not self._guarding:
            return
        free = disk_guard.short_of_space(self.folder)
        if free is None:
            self._loop.later(disk_guard.LOOK_S, self._guard_disk)
            return
        running = {run.folder: run for run in self._runs.values() if run.cut is None}
        self._by_files(
            partial(disk_guard.to_blame, list(running)), partial(self._make_room, running, free)
        )

    def _make_room(
        self, running: dict[Path, JobRun], free: int, blamed: tuple[Path, int] | Outcome | None
    ) -> None:
        self._loop.later(disk_guard.LOOK_S, self._guard_disk)
        if not isinstance(blamed, tuple):
            return
        folder, size = blamed
        run = running[folder]
        reason = f'the disk has only {free} bytes left, and the folder of this job holds {size}'
        self._log.warning('%s is ended: %s', run.start.job_id, reason)
        self._cut(run, Cut.SPACE, reason)

    def _aside(self, work: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # closed: it is done at the next start
            self._files.submit(work)

    def _by_files(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do `work` on a thread for files and go on here with what it returns."""

        def finished(future: 'Future[Any]') -> None:
            if future.cancelled():
                return
            error = future.exception()
            if error is not None:
                self._log.error('files of a job: %r', error)
            value = Outcome(None, f'runner: {error!r}', unable=True) if error else future.result()
            self._loop.call(partial(then, value))

        self._files.submit(work).add_done_callback(finished)

    def _close(self, done: threading.Event) -> None:
        self._closing = True
        for job_id, token in list(self._runs):
            self._stop(job_id, token, 'the robot stops')
        for executor in self._executors.values():
            executor.close()
        self._wait_for_last(done)

    def _wait_for_last(self, done: threading.Event) -> None:
        if self._runs or self._pool.living:
            self._loop.later(0.005, partial(self._wait_for_last, done))
        else:
            done.set()


def _problem(work: Callable[[], None]) -> str:
    """Do it; '' or why it could not be done."""
    try:
        work()
    except (OSError, ValueError) as error:
        return str(error) or repr(error)
    return ''


def _taken(
    store: BlobStore, names: tuple[str, ...], folder: Path
) -> 'tuple[FileRef, ...] | Outcome':
    try:
        return take_outputs(store, names, folder)
    except ValueError as error:
        return Outcome(0, str(error))
    except OSError as error:
        return Outcome(None, str(error), unable=True)


def tree_name(folder: Path) -> str:
    """One per robot of this machine."""
    return 'swarm-' + ''.join(
        each if each.isalnum() or each in '-_' else '-' for each in str(folder).strip('/')
    )[-200:]


def find_programs(allowed: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """(name -> path, names that are not installed). Raises ValueError for a name with '/'."""
    found: dict[str, str] = {}
    missing: list[str] = []
    for name in allowed:
        if not name or '/' in name:
            raise ValueError(f'exec_allow={name!r}: expected a program name, not a path')
        path = shutil.which(name, path=PROGRAM_PATH)
        if path is None:
            missing.append(name)
        else:
            found[name] = path
    return found, missing
