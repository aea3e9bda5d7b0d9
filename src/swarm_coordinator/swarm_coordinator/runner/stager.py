# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Brings files here and puts them in place: one thread over the blob store.

Owns the disk work of staging, so that consensus never waits for it. What to ask for next is
decided by core/files/fetch.py; what others get is for staging_giver.py; what is needed at all for
the coordinator.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from swarm_coordinator.core.files.fetch import (
    ASK_AGAIN_NS,
    GIVE_UP_NS,
    NOBODY_NS,
    AskChunks,
    AskManifest,
    AskWho,
    CheckPartial,
    CloseDirect,
    Fetch,
    Fetched,
    FetchEffect,
    FetchFailed,
    OpenDirect,
    WriteChunk,
)
from swarm_coordinator.core.files.manifest import (
    CHUNK_BYTES,
    Chunk,
    FileQuestion,
    ManifestPage,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.runner.direct_fetch import DirectFetch
from swarm_coordinator.runner.file_server import FileServer
from swarm_coordinator.runner.shared_pace import SharedPace
from swarm_coordinator.runner.staging_giver import StagingGiver, StagingLink, Traffic
from swarm_coordinator.storage.blob_store import BlobDamaged, BlobStore

TICK_S = 0.1
NOTE_NS = 200_000_000  # a restart fetches at most what came in so long once more
NOTE_CHUNKS = 16_384  # notes of a file with so many chunks, 512 MiB, are made half as often
HEARD_FIRST = 256  # of what waited while this thread was held up: an answer in it is no silence
FETCHES_MAX = 16  # at a time; small files wait for answers, not for bytes
SOURCES_MAX = 256
LOOKUP_NS = NOBODY_NS


Done = Callable[[str], None]  # called with '' or the reason why not


@dataclass
class _Want:
    """Several files wanted together; `done` is called once, with '' or the first problem."""

    key: object
    left: dict[str, FileRef]
    holder: RobotId | None
    done: Done
    waiting: 'deque[FileRef]'  # not begun
    job: bool  # a job needs them; otherwise somebody pins them
    durable: bool


@dataclass
class _Lookup:
    """Somebody wants a file whose size is not known; `holder` is said to have it."""

    sha256: str
    holder: RobotId | None
    asked_ns: int
    ends_ns: int
    found: Callable[[FileRef | None, RobotId | None], None]


@dataclass(frozen=True)
class FetchProgress:
    name: str
    size_bytes: int
    done_bytes: int
    holder: RobotId | None


class Stager:
    """Public methods may be called from any thread; they only queue work."""

    def __init__(
        self,
        store: BlobStore,
        link: StagingLink,
        robot_id: RobotId,
        log: logging.Logger,
        pace: SharedPace | None = None,
        server: FileServer | None = None,
    ) -> None:
        self.store = store
        self.link = link
        self.robot_id = robot_id
        self.log = log
        self.pace = pace or SharedPace()
        self.server = server
        self.traffic = Traffic()
        self.progress: dict[str, FetchProgress] = {}  # replaced as a whole; read by others
        self.sources: OrderedDict[str, RobotId | None] = OrderedDict()  # who sent the last chunk
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._fetches: dict[str, Fetch] = {}
        self._wants: list[_Want] = []
        self._lookups: list[_Lookup] = []
        self._directs: dict[str, DirectFetch] = {}
        self._giver = StagingGiver(store, link, robot_id, self.pace, server, self.traffic)
        self._noted: dict[str, int] = {}
        self._tick_ns = 0
        self._heard_first = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name='stager', daemon=True)
        self._thread.start()
        if self.server is not None:
            self.server.start()

    def close(self) -> None:
        if self._thread is not None:
            self._inbox.put(None)
            self._thread.join()
        if self.server is not None:
            self.server.close()

    # ---- called by others

    def want(
        self,
        key: object,
        refs: tuple[FileRef, ...],
        holder: RobotId | None,
        done: Done,
        job: bool = True,
        durable: bool = False,
    ) -> None:
        """Have `refs` here, fetched from `holder` first, or from whoever has them.

        job         a job needs them from now on, until `discard`; otherwise they are pinned once
                    when they are here
        durable     somebody relies on it that they are here also after a power cut
        """
        self._inbox.put(lambda: self._want(key, refs, holder, done, job, durable))

    def forget(self, key: object) -> None:
        self._inbox.put(lambda: self._forget(key))

    def look_up(
        self, sha256: str, found: Callable[[FileRef | None, RobotId | None], None],
        holder: RobotId | None = None,
    ) -> None:
        """Find out who has a file of this content, and how large it is; None if nobody says so.
        A `holder` that is silent is waited for, as it is while a file is fetched from it."""
        self._inbox.put(lambda: self._look_up(sha256, found, holder))

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
        self._inbox.put(lambda: self.store.discard(sha256))

    def unpin(self, hashes: tuple[str, ...]) -> None:
        """They need not stay for whoever had them pinned."""
        self._inbox.put(lambda: self._unpin(hashes))

    def accounted(self, hashes: tuple[str, ...]) -> None:
        """As unpin; from here on jobs need them, until `discard`."""
        self._inbox.put(lambda: self._accounted(hashes))

    def sweep(self, needed: frozenset[str]) -> None:
        self._inbox.put(lambda: self._sweep(needed))

    def requested(self, question: FileQuestion) -> None:
        self._inbox.put(lambda: self._giver.asked(question))

    def page_heard(self, page: ManifestPage) -> None:
        self._inbox.put(lambda: self._page_heard(page))

    def chunk_heard(self, heard: Chunk) -> None:
        self._inbox.put(lambda: self._chunk_heard(heard))

    def late(self, late_ns: int) -> None:
        """A tick of this robot or the beacon of another one was so late."""
        self.pace.late(late_ns)

    def damaged(self, ref: FileRef) -> None:
        """A stored file was found damaged and set aside: have it again if a job needs it."""
        self._inbox.put(lambda: self._repair(ref))

    # ---- the thread

    def _run(self) -> None:
        while True:
            try:
                work = self._inbox.get(timeout=self._wait_s())
            except queue.Empty:
                work = None
            else:
                if work is None:
                    break
            try:
                if work is not None:
                    work()
                self._giver.send()
                self._maybe_tick()
            except Exception:  # the edge of this thread: one bad request must not end it
                self.log.exception('staging failed')
        self._stop()

    def _wait_s(self) -> float | None:
        if self._giver.owes:
            return self.pace.wait_s(CHUNK_BYTES)
        return TICK_S if self._fetches or self._lookups else None

    def _maybe_tick(self) -> None:
        now_ns = time.monotonic_ns()
        if now_ns - self._tick_ns < TICK_S * 1e9 or not (self._fetches or self._lookups):
            return
        if self._heard_first < HEARD_FIRST and not self._inbox.empty():
            self._heard_first += 1
            return
        self._tick_ns, self._heard_first = now_ns, 0
        for fetch in list(self._fetches.values()):
            if self._fetches.get(fetch.ref.sha256) is fetch:
                self._perform(fetch, fetch.tick(now_ns))
        self._note(now_ns)
        self._ask_lookups(now_ns)

    def _stop(self) -> None:
        for sha256, fetch in self._fetches.items():
            self._close_direct(sha256)
            self.store.leave(fetch.ref, fetch.here())

    # ---- fetching

    def _want(
        self,
        key: object,
        refs: Sequence[FileRef],
        holder: RobotId | None,
        done: Done,
        job: bool,
        durable: bool,
    ) -> None:
        missing = {}
        for ref in refs:
            if self.store.has(ref):
                self._here(ref, job)
            else:
                missing[ref.sha256] = ref
        if not missing:
            done('')
            return
        if holder == self.robot_id:
            holder = None  # it should be here; perhaps another robot has it
        waiting = deque(missing.values())
        self._wants.append(_Want(key, missing, holder, done, waiting, job, durable))
        self._fill()

    def _here(self, ref: FileRef, job: bool) -> None:
        self.store.touch(ref.sha256)
        if job:
            self.store.need(ref.sha256)
        else:
            self.store.pin(ref)

    def _fill(self) -> None:
        """Begin fetches, one of each want in turn."""
        while len(self._fetches) < FETCHES_MAX:
            turn = [want for want in self._wants if want.waiting]
            if not turn:
                return
            for want in turn:
                if want.waiting and len(self._fetches) < FETCHES_MAX:
                    self._begin(want.waiting.popleft(), want)

    def _begin(self, ref: FileRef, want: _Want) -> None:
        if ref.sha256 not in want.left or ref.sha256 in self._fetches:
            return
        if self.store.has(ref):  # another want has brought it since
            self._arrived(ref.sha256)
            return
        try:
            claimed = self.store.begin(ref)
        except OSError as error:
            self._end(ref.sha256, str(error))
            return
        now_ns = time.monotonic_ns()
        fetch = Fetch(
            ref, want.holder, now_ns, claimed, direct_allowed=self.server is not None
        )
        self._fetches[ref.sha256] = fetch
        self._perform(fetch, fetch.tick(now_ns))

    def _forget(self, key: object) -> None:
        self._wants = [want for want in self._wants if want.key != key]
        self._drop_unwanted()
        self._fill()

    def _drop_unwanted(self) -> None:
        wanted = {sha256 for want in self._wants for sha256 in want.left}
        for sha256 in [sha256 for sha256 in self._fetches if sha256 not in wanted]:
            self._drop(sha256)
            self.store.abandon(sha256)

    def _drop(self, sha256: str) -> Fetch | None:
        self._close_direct(sha256)
        self._noted.pop(sha256, None)
        self.progress = {key: one for key, one in self.progress.items() if key != sha256}
        return self._fetches.pop(sha256, None)

    def _page_heard(self, page: ManifestPage) -> None:
        now_ns = time.monotonic_ns()
        fetch = self._fetches.get(page.sha256)
        if fetch is not None:
            self._perform(fetch, fetch.page_heard(page, now_ns))
        for lookup in [one for one in self._lookups if one.sha256 == page.sha256]:
            if page.held:
                self._lookups.remove(lookup)
                lookup.found(FileRef(page.sha256, page.size_bytes, page.sha256), page.holder)
            elif page.holder == lookup.holder:
                lookup.holder, lookup.ends_ns = None, min(lookup.ends_ns, now_ns + LOOKUP_NS)

    def _chunk_heard(self, heard: Chunk) -> None:
        fetch = self._fetches.get(heard.sha256)
        if fetch is not None and heard.chunk_bytes == CHUNK_BYTES:
            now_ns = time.monotonic_ns()
            self._perform(fetch, fetch.chunk_heard(heard.holder, heard.chunk, heard.data, now_ns))

    def _perform(self, fetch: Fetch, effects: Sequence[FetchEffect]) -> None:
        sha256 = fetch.ref.sha256
        for effect in effects:
            if self._fetches.get(sha256) is not fetch:
                return  # what came before has ended it
            if isinstance(effect, WriteChunk):
                self._write(effect)
            elif isinstance(effect, AskChunks):
                self.link.ask(effect.holder, sha256, chunks=effect.chunks)
            elif isinstance(effect, AskManifest):
                self.link.ask(
                    effect.holder, sha256, first_chunk=effect.first_chunk, direct=effect.direct
                )
            elif isinstance(effect, AskWho):
                self.link.ask(None, sha256)
            elif isinstance(effect, OpenDirect):
                self._open_direct(effect)
            elif isinstance(effect, CloseDirect):
                self._close_direct(sha256)
            elif isinstance(effect, CheckPartial):
                self._check_partial(fetch, effect.chunks)
            elif isinstance(effect, Fetched):
                self._finish(fetch)
            elif isinstance(effect, FetchFailed):
                self._end(sha256, effect.reason, resumable=True)

    def _write(self, effect: WriteChunk) -> None:
        try:
            self.store.write(effect.sha256, effect.offset, effect.data)
        except OSError as error:
            self._end(effect.sha256, str(error))
            return
        self.traffic.received_bytes += len(effect.data)

    def _check_partial(self, fetch: Fetch, chunks: tuple[int, ...]) -> None:
        expected = fetch.chunk_sha256 or ()
        try:
            found = self.store.partial_chunks(fetch.ref.sha256, chunks)
            good = frozenset(chunk for chunk, digest in found if expected[chunk] == digest)
        except OSError as error:
            self._end(fetch.ref.sha256, str(error))
            return
        if good:
            self.log.info(
                '%s goes on where it was: %d of %d chunks are here',
                fetch.ref.name, len(good), fetch.chunk_count,
            )
        self._perform(fetch, fetch.checked(good, time.monotonic_ns()))

    def _finish(self, fetch: Fetch) -> None:
        ref = fetch.ref
        wants = [want for want in self._wants if ref.sha256 in want.left]
        try:
            self.store.finish(
                ref,
                durable=any(want.durable for want in wants),
                needed=any(want.job for want in wants),
            )
        except BlobDamaged as error:
            self.log.warning('%s', error)
            self._begin_again(fetch)
        except OSError as error:
            self._end(ref.sha256, str(error))
        else:
            self._drop(ref.sha256)
            self._came_from(ref.sha256, fetch.holder)
            self._arrived(ref.sha256)
            self._fill()

    def _came_from(self, sha256: str, holder: RobotId | None) -> None:
        self.sources[sha256] = holder
        if len(self.sources) > SOURCES_MAX:
            self.sources.popitem(last=False)

    def _begin_again(self, fetch: Fetch) -> None:
        try:
            self.store.begin(fetch.ref)
        except OSError as error:
            self._end(fetch.ref.sha256, str(error))
            return
        self._perform(fetch, fetch.whole_wrong(time.monotonic_ns()))

    def _arrived(self, sha256: str) -> None:
        for want in [one for one in self._wants if sha256 in one.left]:
            ref = want.left.pop(sha256)
            self._here(ref, want.job)
            if not want.left:
                self._wants.remove(want)
                want.done('')

    def _end(self, sha256: str, problem: str, resumable: bool = False) -> None:
        """Whoever wants this file hears why it does not come, and wants nothing else any more."""
        fetch = self._drop(sha256)
        if resumable and fetch is not None:
            self.store.leave(fetch.ref, fetch.here())
        else:
            self.store.abandon(sha256)
        failed = [want for want in self._wants if sha256 in want.left]
        self._wants = [want for want in self._wants if want not in failed]
        self._drop_unwanted()
        for want in failed:
            want.done(problem)
        self._fill()

    def _note(self, now_ns: int) -> None:
        """What has come, for a restart and for those who watch."""
        self.progress = {
            sha256: FetchProgress(
                fetch.ref.name,
                fetch.ref.size_bytes,
                min(fetch.ref.size_bytes, fetch.done_chunks * CHUNK_BYTES),
                fetch.holder,
            )
            for sha256, fetch in self._fetches.items()
        }
        for sha256, fetch in list(self._fetches.items()):
            rest_ns = NOTE_NS * (1 + fetch.chunk_count // NOTE_CHUNKS)
            if fetch.chunk_count > 1 and now_ns - self._noted.get(sha256, 0) >= rest_ns:
                self._noted[sha256] = now_ns
                try:
                    self.store.note(fetch.ref, fetch.here())
                except OSError as error:
                    self._end(sha256, str(error))

    def _repair(self, ref: FileRef) -> None:
        def done(problem: str) -> None:
            if problem:
                self.log.error('%s was damaged and cannot be fetched again: %s', ref.name, problem)

        self._giver.forget(ref.sha256)
        self._want(('repair', ref.sha256), (ref,), None, done, job=True, durable=True)

    # ---- one connection

    def _open_direct(self, effect: OpenDirect) -> None:
        sha256 = effect.sha256

        def heard(first_chunk: int, data: bytes) -> None:
            self._inbox.put(lambda: self._direct_heard(direct, sha256, first_chunk, data))

        def ended(problem: str) -> None:
            self._inbox.put(lambda: self._direct_ended(direct, sha256, problem))

        size = self._fetches[sha256].ref.size_bytes
        cipher = None if self.server is None else self.server.cipher
        direct = DirectFetch(effect.offer, effect.runs, size, self.pace, heard, ended, cipher)
        self._directs[sha256] = direct
        direct.start()

    def _direct_heard(
        self, direct: DirectFetch, sha256: str, first_chunk: int, data: bytes
    ) -> None:
        fetch = self._fetches.get(sha256)
        if fetch is not None and self._directs.get(sha256) is direct:
            self._perform(fetch, fetch.direct_heard(first_chunk, data, time.monotonic_ns()))
        direct.taken()

    def _direct_ended(self, direct: DirectFetch, sha256: str, problem: str) -> None:
        fetch = self._fetches.get(sha256)
        if fetch is None or self._directs.get(sha256) is not direct:
            return
        del self._directs[sha256]
        if problem:
            self.log.warning('%s over one connection: %s', fetch.ref.name, problem)
        self._perform(fetch, fetch.direct_ended(time.monotonic_ns()))

    def _close_direct(self, sha256: str) -> None:
        if (direct := self._directs.pop(sha256, None)) is not None:
            direct.close()

    # ---- looking for a file of unknown size

    def _look_up(
        self, sha256: str, found: Callable[[FileRef | None, RobotId | None], None],
        holder: RobotId | None,
    ) -> None:
        size = self.store.size_of(sha256)
        if size is not None:
            found(FileRef(sha256, size, sha256), None)
            return
        now_ns = time.monotonic_ns()
        ends_ns = now_ns + (LOOKUP_NS if holder is None else GIVE_UP_NS)
        lookup = _Lookup(sha256, holder, now_ns, ends_ns, found)
        self._lookups.append(lookup)
        self._ask_lookup(lookup)

    def _ask_lookup(self, lookup: _Lookup) -> None:
        self.link.ask(None, lookup.sha256)
        if lookup.holder is not None:  # who is asked by name says no as well
            self.link.ask(lookup.holder, lookup.sha256)

    def _ask_lookups(self, now_ns: int) -> None:
        for lookup in list(self._lookups):
            if now_ns >= lookup.ends_ns:
                self._lookups.remove(lookup)
                lookup.found(None, None)
            elif now_ns - lookup.asked_ns >= ASK_AGAIN_NS:
                lookup.asked_ns = now_ns
                self._ask_lookup(lookup)

    # ---- the store

    def _add(self, paths: list[tuple[Path, str]]) -> list[FileRef] | str:
        added: list[FileRef] = []
        try:
            for path, name in paths:
                added.append(self.store.add_file(path, name))
        except (OSError, ValueError) as error:
            self._unpin(tuple(ref.sha256 for ref in added))
            return str(error)
        return added

    def _pin(self, refs: tuple[FileRef, ...]) -> str:
        for number, ref in enumerate(refs):
            if not self.store.pin(ref):
                self._unpin(tuple(kept.sha256 for kept in refs[:number]))
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

    def _accounted(self, hashes: tuple[str, ...]) -> None:
        for sha256 in hashes:
            self.store.need(sha256)
            self.store.unpin(sha256)

    def _sweep(self, needed: frozenset[str]) -> None:
        count = self.store.sweep(needed)
        if count:
            self.log.info('%d stored files of a former start are needed by no job', count)
