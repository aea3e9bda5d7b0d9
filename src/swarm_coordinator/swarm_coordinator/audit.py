# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Replays the log of a robot from its disk, to count what really happened. Reads only."""

import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from swarm_coordinator.core.raft import Entry, EntryKind
from swarm_coordinator.core.replicated.apply import apply_command, apply_noop
from swarm_coordinator.core.replicated.command import CompleteJob, decode
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.storage.log_store import LogStore


@dataclass
class Audit:
    """`accepted`: accepted completions per job; `refused`: completions under an old token."""

    state: ReplicatedState = field(default_factory=ReplicatedState)
    accepted: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    entries: list[Entry] = field(default_factory=list)

    @property
    def accepted_twice(self) -> int:
        return sum(1 for count in self.accepted.values() if count > 1)

    @property
    def reissued(self) -> int:
        """Attempts beyond the first one, over all jobs."""
        return sum(max(0, job.attempt - 1) for job in self.state.jobs.values())


def committed_entries(storage: Path) -> list[Entry]:
    """The committed entries in a robot's storage folder, also while the robot runs."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / 'log.sqlite'
        source = sqlite3.connect(f'file:{storage / "log.sqlite"}?mode=ro', uri=True)
        target = sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
        store = LogStore.open(copy)
        try:
            hard_state, entries = store.load()
        finally:
            store.close()
    return entries[: hard_state.commit_index]


def audit(storage: Path) -> Audit:
    """Apply a robot's committed entries by the rules that robots apply them by."""
    found = Audit(entries=committed_entries(storage))
    for entry in found.entries:
        if entry.kind is not EntryKind.COMMAND:
            apply_noop(found.state, entry.index, entry.stamp_ns)
            continue
        issued = decode(entry.data)
        applied = apply_command(found.state, entry.index, entry.stamp_ns, issued)
        if isinstance(issued.command, CompleteJob) and not applied.duplicate:
            if applied.refused:
                found.refused += 1
            else:
                job_id = issued.command.job_id
                found.accepted[job_id] = found.accepted.get(job_id, 0) + 1
    found.state.check_invariants()
    return found
