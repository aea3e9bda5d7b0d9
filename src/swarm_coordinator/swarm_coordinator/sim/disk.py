# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot would find after a crash.

Owns what is durable, in the order in which LogStore makes it so. Refuses to know when a write
ends and which crash comes in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from swarm_coordinator.core.emergency import PersistEmergency
from swarm_coordinator.core.raft import Entry, HardState, RobotId
from swarm_coordinator.core.raft.snapshot import Snapshot


class Disk:
    """One formatted storage. is_lost: wiped, or damaged in a way that its next start notices;
    it is kept here because others still hold what it once promised."""

    __slots__ = (
        'robot', 'storage_id', 'hard_state', 'snapshot', 'entries', 'first_index', 'is_lost',
        'starts', 'latch', 'files',
    )

    def __init__(self, robot: RobotId, storage_id: int) -> None:
        self.robot = robot
        self.storage_id = storage_id
        self.hard_state = HardState()
        self.snapshot: Snapshot | None = None
        self.entries: list[Entry] = []
        self.first_index = 1
        self.is_lost = False
        self.starts = 0                                     # lives of the robot on this disk
        self.latch: PersistEmergency | None = None          # what it remembers of an emergency
        self.files: set[str] = set()                        # stored contents, by sha256

    @property
    def is_blank(self) -> bool:
        return self.snapshot is None and not self.entries

    @property
    def last_index(self) -> int:
        return self.first_index + len(self.entries) - 1

    def term_at(self, index: int) -> int | None:
        """None: not here. 0: only as a part of the snapshot."""
        at = index - self.first_index
        if 0 <= at < len(self.entries):
            return self.entries[at].term
        if self.snapshot is not None and index <= self.snapshot.index:
            return self.snapshot.term if index == self.snapshot.index else 0
        return None

    def save(
        self, hard_state: HardState | None, truncate_from: int | None, entries: Sequence[Entry]
    ) -> None:
        """As LogStore.save: one transaction."""
        if hard_state is not None:
            self.hard_state = hard_state
        if truncate_from is not None:
            del self.entries[max(truncate_from - self.first_index, 0) :]
        if entries:
            assert entries[0].index == self.last_index + 1, (
                f'{self.robot}: a gap before entry {entries[0].index} on the disk'
            )
            self.entries.extend(entries)

    def save_snapshot(self, snapshot: Snapshot, first_kept: int, install: bool) -> None:
        """As LogStore.save_snapshot. install: it came from a leader and the log here is not
        known to go on from it, so all of it is dropped."""
        self.snapshot = snapshot
        if install:
            self.entries.clear()
            self.first_index = snapshot.index + 1
        elif first_kept > self.first_index:
            del self.entries[: first_kept - self.first_index]
            self.first_index = first_kept
