# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether what is in a log was written by newer software, although its tables are known.

Owns that it is found out before anything is written. Refuses to know what to do about it.
"""

from __future__ import annotations

from pathlib import Path

from swarm_coordinator.core.comprehension import newer_in
from swarm_coordinator.core.replicated.command import CODEC_VERSION
from swarm_coordinator.core.replicated.snapshot import (
    SNAPSHOT_VERSION,
    MalformedSnapshot,
    NewerSnapshot,
    decode_state,
)
from swarm_coordinator.storage.faults import StorageNewer
from swarm_coordinator.storage.log_store import Stored

USUAL = b'{"v":%d,' % SNAPSHOT_VERSION  # how encode_state() begins


def check_readable(path: Path, stored: Stored) -> None:
    """Raises StorageNewer."""
    if (found := newer_in(stored.entries)) is not None:
        entry, version = found
        raise StorageNewer(path, version, CODEC_VERSION, f'entry {entry.index} of version')
    if stored.snapshot is None or stored.snapshot.data.startswith(USUAL):
        return
    try:
        decode_state(stored.snapshot.data)
    except NewerSnapshot as error:
        raise StorageNewer(path, error.version, SNAPSHOT_VERSION, 'a state of version') from None
    except MalformedSnapshot:
        return  # told by who uses it
