# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The tables of a log store and how older ones become present ones.

Owns the schema, its version and the checksums of single rows. Refuses to know Raft's rules.
Version 1 (until 0.1) had no identity, no snapshot and no serials.
"""

from __future__ import annotations

import secrets
import sqlite3
import zlib
from dataclasses import astuple, dataclass
from pathlib import Path

from swarm_coordinator.core.ids import STARTS_BITS
from swarm_coordinator.core.raft import STORAGE_ID_MAX
from swarm_coordinator.storage.faults import StorageCorrupt, StorageNewer

SCHEMA_VERSION = 2
INCARNATION_MAX = LINEAGE_MAX = 2**63 - 1

# Columns in the order in which upgrade() gets them. `serial` numbers the transactions: the last
# one is the greater of hard_state's and the last entry's, so that none costs a page of its own.
_ADDED_BY_2 = """
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    storage_id TEXT NOT NULL, lineage INTEGER NOT NULL, incarnation INTEGER NOT NULL,
    crc INTEGER NOT NULL
);
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    log_index INTEGER NOT NULL, term INTEGER NOT NULL, stamp_ns INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
    first_index INTEGER NOT NULL, crc_before INTEGER NOT NULL, crc INTEGER NOT NULL
);
"""
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE hard_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    term INTEGER NOT NULL, voted_for TEXT, commit_index INTEGER NOT NULL, crc INTEGER NOT NULL,
    serial INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE entries (
    log_index INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL,
    stamp_ns INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL,
    serial INTEGER NOT NULL DEFAULT 0
);
"""


@dataclass(frozen=True)
class Identity:
    """Who this storage is.

    storage_id   random, made when the storage was formatted; never 0
    lineage      how often a history was taken for committed by force
    incarnation  counts the robot's starts above a random number (core/ids.py)
    """

    storage_id: int
    lineage: int = 0
    incarnation: int = 0


@dataclass(frozen=True)
class SnapshotRow:
    """What is noted of the snapshot file, and where the stored log begins.

    crc_before  checksum that the first entry continues
    """

    index: int
    term: int
    stamp_ns: int
    size_bytes: int
    sha256: str
    first_index: int
    crc_before: int


def row_crc(*values: object) -> int:
    return zlib.crc32(repr(values).encode())


def _new_count() -> int:
    """The incarnation before the first start."""
    return secrets.randbits(20) << STARTS_BITS


def new_storage_id() -> int:
    return secrets.randbelow(STORAGE_ID_MAX) + 1


def format_store(database: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    database.executescript(f'BEGIN IMMEDIATE; {_TABLES} {_ADDED_BY_2}')
    _begin_identity(database, Identity(new_storage_id(), incarnation=_new_count()))


def check_version(path: Path, database: sqlite3.Connection) -> None:
    """Upgrade what an older version wrote. Raises StorageNewer or StorageCorrupt."""
    version = database.execute('PRAGMA user_version').fetchone()[0]
    if version > SCHEMA_VERSION:
        raise StorageNewer(path, version, SCHEMA_VERSION)
    if version == 1:
        _upgrade_from_1(path, database)
    elif version != SCHEMA_VERSION:
        raise StorageCorrupt(path, f'has schema version {version}: it is no log store')


def _upgrade_from_1(path: Path, database: sqlite3.Connection) -> None:
    """The log, term and vote stay; hard_state gets its row if it never had one."""
    incarnation = database.execute(
        "SELECT value, crc FROM meta WHERE key = 'incarnation'"
    ).fetchone()
    if incarnation and row_crc('incarnation', incarnation[0]) != incarnation[1]:
        raise StorageCorrupt(path, 'the incarnation does not have its checksum')
    database.executescript(
        'BEGIN IMMEDIATE;'
        'ALTER TABLE hard_state ADD COLUMN serial INTEGER NOT NULL DEFAULT 0;'
        'ALTER TABLE entries ADD COLUMN serial INTEGER NOT NULL DEFAULT 0;'
        f"{_ADDED_BY_2} DELETE FROM meta WHERE key = 'incarnation';"
    )
    number = int(incarnation[0]) if incarnation else 0
    _begin_identity(database, Identity(new_storage_id(), incarnation=number))


def _begin_identity(database: sqlite3.Connection, identity: Identity) -> None:
    database.execute(
        'INSERT OR IGNORE INTO hard_state VALUES (1, 0, NULL, 0, ?, 0)', (row_crc(0, None, 0),)
    )
    write_identity(database, identity)
    database.execute(f'PRAGMA user_version = {SCHEMA_VERSION}')
    database.execute('COMMIT')


def read_identity(path: Path, database: sqlite3.Connection) -> Identity:
    row = database.execute(
        'SELECT substr(storage_id, 1, 20), lineage, incarnation, crc FROM identity'
    ).fetchone()
    if row is None:
        raise StorageCorrupt(path, 'its identity is missing')
    storage_id, lineage, incarnation, crc = row
    if row_crc(storage_id, lineage, incarnation) != crc:
        raise StorageCorrupt(path, 'its identity does not have its checksum')
    return Identity(int(storage_id), lineage, incarnation)


def write_identity(database: sqlite3.Connection, identity: Identity) -> None:
    storage_id, lineage, incarnation = astuple(identity)
    values = (str(storage_id), lineage, incarnation)
    database.execute(
        'INSERT OR REPLACE INTO identity VALUES (1, ?, ?, ?, ?)', (*values, row_crc(*values))
    )


def read_snapshot_row(path: Path, database: sqlite3.Connection) -> SnapshotRow | None:
    row = database.execute(
        'SELECT log_index, term, stamp_ns, size_bytes, substr(sha256, 1, 64), first_index, '
        'crc_before, crc FROM snapshot'
    ).fetchone()
    if row is None:
        return None
    *values, crc = row
    if row_crc(*values) != crc:
        raise StorageCorrupt(path, 'the note of the snapshot does not have its checksum')
    return SnapshotRow(*values)


def write_snapshot_row(database: sqlite3.Connection, row: SnapshotRow) -> None:
    values = astuple(row)
    database.execute(
        'INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)',
        (*values, row_crc(*values)),
    )
