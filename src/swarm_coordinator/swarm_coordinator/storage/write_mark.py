# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A note beside the log store of how far it had been acknowledged: `<store>-mark`.

Shows that acknowledged writes are gone: a lost or damaged write-ahead log, an older copy put
back. Written after each commit and not synced, so it costs no time; after a loss of power it may
be older than the store, which proves nothing and harms nothing. It is evidence, not truth.
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

_BODY = struct.Struct('<QQ')
_MARK = struct.Struct('<QQI')


def mark_path(store: Path) -> Path:
    return store.with_name(store.name + '-mark')


def read_mark(store: Path, storage_id: int) -> int:
    """The last acknowledged serial of this storage; 0 = nothing is known."""
    try:
        with open(mark_path(store), 'rb') as file:
            content = file.read(_MARK.size + 1)
    except OSError:
        return 0
    if len(content) != _MARK.size:
        return 0
    whose, serial, crc = _MARK.unpack(content)
    return serial if whose == storage_id and crc == zlib.crc32(content[: _BODY.size]) else 0


class WriteMark:
    """Open as long as the store is. No fault of it stops the store."""

    def __init__(self, store: Path, storage_id: int) -> None:
        self._storage_id = storage_id
        self._descriptor = -1
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(mark_path(store), flags, 0o644)

    def write(self, serial: int) -> None:
        body = _BODY.pack(self._storage_id, serial)
        with suppress(OSError):
            os.pwrite(self._descriptor, body + zlib.crc32(body).to_bytes(4, 'little'), 0)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
