# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The Raft log and hard state on disk: one sqlite file in WAL mode with synchronous=FULL.

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
from pathlib import Path

from swarm_coordinator.core.raft import ENTRY_BYTES_MAX, Entry, EntryKind, HardState, RobotId
from swarm_coordinator.storage.faults import (
    StorageCorrupt,
    StorageFailed,
    StorageFault,
    StorageFull,
    StorageLocked,
    fault_from_os,
    fault_from_sqlite,
)

__all__ = [
    'LogStore',
    'StorageCorrupt',
    'StorageFailed',
    'StorageFault',
    'StorageFull',
    'StorageLocked',
    'measure_fsync',
]

SCHEMA_VERSION = 1
META_BYTES_MAX = 64 * 1024  # small facts only; larger things have files of their own
# Keeps the WAL from staying at its largest size for ever; chosen without data.
WAL_BYTES_KEPT = 4 * 1024 * 1024
FSYNC_SAMPLE_BYTES = 4096  # about one small transaction

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE hard_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    term INTEGER NOT NULL, voted_for TEXT, commit_index INTEGER NOT NULL, crc INTEGER NOT NULL
);
CREATE TABLE entries (
    log_index INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL,
    stamp_ns INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL
);
"""
_ENTRY_HEADER = struct.Struct('<QQBq')


def _entry_crc(entry: Entry, previous: int) -> int:
    header = _ENTRY_HEADER.pack(entry.index, entry.term, entry.kind, entry.stamp_ns)
    return zlib.crc32(entry.data, zlib.crc32(header, previous))


def _row_crc(*values: object) -> int:
    return zlib.crc32(repr(values).encode())


class LogStore:
    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        """Use open()."""
        self._path = path
        self._database = database
        self._failure: StorageFault | None = None
        self._last_index = 0
        self._last_crc = 0

    @classmethod
    def open(cls, path: Path) -> LogStore:
        """Open the file, or make it; checks all of it.

        Raises StorageCorrupt (with the index of the first bad entry if it is one), StorageFull,
        StorageLocked or StorageFailed. Nothing is repaired or thrown away: a torn tail of the
        WAL was never acknowledged, and sqlite drops it by itself.
        """
        path = Path(path)
        with _faults_of(path):
            is_new = not path.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            # check_same_thread: opened by the thread that starts, used by the one that runs.
            database = sqlite3.connect(
                path, timeout=1.0, isolation_level=None, check_same_thread=False
            )
        store = cls(path, database)
        try:
            with _faults_of(path):
                store._prepare()
                if is_new:
                    _sync_folder(path.parent)
            store.load()
        except BaseException:
            database.close()
            raise
        return store

    @property
    def path(self) -> Path:
        return self._path

    @property
    def last_index(self) -> int:
        return self._last_index

    def close(self) -> None:
        """Safe to call twice; never raises. Not needed for durability."""
        try:
            self._database.close()
        except sqlite3.Error as error:
            self._failure = self._failure or fault_from_sqlite(self._path, error)

    def load(self) -> tuple[HardState, list[Entry]]:
        """Everything that is stored. Raises StorageCorrupt if it is not what was saved."""
        with _faults_of(self._path):
            hard_state = self._read_hard_state()
            entries = list(self._read_entries())
        if hard_state.commit_index > len(entries):
            raise StorageCorrupt(
                self._path,
                f'entry {hard_state.commit_index} was committed, the log ends at {len(entries)}',
                len(entries) + 1,
            )
        if entries and entries[-1].term > hard_state.term:
            raise StorageCorrupt(
                self._path,
                f'entry of term {entries[-1].term} in term {hard_state.term}',
                entries[-1].index,
            )
        return hard_state, entries

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
        with self._transaction():
            last_index, last_crc = self._last_index, self._last_crc
            if truncate_from is not None:
                last_index, last_crc = self._cut_from(truncate_from)
            for entry in entries:
                assert entry.index == last_index + 1, f'gap before entry {entry.index}'
                last_index, last_crc = entry.index, _entry_crc(entry, last_crc)
                self._database.execute(
                    'INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)',
                    (entry.index, entry.term, int(entry.kind), entry.stamp_ns, entry.data,
                     last_crc),
                )
            if hard_state is not None:
                self._write_hard_state(hard_state)
        self._last_index, self._last_crc = last_index, last_crc

    def meta_get(self, key: str) -> str | None:
        with _faults_of(self._path):
            query = 'SELECT value, crc FROM meta WHERE key = ?'
            row = self._database.execute(query, (key,)).fetchone()
        if row is None:
            return None
        value, crc = row
        if _row_crc(key, value) != crc:
            raise StorageCorrupt(self._path, f'meta {key!r} does not have its checksum')
        return str(value)

    def meta_set(self, key: str, value: str) -> None:
        """Durable on return; at most META_BYTES_MAX."""
        if len(value.encode()) > META_BYTES_MAX:
            raise ValueError(f'meta {key!r} is longer than {META_BYTES_MAX} bytes')
        with self._transaction():
            self._database.execute(
                'INSERT OR REPLACE INTO meta VALUES (?, ?, ?)', (key, value, _row_crc(key, value))
            )

    def next_incarnation(self) -> int:
        """How often this has been called in the life of the file; durable on return."""
        incarnation = int(self.meta_get('incarnation') or 0) + 1
        self.meta_set('incarnation', str(incarnation))
        return incarnation

    def _prepare(self) -> None:
        execute = self._database.execute
        mode = execute('PRAGMA journal_mode = WAL').fetchone()[0]
        if mode != 'wal':
            raise StorageFailed(self._path, f'the file system allows no WAL, only {mode!r}')
        execute('PRAGMA synchronous = FULL')
        execute(f'PRAGMA journal_size_limit = {WAL_BYTES_KEPT}')
        # A damaged page may hold any values: never follow what it says about the schema.
        execute('PRAGMA trusted_schema = OFF')
        verdict = execute('PRAGMA quick_check(1)').fetchone()[0]
        if verdict != 'ok':
            raise StorageCorrupt(self._path, str(verdict))
        self._check_schema()

    def _check_schema(self) -> None:
        version = self._database.execute('PRAGMA user_version').fetchone()[0]
        tables = self._database.execute('SELECT count(*) FROM sqlite_master').fetchone()[0]
        if version == 0 and tables == 0:
            self._database.executescript(
                f'BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;'
            )
        elif version != SCHEMA_VERSION:
            raise StorageCorrupt(
                self._path, f'has schema version {version}; this software reads {SCHEMA_VERSION}'
            )

    def _read_hard_state(self) -> HardState:
        query = 'SELECT term, voted_for, commit_index, crc FROM hard_state'
        row = self._database.execute(query).fetchone()
        if row is None:
            return HardState()
        term, voted_for, commit_index, crc = row
        if _row_crc(term, voted_for, commit_index) != crc:
            raise StorageCorrupt(self._path, 'term and vote do not have their checksum')
        return HardState(term, None if voted_for is None else RobotId(voted_for), commit_index)

    def _write_hard_state(self, hard_state: HardState) -> None:
        values = (hard_state.term, hard_state.voted_for, hard_state.commit_index)
        self._database.execute(
            'INSERT OR REPLACE INTO hard_state VALUES (1, ?, ?, ?, ?)',
            (*values, _row_crc(*values)),
        )

    def _read_entries(self) -> Iterator[Entry]:
        self._last_index, self._last_crc = 0, 0
        last_term = 0
        query = 'SELECT log_index, term, kind, stamp_ns, data, crc FROM entries ORDER BY log_index'
        for index, term, kind, stamp_ns, data, crc in self._database.execute(query):
            expected = self._last_index + 1
            if index != expected:
                raise StorageCorrupt(self._path, f'entry {expected} is missing', expected)
            try:
                entry = Entry(index, term, EntryKind(kind), stamp_ns, bytes(data))
                chained = _entry_crc(entry, self._last_crc)
            except (TypeError, ValueError, struct.error) as error:
                raise StorageCorrupt(self._path, f'entry {index}: {error}', index) from error
            if chained != crc or term < last_term or len(entry.data) > ENTRY_BYTES_MAX:
                raise StorageCorrupt(self._path, f'entry {index} breaks the checksums', index)
            self._last_index, self._last_crc, last_term = index, chained, term
            yield entry

    def _cut_from(self, index: int) -> tuple[int, int]:
        assert index >= 1, 'the log starts at 1'
        self._database.execute('DELETE FROM entries WHERE log_index >= ?', (index,))
        query = 'SELECT log_index, crc FROM entries ORDER BY log_index DESC LIMIT 1'
        row = self._database.execute(query).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure
        try:
            with _faults_of(self._path):
                self._database.execute('BEGIN IMMEDIATE')
                yield
                self._database.execute('COMMIT')
        except BaseException as error:
            self._roll_back()
            if isinstance(error, StorageFault) and not isinstance(error, StorageFull):
                self._failure = error
            raise

    def _roll_back(self) -> None:
        try:
            if self._database.in_transaction:
                self._database.execute('ROLLBACK')
        except sqlite3.Error as error:
            self._failure = fault_from_sqlite(self._path, error)


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise fault_from_sqlite(path, error) from error
    except OSError as error:
        raise fault_from_os(path, error) from error


def _sync_folder(folder: Path) -> None:
    """A new file's name is durable only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
