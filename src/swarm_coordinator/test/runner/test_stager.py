# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files between two real stores over a link that drops and doubles."""

from __future__ import annotations

import hashlib
import logging
import queue
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarm_coordinator.core.files import fetch
from swarm_coordinator.core.files.fetch import CHUNK_BYTES
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.runner.stager import Chunk, ChunkRequest, Manifest, Stager
from swarm_coordinator.storage.blob_store import BlobStore

R1, R2 = RobotId('r1'), RobotId('r2')
WAIT_S = 20.0


class Link:
    """One robot's end; what it sends is queued at the other's stager."""

    def __init__(self, net: Net, me: RobotId) -> None:
        self.net, self.me = net, me

    def ask(self, holder: RobotId, sha256: str, chunks: tuple[int, ...]) -> None:
        self.net.asked += len(chunks)
        request = ChunkRequest(self.me, sha256, CHUNK_BYTES, chunks)
        self.net.carry(lambda: self.net.stagers[holder].requested(request))

    def send_manifest(self, to: RobotId, sha256: str, manifest: tuple[int, bytes] | None) -> None:
        size, hashes = manifest or (0, b'')
        heard = Manifest(self.me, sha256, manifest is not None, size, CHUNK_BYTES, hashes)
        self.net.carry(lambda: self.net.stagers[to].manifest_heard(heard))

    def send_chunk(self, to: RobotId, sha256: str, chunk: int, data: bytes) -> None:
        heard = Chunk(self.me, sha256, CHUNK_BYTES, chunk, self.net.spoil(data))
        self.net.carry(lambda: self.net.stagers[to].chunk_heard(heard))


class Net:
    def __init__(self, folder: Path) -> None:
        self.lost = self.doubled = self.damaged = 0.0
        self.asked = 0
        self.rng = random.Random(1)
        self.stores = {robot: BlobStore(folder / robot, 10**7) for robot in (R1, R2)}
        self.stagers = {
            robot: Stager(self.stores[robot], Link(self, robot), robot, logging.getLogger('test'))
            for robot in (R1, R2)
        }
        for stager in self.stagers.values():
            stager.start()

    def carry(self, deliver: object) -> None:
        assert callable(deliver)
        for _ in range(2 if self.rng.random() < self.doubled else 1):
            if self.rng.random() >= self.lost:
                deliver()

    def spoil(self, data: bytes) -> bytes:
        return b'?' + data[1:] if self.rng.random() < self.damaged else data

    def want(self, refs: tuple[FileRef, ...], holder: RobotId = R1) -> queue.Queue[str]:
        done: queue.Queue[str] = queue.Queue()
        self.stagers[R2].want('key', refs, holder, done.put)
        return done


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Net]:
    monkeypatch.setattr(fetch, 'ASK_AGAIN_NS', 20_000_000)
    made = Net(tmp_path)
    yield made
    for stager in made.stagers.values():
        stager.close()


def hold(net: Net, folder: Path, name: str, size: int) -> FileRef:
    """A file in the store of r1."""
    path = folder / name
    path.write_bytes(random.Random(name).randbytes(size))
    return net.stores[R1].add_file(path, name)


def test_files_arrive_over_a_link_that_drops_doubles_and_damages(
    net: Net, tmp_path: Path
) -> None:
    refs = tuple(hold(net, tmp_path, f'f{n}', n * 3 * CHUNK_BYTES + n) for n in range(4))
    net.lost, net.doubled, net.damaged = 0.15, 0.2, 0.1
    done = net.want(refs)
    assert done.get(timeout=WAIT_S) == ''
    for ref in refs:
        path = net.stores[R2].path(ref.sha256)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == ref.sha256
    assert done.empty(), 'told once'


def test_what_is_here_is_not_fetched_again(net: Net, tmp_path: Path) -> None:
    ref = hold(net, tmp_path, 'f', 10)
    assert net.want((ref,)).get(timeout=WAIT_S) == ''
    asked = net.asked
    assert net.want((ref,)).get(timeout=WAIT_S) == ''
    assert net.asked == asked


def test_two_who_want_the_same_file_share_one_fetch(net: Net, tmp_path: Path) -> None:
    ref = hold(net, tmp_path, 'f', 5 * CHUNK_BYTES)
    first, second = net.want((ref,)), net.want((ref,))
    assert first.get(timeout=WAIT_S) == second.get(timeout=WAIT_S) == ''
    assert net.asked == 5


def test_holder_without_the_file_is_a_reason_at_once(net: Net) -> None:
    missing = FileRef('f', 5, 'a' * 64)
    assert 'r1 does not have f' in net.want((missing,)).get(timeout=WAIT_S)


def test_file_that_should_be_here_and_is_not_is_not_asked_of_ourselves(net: Net) -> None:
    missing = FileRef('f', 5, 'a' * 64)
    assert 'should be here' in net.want((missing,), holder=R2).get(timeout=WAIT_S)


def test_silent_holder_is_given_up(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, 'GIVE_UP_NS', 200_000_000)
    ref = hold(net, tmp_path, 'f', 10)
    net.lost = 1.0
    assert 'r1 sent nothing of f' in net.want((ref,)).get(timeout=WAIT_S)
    net.lost = 0.0
    assert net.want((ref,)).get(timeout=WAIT_S) == '', 'a later try begins anew'


def test_file_that_does_not_fit_is_a_reason(net: Net, tmp_path: Path) -> None:
    ref = hold(net, tmp_path, 'f', 10)
    net.stores[R2]._quota_bytes = 5
    assert 'quota' in net.want((ref,)).get(timeout=WAIT_S)


def test_forgotten_want_is_never_told_and_leaves_no_partial_file(
    net: Net, tmp_path: Path
) -> None:
    ref = hold(net, tmp_path, 'f', 10)
    net.lost = 1.0
    done = net.want((ref,))
    net.stagers[R2].forget('key')
    net.lost = 0.0
    again = net.want((ref,))
    assert again.get(timeout=WAIT_S) == ''
    assert done.empty()
    assert list((tmp_path / R2 / 'partial').iterdir()) == []


def test_added_files_are_pinned_all_or_none(net: Net, tmp_path: Path) -> None:
    answer: queue.Queue[list[FileRef] | str] = queue.Queue()
    good = tmp_path / 'good'
    good.write_text('x')
    stager, store = net.stagers[R1], net.stores[R1]
    stager.add([(good, 'a'), (tmp_path / 'missing', 'b')], answer.put)
    assert 'no such file' in str(answer.get(timeout=WAIT_S))
    sha256 = hashlib.sha256(b'x').hexdigest()
    store.discard(sha256)
    assert store.used_bytes == 0
    stager.add([(good, 'a')], answer.put)
    [ref] = answer.get(timeout=WAIT_S)
    assert isinstance(ref, FileRef)
    pinned: queue.Queue[str] = queue.Queue()
    stager.pin((ref, FileRef('b', 1, 'b' * 64)), pinned.put)
    assert "'b'" in pinned.get(timeout=WAIT_S)
    store.unpin(sha256)
    store.discard(sha256)
    assert store.used_bytes == 0, 'the failed pin left none'


def test_files_are_put_in_place_or_the_reason_is_told(net: Net, tmp_path: Path) -> None:
    ref = hold(net, tmp_path, 'f', 10)
    told: queue.Queue[str] = queue.Queue()
    net.stagers[R1].place((ref,), str(tmp_path / 'out'), told.put)
    assert told.get(timeout=WAIT_S) == '' and (tmp_path / 'out/f').stat().st_size == 10
    net.stagers[R1].place((FileRef('g', 1, 'b' * 64),), str(tmp_path / 'out'), told.put)
    assert told.get(timeout=WAIT_S)
    assert not (tmp_path / 'out/g').exists()


def test_request_that_makes_no_sense_does_not_end_the_thread(net: Net, tmp_path: Path) -> None:
    ref = hold(net, tmp_path, 'f', 10)
    for chunks in ((-5,), (10**12,), (2**63,)):
        net.stagers[R1].requested(ChunkRequest(R2, ref.sha256, CHUNK_BYTES, chunks))
    net.stagers[R1].requested(ChunkRequest(R2, 'zz', 7, (1,)))
    net.stagers[R2].chunk_heard(Chunk(R1, 'a' * 64, CHUNK_BYTES, 0, b'x'))
    assert net.want((ref,)).get(timeout=WAIT_S) == ''
