# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Replays the log of a robot from its disk, to count what really happened. Reads only.

What a snapshot stands for cannot be replayed: counts begin with what it says. Whether robots have
one history is compared entry by entry where both have entries, and by the state where one robot
has a snapshot and another one can replay to the same entry.
"""

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.raft import Entry, EntryKind, Snapshot
from swarm_coordinator.core.replicated.apply import apply_command, apply_noop
from swarm_coordinator.core.replicated.command import decode
from swarm_coordinator.core.replicated.snapshot import decode_state, encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.storage.faults import StorageCorrupt
from swarm_coordinator.storage.log_store import LogStore

LOG_NAME = 'log.sqlite'
# A running robot may replace its snapshot while it is copied; twice in a row is unlikely.
COPIES_MAX = 5


@dataclass
class Audit:
    """`accepted`: accepted completions per job; `refused`: completions under an old token, since
    the snapshot."""

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


@dataclass(frozen=True)
class History:
    """What a robot's disk knows to be committed; its entries may begin before the snapshot's end.

    name  of the storage folder, for people
    """

    name: str
    lineage: int
    snapshot: Snapshot | None
    entries: Sequence[Entry]

    @property
    def start(self) -> int:
        """The entry after which a replay begins."""
        return self.snapshot.index if self.snapshot else 0

    @property
    def end(self) -> int:
        return max(self.start, self.entries[-1].index if self.entries else 0)

    def after(self, index: int) -> Sequence[Entry]:
        first = self.entries[0].index if self.entries else 0
        return self.entries[max(0, index + 1 - first) :]


def committed_history(storage: Path) -> History:
    """Of a robot's storage folder, also while the robot runs. Raises StorageFault."""
    with tempfile.TemporaryDirectory() as folder:
        for attempt in range(COPIES_MAX):
            copy = Path(folder) / f'{attempt}' / LOG_NAME
            _copy(storage / LOG_NAME, copy)
            try:
                with closing(LogStore.open(copy)) as store:
                    stored, lineage = store.load(), store.lineage
                break
            except StorageCorrupt:
                if attempt == COPIES_MAX - 1:
                    raise
    start = stored.snapshot.index if stored.snapshot else 0
    commit_index = max(stored.hard_state.commit_index, start)
    entries = [entry for entry in stored.entries if entry.index <= commit_index]
    return History(storage.name, lineage, stored.snapshot, entries)


def committed_entries(storage: Path) -> list[Entry]:
    """The committed entries in a robot's storage folder, also while the robot runs. They begin
    with the first one that is still kept: compare by index, or with histories_agree()."""
    return list(committed_history(storage).entries)


def audit(storage: Path) -> Audit:
    """Apply a robot's committed entries by the rules that robots apply them by."""
    history = committed_history(storage)
    found = Audit(state=_state_at_start(history), entries=list(history.entries))
    for job_id, job in found.state.jobs.items():
        if job.phase is JobPhase.DONE:
            found.accepted[job_id] = 1
    _replay(found, history.after(history.start))
    found.state.check_invariants()
    return found


def histories_agree(storages: Iterable[Path]) -> str | None:
    """None if the storage folders hold one history, else the first thing that differs.

    Compares all entries that two of them have, the membership and the state at a snapshot with
    that of everybody who can replay to its index. Raises StorageFault.
    """
    histories = [committed_history(storage) for storage in storages]
    for one, other in combinations(histories, 2):
        difference = _entries_differ(one, other)
        if difference is None and one.lineage != other.lineage:
            difference = f'{one.lineage} and {other.lineage} recoveries by force'
        for known, replayed in ((one, other), (other, one)):
            difference = difference or _states_differ(known, replayed)
        if difference is not None:
            return f'{one.name} and {other.name}: {difference}'
    return None


def _copy(source: Path, target: Path) -> None:
    """A consistent copy, also of a store in use."""
    target.parent.mkdir()
    with (
        closing(sqlite3.connect(f'file:{source}?mode=ro', uri=True)) as reader,
        closing(sqlite3.connect(target)) as writer,
    ):
        reader.backup(writer)
    for each in source.parent.glob(f'{source.name}-snapshot-*'):
        try:
            shutil.copy(each, target.parent)
        except FileNotFoundError:  # replaced by now: found out when the copy is opened
            continue


def _state_at_start(history: History) -> ReplicatedState:
    return decode_state(history.snapshot.data) if history.snapshot else ReplicatedState()


def _replay(found: Audit, entries: Iterable[Entry]) -> None:
    for entry in entries:
        if entry.kind is not EntryKind.COMMAND:
            apply_noop(found.state, entry.index, entry.term, entry.stamp_ns)
            continue
        issued = decode(entry.data)
        applied = apply_command(found.state, entry.index, entry.term, entry.stamp_ns, issued)
        found.refused += len(applied.late)
        for job_id in applied.completed:
            found.accepted[job_id] = found.accepted.get(job_id, 0) + 1


def _entries_differ(one: History, other: History) -> str | None:
    if not one.entries or not other.entries:
        return None
    first = max(one.entries[0].index, other.entries[0].index)
    for left, right in zip(one.after(first - 1), other.after(first - 1), strict=False):
        if left != right:
            return f'entry {left.index} is {_told(left)} and {_told(right)}'
    return None


def _told(entry: Entry) -> str:
    return f'{entry.kind.name.lower()} of term {entry.term} {entry.data[:60]!r}'


def _states_differ(known: History, replayed: History) -> str | None:
    """Compare the snapshot of one robot with what another one comes to."""
    snapshot = known.snapshot
    if snapshot is None or not replayed.start <= snapshot.index <= replayed.end:
        return None
    if replayed.snapshot and replayed.start == snapshot.index:
        if replayed.snapshot.membership != snapshot.membership:
            return f'the memberships after entry {snapshot.index} differ'
        data = replayed.snapshot.data
    else:
        found = Audit(state=_state_at_start(replayed))
        entries = replayed.after(replayed.start)
        _replay(found, entries[: snapshot.index - replayed.start])
        data = encode_state(found.state)
    if data == snapshot.data:
        return None
    hashes = ' and '.join(hashlib.sha256(each).hexdigest()[:16] for each in (snapshot.data, data))
    return f'the states after entry {snapshot.index} have sha256 {hashes}'
