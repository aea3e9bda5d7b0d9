# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Brings files here, hands them out and puts them in place: one thread over the blob store.

Owns the disk work of staging, so that consensus never waits for it. What to ask for next is
decided by core/files/fetch.py; what is needed at all by the coordinator.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from swarm_coordinator.core.files.fetch import (
    CHUNK_BYTES,
    AskChunks,
    AskManifest,
    Fetch,
    Fetched,
    FetchEffect,
    FetchFailed,
    WriteChunk,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.storage.blob_store import BlobDamaged, BlobStore

TICK_S = 0.1
MANIFESTS_CACHED = 64
CHUNKS_PER_REQUEST_MAX = 16


@dataclass(frozen=True)
class Manifest:
    holder: RobotId
    sha256: str
    held: bool
    size_bytes: int
    chunk_bytes: int
    hashes: bytes


@dataclass(frozen=True)
class Chunk:
    holder: RobotId
    sha256: str
    chunk_bytes: int
    chunk: int
    data: bytes


@dataclass(frozen=True)
class ChunkRequest:
    """`chunks` empty: the manifest is wanted."""

    sender: RobotId
    sha256: str
    chunk_bytes: int
    chunks: tuple[int, ...]


class StagingLink(Protocol):
    """How staging talks to other robots."""

    def ask(self, holder: RobotId, sha256: str, chunks: tuple[int, ...]) -> None: ...
    def send_manifest(
        self, to: RobotId, sha256: str, manifest: tuple[int, bytes] | None
    ) -> None: ...
    def send_chunk(self, to: RobotId, sha256: str, chunk: int, data: bytes) -> None: ...


Done = Callable[[str], None]  # called with '' or the reason why not


@dataclass
class _Want:
    """Several files wanted together; `done` is called once, with '' or the first problem."""

    key: object
    left: set[str]
    done: Done


@dataclass
class Stager:
    """Public methods may be called from any thread; they only queue work."""

    store: BlobStore
    link: StagingLink
    robot_id: RobotId
    log: logging.Logger
    _inbox: 'queue.SimpleQueue[Callable[[], None] | None]' = field(
        default_factory=queue.SimpleQueue
    )
    _fetches: dict[str, Fetch] = field(default_factory=dict)
    _wants: list[_Want] = field(default_factory=list)
    _manifests: 'OrderedDict[str, tuple[int, bytes]]' = field(default_factory=OrderedDict)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name='stager', daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._inbox.put(None)
            self._thread.join()

    # ---- called by others

    def want(self, key: object, refs: tuple[FileRef, ...], holder: RobotId, done: Done) -> None:
        """Have `refs` here, fetched from `holder` where they are not."""
        self._inbox.put(lambda: self._want(key, refs, holder, done))

    def forget(self, key: object) -> None:
        self._inbox.put(lambda: self._forget(key))

    def add(
        self, paths: list[tuple[Path, str]], done: Callable[[list[FileRef] | str], None]
    ) -> None:
        """Copy files into the store, pinned; `done` gets their references or the reason."""
        self._inbox.put(lambda: done(self._add(paths)))

    def pin(self, refs: tuple[FileRef, ...], done: Done) -> None:
        """Keep files that should be here already; `done` gets '' or which one is not."""
        self._inbox.put(lambda: done(self._pin(refs)))

    def place(self, refs: tuple[FileRef, ...], folder: str, done: Done) -> None:
        self._inbox.put(lambda: done(self._place(refs, folder)))

    def discard(self, sha256: str) -> None:
        self._inbox.put(lambda: self._discard(sha256))

    def unpin(self, hashes: tuple[str, ...]) -> None:
        self._inbox.put(lambda: self._unpin(hashes))

    def sweep(self, needed: frozenset[str]) -> None:
        self._inbox.put(lambda: self._sweep(needed))

    def requested(self, request: ChunkRequest) -> None:
        self._inbox.put(lambda: self._serve(request))

    def manifest_heard(self, heard: Manifest) -> None:
        self._inbox.put(lambda: self._manifest_heard(heard))

    def chunk_heard(self, heard: Chunk) -> None:
        self._inbox.put(lambda: self._chunk_heard(heard))

    # ---- the thread

    def _run(self) -> None:
        while True:
            try:
                work = self._inbox.get(timeout=TICK_S if self._fetches else None)
            except queue.Empty:
                self._tick()
                continue
            if work is None:
                return
            try:
                work()
            except Exception:  # the edge of this thread: one bad request must not end it
                self.log.exception('staging failed')
            if self._fetches and self._inbox.empty():
                self._tick()

    def _tick(self) -> None:
        for fetch in list(self._fetches.values()):
            self._perform(fetch, fetch.tick(time.monotonic_ns()))

    def _want(self, key: object, refs: tuple[FileRef, ...], holder: RobotId, done: Done) -> None:
        missing = {ref.sha256: ref for ref in refs if not self.store.has(ref)}
        if not missing:
            done('')
            return
        if holder == self.robot_id:
            done(f'{sorted(ref.name for ref in missing.values())} should be here, but are not')
            return
        want = _Want(key, set(missing), done)
        self._wants.append(want)
        for sha256, ref in missing.items():
            known = self._fetches.get(sha256)
            if known is not None and known.holder == holder:
                continue
            try:
                self.store.begin(ref)
            except OSError as error:
                self._end(sha256, str(error))
                return
            fetch = Fetch(ref, holder, time.monotonic_ns())
            self._fetches[sha256] = fetch
            self._perform(fetch, fetch.tick(time.monotonic_ns()))

    def _forget(self, key: object) -> None:
        self._wants = [want for want in self._wants if want.key != key]
        wanted = {sha256 for want in self._wants for sha256 in want.left}
        for sha256 in [sha256 for sha256 in self._fetches if sha256 not in wanted]:
            del self._fetches[sha256]
            self.store.abandon(sha256)

    def _manifest_heard(self, heard: Manifest) -> None:
        fetch = self._fetches.get(heard.sha256)
        if fetch is not None and fetch.holder == heard.holder:
            self._perform(
                fetch,
                fetch.manifest_heard(
                    heard.held,
                    heard.size_bytes,
                    heard.chunk_bytes,
                    heard.hashes,
                    time.monotonic_ns(),
                ),
            )

    def _chunk_heard(self, heard: Chunk) -> None:
        fetch = self._fetches.get(heard.sha256)
        if fetch is not None and heard.chunk_bytes == CHUNK_BYTES:
            self._perform(fetch, fetch.chunk_heard(heard.chunk, heard.data, time.monotonic_ns()))

    def _perform(self, fetch: Fetch, effects: list[FetchEffect]) -> None:
        for effect in effects:
            if isinstance(effect, AskManifest):
                self.link.ask(effect.holder, effect.sha256, ())
            elif isinstance(effect, AskChunks):
                self.link.ask(effect.holder, effect.sha256, effect.chunks)
            elif isinstance(effect, WriteChunk):
                self._write(effect)
            elif isinstance(effect, Fetched):
                self._finish(fetch)
            elif isinstance(effect, FetchFailed):
                self.store.abandon(effect.sha256)
                self._end(effect.sha256, effect.reason)

    def _write(self, effect: WriteChunk) -> None:
        try:
            self.store.write(effect.sha256, effect.offset, effect.data)
        except OSError as error:
            self.store.abandon(effect.sha256)
            self._end(effect.sha256, str(error))

    def _finish(self, fetch: Fetch) -> None:
        if fetch.ref.sha256 not in self._fetches:
            return  # a chunk before could not be written
        try:
            self.store.finish(fetch.ref)
        except (BlobDamaged, OSError) as error:
            self._end(fetch.ref.sha256, str(error))
        else:
            self._end(fetch.ref.sha256, '')

    def _end(self, sha256: str, problem: str) -> None:
        self._fetches.pop(sha256, None)
        for want in list(self._wants):
            if sha256 not in want.left:
                continue
            want.left.discard(sha256)
            if problem or not want.left:
                self._wants.remove(want)
                want.done(problem)

    def _add(self, paths: list[tuple[Path, str]]) -> list[FileRef] | str:
        added: list[FileRef] = []
        try:
            for path, name in paths:
                added.append(self.store.add_file(path, name))
        except (OSError, ValueError) as error:
            for ref in added:
                self.store.unpin(ref.sha256)
            return str(error)
        return added

    def _pin(self, refs: tuple[FileRef, ...]) -> str:
        for number, ref in enumerate(refs):
            if not self.store.pin(ref):
                for kept in refs[:number]:
                    self.store.unpin(kept.sha256)
                return f'input {ref.name!r} ({ref.sha256[:12]}...) is not held by this robot'
        return ''

    def _place(self, refs: tuple[FileRef, ...], folder: str) -> str:
        try:
            for ref in refs:
                self.store.copy_out(ref, Path(folder))
        except (OSError, ValueError) as error:
            return str(error)
        return ''

    def _unpin(self, hashes: tuple[str, ...]) -> None:
        for sha256 in hashes:
            self.store.unpin(sha256)

    def _discard(self, sha256: str) -> None:
        self._manifests.pop(sha256, None)
        self.store.discard(sha256)

    def _sweep(self, needed: frozenset[str]) -> None:
        count = self.store.sweep(needed)
        if count:
            self.log.info('%d stored files of a former start are gone', count)

    def _serve(self, request: ChunkRequest) -> None:
        if request.chunk_bytes != CHUNK_BYTES or not request.chunks:
            self.link.send_manifest(request.sender, request.sha256, self._manifest(request.sha256))
            return
        for number in request.chunks[:CHUNKS_PER_REQUEST_MAX]:
            data = self.store.chunk(request.sha256, number)
            if data:
                self.link.send_chunk(request.sender, request.sha256, number, data)

    def _manifest(self, sha256: str) -> tuple[int, bytes] | None:
        if sha256 in self._manifests:
            self._manifests.move_to_end(sha256)
            return self._manifests[sha256]
        manifest = self.store.manifest(sha256)
        if manifest is not None:
            self._manifests[sha256] = manifest
            while len(self._manifests) > MANIFESTS_CACHED:
                self._manifests.popitem(last=False)
        return manifest
