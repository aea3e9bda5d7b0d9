# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot keeps beside its log: files of jobs, tokens of leases, output of jobs."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from cuts.engine import Broken, Case, Story, Told
from swarm_coordinator.core.files.manifest import CHUNK_BYTES
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.fencing import FencedResource
from swarm_coordinator.runner.job_logs import JobLogs
from swarm_coordinator.runner.jobs.encoders import Probe, _cached, _keep
from swarm_coordinator.storage import blob_store
from swarm_coordinator.storage.blob_store import BlobStore

QUOTA_BYTES = 64 * 1024 * 1024
LOGGER = logging.getLogger('cuts')
LARGE_BYTES = 40_000
# Limits are smaller than they are, so that many disks can be tried in a short time.
small = mock.patch.multiple(
    blob_store, UNSYNCED_BYTES_MAX=LARGE_BYTES, SYNC_BYTES=34_000, READ_BYTES=20_000)


@dataclass(frozen=True)
class Shelf:
    """Names of files that are there, that are kept, and that were copied out."""

    here: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    out: frozenset[str] = frozenset()


def between(what: str, found: frozenset[str], allowed: list[frozenset[str]]) -> None:
    """All that is in each of the allowed ones is there, and nothing that is in none."""
    must, may = frozenset.intersection(*allowed), frozenset.union(*allowed)
    if not must <= found <= may:
        raise Broken(f'{what}: found {sorted(found)}, expected {sorted(must)} to {sorted(may)}')


@dataclass
class _Files:
    """What is stored: content by name."""

    content: dict[str, bytes] = field(default_factory=dict)

    def ref(self, name: str, size: int) -> FileRef:
        content = self.content.setdefault(name, (name * size)[:size].encode())
        return FileRef(name, len(content), hashlib.sha256(content).hexdigest())


class Blobs(Case):
    """Files by content: added, fetched in chunks, kept, copied out, damaged, removed."""

    name = 'files of jobs'
    operations = ('added, fetched in chunks, left and taken up again, kept, no longer kept, '
                  'copied out, removed, set aside')
    names = r'store/(blobs/../[0-9a-f]{64}|partial/[0-9a-f]{64}(\.have)?|kept/[0-9a-f]{64})' \
            r'|store/damaged/[0-9a-f]{64}|source/\w+|out/\w+'
    empty = Shelf()

    def __init__(self) -> None:
        self._files = _Files()
        self._added = self._files.ref('added', 3000)
        self._large = self._files.ref('large', LARGE_BYTES + 1000)
        self._small = self._files.ref('small', 800)
        self._left = self._files.ref('left', 70_000)
        self._gone = self._files.ref('gone', 600)

    @small
    def work(self, folder: Path, story: Story) -> None:
        source = folder / 'source'
        source.mkdir()
        for ref in (self._added, self._gone):
            (source / ref.name).write_bytes(self._files.content[ref.name])
        store = BlobStore(folder / 'store', QUOTA_BYTES)
        told = Shelf()
        story.watch(told)
        told = replace(told, here=told.here | {'added'})
        with story.step(told):
            store.add_file(source / 'added', 'added')
        told = self._fetched(store, story, told)
        told = replace(told, kept=frozenset({'added'}))
        with story.step(told):
            store.keep(self._added.sha256, True)
        told = replace(told, out=frozenset({'large'}))
        with story.step(told):
            store.copy_out(self._large, folder / 'out')
        told = replace(told, kept=frozenset())
        with story.step(told):
            store.keep(self._added.sha256, False)
        self._ended(store, story, told, source)

    def _fetched(self, store: BlobStore, story: Story, told: Shelf) -> Shelf:
        for ref, durable in ((self._large, True), (self._small, False)):
            told = replace(told, here=told.here | {ref.name})
            with story.step(told, durable):
                store.begin(ref)
                self._write(store, ref, 0, ref.size_bytes)
                store.finish(ref, durable)
        told = replace(told, here=told.here | {'left'})
        with story.step(told):
            store.begin(self._left)
            self._write(store, self._left, 0, CHUNK_BYTES)
            store.leave(self._left, frozenset({0}))
            store.begin(self._left)
            self._write(store, self._left, CHUNK_BYTES, self._left.size_bytes)
            store.finish(self._left)
        return told

    def _ended(self, store: BlobStore, story: Story, told: Shelf, source: Path) -> None:
        with story.step(replace(told, here=told.here | {'gone'})):
            store.unpin(store.add_file(source / 'gone', 'gone').sha256)
        store.discard(self._gone.sha256)
        with story.step(told, durable=False):
            store.remove(self._gone.sha256)
        with story.step(replace(told, here=told.here - {'small'}), durable=False):
            store.set_aside(self._small.sha256)

    def _write(self, store: BlobStore, ref: FileRef, begin: int, end: int) -> None:
        content, step = self._files.content[ref.name], CHUNK_BYTES
        for at in range(begin, end, step):
            store.write(ref.sha256, at, content[at : min(at + step, end)])

    @small
    def start(self, folder: Path) -> Any:
        store = BlobStore(folder / 'store', QUOTA_BYTES)
        here = set()
        for ref in (self._added, self._large, self._small, self._left, self._gone):
            if store.has(ref):
                here.add(ref.name)
                if not store.verify(ref.sha256):
                    raise Broken(f'{ref.name} is said to be here, and is not what it was')
        kept = {
            name for name in self._files.content
            if (folder / 'store' / 'kept' / self._files.ref(name, 0).sha256).exists()
        }
        out = [one for one in (folder / 'out').glob('*') if one.name in self._files.content]
        for path in out:
            if path.read_bytes() != self._files.content[path.name]:
                raise Broken(f'{path.name} was copied out, and is not what it was')
        return Shelf(frozenset(here), frozenset(kept), frozenset(one.name for one in out))

    def check(self, found: Any, told: Told) -> None:
        unsynced = frozenset() if told.killed else frozenset({'small'})
        between('here', found.here | unsynced, [one.here | unsynced for one in told.allowed])
        between('kept', found.kept, [one.kept for one in told.allowed])
        between('out', found.out, [one.out for one in told.allowed])

    def go_on(self, folder: Path) -> None:
        """A fetch that was cut short goes on with what it had, or anew."""
        store = BlobStore(folder / 'store', QUOTA_BYTES)
        for path in (folder / 'store' / 'partial').iterdir():
            if not path.with_suffix('').with_suffix('.have').exists():
                raise Broken(f'{path.name} is left, and nobody knows what of it is there')
        store.begin(self._left)
        self._write(store, self._left, 0, self._left.size_bytes)
        store.finish(self._left)
        store.copy_out(self._left, folder / 'out')


class Fence(Case):
    """The highest token of a lease that a resource has seen: never lower again."""

    name = 'fencing token'
    operations = 'first token, higher ones'
    names = r'dock\.token(\.lock)?'
    empty = 0

    def work(self, folder: Path, story: Story) -> None:
        for token in (3, 4, 1000):
            with story.step(token):
                FencedResource('dock', folder / 'dock.token').present(token)

    def start(self, folder: Path) -> Any:
        return FencedResource('dock', folder / 'dock.token').highest

    def go_on(self, folder: Path) -> None:
        FencedResource('dock', folder / 'dock.token').require(2000)


def _same_or_zero(found: bytes, said: bytes) -> bool:
    one, other = np.frombuffer(found, np.uint8), np.frombuffer(said, np.uint8)
    return bool(np.all((one == other) | (one == 0)))


class Output(Case):
    """What jobs printed. A kill takes nothing of it, a power cut may; it hinders no start."""

    name = 'output of jobs'
    operations = 'head, segments, oldest segment removed, oldest attempt forgotten'
    names = r'logs/job-\w+-1/std(out|err)\.\d+'
    empty = 0

    def __init__(self) -> None:
        self._printed = b''

    def work(self, folder: Path, story: Story) -> None:
        logs = JobLogs(folder / 'logs', 6 * 1024 * 1024, LOGGER)
        writers = logs.open('job-a', 1)
        for number in range(12):
            self._printed += b'%d' % (number % 10) * 200_000
            with story.step(len(self._printed), durable=False):
                writers[0].write(self._printed[-200_000:])
        writers[1].write(b'the end')
        logs.ended(writers)

    def start(self, folder: Path) -> Any:
        logs = JobLogs(folder / 'logs', 6 * 1024 * 1024, LOGGER)
        for job in logs.kept():
            at = 0
            while True:
                found = logs.read(job.job_id, job.attempt, 'stdout', at, 1 << 20)
                said = self._printed[found.offset : found.offset + len(found.data)]
                if len(said) != len(found.data) or not _same_or_zero(found.data, said):
                    raise Broken(f'at {at}: not what was printed')
                if not found.data:
                    break
                at = found.offset + len(found.data)
            return at
        return 0

    def check(self, found: Any, told: Told) -> None:
        if told.killed and found < told.allowed[0]:
            raise Broken(f'{found} bytes after a kill, {told.allowed[0]} had been printed')

    def go_on(self, folder: Path) -> None:
        logs = JobLogs(folder / 'logs', 6 * 1024 * 1024, LOGGER)
        writers = logs.open('job-b', 1)
        writers[0].write(b'next')
        logs.ended(writers)
        if logs.read('job-b', 1, 'stdout', 0, 100).data != b'next':
            raise Broken('the next output is not kept')


class EncoderCache(Case):
    """Which encoders work here: found again where it is lost."""

    name = 'cache of encoders'
    operations = 'kept twice'
    names = r'cache/encoders\.json'

    def work(self, folder: Path, story: Story) -> None:
        for number, version in enumerate(('1', '2')):
            with (
                story.step(version, durable=False),
                mock.patch('os.getpid', return_value=70_000 + number),
            ):
                _keep(folder / 'cache' / 'encoders.json', 'key', Probe(version, {}))

    def start(self, folder: Path) -> Any:
        found = _cached(folder / 'cache' / 'encoders.json', 'key')
        return None if found is None else found.version

    def check(self, found: Any, told: Told) -> None:
        if found not in (None, *told.allowed):
            raise Broken(f'found {found}')

    def go_on(self, folder: Path) -> None:
        _keep(folder / 'cache' / 'encoders.json', 'key', Probe('3', {}))
