# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the file of the memory: power cuts, damage, quota."""

from __future__ import annotations

import errno
import random
import threading
from pathlib import Path
from typing import BinaryIO

import pytest
from memory_samples import Disk, history_of, live

from swarm_learning.core.memory.config import MemoryConfig
from swarm_learning.core.memory.memory import Memory, Save, restored
from swarm_learning.core.memory.query import Question
from swarm_learning.storage import memory_store
from swarm_learning.storage.memory_store import HEADER, Files, MemoryStore
from swarm_learning.storage.memory_writer import MemoryWriter

Records = dict[str, bytes]
Batch = tuple[Records, tuple[str, ...]]
CONFIG = MemoryConfig(ring_events_max=40, save_events=20, blocks_per_level=4,
                      own_bytes_max=8 * 1024)


class PowerCut(BaseException):
    """The robot is off."""


class Unsynced(Files):
    """Spares the disk where no power goes."""

    def sync(self, file: BinaryIO) -> None:
        pass

    def sync_folder(self, folder: Path) -> None:
        pass


class Cutting(Files):
    """Stops after so many bytes and steps: each byte written is one, each other step is one."""

    def __init__(self, budget: int = 1 << 60) -> None:
        self.budget, self.used = budget, 0

    def _step(self) -> None:
        self.used += 1
        if self.used > self.budget:
            raise PowerCut

    def write(self, file: BinaryIO, content: bytes) -> None:
        room = max(0, self.budget - self.used)
        super().write(file, content[:room])
        self.used += len(content)
        if len(content) > room:
            raise PowerCut

    def sync(self, file: BinaryIO) -> None:
        self._step()

    def truncate(self, file: BinaryIO, size: int) -> None:
        super().truncate(file, size)

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)

    def sync_folder(self, folder: Path) -> None:
        self._step()


def apply(records: Records, batch: Batch) -> Records:
    after = {**records, **batch[0]}
    for name in batch[1]:
        after.pop(name, None)
    return after


BATCHES: list[Batch] = [
    ({'self': b'1', 'block/1': b'x' * 60}, ()), ({'self': b'22', 'block/2': b'y' * 60}, ()),
    ({'block/12': b'z' * 70}, ('block/1', 'block/2')), ({'self': b'4' * 20}, ()),
    ({'block/3': bytes(range(90))}, ('self',)),
]


def run(folder: Path, files: Files) -> int:
    """Write all batches; how many were durable before the power went."""
    store = MemoryStore(folder, files=files)
    done = -1
    try:
        store.open()
        done = 0
        for batch in BATCHES:
            store.write(*batch)
            done += 1
    except PowerCut:
        pass
    store.close()
    return done


@pytest.mark.parametrize('slack', [1 << 19, 0], ids=['appending', 'rewriting often'])
def test_power_may_go_at_any_byte_of_any_write(
    tmp_path: Path, slack: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_store, 'SLACK_BYTES', slack)
    states: list[Records] = [{}]
    for batch in BATCHES:
        states.append(apply(states[-1], batch))
    whole = Cutting()
    run(tmp_path / 'whole', whole)
    assert whole.used > 400
    for budget in range(whole.used + 1):
        folder = tmp_path / str(budget)
        done = max(0, run(folder, Cutting(budget)))
        found = MemoryStore(folder, files=Unsynced()).open()
        assert found.problem == '', budget
        assert found.records in states[done:done + 2], budget


def test_after_a_power_cut_it_goes_on(tmp_path: Path) -> None:
    run(tmp_path, Cutting(150))
    store = MemoryStore(tmp_path)
    before = dict(store.open().records)
    store.write({'more': b'1'})
    store.close()
    assert MemoryStore(tmp_path).open().records == {**before, 'more': b'1'}


def test_power_may_go_at_any_write_of_a_memory_and_nothing_counts_twice(tmp_path: Path) -> None:
    """Whole system: what is counted after a cut is what the last durable save counted."""
    events, disk = history_of(500, 2), Disk()
    live(Memory(CONFIG, 'r1', 1), events, disk)
    assert any(save.deletes for save in disk.saves), 'no compaction was tried'
    rng = random.Random(1)
    counted: list[int] = [0]
    records: Records = {}
    for save in disk.saves:
        records = apply(records, (dict(save.puts), save.deletes))
        memory, problems = restored(CONFIG, 'r1', records, 9)
        assert not problems
        counted.append(memory.query(Question(), events[-1].stamp_ns).events)
    assert counted == sorted(counted)
    whole = Cutting()
    write_saves(tmp_path / 'whole', whole, disk.saves)
    for budget in sorted(rng.sample(range(whole.used), 60)):
        folder = tmp_path / str(budget)
        done = write_saves(folder, Cutting(budget), disk.saves)
        memory, problems = restored(CONFIG, 'r1', MemoryStore(folder).open().records, 9)
        memory.check_invariants()
        found = memory.query(Question(), events[-1].stamp_ns).events
        assert found in counted[done:done + 2] and not problems


def write_saves(folder: Path, files: Files, saves: list[Save]) -> int:
    store, done = MemoryStore(folder, files=files), 0
    try:
        store.open()
        for save in saves:
            store.write(save.puts, save.deletes)
            done += 1
    except PowerCut:
        pass
    store.close()
    return done


def test_any_damaged_byte_costs_at_most_its_own_batch_and_is_told(tmp_path: Path) -> None:
    run(tmp_path, Files())
    raw = (tmp_path / 'memory.log').read_bytes()
    every: Records = {}
    for puts, _ in BATCHES:
        every.update(puts)
    for at in range(len(HEADER), len(raw)):
        folder = tmp_path / f'd{at}'
        folder.mkdir()
        (folder / 'memory.log').write_bytes(raw[:at] + bytes((raw[at] ^ 0x41,)) + raw[at + 1:])
        found = MemoryStore(folder, files=Unsynced()).open()
        # The last frame may look as if the power had gone while it was written.
        assert found.problem or at >= len(raw) - 24 - 110
        assert not found.problem or Path(found.kept_as).exists()
        assert all(content in (every[name], b'1', b'22') for name, content in
                   found.records.items())
        assert len(found.records) >= 1
        assert MemoryStore(folder, files=Unsynced()).open() == memory_store.Opened(found.records)


def test_a_file_of_something_else_is_kept_and_replaced(tmp_path: Path) -> None:
    (tmp_path / 'memory.log').write_bytes(b'something else')
    found = MemoryStore(tmp_path).open()
    assert found.problem and Path(found.kept_as).read_bytes() == b'something else'
    assert found.records == {}


def test_zeros_that_a_power_cut_leaves_are_no_damage(tmp_path: Path) -> None:
    run(tmp_path, Files())
    path = tmp_path / 'memory.log'
    whole = MemoryStore(tmp_path).open().records
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert MemoryStore(tmp_path).open() == memory_store.Opened(whole)


def test_the_file_stays_small_however_much_is_written(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path, files=Unsynced())
    store.open()
    for at in range(3000):
        store.write({f'block/{at}': bytes(1000)}, (f'block/{at - 10}',))
    assert store.size_bytes == store.path.stat().st_size < 700 * 1024
    assert len(MemoryStore(tmp_path).open().records) == 10


def test_the_quota_refuses_and_keeps_what_was_there(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path, quota_bytes=10_000)
    store.open()
    store.write({'a': bytes(6000)})
    with pytest.raises(OSError, match='at most 10000 bytes'):
        store.write({'b': bytes(6000)})
    store.write({'c': bytes(6000)}, ('a',))
    store.close()
    assert set(MemoryStore(tmp_path).open().records) == {'c'}


class Full(Files):
    full = True

    def write(self, file: BinaryIO, content: bytes) -> None:
        super().write(file, content[:20] if self.full else content)
        if self.full:
            raise OSError(errno.ENOSPC, 'No space left on device')


def test_a_full_disk_keeps_nothing_of_the_write_and_the_next_one_succeeds(
    tmp_path: Path,
) -> None:
    files = Full()
    files.full = False
    store = MemoryStore(tmp_path, files=files)
    store.open()
    store.write({'a': b'1'})
    files.full = True
    with pytest.raises(OSError, match='No space'):
        store.write({'b': b'2'})
    files.full = False
    store.write({'c': b'3'})
    store.close()
    assert MemoryStore(tmp_path).open() == memory_store.Opened({'a': b'1', 'c': b'3'})


@pytest.mark.parametrize('name, content', [('', b''), ('n' * 513, b''), ('n', bytes(2**20 + 1))])
def test_a_record_that_would_not_be_read_back_is_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    store = MemoryStore(tmp_path)
    store.open()
    with pytest.raises(ValueError, match='expected a name'):
        store.write({name: content})


def test_the_writer_joins_what_waits_and_tells_the_last_number(tmp_path: Path) -> None:
    store, told = MemoryStore(tmp_path), threading.Event()
    stored: list[int] = []
    store.open()

    def on_stored(number: int) -> None:
        stored.append(number)
        if number == 50:
            told.set()

    writer = MemoryWriter(store, on_stored, lambda text: None)
    for number in range(1, 51):
        writer.write(number, {'self': str(number).encode()}, ())
    assert told.wait(10.0)
    writer.close()
    assert stored == sorted(stored)
    assert MemoryStore(tmp_path).open().records == {'self': b'50'}


def test_the_writer_says_once_that_the_disk_refuses_and_stores_nothing(tmp_path: Path) -> None:
    files, failed = Full(), threading.Event()
    files.full = False
    store = MemoryStore(tmp_path, files=files)
    store.open()
    files.full = True
    texts: list[str] = []
    stored: list[int] = []

    def on_failure(text: str) -> None:
        texts.append(text)
        failed.set()

    writer = MemoryWriter(store, stored.append, on_failure)
    writer.write(1, {'a': b'1'}, ())
    assert failed.wait(10.0)
    writer.write(2, {'b': b'1'}, ())
    writer.close()
    assert stored == [] and len(texts) == 1 and 'No space' in texts[0]
