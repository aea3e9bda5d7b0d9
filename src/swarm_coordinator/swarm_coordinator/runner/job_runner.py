# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs the processes of `exec` jobs: owns their folders, limits and their end.

A job gets a folder of its own, a small environment, no open files of ours, a process group that
ends with it, and (where util-linux is installed) it dies with this robot process.
"""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.core.worker import ProcessEnd, StartProcess
from swarm_coordinator.storage.blob_store import BlobStore

TERM_GRACE_S = 2.0  # between asking a process group to end and ending it
TAIL_BYTES = 400  # of stderr in the reason of a failure
MARK = 'SWARM_STORAGE'  # environment variable that marks processes of this robot's jobs


@dataclass(frozen=True)
class RunLimits:
    """timeout_ms: for jobs that name none, and the most any job gets; file_bytes: per file; nice:
    added to the niceness of the robot process, so that jobs do not starve consensus."""

    timeout_ms: int
    file_bytes: int
    nice: int = 10


@dataclass
class _Running:
    start: StartProcess
    folder: Path
    process: 'subprocess.Popen[bytes] | None' = None
    stopped: str = ''


@dataclass
class JobRunner:
    """One thread per running job; how many run at a time is the coordinator's decision."""

    folder: Path
    store: BlobStore
    programs: Mapping[str, str]  # allowed name -> absolute path
    limits: RunLimits
    ended: Callable[[ProcessEnd], None]
    log: logging.Logger
    _running: dict[tuple[str, int], _Running] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """End what a former life of this robot left running, and remove its folders."""
        for pid in marked_processes(str(self.folder)):
            self.log.warning('ending process %d, left by a former start', pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(os.getpgid(pid), signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self, start: StartProcess) -> None:
        running = _Running(start, self.folder / f'{start.job_id}-{start.attempt}')
        with self._lock:
            self._running[start.job_id, start.token] = running
        threading.Thread(
            target=self._run, args=(running,), name=f'job {start.job_id}', daemon=True
        ).start()

    def stop(self, job_id: str, token: int, why: str) -> None:
        """End the process group; its end is still reported. Unknown jobs are ignored."""
        with self._lock:
            running = self._running.get((job_id, token))
            if running is None or running.stopped:
                return
            running.stopped = why or 'stopped'
            process = running.process
        if process is not None:
            threading.Thread(target=end_group, args=(process,), daemon=True).start()

    def close(self) -> None:
        with self._lock:
            processes = [one.process for one in self._running.values() if one.process is not None]
            for one in self._running.values():
                one.stopped = one.stopped or 'the robot stops'
        for process in processes:
            end_group(process)

    def _run(self, running: _Running) -> None:
        start = running.start
        began = time.monotonic()
        try:
            end = self._execute(running)
        except (OSError, ValueError) as error:
            end = self._end(start, None, began, reason=str(error), unable=True)
        except Exception as error:  # the edge of this thread: the job must not be lost in it
            self.log.exception('job %s', start.job_id)
            end = self._end(start, None, began, reason=f'runner: {error!r}', unable=True)
        with self._lock:
            self._running.pop((start.job_id, start.token), None)
        shutil.rmtree(running.folder, ignore_errors=True)
        self.ended(end)

    def _execute(self, running: _Running) -> ProcessEnd:
        start, folder = running.start, running.folder
        program = self.programs.get(start.spec.argv[0])
        if program is None:
            allowed = ', '.join(sorted(self.programs)) or 'nothing'
            raise ValueError(f'{start.spec.argv[0]!r} is not on the allow-list: {allowed}')
        work = folder / 'work'
        shutil.rmtree(folder, ignore_errors=True)
        work.mkdir(parents=True)
        for ref in start.spec.inputs:
            self.store.copy_out(ref, work)
        began = time.monotonic()
        with open(folder / 'stdout', 'wb') as out, open(folder / 'stderr', 'wb') as err:
            process = subprocess.Popen(
                self._command(program, start),
                cwd=work,
                env=self._environment(start, work),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                close_fds=True,
            )
        with self._lock:
            running.process = process
            stopped = bool(running.stopped)
        if stopped:
            end_group(process)
        timed_out = self._wait(process, start.spec.timeout_ms)
        if running.stopped:
            return self._end(start, None, began, reason=running.stopped)
        if timed_out:
            return self._end(start, None, began, reason=f'not done within {timed_out} ms')
        if process.returncode != 0:
            reason = _why(process.returncode, folder / 'stderr')
            return self._end(start, process.returncode, began, reason=reason)
        return self._collect(start, work, began)

    def _command(self, program: str, start: StartProcess) -> list[str]:
        command = ['nice', '-n', str(self.limits.nice), program, *start.spec.argv[1:]]
        if (setpriv := shutil.which('setpriv')) is not None:
            # Dies with the thread that waits for it, and so with this process.
            command = [setpriv, '--pdeathsig', 'KILL', *command]
        if (prlimit := shutil.which('prlimit')) is not None:
            command = [prlimit, f'--fsize={self.limits.file_bytes}', '--core=0', *command]
        return command

    def _environment(self, start: StartProcess, work: Path) -> dict[str, str]:
        return {
            'PATH': '/usr/local/bin:/usr/bin:/bin',
            'LANG': 'C.UTF-8',
            'HOME': str(work),
            'TMPDIR': str(work),
            'SWARM_JOB_ID': start.job_id,
            'SWARM_ATTEMPT': str(start.attempt),
            'SWARM_TOKEN': str(start.token),
            MARK: str(self.folder),
        }

    def _wait(self, process: 'subprocess.Popen[bytes]', timeout_ms: int) -> int:
        """0, or the time limit in ms that ended it."""
        limit_ms = min(timeout_ms or self.limits.timeout_ms, self.limits.timeout_ms)
        try:
            process.wait(limit_ms / 1000)
            timed_out = 0
        except subprocess.TimeoutExpired:
            timed_out = limit_ms
        end_group(process)  # also what the process left behind in its group
        return timed_out

    def _collect(self, start: StartProcess, work: Path, began: float) -> ProcessEnd:
        outputs: list[FileRef] = []
        try:
            for name in start.spec.outputs:
                path = work / name
                if path.is_symlink() or not path.is_file():
                    raise ValueError(f'promised output {name!r} is missing or not a regular file')
                if not path.resolve().is_relative_to(work.resolve()):
                    raise ValueError(f'promised output {name!r} is outside its folder')
                outputs.append(self.store.add_file(path, name))
        except ValueError as error:
            self._let_go(outputs)
            return self._end(start, 0, began, reason=str(error))
        except OSError:
            self._let_go(outputs)
            raise
        return self._end(start, 0, began, outputs=tuple(outputs))

    def _let_go(self, outputs: list[FileRef]) -> None:
        for ref in outputs:
            self.store.unpin(ref.sha256)

    def _end(
        self,
        start: StartProcess,
        exit_code: int | None,
        began: float,
        outputs: tuple[FileRef, ...] = (),
        reason: str = '',
        unable: bool = False,
    ) -> ProcessEnd:
        run_ms = int((time.monotonic() - began) * 1000)
        return ProcessEnd(
            start.job_id, start.token, exit_code, run_ms, outputs, reason, unable
        )


def end_group(process: 'subprocess.Popen[bytes]') -> None:
    """Ask the process group to end, then end it. Returns when the process itself is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(TERM_GRACE_S)
        except subprocess.TimeoutExpired:
            continue
        if not _group_alive(process.pid):
            break
    process.wait()


def _group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def marked_processes(mark: str) -> list[int]:
    """Processes whose environment carries our mark with this value."""
    wanted = f'{MARK}={mark}'.encode()
    found = []
    for entry in Path('/proc').iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / 'environ').read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b'\0'):
            found.append(int(entry.name))
    return found


def find_programs(allowed: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """(name -> path, names that are not installed). Raises ValueError for a name with '/'."""
    found: dict[str, str] = {}
    missing: list[str] = []
    for name in allowed:
        if not name or '/' in name:
            raise ValueError(f'exec_allow={name!r}: expected a program name, not a path')
        path = shutil.which(name, path='/usr/local/bin:/usr/bin:/bin')
        if path is None:
            missing.append(name)
        else:
            found[name] = path
    return found, missing


def _why(code: int, stderr: Path) -> str:
    with open(stderr, 'rb') as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        tail = file.read().decode('utf-8', 'replace').strip()
    said = f'ended by signal {-code}' if code < 0 else f'exit code {code}'
    return f'{said}: {tail}' if tail else said
