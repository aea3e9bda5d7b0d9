# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How storage fails, as exceptions that carry the evidence.

Owns the kinds of fault and the translation of sqlite's. Refuses to know what to do about them.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path


class StorageFault(Exception):
    """The disk does not do what was asked; `path` and `detail` say where and what."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f'{path}: {detail}')
        self.path = path
        self.detail = detail


class StorageCorrupt(StorageFault):
    """The content cannot be trusted: do not vote, do not lead, be synchronised anew."""

    def __init__(self, path: Path, detail: str, index: int | None = None) -> None:
        super().__init__(path, detail)
        self.index = index


class StorageNewer(StorageFault):
    """Written by newer software. Nothing is wrong with it, so it is never set aside."""

    def __init__(
        self, path: Path, version: int, readable: int, what: str = 'schema version'
    ) -> None:
        super().__init__(
            path,
            f'has {what} {version}, written by newer software; this one reads up to {readable}: '
            'update it, or move the folder away to begin anew; nothing was changed',
        )
        self.version = version


class StorageFull(StorageFault):
    """Nothing of the write was kept; it may be tried again when there is room."""

    def __init__(self, path: Path, free_bytes: int) -> None:
        super().__init__(path, f'no room on the disk, {free_bytes} bytes are free')
        self.free_bytes = free_bytes


class StorageLocked(StorageFault):
    """Another process uses it; pid is None if it could not be found out."""

    def __init__(self, path: Path, pid: int | None = None) -> None:
        holder = 'another process' if pid is None else f'process {pid}'
        super().__init__(path, f'in use by {holder}; stop it, or choose another folder')
        self.pid = pid


class StorageFailed(StorageFault):
    """Permission, device error and the like. What the last write left is not known."""


def full(path: Path) -> StorageFull:
    try:
        return StorageFull(path, shutil.disk_usage(path.parent).free)
    except OSError:
        return StorageFull(path, 0)


def fault_from_os(path: Path, error: OSError) -> StorageFault:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(path)
    return StorageFailed(path, error.strerror or str(error))


def fault_from_sqlite(path: Path, error: sqlite3.Error) -> StorageFault:
    # By text: Python 3.10 does not show sqlite's error codes.
    text = str(error)
    if 'disk is full' in text:
        return full(path)
    if 'is locked' in text or 'is busy' in text:
        return StorageLocked(path)
    if 'unable to open' in text or 'disk I/O' in text or 'readonly' in text:
        return StorageFailed(path, text)
    if isinstance(error, sqlite3.DatabaseError):
        return StorageCorrupt(path, text)
    return StorageFailed(path, text)
