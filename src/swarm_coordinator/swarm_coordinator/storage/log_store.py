# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Log, term, vote, snapshot and identity of one robot on disk: a sqlite file in WAL mode with
synchronous=FULL, and beside it a file per snapshot.

Owns durability (what save() returned for survives a crash and a loss of power) and the proof that
what is read is what was written: the CRC-32 of every entry continues that of the entry before.
Refuses to know Raft's rules and what entries mean. One thread at a time uses a store.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from swarm_coordinator.core.raft import (
    ENTRY_BYTES_MAX,
    Entry,
    EntryKind,
    HardState,
    RobotId,
    Snapshot,
)
from swarm_coordinator.storage import schema
from swarm_coordinator.storage.faults import (
    StorageCorrupt,
    StorageFailed,
    StorageFault,
    StorageFull,
    StorageLocked,
    StorageNewer,
    fault_from_os,
    fault_from_sqlite,
)
from swarm_coordinator.storage.files import Files, make_folder
from swarm_coordinator.storage.schema import Identity, SnapshotRow, row_crc
from swarm_coordinator.storage.snapshot_files import SnapshotFiles, WrittenSnapshot
from swarm_coordinator.storage.wal_check import wal_damage
from swarm_coordinator.storage.write_mark import WriteMark, mark_path, read_mark

__all__ = [
    'LogStore',
    'StorageCorrupt',
    'StorageFailed',
    'StorageFault',
    'StorageFull',
    'StorageLocked',
    'StorageNewer',
    'Stored',
    'WrittenSnapshot',
    'measure_fsync',
    'store_files',
]

META_BYTES_MAX = 64 * 1024  # small facts only; larger things have files of their own
NAME_BYTES_MAX = 256  # of a robot; names are far shorter
# Keeps the WAL from staying at its largest size for ever; chosen without data.
WAL_BYTES_KEPT = 4 * 1024 * 1024
SQLITE_HEAD = b'SQLite format 3\0'
FSYNC_SAMPLE_BYTES = 4096  # about one small transaction

_ENTRY_HEADER = struct.Struct('<QQBq')


def _entry_crc(entry: Entry, serial: int, previous: int) -> int:
    header = _ENTRY_HEADER.pack(entry.index, entry.term, entry.kind, entry.stamp_ns)
    if serial:  # entries of version 1 have none
        header += serial.to_bytes(8, 'little')
    return zlib.crc32(entry.data, zlib.crc32(header, previous))


def _hard_state_crc(term: int, voted_for: str | None, commit_index: int, serial: int) -> int:
    return row_crc(term, voted_for, commit_index, *([serial] if serial else []))


@dataclass(frozen=True)
class Stored:
    """What a robot starts from.

    entries  go on after the snapshot, or begin before its end: those are for slow followers
    """

    hard_state: HardState
    snapshot: Snapshot | None
    entries: list[Entry]


def store_files(path: Path) -> list[Path]:
    """The file of a store and everything that belongs to it, as far as it is there."""
    return [path] * path.exists() + sorted(path.parent.glob(f'{path.name}-*'))


class LogStore:
    def __init__(self, path: Path, database: sqlite3.Connection, files: Files) -> None:
        """Use open()."""
        self._path = path
        self._database = database
        self._snapshots = SnapshotFiles(path, files)
        self._failure: StorageFault | None = None
        self._mark: WriteMark | None = None
        self._identity = Identity(1)
        self._hard_state = HardState()
        self._serial = 0
        self._snapshot_row: SnapshotRow | None = None
        self._last_index = 0
        self._last_crc = 0

    @classmethod
    def open(cls, path: Path, files: Files | None = None) -> LogStore:
        """Open the file, or make it; checks all of it.

        Raises StorageCorrupt (with the index of the first bad entry if it is one), StorageNewer,
        StorageFull, StorageLocked or StorageFailed. Nothing is repaired or thrown away: a torn
        tail of the WAL was never acknowledged, and sqlite drops it by itself.
        """
        path, files = Path(path), files or Files()
        with _faults_of(path):
            if not path.exists():
                _make(path, files)
            _check_before_opening(path)
            # check_same_thread: opened by the thread that starts, used by the one that runs.
            database = sqlite3.connect(
                path, timeout=1.0, isolation_level=None, check_same_thread=False
            )
        store = cls(path, database, files)
        try:
            with _faults_of(path):
                _prepare(path, database)
                schema.check_version(path, database)
            store.load()
            store._check_mark()
        except BaseException:
            database.close()
            raise
        store._sweep_snapshots()
        return store

    @property
    def path(self) -> Path:
        return self._path

    @property
    def last_index(self) -> int:
        return self._last_index

    @property
    def first_index(self) -> int:
        """The first entry that is stored, or would be."""
        return self._snapshot_row.first_index if self._snapshot_row else 1

    @property
    def storage_id(self) -> int:
        """Random, never 0; made when the storage was formatted."""
        return self._identity.storage_id

    @property
    def lineage(self) -> int:
        """How often a history was taken for committed by force (recovery.py)."""
        return self._identity.lineage

    def close(self) -> None:
        """Safe to call twice; never raises. Not needed for durability."""
        try:
            self._database.close()
        except sqlite3.Error as error:
            self._failure = self._failure or fault_from_sqlite(self._path, error)
        if self._mark is not None:
            self._mark.close()

    def load(self) -> Stored:
        """Everything that is stored. Raises StorageCorrupt if it is not what was saved."""
        with _faults_of(self._path):
            self._identity = schema.read_identity(self._path, self._database)
            hard_state = self._read_hard_state()
            snapshot = self._read_snapshot()
            entries = list(self._read_entries())
        self._check_fit(hard_state, snapshot, entries)
        self._hard_state = hard_state
        return Stored(hard_state, snapshot, entries)

    def save(
        self,
        hard_state: HardState | None,
        truncate_from: int | None,
        entries: Sequence[Entry],
    ) -> None:
        """Cut, add and set the hard state in one transaction, durable on return.

        Raises StorageFull: nothing was kept, the store can go on. After any other StorageFault
        every further save raises it again: what reached the disk is not known, so build the
        store and the core anew.
        """
        with self._transaction() as serial:
            last_index, last_crc = self._last_index, self._last_crc
            if truncate_from is not None:
                last_index, last_crc = self._cut_from(truncate_from)
            for entry in entries:
                assert entry.index == last_index + 1, f'gap before entry {entry.index}'
                last_index, last_crc = entry.index, self._insert(entry, serial, last_crc)
            if hard_state is not None or not entries:
                self._write_hard_state(hard_state or self._hard_state, serial)
        self._last_index, self._last_crc = last_index, last_crc
        self._hard_state = hard_state or self._hard_state

    def save_snapshot(self, snapshot: Snapshot, first_kept: int, install: bool = False) -> None:
        """write_snapshot() and note_snapshot(). Raises ValueError and every StorageFault."""
        self.note_snapshot(self.write_snapshot(snapshot), first_kept, install)

    def write_snapshot(self, snapshot: Snapshot) -> WrittenSnapshot:
        """The slow half, which any thread may do while another one saves: the file is durable on
        return and counts for nothing yet. Raises ValueError if it is too large, StorageFull, after
        which nothing is left of it, and StorageFailed."""
        with _faults_of(self._path):
            return self._snapshots.write(snapshot)

    def note_snapshot(
        self, written: WrittenSnapshot, first_kept: int, install: bool = False
    ) -> None:
        """In one transaction, durable on return: this snapshot counts, and the stored log begins
        with entry first_kept, at most one after the snapshot's last. With install, all of the
        stored log goes: it does not contain the snapshot. Raises as save() does.
        """
        snapshot = written.snapshot
        with self._transaction() as serial:
            crc_before = self._drop_prefix(written, first_kept, install)
            row = SnapshotRow(
                snapshot.index, snapshot.term, snapshot.stamp_ns, written.size_bytes,
                written.sha256, first_kept, crc_before,
            )
            schema.write_snapshot_row(self._database, row)
            self._write_hard_state(self._hard_state, serial)
        self._snapshot_row = row
        if install:
            self._last_index, self._last_crc = snapshot.index, crc_before
        self._sweep_snapshots()

    def meta_get(self, key: str) -> str | None:
        with _faults_of(self._path):
            query = 'SELECT substr(value, 1, ?), crc FROM meta WHERE key = ?'
            row = self._database.execute(query, (META_BYTES_MAX, key)).fetchone()
        if row is None:
            return None
        value, crc = row
        if row_crc(key, value) != crc:
            raise StorageCorrupt(self._path, f'meta {key!r} does not have its checksum')
        return str(value)

    def meta_set(self, key: str, value: str) -> None:
        """Durable on return; at most META_BYTES_MAX."""
        if len(value.encode()) > META_BYTES_MAX:
            raise ValueError(f'meta {key!r} is longer than {META_BYTES_MAX} bytes')
        with self._transaction() as serial:
            self._database.execute(
                'INSERT OR REPLACE INTO meta VALUES (?, ?, ?)', (key, value, row_crc(key, value))
            )
            self._write_hard_state(self._hard_state, serial)

    @property
    def incarnation(self) -> int:
        return self._identity.incarnation

    def next_incarnation(self) -> int:
        """One more than the last one, durable on return."""
        self.set_incarnation(self._identity.incarnation + 1)
        return self._identity.incarnation

    def set_incarnation(self, incarnation: int) -> None:
        """Durable on return. Raises ValueError if it would go back: others would take the robot
        for an earlier life of itself."""
        known = self._identity.incarnation
        if not known <= incarnation <= schema.INCARNATION_MAX:
            raise ValueError(
                f'incarnation={incarnation}: expected {known} to {schema.INCARNATION_MAX}'
            )
        self._set_identity(replace(self._identity, incarnation=incarnation))

    def begin_lineage(self, hard_state: HardState, entry: Entry) -> None:
        """In one transaction: add an entry, set the hard state, count the lineage up. Only for
        recovery.py."""
        assert entry.index == self._last_index + 1, f'gap before entry {entry.index}'
        identity = replace(self._identity, lineage=self._identity.lineage + 1)
        with self._transaction() as serial:
            crc = self._insert(entry, serial, self._last_crc)
            self._write_hard_state(hard_state, serial)
            schema.write_identity(self._database, identity)
        self._identity, self._hard_state = identity, hard_state
        self._last_index, self._last_crc = entry.index, crc

    def join_lineage(self, lineage: int) -> None:
        """Durable on return. Only a storage without a log may: it has no history of its own."""
        if self._last_index or lineage < self._identity.lineage:
            raise ValueError(
                f'lineage={lineage}: expected an empty log and at least {self._identity.lineage}'
            )
        self._set_identity(replace(self._identity, lineage=lineage))

    def _set_identity(self, identity: Identity) -> None:
        with self._transaction() as serial:
            schema.write_identity(self._database, identity)
            self._write_hard_state(self._hard_state, serial)
        self._identity = identity

    def _check_mark(self) -> None:
        acknowledged = read_mark(self._path, self.storage_id)
        if acknowledged > self._serial:
            raise StorageCorrupt(
                self._path,
                f'ends with write {self._serial}, but write {acknowledged} had been acknowledged: '
                'the write-ahead log is lost or damaged, or an older copy was put back',
            )
        self._mark = WriteMark(self._path, self.storage_id)

    def _check_fit(
        self, hard_state: HardState, snapshot: Snapshot | None, entries: Sequence[Entry]
    ) -> None:
        last_index = self._last_index
        if hard_state.commit_index > last_index:
            raise StorageCorrupt(
                self._path,
                f'entry {hard_state.commit_index} was committed, the log ends at {last_index}',
                last_index + 1,
            )
        # A snapshot of a later term is in order: the term is written after it.
        if entries and entries[-1].term > hard_state.term:
            raise StorageCorrupt(
                self._path,
                f'entry of term {entries[-1].term} in term {hard_state.term}',
                entries[-1].index,
            )
        if snapshot is None:
            return
        if last_index < snapshot.index:
            raise StorageCorrupt(
                self._path,
                f'the log ends with entry {last_index}, its snapshot with {snapshot.index}',
                last_index + 1,
            )
        at = snapshot.index - self.first_index
        if 0 <= at < len(entries) and entries[at].term != snapshot.term:
            raise StorageCorrupt(
                self._path, 'the log is not the one of its snapshot', snapshot.index
            )

    def _read_hard_state(self) -> HardState:
        query = (
            'SELECT term, substr(voted_for, 1, ?), commit_index, crc, serial FROM hard_state'
        )
        row = self._database.execute(query, (NAME_BYTES_MAX,)).fetchone()
        if row is None:
            raise StorageCorrupt(self._path, 'term and vote are missing')
        term, voted_for, commit_index, crc, self._serial = row
        if _hard_state_crc(term, voted_for, commit_index, self._serial) != crc:
            raise StorageCorrupt(self._path, 'term and vote do not have their checksum')
        return HardState(term, None if voted_for is None else RobotId(voted_for), commit_index)

    def _write_hard_state(self, hard_state: HardState, serial: int) -> None:
        values = (hard_state.term, hard_state.voted_for, hard_state.commit_index)
        self._database.execute(
            'INSERT OR REPLACE INTO hard_state VALUES (1, ?, ?, ?, ?, ?)',
            (*values, _hard_state_crc(*values, serial), serial),
        )

    def _read_snapshot(self) -> Snapshot | None:
        self._snapshot_row = row = schema.read_snapshot_row(self._path, self._database)
        if row is None:
            return None
        snapshot = self._snapshots.read(row.index, row.size_bytes, row.sha256)
        if (snapshot.index, snapshot.term, snapshot.stamp_ns) != (
            row.index, row.term, row.stamp_ns,
        ) or not 1 <= row.first_index <= row.index + 1:
            raise StorageCorrupt(self._path, f'the note does not fit the snapshot {row.index}')
        return snapshot

    def _read_entries(self) -> Iterator[Entry]:
        row = self._snapshot_row
        self._last_index = row.first_index - 1 if row else 0
        self._last_crc = row.crc_before if row else 0
        last_term = 0
        query = (
            'SELECT log_index, term, kind, stamp_ns, '
            'CASE WHEN length(data) <= ? THEN data END, crc, serial '
            'FROM entries ORDER BY log_index'
        )
        rows = self._database.execute(query, (ENTRY_BYTES_MAX,))
        for index, term, kind, stamp_ns, data, crc, serial in rows:
            expected = self._last_index + 1
            if index != expected:
                raise StorageCorrupt(self._path, f'entry {expected} is missing', expected)
            try:
                if not isinstance(data, bytes):
                    raise TypeError(f'its data is no blob of at most {ENTRY_BYTES_MAX} bytes')
                entry = Entry(index, term, EntryKind(kind), stamp_ns, data)
                chained = _entry_crc(entry, serial, self._last_crc)
            except (TypeError, ValueError, struct.error, OverflowError) as error:
                raise StorageCorrupt(self._path, f'entry {index}: {error}', index) from error
            if chained != crc or term < last_term:
                raise StorageCorrupt(self._path, f'entry {index} breaks the checksums', index)
            self._last_index, self._last_crc, last_term = index, chained, term
            self._serial = max(self._serial, serial)
            yield entry

    def _insert(self, entry: Entry, serial: int, previous_crc: int) -> int:
        crc = _entry_crc(entry, serial, previous_crc)
        self._database.execute(
            'INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)',
            (entry.index, entry.term, int(entry.kind), entry.stamp_ns, entry.data, crc, serial),
        )
        return crc

    def _cut_from(self, index: int) -> tuple[int, int]:
        row = self._snapshot_row
        assert index > (row.index if row else 0), 'what a snapshot contains is committed'
        self._database.execute('DELETE FROM entries WHERE log_index >= ?', (index,))
        return index - 1, self._crc_of(index - 1)

    def _crc_of(self, index: int) -> int:
        """Checksum of an entry, or of what stands for the one before the first."""
        if index == self.first_index - 1:
            return self._snapshot_row.crc_before if self._snapshot_row else 0
        query = 'SELECT crc FROM entries WHERE log_index = ?'
        row = self._database.execute(query, (index,)).fetchone()
        assert row is not None, f'entry {index} is not stored'
        return int(row[0])

    def _drop_prefix(self, written: WrittenSnapshot, first_kept: int, install: bool) -> int:
        """Returns the checksum before the first entry that is left."""
        index = written.snapshot.index
        assert self._snapshot_row is None or index >= self._snapshot_row.index, 'goes back'
        if install:
            assert first_kept == index + 1, 'nothing of the stored log is kept'
            self._database.execute('DELETE FROM entries')
            return zlib.crc32(written.sha256.encode())
        assert self.first_index <= first_kept <= index + 1 <= self._last_index + 1, (
            f'first_kept={first_kept} with a snapshot of {index} and entries {self.first_index} '
            f'to {self._last_index}'
        )
        crc_before = self._crc_of(first_kept - 1)
        self._database.execute('DELETE FROM entries WHERE log_index < ?', (first_kept,))
        return crc_before

    def _sweep_snapshots(self) -> None:
        row = self._snapshot_row
        self._snapshots.sweep(self._snapshots.path(row.index, row.sha256) if row else None)

    @contextmanager
    def _transaction(self) -> Iterator[int]:
        """Yields the serial that some row of it must bear."""
        if self._failure is not None:
            raise self._failure
        serial = self._serial + 1
        try:
            with _faults_of(self._path):
                self._database.execute('BEGIN IMMEDIATE')
                yield serial
                self._database.execute('COMMIT')
        except BaseException as error:
            self._roll_back()
            if isinstance(error, StorageFault) and not isinstance(error, StorageFull):
                self._failure = error
            raise
        self._serial = serial
        if self._mark is not None:
            self._mark.write(serial)

    def _roll_back(self) -> None:
        try:
            if self._database.in_transaction:
                self._database.execute('ROLLBACK')
        except sqlite3.Error as error:
            self._failure = fault_from_sqlite(self._path, error)


def _make(path: Path, files: Files) -> None:
    """A new store, under its name only when it is whole: an empty file is a lost one."""
    make_folder(files, path.parent)
    left = [each for each in store_files(path) if each != mark_path(path)]
    if left:
        raise StorageCorrupt(path, f'is gone, but {left[0].name} is there')
    temporary = path.with_name(path.name + '.new')
    for each in store_files(temporary):
        files.remove(each)
    database = sqlite3.connect(temporary, isolation_level=None)
    try:
        # Half of it is thrown away: a journal would only be left beside it.
        database.execute('PRAGMA journal_mode = OFF')
        schema.format_store(database)
    finally:
        database.close()
    files.sync(temporary)
    files.replace(temporary, path)
    files.sync_folder(path.parent)


def _check_before_opening(path: Path) -> None:
    """sqlite would make a new database of a file that was cut to nothing, and would drop what
    follows a damaged frame."""
    with open(path, 'rb') as file:
        head = file.read(len(SQLITE_HEAD))
    if head != SQLITE_HEAD:
        raise StorageCorrupt(path, f'begins with {head!r}; expected {SQLITE_HEAD!r}')
    damage = wal_damage(path.with_name(path.name + '-wal'))
    if damage is not None:
        raise StorageCorrupt(path, damage)


def _prepare(path: Path, database: sqlite3.Connection) -> None:
    execute = database.execute
    mode = execute('PRAGMA journal_mode = WAL').fetchone()[0]
    if mode != 'wal':
        raise StorageFailed(path, f'the file system allows no WAL, only {mode!r}')
    execute('PRAGMA synchronous = FULL')
    execute(f'PRAGMA journal_size_limit = {WAL_BYTES_KEPT}')
    # A damaged page may hold any values: never follow what it says about the schema.
    execute('PRAGMA trusted_schema = OFF')
    verdict = execute('PRAGMA integrity_check(1)').fetchone()[0]
    if verdict != 'ok':
        raise StorageCorrupt(path, str(verdict))


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise fault_from_sqlite(path, error) from error
    except UnicodeDecodeError as error:  # sqlite quotes a damaged schema in its error
        raise StorageCorrupt(path, f'what it says cannot be read: {error}') from error
    except OSError as error:
        raise fault_from_os(path, error) from error


def measure_fsync(folder: Path, samples: int = 50) -> tuple[int, int]:
    """p50 and p99 in microseconds of writing 4 KiB and fsync, in a temporary file in `folder`.

    Raises a StorageFault.
    """
    times_ns = []
    block = bytes(FSYNC_SAMPLE_BYTES)
    with _faults_of(Path(folder)), tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(max(samples, 1)):
            started_ns = time.perf_counter_ns()
            file.write(block)
            os.fsync(file.fileno())
            times_ns.append(time.perf_counter_ns() - started_ns)
    times_ns.sort()
    p99 = times_ns[min(len(times_ns) - 1, len(times_ns) * 99 // 100)]
    return times_ns[len(times_ns) // 2] // 1000, p99 // 1000
