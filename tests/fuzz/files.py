# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files and streams of a coordinator: batches of jobs, parameters, what jobs say, files on their
way between robots, and what a disk gives back."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import io
import json
import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import yaml

from swarm_coordinator.batch import BatchErrors, read_batch
from swarm_coordinator.core.files import fetch as fetching
from swarm_coordinator.core.files.manifest import (
    CHUNK_BYTES,
    DirectOffer,
    ManifestPage,
    chunk_count_of,
)
from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.core.jobs.kinds.call_kind import read_request
from swarm_coordinator.fencing import FencedResource, FenceUnreadable
from swarm_coordinator.ros.jobs.json_messages import fill
from swarm_coordinator.ros.robot import configured
from swarm_coordinator.runner import progress
from swarm_coordinator.runner.direct_fetch import endpoint_of
from swarm_coordinator.runner.jobs.assignment import (
    number_of,
    read_assignment,
    text_of,
    texts_of,
)
from swarm_coordinator.storage.blob_store import BlobDamaged, BlobStore, BlobStoreFull
from swarm_coordinator.storage.faults import StorageFault
from swarm_coordinator.storage.files import Files
from swarm_coordinator.storage.log_store import LogStore
from swarm_coordinator.storage.snapshot_files import SnapshotFiles

from . import mutation, samples
from .target import Broken, Target

S = 1_000_000_000


# ---- files that people write


def _batch(data: bytes) -> None:
    """What is refused says where; what is taken can be submitted."""
    text = data.decode('utf-8', 'replace')
    try:
        batch = read_batch(text, 'night.yaml', Path('/nowhere'), 'run')
    except BatchErrors as errors:
        if not errors.lines():
            raise Broken('refused, and nothing said') from None
        raise
    for one in batch.jobs:
        one.order.spec.check()


BATCHES = (
    b"""name: late
defaults: {output_dir: /out, retries: 2, labels: [shift]}
jobs:
  - name: pack
    exec: {argv: [xz, -9, 'yes', 5], environment: {XZ_OPT: -v}}
    outputs: [a.xz]
    timeout_s: 1.5
    memory_mb: 64
    effects: none
    retries: 1
  - name: then
    python: {callable: 'a:b', arguments: [1, true, 'x']}
    inputs: [{from: pack, output: a.xz, name: in.xz}]
    priority: 3
""",
    b"""jobs:
  - name: each
    foreach: [1, 2, 3]
    exec: {argv: [echo, '{item}']}
  - name: look
    record: {topics: [/a], for_s: 5}
    outputs: [bag.mcap]
""",
)


@functools.cache
def _parts() -> dict[str, type]:
    points = importlib.metadata.entry_points(group='swarm.parts')
    found = {point.load().node_name: point.load().config_type for point in points}
    if found:
        return found
    from swarm_coordinator.config import CoordinatorConfig
    return {'coordinator': CoordinatorConfig}


def _config(data: bytes) -> None:
    """A file of parameters as `ros2 launch` hands it to each part."""
    if len(data) > 8000 or data.count(b'[') + data.count(b'{') > 300:
        raise ValueError('rcl reads the file, which has limits of its own')
    try:
        told = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(told, dict):
        raise ValueError('expected a mapping')
    refused: ValueError | None = ValueError('no section')
    for section in told.values():
        given = section.get('ros__parameters') if isinstance(section, dict) else None
        for config_type in _parts().values() if isinstance(given, dict) else ():
            try:
                configured(config_type, {'robot_id': 'r1', **given})
                refused = None
            except ValueError as error:
                refused = error
    if refused is not None:
        raise refused


def _config_seeds() -> list[bytes]:
    import dataclasses
    found = [path.read_bytes() for path in samples.config_files()]
    for name, config_type in _parts().items():
        values = {
            field.name: list(field.default) if isinstance(field.default, tuple) else field.default
            for field in dataclasses.fields(config_type)
            if field.default is not dataclasses.MISSING and field.name != 'robot_id'
        }
        found.append(yaml.safe_dump({f'/**/{name}': {'ros__parameters': values}}).encode())
    return found


# ---- what jobs and their robot say to each other


def _progress(data: bytes) -> None:
    """Any output of a job, in pieces: the lines do not depend on them, what is held is bounded."""
    step, stream = 1 + (data[0] if data else 0), data[1:]
    for kind in (progress.Lines, progress.Marked):
        whole, cut = kind(), kind()
        once = whole.feed(stream)
        parts = [line for at in range(0, len(stream), step)
                 for line in cut.feed(stream[at: at + step])]
        held = getattr(cut, '_rest', b'') + getattr(cut, '_begun', b'')
        if len(held) > 2 * progress.LINE_BYTES_MAX:
            raise Broken(f'{kind.__name__} holds {len(held)} bytes')
        if len(once) < 256 and parts[: len(once)] != once and len(stream) < 4000:
            raise Broken(f'{kind.__name__}: other lines in pieces of {step} bytes')
        for line in parts:
            said = progress.parse(line)
            if said is not None and said.permille is not None and not 0 <= said.permille <= 1000:
                raise Broken(f'{said.permille} permille')


def _assignment(data: bytes) -> None:
    found = read_assignment(io.BytesIO(data), {})
    for read in (texts_of, text_of, number_of):
        for key in list(found.work)[:20]:
            try:
                read(found.work, key)  # type: ignore[operator]
            except ValueError:
                continue


def _call(data: bytes) -> None:
    """The request of a job that calls a service: JSON into a message."""
    from swarm_msgs import msg, srv
    fields = read_request(data.decode('utf-8', 'replace'))
    for kind in (srv.SubmitJob.Request, msg.Heartbeat, msg.MemoryBlock):
        try:
            fill(kind(), dict(fields))
        except ValueError:
            continue


# ---- files between robots


def _fetch(data: bytes) -> None:
    """Two robots that answer a fetch with what the input says: nothing wrong is ever written, and
    the fetch ends or goes on asking."""
    content = random.Random(1).randbytes(2 * CHUNK_BYTES + 77)
    ref = FileRef('f', len(content), hashlib.sha256(content).hexdigest())
    chunks = [content[at: at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)]
    good = b''.join(hashlib.sha256(chunk).digest() for chunk in chunks)
    fetch = fetching.Fetch(ref, RobotId('r2'), 0)
    written: dict[int, bytes] = {}
    now_ns = 0
    effects: list[Any] = fetch.tick(0)
    for at in range(0, min(len(data), 600) - 2, 3):
        what, which, how = data[at: at + 3]
        now_ns += (how % 16) * S // 4
        holder = RobotId(('r2', 'r3', 'r4')[which % 3])
        if what < 60:
            effects = fetch.tick(now_ns)
        elif what < 140:
            hashes = (good, good[:32], bytes(96), b'', good + good)[how % 5]
            offer = DirectOffer(('127.0.0.1:9', 'x')[which % 2:], bytes(16)) if how & 64 else None
            effects = fetch.page_heard(ManifestPage(
                holder, ref.sha256, how % 7 != 0, len(content) + (how == 5),
                CHUNK_BYTES, which >> 5, hashes, offer), now_ns)
        elif what < 220:
            number = (which >> 2) % 5
            piece = chunks[number] if number < len(chunks) else b''
            if how & 128:
                piece = piece[:-1] + b'!'
            effects = fetch.chunk_heard(holder, number, piece, now_ns)
        else:
            effects = fetch.checked(frozenset(range(how % 4)), now_ns)
        for effect in effects:
            if isinstance(effect, fetching.WriteChunk):
                written[effect.offset] = effect.data
            if isinstance(effect, (fetching.Fetched, fetching.FetchFailed)):
                fetch.check_invariants()
                return
        fetch.check_invariants()
    for offset, piece in written.items():
        if content[offset: offset + len(piece)] != piece:
            raise Broken(f'wrong bytes were written at {offset}')
    if chunk_count_of(ref.size_bytes) != 3:
        raise Broken('three chunks')


def _fetch_seeds() -> list[bytes]:
    right = bytes((70, 0, 1)) + b''.join(bytes((150, number << 2, 1)) for number in range(3))
    return [right, bytes((10, 0, 15)) * 20 + right, right[:3] + bytes((150, 0, 129)) * 6,
            bytes((70, 1, 64)) + bytes((230, 0, 3)) + right]


@functools.cache
def _store() -> tuple[BlobStore, FileRef]:
    folder = samples.scratch() / 'blobs'
    store = BlobStore(folder, 10**8)
    content = random.Random(1).randbytes(CHUNK_BYTES + 9)
    given = samples.scratch() / 'given'
    given.write_bytes(content)
    return store, FileRef('f', len(content), hashlib.sha256(content).hexdigest())


def _blob(data: bytes) -> None:
    """A partial file with any content and any note beside it: it becomes the file that was asked
    for, or nothing is stored."""
    store, ref = _store()
    partial = store.folder / 'partial' / ref.sha256
    cut = data[0] if data else 0
    note, body = data[1: 1 + cut % 40], data[1 + cut % 40:]
    partial.write_bytes(body.ljust(ref.size_bytes, b'\0')[: ref.size_bytes + (cut > 200)])
    partial.with_name(f'{ref.sha256}.have').write_bytes(note)
    claimed = store.begin(ref)
    if not claimed <= frozenset(range(chunk_count_of(ref.size_bytes))):
        raise Broken('chunks that the file does not have')
    list(store.partial_chunks(ref.sha256, tuple(sorted(claimed))))
    try:
        store.finish(ref)
    except (BlobDamaged, BlobStoreFull):
        store.abandon(ref.sha256)
    if store.has(ref):
        raise Broken('wrong bytes were stored as the file')


def _names(data: bytes) -> None:
    text = data.decode('utf-8', 'replace')
    for check in (checked_file_name, endpoint_of):
        try:
            check(text)
        except ValueError:
            continue
    name = None
    try:
        name = checked_file_name(text)
    except ValueError:
        return
    if not os.path.normpath(os.path.join('/a/b', name)).startswith('/a/b/'):
        raise Broken('a name that leaves its folder')


# ---- disks


@functools.cache
def _log_file() -> bytes:
    from storage_samples import entries, saved, snapshot_of
    path = samples.scratch() / 'seed' / 'log.sqlite'
    path.parent.mkdir(exist_ok=True)
    saved(path, entries(1, 12, size=40))
    store = LogStore.open(path)
    store.meta_set('swarm_id', 'swarm')
    store.save_snapshot(snapshot_of(5), 4)
    store.close()
    with sqlite3.connect(path) as database:
        database.execute('vacuum')
    return path.read_bytes()


def _log(data: bytes) -> None:
    """A store whose main file is damaged: what is loaded is what was saved, or it is refused."""
    folder = samples.scratch() / 'log'
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    seed = samples.scratch() / 'seed'
    _log_file()
    for each in seed.iterdir():
        if each.is_file() and not each.name.endswith(('-shm', '-wal')):
            shutil.copy(each, folder)
    path = folder / 'log.sqlite'
    path.write_bytes(_patched(_log_file(), data))
    store = LogStore.open(path)
    try:
        store.load()
    finally:
        store.close()


def _patched(whole: bytes, data: bytes) -> bytes:
    """The input is a list of changes: place (3 bytes), length (1), bytes."""
    out = bytearray(whole)
    at = 0
    while at + 4 <= len(data):
        place = int.from_bytes(data[at: at + 3], 'big') % (len(whole) + 64)
        size = data[at + 3]
        out[place: place + size] = data[at + 4: at + 4 + size]
        at += 4 + size
    return bytes(out)


def _fence(data: bytes) -> None:
    """A resource whose file cannot be read lets nobody in, and the file stays as it is."""
    path = samples.scratch() / 'fence'
    path.write_bytes(data)
    try:
        FencedResource('dock', path).present(9)
    except FenceUnreadable:
        if path.read_bytes() != data:
            raise Broken('refused, and yet the file was changed') from None
        raise


def _snapshot_file(data: bytes) -> None:
    made = SnapshotFiles(samples.scratch() / 'snapshots', Files())
    sha256 = hashlib.sha256(data).hexdigest()
    made.path(3, sha256).write_bytes(data)
    try:
        made.read(3, len(data), sha256)
    finally:
        made.path(3, sha256).unlink()


def _snapshot_bytes() -> list[bytes]:
    from storage_samples import snapshot_of
    return [snapshot_of(5).encode()]


def _json_seeds(*values: Any) -> list[bytes]:
    return [json.dumps(one).encode() for one in values]


_RUNNER = ('swarm_coordinator.runner',)
_STORAGE = ('swarm_coordinator.storage',)
TARGETS = (
    Target('batch', _batch, (BatchErrors,), lambda: list(BATCHES), mutation.of_yaml,
           ('swarm_coordinator.batch', 'swarm_coordinator.batch_copies',
            'swarm_coordinator.marked_yaml', 'swarm_coordinator.orders')),
    Target('config', _config, (ValueError,), _config_seeds, mutation.of_yaml,
           ('swarm_coordinator.config', 'swarm_coordinator.ros.robot', 'hw_discovery.config',
            'swarm_learning.core.config', 'swarm_tower.config')),
    Target('job_output', _progress, (), lambda: [
        b'\x03progress 0.5 half\nprogress 80%\nnote hello\n',
        b'\x09##swarm progress 1\nx\n##swarm note y\n'],
        mutation.of_bytes, _RUNNER),
    Target('assignment', _assignment, (ValueError,), lambda: _json_seeds({
        'work': {'topics': ['/a'], 'n': 3, 't': 'x'}, 'inputs': ['a'], 'outputs': ['b'],
        'namespace': '/r1'}), mutation.of_json, _RUNNER),
    Target('call_request', _call, (ValueError,), lambda: _json_seeds(
        {'idempotency_key': 'k', 'spec': {'kind': 'exec', 'inputs': [{'name': 'a'}],
                                          'priority': 3}, 'input_paths': ['/a']},
        {'term': 3, 'arousal': 0.5, 'envelope': {'sender': 'r1', 'signature': [1, 2]},
         'session_id': [0] * 16}, {'level': 1, 'counts': [1], 'channels': [{'sum': 1.5}]}),
        mutation.of_json, ('swarm_coordinator.ros.jobs',)),
    Target('fetch', _fetch, (), _fetch_seeds, mutation.of_bytes,
           ('swarm_coordinator.core.files',)),
    Target('partial_file', _blob, (), lambda: [b'\x11swarm-partial-1 \x03' + bytes(50), b'\0abc'],
           mutation.of_bytes, _STORAGE),
    Target('file_names', _names, (), lambda: [b'a.txt', b'../x', b'127.0.0.1:80', b'a/b'],
           mutation.of_bytes, ('swarm_coordinator.core.files', 'swarm_coordinator.runner')),
    Target('log_file', _log, (StorageFault,), lambda: [
        b'\0\0\x20\x01\xff', b'\0\x10\x30\x02ab\0\x01\0\x01z', b''], mutation.of_bytes,
        _STORAGE, seconds_max=30),
    Target('fence', _fence, (FenceUnreadable,), lambda: _json_seeds(
        {'v': 1, 'resource': 'dock', 'token': 7}), mutation.of_json,
        ('swarm_coordinator.fencing',)),
    Target('snapshot_file', _snapshot_file, (StorageFault,), lambda: [
        b'{"format":1}', *_snapshot_bytes()], mutation.of_lines, _STORAGE),
)
