# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Logs and snapshots for tests of storage, and a disk that stops at a chosen operation."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from swarm_coordinator.core.raft import (
    Entry,
    EntryKind,
    HardState,
    Membership,
    RobotId,
    Snapshot,
)
from swarm_coordinator.storage.files import Files
from swarm_coordinator.storage.log_store import LogStore

VOTERS = Membership(((RobotId('r1'), 11), (RobotId('r2'), 22), (RobotId('r3'), 33)))
# As version 1 wrote it; kept here, so that a change of the present code cannot change it too.
TABLES_1 = """
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
TERM = HardState(term=3, voted_for=RobotId('r2'), commit_index=1)


def entries(first: int, last: int, term: int = 1, size: int = 10) -> list[Entry]:
    return [
        Entry(index, term, EntryKind.COMMAND, index * 1000, (b'%d-' % index).ljust(size, b'#'))
        for index in range(first, last + 1)
    ]


def snapshot_of(index: int, term: int = 1, data: bytes = b'state') -> Snapshot:
    return Snapshot(index, term, index * 1000, VOTERS, data)


def saved(path: Path, log: list[Entry], hard_state: HardState = TERM) -> None:
    store = LogStore.open(path)
    store.save(hard_state, None, log)
    store.close()


def copied(folder: Path, target: Path) -> Path:
    """The files as a crash would leave them: without what only an open store knows."""
    target.mkdir()
    for each in folder.glob('*.*'):
        if each.is_file() and not each.name.endswith('-shm'):
            shutil.copy(each, target)
    return target


def row_crc_1(*values: object) -> int:
    return zlib.crc32(repr(values).encode())


def version_1(path: Path, log: list[Entry], hard_state: HardState | None) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute('PRAGMA journal_mode = WAL')
    database.executescript(f'BEGIN; {TABLES_1} PRAGMA user_version = 1; COMMIT;')
    crc = 0
    for entry in log:
        header = struct.pack('<QQBq', entry.index, entry.term, entry.kind, entry.stamp_ns)
        crc = zlib.crc32(entry.data, zlib.crc32(header, crc))
        database.execute(
            'INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)',
            (entry.index, entry.term, int(entry.kind), entry.stamp_ns, entry.data, crc),
        )
    if hard_state is not None:
        values = (hard_state.term, hard_state.voted_for, hard_state.commit_index)
        database.execute(
            'INSERT INTO hard_state VALUES (1, ?, ?, ?, ?)', (*values, row_crc_1(*values))
        )
    for key, value in (('swarm_id', 'swarm'), ('incarnation', '41')):
        database.execute('INSERT INTO meta VALUES (?, ?, ?)', (key, value, row_crc_1(key, value)))
    database.close()


class Crash(BaseException):
    """The power is gone."""


class DyingFiles(Files):
    """Stops before its n-th operation. What was not synced by then is not there: of files half
    the bytes, of names in a folder nothing (with `names_last`, all)."""

    def __init__(self, operations: int, names_last: bool = False) -> None:
        self._left = operations
        self._names_last = names_last
        self._unsynced: set[Path] = set()
        self._undo: list[Callable[[], None]] = []
        self.done: list[str] = []

    def _count(self, name: str) -> None:
        if self._left == 0:
            self._lose()
            raise Crash(name)
        self._left -= 1
        self.done.append(name)

    def _lose(self) -> None:
        for path in self._unsynced:
            if path.exists():
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        for undo in reversed(self._undo):
            undo()

    def write(self, path: Path, content: bytes) -> None:
        self._count('write')
        super().write(path, content)
        self._unsynced.add(path)

    def sync(self, path: Path) -> None:
        self._count('sync')
        self._unsynced.discard(path)

    def replace(self, source: Path, target: Path) -> None:
        self._count('replace')
        super().replace(source, target)
        if source in self._unsynced:
            self._unsynced = self._unsynced - {source} | {target}
        if not self._names_last:
            self._undo.append(lambda: target.replace(source))

    def sync_folder(self, folder: Path) -> None:
        self._count('sync_folder')
        self._undo.clear()

    def remove(self, path: Path) -> None:
        self._count('remove')
        super().remove(path)
