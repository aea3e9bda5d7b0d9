# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Storage against real files: durability, damage, full disk, two processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from storage_samples import TERM, entries, saved

from swarm_coordinator.core.ids import STARTS_BITS, start_number
from swarm_coordinator.core.raft import Entry, EntryKind, HardState
from swarm_coordinator.storage.folder_lock import FolderLock
from swarm_coordinator.storage.log_store import (
    LogStore,
    StorageCorrupt,
    StorageFailed,
    StorageFull,
    StorageLocked,
    StorageNewer,
    Stored,
    measure_fsync,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'raft.db'


def flip_byte(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


def test_new_store_is_empty(path: Path) -> None:
    assert LogStore.open(path).load() == Stored(HardState(), None, [])


def test_what_was_saved_is_found_after_reopening(path: Path) -> None:
    saved(path, entries(1, 5))
    assert LogStore.open(path).load() == Stored(TERM, None, entries(1, 5))


def test_all_kinds_and_values_of_entries_survive(path: Path) -> None:
    log = [
        Entry(1, 1, EntryKind.NOOP, 0, b''),
        Entry(2, 2**40, EntryKind.MEMBERSHIP, -5, bytes(range(256))),
        Entry(3, 2**40, EntryKind.COMMAND, 2**62, bytes(256 * 1024)),
    ]
    saved(path, log, HardState(2**40, None, 3))
    assert LogStore.open(path).load() == Stored(HardState(2**40, None, 3), None, log)


def test_cut_and_append_are_one_step(path: Path) -> None:
    saved(path, entries(1, 5))
    store = LogStore.open(path)
    store.save(None, 3, entries(3, 4, term=2))
    store.close()
    expected = entries(1, 2) + entries(3, 4, term=2)
    assert LogStore.open(path).load() == Stored(TERM, None, expected)


def test_cut_to_the_start_is_allowed(path: Path) -> None:
    saved(path, entries(1, 5), HardState(3))
    LogStore.open(path).save(None, 1, entries(1, 1, term=3))
    assert LogStore.open(path).load().entries == entries(1, 1, term=3)


def test_failed_save_keeps_nothing(path: Path) -> None:
    saved(path, entries(1, 2))
    store = LogStore.open(path)
    with pytest.raises(AssertionError, match='gap before entry 9'):
        store.save(HardState(9), 2, entries(2, 3) + entries(9, 9))
    assert store.load() == Stored(TERM, None, entries(1, 2))
    store.save(None, None, entries(3, 3))
    assert store.load().entries == entries(1, 3)


def test_full_disk_keeps_nothing_and_can_go_on(path: Path) -> None:
    saved(path, entries(1, 2))
    store = LogStore.open(path)
    pages = store._database.execute('PRAGMA page_count').fetchone()[0]
    store._database.execute(f'PRAGMA max_page_count = {pages}')
    with pytest.raises(StorageFull) as full:
        store.save(HardState(9), None, entries(3, 40, size=4000))
    assert full.value.free_bytes > 0 and full.value.path == path
    assert store.load() == Stored(TERM, None, entries(1, 2))
    store._database.execute('PRAGMA max_page_count = 100000')
    store.save(None, None, entries(3, 40, size=4000))
    assert len(LogStore.open(path).load().entries) == 40


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
def test_no_space_from_the_system_is_a_full_disk() -> None:
    from swarm_coordinator.storage.faults import fault_from_os
    with pytest.raises(OSError) as error, open('/dev/full', 'wb', buffering=0) as file:
        file.write(b'x')
    assert isinstance(fault_from_os(Path('/dev/full'), error.value), StorageFull)


def test_flipped_byte_in_an_entry_names_the_entry(path: Path) -> None:
    saved(path, entries(1, 400, size=200))
    content = path.read_bytes()
    flip_byte(path, content.index(b'200-#') + 50)
    with pytest.raises(StorageCorrupt) as corrupt:
        LogStore.open(path)
    assert corrupt.value.index == 200


@pytest.mark.parametrize('share', [0.1, 0.3, 0.5, 0.7, 0.9])
def test_flipped_bytes_in_the_file_are_found(path: Path, share: float) -> None:
    saved(path, entries(1, 400, size=200))
    content = bytearray(path.read_bytes())
    start = int(len(content) * share) // 4096 * 4096    # the header of a page
    content[start : start + 8] = bytes(255 - byte for byte in content[start : start + 8])
    path.write_bytes(content)
    with pytest.raises(StorageCorrupt):
        LogStore.open(path)


@pytest.mark.parametrize(
    ('damage', 'index'),
    [
        ('DELETE FROM entries WHERE log_index = 3', 3),
        ('UPDATE entries SET term = 2 WHERE log_index = 2', 2),
        ('UPDATE entries SET stamp_ns = stamp_ns + 1 WHERE log_index = 4', 4),
        ("UPDATE entries SET data = 'text' WHERE log_index = 4", 4),
        ('UPDATE entries SET kind = 77 WHERE log_index = 5', 5),
        ('DELETE FROM entries', 1),
        ('UPDATE hard_state SET term = 2', None),
        ('UPDATE hard_state SET voted_for = NULL', None),
        ('DELETE FROM hard_state', None),
        ('DELETE FROM identity', None),
        ('UPDATE identity SET lineage = 7', None),
        ('PRAGMA user_version = 0', None),
    ],
)
def test_content_that_was_not_saved_so_is_corrupt(path: Path, damage: str, index) -> None:
    saved(path, entries(1, 5))
    database = sqlite3.connect(path)
    database.execute(damage)
    database.commit()
    database.close()
    with pytest.raises(StorageCorrupt) as corrupt:
        LogStore.open(path)
    assert corrupt.value.index == index


def test_what_newer_software_wrote_is_not_called_corrupt(path: Path) -> None:
    saved(path, entries(1, 5))
    database = sqlite3.connect(path)
    database.execute('PRAGMA user_version = 99')
    database.close()
    with pytest.raises(StorageNewer, match='99'):
        LogStore.open(path)


def test_whole_entry_swapped_with_another_breaks_the_chain(path: Path) -> None:
    """Every entry is intact by itself: only the chain shows it."""
    saved(path, entries(1, 3))
    other = path.with_name('other.db')
    saved(other, entries(1, 1, size=11) + entries(2, 3))
    database = sqlite3.connect(path)
    database.execute('ATTACH ? AS other', (str(other),))
    database.execute('DELETE FROM entries WHERE log_index = 2')
    database.execute('INSERT INTO entries SELECT * FROM other.entries WHERE log_index = 2')
    database.commit()
    database.close()
    with pytest.raises(StorageCorrupt, match='entry 2 breaks'):
        LogStore.open(path)


def test_file_that_is_no_database_is_corrupt_and_left_alone(path: Path) -> None:
    path.write_bytes(b'not a database at all, but long enough to look at ' * 50)
    before = path.read_bytes()
    with pytest.raises(StorageCorrupt):
        LogStore.open(path)
    assert path.read_bytes() == before


def test_folder_in_place_of_the_file_is_a_failure_not_corruption(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageFailed):
        LogStore.open(path)


def crashed_copy(path: Path, folder: Path) -> Path:
    """What a crash leaves: the files as they are while the store is open."""
    folder.mkdir()
    for suffix in ('', '-wal'):
        (folder / f'raft.db{suffix}').write_bytes(path.with_name(path.name + suffix).read_bytes())
    return folder / 'raft.db'


def test_torn_tail_of_the_wal_loses_only_the_torn_transaction(path: Path, tmp_path: Path) -> None:
    store = LogStore.open(path)
    store.save(TERM, None, entries(1, 3))
    store.save(None, None, entries(4, 4))
    copy = crashed_copy(path, tmp_path / 'crash')
    wal = copy.with_name('raft.db-wal')
    frame_bytes = 4096 + 24
    os.truncate(wal, wal.stat().st_size - frame_bytes // 2)
    assert LogStore.open(copy).load() == Stored(TERM, None, entries(1, 3))


def test_whole_wal_is_recovered(path: Path, tmp_path: Path) -> None:
    store = LogStore.open(path)
    store.save(TERM, None, entries(1, 3))
    store.save(None, 3, entries(3, 4, term=2))
    copy = crashed_copy(path, tmp_path / 'crash')
    assert LogStore.open(copy).load() == store.load()


def test_durability_is_asked_for_in_full(path: Path) -> None:
    store = LogStore.open(path)
    assert store._database.execute('PRAGMA synchronous').fetchone() == (2,)
    assert store._database.execute('PRAGMA journal_mode').fetchone() == ('wal',)


WRITER = """
import sys
from pathlib import Path
from swarm_coordinator.core.raft import Entry, EntryKind, HardState
from swarm_coordinator.storage.log_store import LogStore
store = LogStore.open(Path(sys.argv[1]))
index = store.last_index
while True:
    index += 1
    store.save(HardState(index), None, [Entry(index, index, EntryKind.COMMAND, 0, b'x' * 100)])
    print(index, flush=True)
"""


def test_everything_reported_as_saved_survives_kill_9(path: Path) -> None:
    reported = 0
    for life in range(3):
        writer = subprocess.Popen(
            [sys.executable, '-c', WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(30 + life):
            reported = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        reported = int((writer.stdout.read().split() or [reported])[-1])
        writer.wait()
        stored = LogStore.open(path).load()
        hard_state, log = stored.hard_state, stored.entries
        assert len(log) >= reported and hard_state.term >= reported
        assert [entry.index for entry in log] == list(range(1, len(log) + 1))


def test_database_locked_by_another_is_reported(path: Path) -> None:
    store = LogStore.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    store._database.execute('PRAGMA busy_timeout = 1')
    with pytest.raises(StorageLocked):
        store.save(TERM, None, entries(1, 1))
    other.close()


def test_after_a_failure_nothing_more_is_saved(path: Path) -> None:
    """What a failed write left is not known: a later success would hide it."""
    store = LogStore.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    store._database.execute('PRAGMA busy_timeout = 1')
    for _ in range(2):
        with pytest.raises(StorageLocked):
            store.save(TERM, None, entries(1, 1))
        other.close()


def test_meta_is_kept_and_checked(path: Path) -> None:
    store = LogStore.open(path)
    assert store.meta_get('swarm_id') is None
    store.meta_set('swarm_id', 'first')
    store.meta_set('swarm_id', 'swarm ä')
    store.close()
    assert LogStore.open(path).meta_get('swarm_id') == 'swarm ä'
    database = sqlite3.connect(path)
    database.execute("UPDATE meta SET value = 'other'")
    database.commit()
    with pytest.raises(StorageCorrupt, match='swarm_id'):
        LogStore.open(path).meta_get('swarm_id')
    with pytest.raises(ValueError, match='longer than'):
        store.meta_set('big', 'x' * 100_000)


def test_incarnations_count_over_restarts(path: Path) -> None:
    counted = [LogStore.open(path).next_incarnation() for _ in range(3)]
    assert [start_number(one) for one in counted] == [1, 2, 3]
    assert len({one >> STARTS_BITS for one in counted}) == 1


def test_new_disk_does_not_count_from_where_another_one_did(tmp_path: Path) -> None:
    begun = {LogStore.open(tmp_path / str(n) / 'log.sqlite').incarnation for n in range(8)}
    assert len(begun) > 1
    assert all(start_number(one) == 0 for one in begun)


def test_fsync_measurement_gives_ordered_times_and_leaves_no_file(tmp_path: Path) -> None:
    p50_us, p99_us = measure_fsync(tmp_path, 10)
    assert 0 <= p50_us <= p99_us
    assert list(tmp_path.iterdir()) == []


def test_second_owner_of_a_folder_is_told_who_holds_it(tmp_path: Path) -> None:
    folder = tmp_path / 'robot'
    with FolderLock.acquire(folder):
        with pytest.raises(StorageLocked, match=f'process {os.getpid()}') as locked:
            FolderLock.acquire(folder)
        assert locked.value.pid == os.getpid()
    FolderLock.acquire(folder).close()


def test_folder_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        'import sys, pathlib; from swarm_coordinator.storage.folder_lock import FolderLock; '
        'lock = FolderLock.acquire(pathlib.Path(sys.argv[1])); print("held", flush=True); '
        'sys.stdin.read()'
    )
    holder = subprocess.Popen(
        [sys.executable, '-c', code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert holder.stdout is not None and holder.stdout.readline() == 'held\n'
    with pytest.raises(StorageLocked) as locked:
        FolderLock.acquire(tmp_path)
    assert locked.value.pid == holder.pid
    holder.kill()
    holder.communicate()
    FolderLock.acquire(tmp_path).close()
