# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Snapshots as files beside a log store: `<store>-snapshot-<index>-<hash>`.

Owns names, durability and verification of these files. Which one counts is noted in the store;
a name says its content, so a file that was left over by a crash is never in the way.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from swarm_coordinator.core.raft import (
    SNAPSHOT_BYTES_MAX,
    MalformedSnapshot,
    NewerFormat,
    Snapshot,
)
from swarm_coordinator.core.raft.snapshot import FORMAT
from swarm_coordinator.storage.faults import StorageCorrupt, StorageNewer
from swarm_coordinator.storage.files import Files, write_durably


@dataclass(frozen=True)
class WrittenSnapshot:
    """A snapshot whose file is durable; it counts once the store has noted it."""

    snapshot: Snapshot
    size_bytes: int
    sha256: str


class SnapshotFiles:
    def __init__(self, store: Path, files: Files) -> None:
        self._store = store
        self._files = files

    def path(self, index: int, sha256: str) -> Path:
        return self._store.with_name(f'{self._store.name}-snapshot-{index}-{sha256[:16]}')

    def found(self) -> list[Path]:
        """All of them, and what a crash left of one."""
        return sorted(self._store.parent.glob(f'{self._store.name}-snapshot-*'))

    def write(self, snapshot: Snapshot) -> WrittenSnapshot:
        """Durable on return. Raises OSError and ValueError (too large)."""
        content = snapshot.encode()
        if len(content) > SNAPSHOT_BYTES_MAX:
            raise ValueError(
                f'the snapshot at entry {snapshot.index} has {len(content)} bytes; expected at '
                f'most {SNAPSHOT_BYTES_MAX}'
            )
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.path(snapshot.index, sha256)
        try:
            write_durably(self._files, path, content)
        except OSError:
            with suppress(OSError):  # a full disk needs the room more than a half file does
                self._files.remove(path.with_name(path.name + '.tmp'))
            raise
        return WrittenSnapshot(snapshot, len(content), sha256)

    def read(self, index: int, size_bytes: int, sha256: str) -> Snapshot:
        """Raises StorageCorrupt if it is not there or not what was written, and OSError."""
        path = self.path(index, sha256)
        try:
            size = path.stat().st_size
            if size != size_bytes or size > SNAPSHOT_BYTES_MAX:
                raise StorageCorrupt(path, f'has {size} bytes; expected {size_bytes}')
            content = path.read_bytes()
        except FileNotFoundError:
            raise StorageCorrupt(path, 'the snapshot is not there') from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StorageCorrupt(path, 'the snapshot does not have its sha256')
        try:
            return Snapshot.decode(content)
        except NewerFormat as error:
            raise StorageNewer(path, error.version, FORMAT, 'a snapshot of format') from None
        except MalformedSnapshot as error:
            raise StorageCorrupt(path, str(error)) from error

    def sweep(self, keep: Path | None) -> None:
        """Remove all but one. What cannot be removed now is removed another time."""
        for path in self.found():
            if path != keep:
                with suppress(OSError):
                    self._files.remove(path)
