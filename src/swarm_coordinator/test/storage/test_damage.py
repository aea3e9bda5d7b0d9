# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bits that flip, files that shrink or vanish: what is loaded is what was saved, or it is said."""

from __future__ import annotations

import os
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from storage_samples import TERM, Crash, DyingFiles, copied, entries, saved, snapshot_of

from swarm_coordinator.core.raft import HardState
from swarm_coordinator.storage.log_store import (
    LogStore,
    StorageCorrupt,
    StorageFault,
    StorageNewer,
    Stored,
)
from swarm_coordinator.storage.set_aside import SET_ASIDE_MAX, open_or_set_aside
from swarm_coordinator.storage.wal_check import wal_damage

FLIPS = 80  # places per file; the step is no power of two, so that all parts of a page are met
WAL_HEAD_BYTES = 32
FRAME_BYTES = 4096 + 24


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'robot' / 'log.sqlite'


def closed_store(path: Path) -> tuple[Stored, int]:
    """Log, snapshot and meta, all of it in the main file."""
    saved(path, entries(1, 60, size=300))
    store = LogStore.open(path)
    store.meta_set('swarm_id', 'swarm')
    store.set_incarnation(2**50)
    store.save_snapshot(snapshot_of(20), 15)
    stored, storage_id = store.load(), store.storage_id
    store.close()
    return stored, storage_id


def crashed_store(path: Path) -> tuple[Path, Stored]:
    """Some transactions in the main file, six in the write-ahead log."""
    saved(path, entries(1, 3))
    store = LogStore.open(path)
    for index in range(4, 9):
        store.save(None, None, entries(index, index))
    store.save(HardState(9, None, 8), None, ())
    stored = store.load()
    folder = copied(path.parent, path.parent.with_name('crashed'))
    store.close()
    return folder / path.name, stored


def flip_bit(path: Path, place: int, bit: int = 3) -> None:
    with open(path, 'r+b') as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ (1 << bit)]))


def places(path: Path) -> list[int]:
    size = path.stat().st_size
    return sorted({*range(0, min(size, 100)), *range(0, size, max(1, size // FLIPS) | 1)})


def test_flipped_bit_anywhere_in_the_main_file_is_harmless_or_found(
    path: Path, tmp_path: Path
) -> None:
    stored, storage_id = closed_store(path)
    found = 0
    for place in places(path):
        folder = copied(path.parent, tmp_path / f'{place}')
        flip_bit(folder / path.name, place, place % 8)
        try:
            store = LogStore.open(folder / path.name)
        except (StorageCorrupt, StorageNewer):
            found += 1
            continue
        assert (store.load(), store.storage_id, store.incarnation) == (stored, storage_id, 2**50)
        assert store.meta_get('swarm_id') == 'swarm', f'bit {place % 8} of byte {place}'
        store.close()
    assert found > len(places(path)) // 4


def test_schema_that_is_not_even_text_is_corrupt(path: Path) -> None:
    """sqlite's error quotes it, and Python cannot decode that."""
    closed_store(path)
    flip_bit(path, path.read_bytes().index(b'CREATE TABLE identity') + 12, 7)
    with pytest.raises(StorageCorrupt):
        LogStore.open(path)


def test_flipped_bit_anywhere_in_the_write_ahead_log_is_harmless_or_found(
    path: Path, tmp_path: Path
) -> None:
    """sqlite itself would drop that transaction and all later ones without a word."""
    crashed, stored = crashed_store(path)
    for place in places(crashed.with_name('log.sqlite-wal')):
        folder = copied(crashed.parent, tmp_path / f'{place}')
        flip_bit(folder / 'log.sqlite-wal', place, place % 8)
        try:
            assert LogStore.open(folder / path.name).load() == stored, f'byte {place}'
        except StorageCorrupt:
            continue


@pytest.mark.parametrize('frame', [0, 1, 2, 3])
def test_damage_in_the_middle_of_the_write_ahead_log_is_no_torn_tail(
    path: Path, frame: int
) -> None:
    """Without the mark too: it is not synced, and a loss of power may take it back."""
    crashed, _ = crashed_store(path)
    crashed.with_name('log.sqlite-mark').unlink()
    wal = crashed.with_name('log.sqlite-wal')
    flip_bit(wal, 32 + frame * FRAME_BYTES + 24 + 100)
    before = [wal.read_bytes(), crashed.read_bytes()]
    with pytest.raises(StorageCorrupt, match=f'frame {frame + 1} .* is damaged'):
        LogStore.open(crashed)
    assert [wal.read_bytes(), crashed.read_bytes()] == before, 'left for a look'


def test_torn_tail_at_every_length_is_dropped(path: Path, tmp_path: Path) -> None:
    """The mark is put back as well: a torn transaction was never acknowledged."""
    saved(path, entries(1, 3))
    store = LogStore.open(path)
    store.save(None, None, entries(4, 4))
    mark = path.with_name('log.sqlite-mark').read_bytes()
    wal = path.with_name('log.sqlite-wal')
    whole = wal.stat().st_size
    store.save(None, None, entries(5, 9, size=3000))
    grown = wal.stat().st_size
    for size in range(whole, grown, 997):
        folder = copied(path.parent, tmp_path / f'{size}')
        os.truncate(folder / wal.name, size)
        (folder / 'log.sqlite-mark').write_bytes(mark)
        assert LogStore.open(folder / path.name).load() == Stored(TERM, None, entries(1, 4))


def test_tail_of_zeros_is_dropped(path: Path) -> None:
    """What some file systems leave of a write that was cut short by a loss of power."""
    crashed, stored = crashed_store(path)
    wal = crashed.with_name('log.sqlite-wal')
    with open(wal, 'ab') as file:
        file.write(bytes(2 * FRAME_BYTES))
    assert LogStore.open(crashed).load() == stored


def test_frames_of_an_earlier_use_of_the_write_ahead_log_prove_nothing(path: Path) -> None:
    saved(path, entries(1, 3))
    store = LogStore.open(path)
    for index in range(4, 20):
        store.save(None, None, entries(index, index, size=4000))
    store._database.execute('PRAGMA wal_checkpoint(RESTART)')
    store.save(None, None, entries(20, 20))
    folder = copied(path.parent, path.parent.with_name('crashed'))
    assert (folder / 'log.sqlite-wal').stat().st_size > 16 * FRAME_BYTES
    assert wal_damage(folder / 'log.sqlite-wal') is None
    assert LogStore.open(folder / path.name).last_index == 20


def begun_anew(path: Path) -> tuple[bytes, bytes, bytes]:
    """The write-ahead log that was used before, and its head and the one written over it."""
    saved(path, entries(1, 3))
    store = LogStore.open(path)
    for index in range(4, 20):
        store.save(None, None, entries(index, index, size=4000))
    store._database.execute('PRAGMA wal_checkpoint(RESTART)')
    wal = path.with_name('log.sqlite-wal')
    before = wal.read_bytes()
    store.save(None, None, entries(20, 20))
    return before, before[:WAL_HEAD_BYTES], wal.read_bytes()[:WAL_HEAD_BYTES]


def test_power_cut_within_a_new_head_of_the_write_ahead_log_is_harmless(path: Path) -> None:
    """All that it held is in the main file by then, so not one byte of the head matters."""
    content, old, new = begun_anew(path)
    wal = path.with_name('torn')
    assert old != new
    for size in range(WAL_HEAD_BYTES + 1):
        wal.write_bytes(new[:size] + old[size:] + content[WAL_HEAD_BYTES:])
        assert wal_damage(wal) is None, f'{size} bytes of the new head'


def test_other_damage_to_a_head_of_a_write_ahead_log_is_found(path: Path) -> None:
    content, old, new = begun_anew(path)
    wal = path.with_name('torn')
    for head in (old, new):
        for byte in range(WAL_HEAD_BYTES):
            flip = 0x41 if head[byte] ^ 0x41 != old[byte] else 0x42  # else it is a power cut
            wal.write_bytes(
                head[:byte] + bytes([head[byte] ^ flip]) + head[byte + 1 :]
                + content[WAL_HEAD_BYTES:])
            assert wal_damage(wal) is not None, f'byte {byte}'
    for size in range(16, WAL_HEAD_BYTES - 1):
        torn = new[:size] + old[size:-1] + bytes([old[-1] ^ 0x41])
        wal.write_bytes(torn + content[WAL_HEAD_BYTES:])
        assert wal_damage(wal) is not None, f'{size} bytes, then damage'


@pytest.mark.parametrize('size', range(33))
def test_power_cut_twice_within_the_first_head_of_the_write_ahead_log_is_harmless(
    path: Path, size: int,
) -> None:
    """The file had its length and nothing in it, and was begun again."""
    content, old, _ = begun_anew(path)
    wal = path.with_name('torn')
    wal.write_bytes(old[:size] + bytes(WAL_HEAD_BYTES - size))
    assert wal_damage(wal) is None
    if size == 2:  # frames behind such a head were acknowledged
        wal.write_bytes(wal.read_bytes() + content[WAL_HEAD_BYTES:])
        assert wal_damage(wal) == 'the head of the write-ahead log is damaged'


@pytest.mark.parametrize('page_bytes', [0, 1, 511, FRAME_BYTES, 4161, 20736, 65535, 1 << 17])
def test_page_size_that_sqlite_never_writes_is_damage_to_the_head(
    path: Path, page_bytes: int,
) -> None:
    """Whatever the rest of the head says, also where it looks like one half written."""
    content, _, new = begun_anew(path)
    wal = path.with_name('torn')
    for last in range(256):
        head = new[:8] + struct.pack('>I', page_bytes) + new[12:-1] + bytes([last])
        wal.write_bytes(head + content[WAL_HEAD_BYTES:])
        assert wal_damage(wal) == 'the head of the write-ahead log is damaged'


def test_damaged_head_of_a_write_ahead_log_without_a_whole_transaction_is_harmless(
    path: Path,
) -> None:
    """A power cut in the first transaction, and a second one in the head that replaces it."""
    content, old, _ = begun_anew(path)
    wal, frame = path.with_name('torn'), bytearray(content[WAL_HEAD_BYTES:][:FRAME_BYTES])
    frame[4:8] = bytes(4)  # pages after commit: it ends no transaction
    wal.write_bytes(old[:16] + b'new salt' + old[24:] + bytes(frame))
    assert wal_damage(wal) is None


@pytest.mark.parametrize('damage', ['gone', 'empty', 'older'])
def test_lost_write_ahead_log_is_noticed(path: Path, damage: str) -> None:
    """The main file alone is sound, and older than what was acknowledged: votes are forgotten."""
    crashed, _ = crashed_store(path)
    wal = crashed.with_name('log.sqlite-wal')
    if damage == 'gone':
        wal.unlink()
    else:
        os.truncate(wal, 0 if damage == 'empty' else 32 + 2 * FRAME_BYTES)
    with pytest.raises(StorageCorrupt, match='had been acknowledged'):
        LogStore.open(crashed)


@pytest.mark.parametrize('content', [b'', b'\0' * 20, b'\xff' * 20, b'short'])
def test_unreadable_mark_stops_nobody(path: Path, content: bytes) -> None:
    stored, _ = closed_store(path)
    path.with_name('log.sqlite-mark').write_bytes(content)
    assert LogStore.open(path).load() == stored


def test_mark_of_another_storage_says_nothing(path: Path) -> None:
    stored, storage_id = closed_store(path)
    mark = path.with_name('log.sqlite-mark')
    other = path.parent.with_name('other') / 'log.sqlite'
    saved(other, entries(1, 1))
    mark.write_bytes(struct.pack('<QQI', storage_id ^ 1, 10**6, 0))
    assert LogStore.open(path).load() == stored


@pytest.mark.parametrize('size', [0, 1, 50, 100, 4095, 4096, 8192, 12000])
def test_truncated_main_file_is_corrupt(path: Path, size: int) -> None:
    closed_store(path)
    assert path.stat().st_size > size
    os.truncate(path, size)
    with pytest.raises(StorageCorrupt):
        LogStore.open(path)


@pytest.mark.parametrize('left', ['-wal', '-snapshot-20-abc'])
def test_missing_main_file_with_its_company_is_corrupt(path: Path, left: str) -> None:
    path.parent.mkdir()
    path.with_name(path.name + left).write_bytes(b'')
    with pytest.raises(StorageCorrupt, match='is gone'):
        LogStore.open(path)


def test_folder_with_nothing_in_it_is_a_new_storage(path: Path) -> None:
    closed_store(path)
    before = LogStore.open(path)
    before.close()
    for each in path.parent.iterdir():
        each.unlink()
    assert LogStore.open(path).storage_id != before.storage_id


@pytest.mark.parametrize('operations', range(3))
def test_crash_while_a_storage_is_made_leaves_none(path: Path, operations: int) -> None:
    with pytest.raises(Crash):
        LogStore.open(path, DyingFiles(operations))
    assert not path.exists()
    assert LogStore.open(path).load() == Stored(HardState(), None, [])


# Putting aside.


def test_sound_store_is_not_put_aside(path: Path) -> None:
    stored, storage_id = closed_store(path)
    opened = open_or_set_aside(path, may_resync=True)
    assert (opened.set_aside, opened.fault) == (None, None)
    assert (opened.store.load(), opened.store.storage_id) == (stored, storage_id)


def test_damaged_store_is_put_aside_whole_and_a_new_one_begun(path: Path) -> None:
    _, storage_id = closed_store(path)
    flip_bit(path, path.read_bytes().index(b'30-###') + 9)
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    opened = open_or_set_aside(path, may_resync=True)
    assert opened.fault is not None and opened.fault.index == 30
    assert opened.set_aside == path.parent / 'corrupt-1'
    kept = {each.name: each.read_bytes() for each in opened.set_aside.iterdir()}
    assert {name: kept[name] for name in before} == before
    assert opened.store.load() == Stored(HardState(), None, [])
    assert opened.store.storage_id != storage_id


@pytest.mark.parametrize('victim', ['log.sqlite', 'log.sqlite-wal', 'snapshot'])
def test_whatever_is_damaged_the_robot_starts_with_a_new_storage(
    path: Path, victim: str
) -> None:
    _, storage_id = closed_store(path)
    store = LogStore.open(path)
    store.save(HardState(4), None, entries(61, 61))
    crashed = copied(path.parent, path.parent.with_name('crashed')) / path.name
    store.close()
    (file,) = (
        crashed.parent.glob('*-snapshot-*') if victim == 'snapshot'
        else [crashed.with_name(victim)]
    )
    file.write_bytes(b'')
    opened = open_or_set_aside(crashed, may_resync=True)
    assert opened.fault is not None and opened.store.storage_id != storage_id
    assert opened.store.load() == Stored(HardState(), None, [])
    opened.store.close()
    assert open_or_set_aside(crashed, may_resync=True).fault is None


def test_only_voter_keeps_its_damaged_store_and_is_told_what_to_do(path: Path) -> None:
    closed_store(path)
    os.truncate(path, 4096)
    before = path.read_bytes()
    with pytest.raises(StorageCorrupt, match='backup.*by hand'):
        open_or_set_aside(path, may_resync=False)
    assert path.read_bytes() == before and not list(path.parent.glob('corrupt-*'))


def test_disk_that_goes_on_damaging_is_given_up_and_nothing_deleted(path: Path) -> None:
    for number in range(1, SET_ASIDE_MAX + 1):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'%d' % number)
        opened = open_or_set_aside(path, may_resync=True)
        opened.store.close()
        assert opened.set_aside == path.parent / f'corrupt-{number}'
    path.write_bytes(b'again')
    with pytest.raises(StorageCorrupt, match='replace the disk'):
        open_or_set_aside(path, may_resync=True)
    assert path.read_bytes() == b'again'
    for number in range(1, SET_ASIDE_MAX + 1):
        kept = path.parent / f'corrupt-{number}' / 'log.sqlite'
        assert kept.read_bytes() == b'%d' % number


def test_newer_store_and_other_faults_are_not_put_aside(path: Path) -> None:
    closed_store(path)
    database = sqlite3.connect(path)
    database.execute('PRAGMA user_version = 99')
    database.close()
    with pytest.raises(StorageNewer):
        open_or_set_aside(path, may_resync=True)
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageFault) as fault:
        open_or_set_aside(path, may_resync=True)
    assert not isinstance(fault.value, StorageCorrupt)
    assert not list(path.parent.glob('corrupt-*'))


@pytest.mark.parametrize('operations', range(12))
def test_crash_while_putting_aside_never_brings_the_old_storage_back(
    path: Path, tmp_path: Path, operations: int
) -> None:
    """Above all not the main file without its write-ahead log: it would look sound, and old."""
    _, storage_id = closed_store(path)
    store = LogStore.open(path)
    store.save(HardState(4), None, entries(61, 61))
    store.save(HardState(5), None, entries(62, 62))
    crashed = copied(path.parent, tmp_path / 'crashed') / path.name
    store.close()
    crashed.with_name('log.sqlite-mark').unlink()
    flip_bit(crashed.with_name('log.sqlite-wal'), 32 + 24 + 100)
    with suppress(Crash):
        open_or_set_aside(crashed, True, DyingFiles(operations)).store.close()
    opened = open_or_set_aside(crashed, may_resync=True)
    assert opened.store.load() == Stored(HardState(), None, [])
    assert opened.store.storage_id != storage_id
    kept = {each.name for each in crashed.parent.glob('corrupt-*/*')}
    assert {'log.sqlite', 'log.sqlite-wal'} <= kept
