# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Snapshots beside the log: Raft section 7 on a disk that may stop at any moment."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from storage_samples import TERM, Crash, DyingFiles, copied, entries, saved, snapshot_of

from swarm_coordinator.core.raft import PROFILES, HardState, RaftCore, RobotId
from swarm_coordinator.storage.log_store import LogStore, StorageCorrupt, StorageFull, Stored

OPERATIONS_MAX = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'log.sqlite'


def snapshot_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob('log.sqlite-snapshot-*'))


def test_log_goes_on_after_the_snapshot(path: Path) -> None:
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(6), first_kept=7)
    store.save(None, None, entries(10, 10))
    store.close()
    again = LogStore.open(path)
    assert again.load() == Stored(TERM, snapshot_of(6), entries(7, 10))
    assert (again.first_index, again.last_index) == (7, 10)


def test_entries_for_slow_followers_are_kept_with_their_checksums(path: Path) -> None:
    """The chain goes on from the checksum of the last entry that was dropped."""
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(6), first_kept=4)
    store.close()
    assert LogStore.open(path).load() == Stored(TERM, snapshot_of(6), entries(4, 9))
    database = sqlite3.connect(path)
    database.execute("UPDATE entries SET data = x'00' WHERE log_index = 4")
    database.commit()
    database.close()
    with pytest.raises(StorageCorrupt, match='entry 4 breaks'):
        LogStore.open(path)


def test_snapshots_follow_one_another_and_only_the_last_stays(path: Path) -> None:
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    for index, first_kept in ((3, 2), (3, 4), (5, 4), (9, 10)):
        store.save_snapshot(snapshot_of(index), first_kept)
        assert store.load().entries == entries(first_kept, 9)
        assert len(snapshot_files(path)) == 1
    store.save(None, None, entries(10, 11, term=2))
    store.close()
    assert LogStore.open(path).load() == Stored(TERM, snapshot_of(9), entries(10, 11, term=2))


def test_installed_snapshot_replaces_the_whole_log(path: Path) -> None:
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(20, term=5), first_kept=21, install=True)
    assert store.load() == Stored(TERM, snapshot_of(20, term=5), [])
    store.save(HardState(5, None, 20), None, entries(21, 22, term=5))
    store.close()
    expected = Stored(HardState(5, None, 20), snapshot_of(20, term=5), entries(21, 22, term=5))
    assert LogStore.open(path).load() == expected


def test_core_starts_from_what_a_crash_after_an_install_leaves(path: Path) -> None:
    """The term of the snapshot is written after it, so it may be missing."""
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(20, term=5), 21, install=True)
    store.close()
    stored = LogStore.open(path).load()
    core = RaftCore(
        RobotId('r1'), (RobotId('r1'),), PROFILES['wifi'].timing, random.Random(1),
        stored.hard_state, stored.entries, stored.snapshot, 11,
    )
    assert core.term == 5 and core.last_index == 20


@pytest.mark.parametrize(
    ('index', 'first_kept', 'install'),
    [(6, 8, False), (10, 11, False), (6, 0, False), (2, 3, False), (20, 20, True)],
)
def test_snapshot_that_would_leave_a_gap_or_go_back_is_a_mistake(
    path: Path, index: int, first_kept: int, install: bool
) -> None:
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(4), 5)
    with pytest.raises(AssertionError):
        store.save_snapshot(snapshot_of(index), first_kept, install)
    assert store.load() == Stored(TERM, snapshot_of(4), entries(5, 9))


def test_what_a_snapshot_contains_cannot_be_cut(path: Path) -> None:
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(6), 4)
    with pytest.raises(AssertionError, match='is committed'):
        store.save(None, 6, ())
    store.save(None, 7, entries(7, 7, term=2))
    assert store.load().entries == entries(4, 6) + entries(7, 7, term=2)
    store.save(None, 7, ())
    store.close()
    assert LogStore.open(path).load().entries == entries(4, 6)


def test_file_is_written_in_one_thread_while_another_saves(path: Path) -> None:
    """Nothing counts before it is noted."""
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    written = store.write_snapshot(snapshot_of(6))
    store.save(None, None, entries(10, 10))
    assert store.load().snapshot is None
    store.note_snapshot(written, 7)
    assert store.load() == Stored(TERM, snapshot_of(6), entries(7, 10))


@pytest.mark.parametrize('damage', ['cut', 'flip', 'grow', 'gone', 'other'])
def test_damaged_snapshot_is_corruption(path: Path, damage: str) -> None:
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(6, data=bytes(100)), 7)
    store.close()
    (file,) = snapshot_files(path)
    content = file.read_bytes()
    if damage == 'gone':
        file.unlink()
    else:
        file.write_bytes(
            {
                'cut': content[:-1],
                'flip': content[:-20] + b'\x01' + content[-19:],
                'grow': content + b'\0',
                'other': snapshot_of(6, data=bytes(99) + b'\x01').encode(),
            }[damage]
        )
    with pytest.raises(StorageCorrupt) as corrupt:
        LogStore.open(path)
    assert corrupt.value.path == file


def test_note_that_does_not_fit_the_snapshot_is_corruption(path: Path) -> None:
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(6), 7)
    store.close()
    database = sqlite3.connect(path)
    database.execute('UPDATE snapshot SET first_index = 8')
    database.commit()
    database.close()
    with pytest.raises(StorageCorrupt, match='note of the snapshot'):
        LogStore.open(path)


def states_after_crashes(
    path: Path, install: bool, names_last: bool
) -> tuple[list[Stored], list[str]]:
    """What is loaded after a stop before each operation of save_snapshot, in order."""
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.save_snapshot(snapshot_of(4), 3)
    store.close()
    found: list[Stored] = []
    for count in range(OPERATIONS_MAX):
        folder = copied(path.parent, path.parent / f'{count}')
        files = DyingFiles(count, names_last)
        dying = LogStore.open(folder / path.name, files)
        snapshot = snapshot_of(20, term=3) if install else snapshot_of(8)
        try:
            dying.save_snapshot(snapshot, 21 if install else 7, install)
            return found, files.done
        except Crash:
            after = copied(folder, folder / 'after')
            found.append(LogStore.open(after / path.name).load())
            assert len(snapshot_files(after / path.name)) == 1, files.done
        finally:
            dying.close()
    raise AssertionError('never came to an end')


@pytest.mark.parametrize('names_last', [False, True])
@pytest.mark.parametrize('install', [False, True])
def test_crash_at_every_step_leaves_the_old_or_the_new_state(
    tmp_path: Path, install: bool, names_last: bool
) -> None:
    before = Stored(TERM, snapshot_of(4), entries(3, 9))
    after = (
        Stored(TERM, snapshot_of(20, term=3), []) if install
        else Stored(TERM, snapshot_of(8), entries(7, 9))
    )
    found, done = states_after_crashes(tmp_path / 'whole' / 'log.sqlite', install, names_last)
    assert done == ['remove', 'write', 'sync', 'replace', 'sync_folder', 'remove']
    assert found == [before] * 5 + [after], 'old until noted, then new'


def test_crash_between_file_and_note_leaves_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / 'whole' / 'log.sqlite'
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    store.write_snapshot(snapshot_of(6))
    after = LogStore.open(copied(path.parent, tmp_path / 'after') / path.name)
    assert after.load() == Stored(TERM, None, entries(1, 9))
    assert snapshot_files(after.path) == []


def test_full_disk_leaves_no_half_snapshot_and_a_store_that_goes_on(path: Path) -> None:
    class FullFiles(DyingFiles):
        def write(self, path: Path, content: bytes) -> None:
            path.write_bytes(content[:10])
            raise OSError(28, 'No space left on device')

    saved(path, entries(1, 9))
    store = LogStore.open(path, FullFiles(99))
    with pytest.raises(StorageFull):
        store.save_snapshot(snapshot_of(6), 7)
    assert snapshot_files(path) == []
    store.save(None, None, entries(10, 10))
    assert store.load() == Stored(TERM, None, entries(1, 10))


COMPACTOR = """
import sys
from pathlib import Path
from swarm_coordinator.core.raft import Entry, EntryKind, HardState, Membership, Snapshot
from swarm_coordinator.storage.log_store import LogStore
store = LogStore.open(Path(sys.argv[1]))
last = store.last_index
while True:
    last += 1
    store.save(HardState(last), None, [Entry(last, last, EntryKind.COMMAND, last, b'x' * 500)])
    if last % 3 == 0:
        store.save_snapshot(
            Snapshot(last, last, last, Membership((('r1', 1),)), b'%d' % last), last - 1)
    print(last, flush=True)
"""


def test_everything_reported_as_saved_survives_kill_9_amid_snapshots(path: Path) -> None:
    for life in range(4):
        writer = subprocess.Popen(
            [sys.executable, '-c', COMPACTOR, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(20 + 7 * life):
            reported = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        reported = int((writer.stdout.read().split() or [reported])[-1])
        writer.wait()
        store = LogStore.open(path)
        stored = store.load()
        assert store.last_index >= reported and stored.hard_state.term >= reported
        assert stored.snapshot is not None and stored.snapshot.index >= reported // 3 * 3
        assert stored.snapshot.data == b'%d' % stored.snapshot.index
        assert len(snapshot_files(path)) == 1
        store.close()


def test_compaction_keeps_the_files_small(path: Path) -> None:
    """Pages of dropped entries are used again; without snapshots this would be 8 MB."""
    store = LogStore.open(path)
    sizes = []
    for last in range(100, 4001, 100):
        store.save(HardState(1), None, entries(last - 99, last, size=2000))
        store.save_snapshot(snapshot_of(last), last - 49)
        sizes.append(sum(each.stat().st_size for each in path.parent.iterdir()))
    assert max(sizes[len(sizes) // 2 :]) <= 1.2 * max(sizes[: len(sizes) // 2])
    assert os.path.getsize(path) < 1_000_000


def test_too_large_snapshot_is_refused_before_the_disk_is_touched(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('swarm_coordinator.storage.snapshot_files.SNAPSHOT_BYTES_MAX', 400)
    saved(path, entries(1, 9))
    store = LogStore.open(path)
    big = dataclasses.replace(snapshot_of(6), data=bytes(500))
    with pytest.raises(ValueError, match='at most 400'):
        store.save_snapshot(big, 7)
    assert store.load().snapshot is None
