# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""This robot's copy of what the swarm has agreed on: owns the way from Raft's work to applied
entries, snapshots included, and that no command gets into the log twice.

Refuses to know what follows from an applied entry for this robot.
"""

from dataclasses import dataclass, field

from swarm_coordinator.core.comprehension import NewerLog
from swarm_coordinator.core.events import Effect, Persist, SaveSnapshot, Send
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import (
    Entry,
    EntryKind,
    Membership,
    RaftCore,
    ReadState,
    Ready,
    RefusalReason,
    Refused,
    Role,
    Snapshot,
    SoftState,
)
from swarm_coordinator.core.replicated.apply import Applied, apply_command, apply_noop
from swarm_coordinator.core.replicated.command import (
    Issued,
    MalformedCommand,
    NewerCommand,
    decode,
)
from swarm_coordinator.core.replicated.snapshot import (
    MalformedSnapshot,
    StateEncoder,
    StateTooLarge,
    decode_state,
)
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.worker import Note

# A snapshot costs one write of the whole state; between two of them the log grows. Both chosen
# without field data: 10,000 entries are some minutes of a busy swarm and a few MiB.
ENTRIES_PER_SNAPSHOT = 10_000
LOG_BYTES_PER_SNAPSHOT = 16 * 1024 * 1024
# Kept behind a snapshot, so that a robot that was away for a moment gets entries, not all of it.
ENTRIES_KEPT = 2_000


@dataclass(frozen=True)
class AppliedEntry:
    """What one committed entry did. `issued` and `done` are None for entries without a command;
    `problem` says why a command could not be read: every replica skips it alike."""

    index: int
    term: int
    stamp_ns: int
    kind: EntryKind
    issued: Issued | None = None
    done: Applied | None = None
    problem: str = ''
    membership: Membership | None = None


@dataclass
class Batch:
    """What one Ready led to. `effects` come first; then a restored state, then `applied`."""

    effects: list[Effect] = field(default_factory=list)
    role: SoftState | None = None
    restored: bool = False
    applied: list[AppliedEntry] = field(default_factory=list)
    reads: tuple[ReadState, ...] = ()


class Replica:
    def __init__(self, raft: RaftCore) -> None:
        """Raises MalformedSnapshot if raft's snapshot is none of this version."""
        self.raft = raft
        snapshot = raft.snapshot
        self.state = ReplicatedState() if snapshot is None else decode_state(snapshot.data)
        self._tried_index = 0 if snapshot is None else snapshot.index  # of the last attempt
        self._bytes_since_snapshot = 0
        self._encoder = StateEncoder()
        self._too_large = False
        self._appended: set[tuple[RobotId, int, int]] = set()
        self._read: tuple[Snapshot, ReplicatedState] | None = None  # to be restored
        raft.read_state = self._read_state

    @property
    def own_term_applied(self) -> bool:
        """An entry of the present term has been applied: what is read is what was committed."""
        return self.state.term == self.raft.term

    def append(self, issued: Issued, data: bytes, stamp_ns: int) -> RefusalReason | None:
        """Into the log, once: a repetition of what is on its way or was applied is ignored."""
        if self.raft.role is not Role.LEADER:
            return RefusalReason.NOT_LEADER
        key = (issued.robot, issued.incarnation, issued.serial)
        if key in self._appended or self._was_applied(issued):
            return None
        answer = self.raft.propose(EntryKind.COMMAND, data, stamp_ns)
        if isinstance(answer, Refused):
            return answer.reason
        self._appended.add(key)
        return None

    def _was_applied(self, issued: Issued) -> bool:
        session = self.state.sessions.get(issued.robot)
        if session is None or session.incarnation != issued.incarnation:
            return False
        return issued.serial < session.acked_below or issued.serial in session.applied

    def next(self) -> Batch | None:
        """The next piece of Raft's work, done as far as this robot's memory goes; None if there
        is none. The effects are to be performed in order, before those of the next batch."""
        ready = self.raft.ready()
        if ready is None:
            return None
        batch = Batch(role=ready.soft_state, reads=ready.read_states)
        sends = [Send(message) for message in ready.messages]
        batch.effects += sends[: ready.early]
        self._persist(ready, batch)
        batch.effects += sends[ready.early :]
        if ready.soft_state is not None and ready.soft_state.role is not Role.LEADER:
            self._appended.clear()
        if ready.snapshot is not None:
            self._restore(ready.snapshot)
            batch.restored = True
        batch.applied = [self._apply(entry) for entry in ready.committed]
        self.raft.advance(ready)
        return batch

    def _persist(self, ready: Ready, batch: Batch) -> None:
        if ready.snapshot is not None:
            snapshot = ready.snapshot
            batch.effects.append(SaveSnapshot(snapshot, snapshot.index + 1, install=True))
        if ready.hard_state is not None or ready.entries or ready.truncate_from is not None:
            batch.effects.append(
                Persist(ready.hard_state, ready.truncate_from, ready.entries)
            )

    def _read_state(self, snapshot: Snapshot) -> None:
        """Raises MalformedSnapshot: what a leader sends must not end those that follow it."""
        state = decode_state(snapshot.data)
        if state.applied_index != snapshot.index:
            raise MalformedSnapshot(f'the state of entry {state.applied_index} as of entry '
                                    f'{snapshot.index}')
        self._read = snapshot, state

    def _restore(self, snapshot: Snapshot) -> None:
        assert self._read is not None and self._read[0] is snapshot, 'read before it was taken'
        (_, self.state), self._read = self._read, None
        self._encoder = StateEncoder()  # the old one keeps the old state
        self._tried_index, self._bytes_since_snapshot = snapshot.index, 0

    def _apply(self, entry: Entry) -> AppliedEntry:
        self._bytes_since_snapshot += len(entry.data)
        when = (entry.index, entry.term, entry.stamp_ns)
        here = (*when, entry.kind)
        if entry.kind is not EntryKind.COMMAND:
            apply_noop(self.state, *when)
            if entry.kind is EntryKind.MEMBERSHIP:
                return AppliedEntry(*here, membership=Membership.decode(entry.data))
            return AppliedEntry(*here)
        try:
            issued = decode(entry.data)
        except NewerCommand as error:
            raise NewerLog(entry.index, str(error)) from None
        except MalformedCommand as error:
            # Every replica skips it alike: the codec is part of the state machine.
            apply_noop(self.state, *when)
            return AppliedEntry(*here, problem=str(error))
        done = apply_command(self.state, *when, issued)
        self._appended.discard((issued.robot, issued.incarnation, issued.serial))
        return AppliedEntry(*here, issued, done)

    def compact_if_due(self) -> SaveSnapshot | Note | None:
        """A snapshot to be saved where the log has grown enough since the last one.

        Of a state that is too large for one the log stays, whole. That is said once, and tried
        again after as many entries as between two snapshots: encoding such a state is expensive.
        """
        applied = self.raft.last_applied
        if (
            applied - self._tried_index < ENTRIES_PER_SNAPSHOT
            and self._bytes_since_snapshot < LOG_BYTES_PER_SNAPSHOT
        ):
            return None
        self._tried_index, self._bytes_since_snapshot = applied, 0
        try:
            data = self._encoder.encode(self.state)
        except StateTooLarge as error:
            said, self._too_large = self._too_large, True
            return None if said else Note(f'the log stays as it is, no snapshot: {error}')
        self._too_large = False
        return SaveSnapshot(self.raft.compact(data, ENTRIES_KEPT), self.raft.first_index)
