# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files between two real stores over a link that drops and doubles."""

from __future__ import annotations

import errno
import hashlib
import logging
import queue
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarm_coordinator.core.files import fetch
from swarm_coordinator.core.files.manifest import (
    CHUNK_BYTES,
    Chunk,
    DirectOffer,
    FileQuestion,
    ManifestPage,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.runner import stager
from swarm_coordinator.runner.file_server import FileServer, MakeCipher
from swarm_coordinator.runner.shared_pace import SharedPace
from swarm_coordinator.runner.stager import Stager
from swarm_coordinator.security.file_cipher import FileCipher
from swarm_coordinator.storage.blob_store import BlobStore, _told

R1, R2, R3 = RobotId('r1'), RobotId('r2'), RobotId('r3')
ROBOTS = (R1, R2, R3)
WAIT_S = 20.0


class Link:
    """One robot's end; what it sends is queued at the other's stager."""

    def __init__(self, net: Net, me: RobotId) -> None:
        self.net, self.me = net, me

    def ask(
        self,
        holder: RobotId | None,
        sha256: str,
        chunks: tuple[int, ...] = (),
        first_chunk: int = 0,
        direct: bool = False,
    ) -> None:
        self.net.asked += len(chunks)
        for robot in (holder,) if holder else self.net.stagers:
            question = FileQuestion(
                self.me, sha256, CHUNK_BYTES, chunks, first_chunk, direct, holder is None
            )
            if robot != self.me:
                self.net.carry(self.me, robot, lambda at, one=question: at.requested(one))

    def send_page(self, to: RobotId, page: ManifestPage) -> None:
        self.net.carry(self.me, to, lambda at: at.page_heard(page))

    def send_chunk(self, to: RobotId, sha256: str, chunk: int, data: bytes) -> None:
        heard = Chunk(self.me, sha256, CHUNK_BYTES, chunk, self.net.spoil(self.me, data))
        self.net.carry(self.me, to, lambda at: at.chunk_heard(heard))


class Net:
    def __init__(
        self, folder: Path, direct: bool = False, cipher: MakeCipher | None = None
    ) -> None:
        self.lost = self.doubled = 0.0
        self.damaged = dict.fromkeys(ROBOTS, 0.0)  # share of the chunks that a robot sends
        self.dead: set[RobotId] = set()
        self.asked = 0
        self.rng = random.Random(1)
        self.folder = folder
        self.direct, self.cipher = direct, cipher
        self.stores: dict[RobotId, BlobStore] = {}
        self.stagers: dict[RobotId, Stager] = {}
        for robot in ROBOTS:
            self.start(robot)

    def start(self, robot: RobotId) -> None:
        """Also again, over what a former one has left on the disk."""
        pace = SharedPace(1000)
        store = self.stores[robot] = BlobStore(self.folder / robot, 10**8)
        self.stagers[robot] = Stager(
            store, Link(self, robot), robot, logging.getLogger('test'), pace,
            FileServer(pace, True, self.cipher) if self.direct else None,
        )
        self.stagers[robot].start()

    def carry(self, sender: RobotId, to: RobotId, deliver: Callable[[Stager], None]) -> None:
        if {sender, to} & self.dead:
            return
        for _ in range(2 if self.rng.random() < self.doubled else 1):
            if self.rng.random() >= self.lost:
                deliver(self.stagers[to])

    def spoil(self, sender: RobotId, data: bytes) -> bytes:
        return b'?' + data[1:] if self.rng.random() < self.damaged[sender] else data

    def want(
        self, refs: tuple[FileRef, ...], holder: RobotId | None = R1
    ) -> queue.Queue[str]:
        done: queue.Queue[str] = queue.Queue()
        self.stagers[R2].want('key', refs, holder, done.put)
        return done

    def received(self) -> int:
        return self.stagers[R2].traffic.received_bytes


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, 'ASK_AGAIN_NS', 20_000_000)
    monkeypatch.setattr(fetch, 'SILENT_NS', 100_000_000)
    monkeypatch.setattr(fetch, 'NOBODY_NS', 100_000_000)


def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that count questions: on a busy machine an answer may take long."""
    for name in ('ASK_AGAIN_NS', 'SILENT_NS', 'NOBODY_NS'):
        monkeypatch.setattr(fetch, name, 10**10)


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Net]:
    quick(monkeypatch)
    made = Net(tmp_path)
    yield made
    for one in made.stagers.values():
        one.close()


def hold(net: Net, folder: Path, name: str, size: int, *robots: RobotId) -> FileRef:
    """A file in the stores of these robots; of r1 where none is named."""
    path = folder / name
    path.write_bytes(random.Random(name).randbytes(size))
    return [net.stores[robot].add_file(path, name) for robot in robots or (R1,)][0]


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread. Fails after WAIT_S."""
    for _ in range(int(WAIT_S / 0.005)):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError('not in time')


def test_files_arrive_over_a_link_that_drops_doubles_and_damages(
    net: Net, tmp_path: Path
) -> None:
    refs = tuple(hold(net, tmp_path, f'f{n}', n * 3 * CHUNK_BYTES + n) for n in range(4))
    net.lost, net.doubled, net.damaged[R1] = 0.15, 0.2, 0.02
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


def test_two_who_want_the_same_file_share_one_fetch(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    ref = hold(net, tmp_path, 'f', 5 * CHUNK_BYTES)
    first, second = net.want((ref,)), net.want((ref,))
    assert first.get(timeout=WAIT_S) == second.get(timeout=WAIT_S) == ''
    assert net.asked == 5


def test_holder_without_the_file_is_a_reason_at_once(net: Net) -> None:
    missing = FileRef('f', 5, 'a' * 64)
    assert 'r1 does not have f' in net.want((missing,)).get(timeout=WAIT_S)


def test_file_that_should_be_here_and_is_not_comes_from_whoever_has_it(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = FileRef('f', 5, 'a' * 64)
    assert 'nobody says' in net.want((missing,), holder=R2).get(timeout=WAIT_S)
    ref = hold(net, tmp_path, 'f', 10)
    monkeypatch.setattr(fetch, 'NOBODY_NS', 10**10)
    assert net.want((ref,), holder=R2).get(timeout=WAIT_S) == ''


def test_silent_holder_is_given_up(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = hold(net, tmp_path, 'f', 10)
    net.lost = 1.0
    with monkeypatch.context() as patch:
        patch.setattr(fetch, 'GIVE_UP_NS', 200_000_000)
        assert 'r1 sent nothing right of f' in net.want((ref,)).get(timeout=WAIT_S)
    net.lost = 0.0
    assert net.want((ref,)).get(timeout=WAIT_S) == '', 'a later try begins anew'


def test_file_that_does_not_fit_is_a_reason(net: Net, tmp_path: Path) -> None:
    ref = hold(net, tmp_path, 'f', 10)
    net.stores[R2].shelf.quota_bytes = 5
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
    subject, store = net.stagers[R1], net.stores[R1]
    subject.add([(good, 'a'), (tmp_path / 'missing', 'b')], answer.put)
    assert 'no such file' in str(answer.get(timeout=WAIT_S))
    assert store.collect() == (1, 1), 'what was added before is not pinned any more'
    subject.add([(good, 'a')], answer.put)
    [ref] = answer.get(timeout=WAIT_S)
    assert isinstance(ref, FileRef)
    assert store.collect() == (0, 0), 'it is pinned'
    pinned: queue.Queue[str] = queue.Queue()
    subject.pin((ref, FileRef('b', 1, 'b' * 64)), pinned.put)
    assert "'b'" in pinned.get(timeout=WAIT_S)
    store.unpin(ref.sha256)
    assert store.collect() == (1, 1), 'the failed pin left none'


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
    for chunks in ((-5,), (10**12,), (2**63,), (1,) * 1000):
        net.stagers[R1].requested(FileQuestion(R2, ref.sha256, CHUNK_BYTES, chunks))
    for first in (0, 1, 2**32 - 1):
        question = FileQuestion(R2, ref.sha256, CHUNK_BYTES, (), first, direct=True)
        net.stagers[R1].requested(question)
    net.stagers[R1].requested(FileQuestion(R2, 'zz', 7, (1,)))
    net.stagers[R2].chunk_heard(Chunk(R1, 'a' * 64, CHUNK_BYTES, 0, b'x'))
    assert net.want((ref,)).get(timeout=WAIT_S) == ''


# ---- another holder


def test_silent_holder_is_left_for_one_who_says_that_it_has_the_file(
    net: Net, tmp_path: Path
) -> None:
    ref = hold(net, tmp_path, 'f', 20 * CHUNK_BYTES, R1, R3)
    net.dead.add(R1)
    assert net.want((ref,)).get(timeout=WAIT_S) == ''


def test_holder_that_dies_midway_costs_only_what_was_on_its_way(
    net: Net, tmp_path: Path
) -> None:
    size = 100 * CHUNK_BYTES
    ref = hold(net, tmp_path, 'f', size, R1, R3)
    done = net.want((ref,))
    until(lambda: net.received() > size // 4)
    net.dead.add(R1)
    assert done.get(timeout=WAIT_S) == ''
    assert net.received() == size, 'nothing was written twice'


def test_holder_that_damages_every_chunk_is_left_for_another(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = (hold(net, tmp_path, 'f', 50 * CHUNK_BYTES, R1, R3), hold(net, tmp_path, 'g', 9, R1))
    net.damaged[R1] = 1.0
    with monkeypatch.context() as patch:
        patch.setattr(fetch, 'NOBODY_NS', 10**10)
        assert net.want(refs[:1]).get(timeout=WAIT_S) == ''
    assert 'r1 sent 9 damaged chunks of g' in net.want(refs[1:]).get(timeout=WAIT_S)


def test_holder_whose_file_rots_finds_out_and_says_that_it_does_not_have_it(
    net: Net, tmp_path: Path
) -> None:
    ref = hold(net, tmp_path, 'f', 3 * CHUNK_BYTES, R1)
    with open(net.stores[R1].path(ref.sha256), 'r+b') as file:
        file.write(b'rot')
    assert 'r1 does not have f' in net.want((ref,)).get(timeout=WAIT_S)
    assert net.stores[R1].damaged_count == 1


# ---- starting again


@pytest.mark.parametrize('clean', [True, False])
def test_restarted_receiver_goes_on_where_it_was(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: bool
) -> None:
    monkeypatch.setattr(stager, 'NOTE_NS', 0)
    size = 400 * CHUNK_BYTES
    ref = hold(net, tmp_path, 'f', size, R1)
    net.want((ref,))
    until(lambda: bool(list((tmp_path / R2 / 'partial').glob('*.have'))))
    until(lambda: net.received() > size // 4)
    if clean:
        net.stagers[R2].close()
    before = net.received()
    old, net.stagers[R2] = net.stagers[R2], net.stagers[R3]  # the former life hears nothing more
    old._inbox.put(None)
    assert old._thread is not None
    old._thread.join()
    net.start(R2)
    assert net.want((ref,)).get(timeout=WAIT_S) == ''
    assert net.received() <= size - before // 2
    assert not list((tmp_path / R2 / 'partial').iterdir())


def test_chunks_that_changed_on_the_disk_meanwhile_are_fetched_again(
    net: Net, tmp_path: Path
) -> None:
    ref = hold(net, tmp_path, 'f', 4 * CHUNK_BYTES, R1)
    store = net.stores[R2]
    store.begin(ref)
    store.write(ref.sha256, 0, (tmp_path / 'f').read_bytes()[: 2 * CHUNK_BYTES])
    store.write(ref.sha256, 5, b'changed')
    store.leave(ref, frozenset({0, 1, 3}))
    assert net.want((ref,)).get(timeout=WAIT_S) == ''
    assert net.received() == 3 * CHUNK_BYTES
    assert hashlib.sha256(store.path(ref.sha256).read_bytes()).hexdigest() == ref.sha256


# ---- one connection


@pytest.fixture(params=['readable', 'encrypted'])
def direct_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Net]:
    quick(monkeypatch)
    made = Net(tmp_path, direct=True, cipher=None if request.param == 'readable' else FileCipher)
    yield made
    for one in made.stagers.values():
        one.close()


def test_large_file_comes_over_one_connection(
    direct_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    refs = (
        hold(direct_net, tmp_path, 'large', 20_000_000, R1),
        hold(direct_net, tmp_path, 'small', 5 * CHUNK_BYTES, R1),
    )
    assert direct_net.want(refs).get(timeout=WAIT_S) == ''
    assert direct_net.asked == 5, 'only the small one was asked for in chunks'
    assert direct_net.received() == refs[0].size_bytes + refs[1].size_bytes


def test_connection_that_cannot_be_made_gives_way_to_chunks(
    direct_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = DirectOffer(('127.0.0.1:1', 'nonsense'), b'k' * 16)
    monkeypatch.setattr(FileServer, 'offer', lambda *_: nowhere)
    ref = hold(direct_net, tmp_path, 'f', 2_000_000, R1)
    assert direct_net.want((ref,)).get(timeout=WAIT_S) == ''
    assert direct_net.asked >= 62


def test_connection_that_breaks_is_made_once_more_and_nothing_is_lost(
    direct_net: Net, tmp_path: Path
) -> None:
    ref = hold(direct_net, tmp_path, 'f', 60_000_000, R1, R3)
    server = direct_net.stagers[R1].server
    assert server is not None
    done = direct_net.want((ref,))
    until(lambda: direct_net.received() > 5_000_000)
    server.close()
    direct_net.dead.add(R1)
    assert done.get(timeout=WAIT_S) == ''
    assert direct_net.received() == ref.size_bytes


def test_file_that_is_wrong_on_the_holders_disk_is_refused_over_a_connection_too(
    direct_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, 'NOBODY_NS', 10**10)
    ref = hold(direct_net, tmp_path, 'f', 3_000_000, R1, R3)
    direct_net.stagers[R1]._giver._manifest(ref.sha256)  # it was right when its hashes were made
    path = direct_net.stores[R1].path(ref.sha256)
    path.write_bytes(bytes(ref.size_bytes))
    assert direct_net.want((ref,)).get(timeout=WAIT_S) == ''
    assert direct_net.received() == ref.size_bytes


# ---- room


def test_full_disk_ends_the_want_and_leaves_nothing_half_written(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = tuple(hold(net, tmp_path, f'f{n}', 3 * CHUNK_BYTES, R1) for n in range(5))
    store = net.stores[R2]
    for number in (errno.ENOSPC, errno.EDQUOT):
        def full(*_: object, number: int = number) -> None:
            raise _told(OSError(number, 'full'))

        with monkeypatch.context() as patch:
            patch.setattr(store, 'write', full)
            assert 'no space left' in net.want(refs).get(timeout=WAIT_S)
        assert not list((tmp_path / R2 / 'partial').iterdir())
    assert store.shelf.promised_bytes == 0
    assert net.want(refs).get(timeout=WAIT_S) == '', 'the robot goes on'


def test_inputs_of_ended_jobs_stay_until_room_is_needed(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    store = net.stores[R2]
    refs = [hold(net, tmp_path, f'f{n}', CHUNK_BYTES, R1) for n in range(3)]
    for ref in refs[:2]:
        assert net.want((ref,)).get(timeout=WAIT_S) == ''
        net.stagers[R2].discard(ref.sha256)
    assert net.want((refs[0],)).get(timeout=WAIT_S) == '' and net.asked == 2, 'still here'
    net.stagers[R2].discard(refs[0].sha256)
    store.shelf.quota_bytes = 2 * CHUNK_BYTES
    assert net.want((refs[2],)).get(timeout=WAIT_S) == ''
    assert [store.has(ref) for ref in refs] == [True, False, True], 'longest unused went'


def test_file_of_one_chunk_needs_one_question(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch)
    source = tmp_path / 'one'
    refs = []
    for number in range(300):
        source.write_bytes(b'%d' % number)
        refs.append(net.stores[R1].add_file(source, f'd/{number}'))
    done = net.want(tuple(refs))
    assert done.get(timeout=WAIT_S) == '' and net.asked == 300


# ---- files of unknown size


def test_look_up_finds_out_who_has_a_file_and_its_size(net: Net, tmp_path: Path) -> None:
    ref = hold(net, tmp_path, 'f', 10, R3)
    told: queue.Queue[tuple[FileRef | None, RobotId | None]] = queue.Queue()
    net.stagers[R2].look_up(ref.sha256, lambda *found: told.put(found))
    found, holder = told.get(timeout=WAIT_S)
    assert found is not None and found.size_bytes == 10 and holder == R3


def test_look_up_of_what_nobody_has_ends(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stager, 'LOOKUP_NS', 50_000_000)
    told: queue.Queue[FileRef | None] = queue.Queue()
    net.stagers[R2].look_up('a' * 64, lambda ref, _: told.put(ref))
    assert told.get(timeout=WAIT_S) is None


def test_answers_that_came_while_the_thread_was_held_up_are_no_silence(
    net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, 'GIVE_UP_NS', 300_000_000)
    refs = [hold(net, tmp_path, name, 10) for name in 'abcdef']
    inbox, wanted = net.stagers[R2]._inbox, threading.Event()

    def held_up() -> None:
        until(lambda: inbox.qsize() >= len(refs))
        threading.Event().wait(0.4)

    inbox.put(lambda: until(wanted.is_set))
    wants = [net.want((ref,)) for ref in refs]
    inbox.put(held_up)
    wanted.set()
    assert [want.get(timeout=WAIT_S) for want in wants] == [''] * len(refs)
