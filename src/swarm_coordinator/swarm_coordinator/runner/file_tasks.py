# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What people ask to be done with files and what takes long: storing, fetching, verifying.

Owns that each is done once however often it is asked for, and how far it is. Whoever asks comes
back for the answer: it is kept for KEPT_S after the end.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.runner.stager import Stager
from swarm_coordinator.storage.blob_store import READ_BYTES

KEPT_S = 3.0  # above ASK_AGAIN_S of the clients
TASKS_MAX = 64


@dataclass(frozen=True)
class Damage:
    ref: FileRef
    needed: bool


@dataclass
class FileTask:
    """How far something is. `problem` is only meaningful when it has ended."""

    ended: bool = False
    problem: str = ''
    done_bytes: int = 0
    total_bytes: int = 0
    files: int = 0
    ref: FileRef | None = None
    holder: RobotId | None = None
    damaged: list[Damage] = field(default_factory=list)
    ended_s: float = 0.0
    forgotten: bool = False


class FileTasks:
    """Methods return how far it is, and may be called from any thread."""

    def __init__(self, stager: Stager) -> None:
        self._stager = stager
        self._lock = threading.Lock()
        self._tasks: dict[object, FileTask] = {}
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name='file tasks', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Does not wait: what is being read is given up with the process."""
        self._queue.put(None)

    def store(self, path: str, name: str, keep: bool) -> FileTask:
        return self._once(
            ('store', path, name, keep, _state_of(path)),
            lambda task: self._queue.put(lambda: self._store(task, path, name, keep)),
        )

    def verify(self, hashes: tuple[str, ...]) -> FileTask:
        return self._once(
            ('verify', hashes),
            lambda task: self._queue.put(lambda: self._verify(task, hashes)),
        )

    def fetch(
        self, sha256: str, size_bytes: int, holder: RobotId | None, path: str
    ) -> FileTask:
        key = ('fetch', sha256, path)
        if not self._stager.store.path(sha256).exists():
            self._drop_ended(key)  # it was here, and is gone again
        task = self._once(key, lambda task: self._fetch(key, task, sha256, size_bytes, holder))
        progress = self._stager.progress.get(sha256)
        if progress is not None and not task.ended:
            task.done_bytes, task.total_bytes = progress.done_bytes, progress.size_bytes
            task.holder = progress.holder or task.holder
        return task

    def forget_fetch(self, sha256: str, path: str) -> FileTask:
        """Do not fetch it any longer; nothing of it stays unless somebody else wants it."""
        key = ('fetch', sha256, path)
        with self._lock:
            task = self._tasks.get(key)
        if task is None or task.ended:
            return FileTask(ended=True, problem='it is not being fetched')
        task.forgotten = True
        self._stager.forget(key)
        self._end(task, 'not wanted any more')
        return task

    # ---- keeping count

    def _once(self, key: object, begin: Callable[[FileTask], None]) -> FileTask:
        now_s = time.monotonic()
        with self._lock:
            over = [
                known for known, task in self._tasks.items()
                if task.ended and now_s - task.ended_s > KEPT_S
            ]
            for known in over:
                del self._tasks[known]
            task = self._tasks.get(key)
            if task is not None:
                return task
            if len(self._tasks) >= TASKS_MAX:
                return FileTask(ended=True, problem=f'{TASKS_MAX} others are asked for: wait')
            task = self._tasks[key] = FileTask()
        begin(task)
        return task

    def _drop_ended(self, key: object) -> None:
        with self._lock:
            task = self._tasks.get(key)
            if task is not None and task.ended and not task.problem:
                del self._tasks[key]

    def _end(self, task: FileTask, problem: str = '') -> None:
        if not task.ended:
            task.problem, task.ended_s = problem, time.monotonic()
            task.ended = True

    # ---- what takes long, on this object's own thread

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()

    def _paced(self, task: FileTask, base: int) -> Callable[[int], None]:
        """Reading yields to consensus as sending does."""

        def told(size: int) -> None:
            task.done_bytes = base + size
            while wait_ns := self._stager.pace.take_in(READ_BYTES):
                time.sleep(wait_ns / 1e9)

        return told

    def _store(self, task: FileTask, path: str, name: str, keep: bool) -> None:
        store, source = self._stager.store, Path(path)
        try:
            task.total_bytes = source.stat().st_size
            ref = store.add_file(source, name or source.name, self._paced(task, 0))
            if keep:
                store.keep(ref.sha256, True)
            store.unpin(ref.sha256)
        except (OSError, ValueError) as error:
            self._end(task, str(error))
            return
        task.ref, task.files, task.done_bytes = ref, 1, ref.size_bytes
        self._end(task)

    def _verify(self, task: FileTask, hashes: tuple[str, ...]) -> None:
        store = self._stager.store
        known = store.entries()
        unknown = [one for one in hashes if one not in known]
        if unknown:
            self._end(task, f'{unknown[0][:16]}... is not stored here')
            return
        chosen = sorted(hashes or known)
        task.total_bytes = sum(known[one].size_bytes for one in chosen)
        base = 0
        for sha256 in chosen:
            entry = known[sha256]
            if not store.verify(sha256, self._paced(task, base)) and sha256 in known:
                self._found_damaged(task, sha256, entry.name, entry.size_bytes, entry.needed)
            base += entry.size_bytes
            task.files += 1
            task.done_bytes = base
        self._end(task)

    def _found_damaged(
        self, task: FileTask, sha256: str, name: str, size: int, needed: bool
    ) -> None:
        if not self._stager.store.was_set_aside(sha256):
            return  # collected in the meantime
        damage = Damage(FileRef(name or sha256, size, sha256), needed)
        task.damaged.append(damage)
        if needed:
            self._stager.damaged(damage.ref)

    # ---- fetching, on the stager's thread

    def _fetch(
        self, key: object, task: FileTask, sha256: str, size: int, holder: RobotId | None
    ) -> None:
        path = str(key[2]) if isinstance(key, tuple) else ''

        def found(ref: FileRef | None, where: RobotId | None) -> None:
            if task.forgotten:
                return
            if ref is None:
                self._end(task, f'nobody says that they have {sha256[:16]}...')
                return
            task.total_bytes, task.holder = ref.size_bytes, where
            self._stager.want(
                key, (ref,), holder or where, lambda problem: arrived(ref, problem), job=False
            )

        def arrived(ref: FileRef, problem: str) -> None:
            if problem:
                self._end(task, problem)
                return
            task.ref, task.done_bytes = ref, ref.size_bytes
            task.holder = self._stager.sources.get(sha256, task.holder)
            if not path:
                self._let_go(task, ref, '')
                return
            try:
                named = replace(ref, name=checked_file_name(Path(path).name))
            except ValueError as error:
                self._let_go(task, ref, str(error))
                return
            self._stager.place(
                (named,), str(Path(path).parent), lambda why: self._let_go(task, ref, why)
            )

        if size and not self._stager.store.path(sha256).exists():
            found(FileRef(sha256, size, sha256), holder)
        else:
            self._stager.look_up(sha256, found, holder)

    def _let_go(self, task: FileTask, ref: FileRef, problem: str) -> None:
        self._stager.unpin((ref.sha256,))
        self._end(task, problem)


def _state_of(path: str) -> tuple[int, int]:
    """What changes with the content: the same path may be stored again a moment later."""
    try:
        state = Path(path).stat()
    except OSError:
        return 0, 0
    return state.st_size, state.st_mtime_ns
