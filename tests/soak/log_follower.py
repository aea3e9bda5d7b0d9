# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Follows the log of running robots by their disks, so that every completion is counted, also
those that a snapshot has taken out of the log since. Reads only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from swarm_coordinator.audit import committed_history
from swarm_coordinator.core.raft import EntryKind
from swarm_coordinator.core.replicated.apply import apply_command, apply_noop
from swarm_coordinator.core.replicated.command import decode
from swarm_coordinator.core.replicated.snapshot import decode_state
from swarm_coordinator.core.replicated.state import ReplicatedState


@dataclass
class LogFollower:
    """`gaps`: entries that nobody could be asked for any more, each a sentence."""

    state: ReplicatedState = field(default_factory=ReplicatedState)
    completions: Counter[str] = field(default_factory=Counter)
    late: int = 0
    entries: int = 0
    gaps: list[str] = field(default_factory=list)

    def follow(self, storage: Path) -> None:
        """Raises StorageFault."""
        history = committed_history(storage)
        if history.end <= self.state.applied_index:
            return
        first = history.entries[0].index if history.entries else history.end + 1
        if first > self.state.applied_index + 1:
            assert history.snapshot is not None
            self.gaps.append(f'{storage.name}: entries {self.state.applied_index + 1} to '
                             f'{history.start} were gone before they were read')
            self.state = decode_state(history.snapshot.data)
        for entry in history.after(self.state.applied_index):
            self.entries += 1
            if entry.kind is not EntryKind.COMMAND:
                apply_noop(self.state, entry.index, entry.term, entry.stamp_ns)
                continue
            done = apply_command(
                self.state, entry.index, entry.term, entry.stamp_ns, decode(entry.data))
            self.late += len(done.late)
            self.completions.update(done.completed)
