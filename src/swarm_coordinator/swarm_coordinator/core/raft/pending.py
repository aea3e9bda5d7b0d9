# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the core has decided and not yet handed to its caller.

Owns the difference between the core and what the caller was last given. Refuses to know why
anything was decided.
"""

from __future__ import annotations

from swarm_coordinator.core.raft.log import RaftLog
from swarm_coordinator.core.raft.messages import Append, Heartbeat, Message, RobotId, Role
from swarm_coordinator.core.raft.ready import HardState, ReadState, Ready, RoleReason, SoftState
from swarm_coordinator.core.raft.snapshot import Snapshot


class PendingWork:
    def __init__(self, saved: HardState, last_index: int, applied_index: int) -> None:
        self._saved = saved
        self._reported: SoftState | None = None
        self._unsaved_from = last_index + 1
        self._truncate_from: int | None = None
        self._handed_index = applied_index  # committed entries up to here are in a Ready
        self._snapshot: Snapshot | None = None
        self._messages: list[Message] = []
        self._reads: list[ReadState] = []

    def send(self, message: Message) -> None:
        self._messages.append(message)

    def read(self, state: ReadState) -> None:
        """To be handed out once entry state.index is."""
        self._reads.append(state)

    def cut_from(self, index: int) -> None:
        """Entries from index on are gone; those that came after the last Ready never existed."""
        if index < self._unsaved_from:
            self._truncate_from = index
            self._unsaved_from = index

    def install(self, snapshot: Snapshot) -> None:
        """The stored log goes with all that was to be done to it."""
        self._snapshot = snapshot
        self._unsaved_from = snapshot.index + 1
        self._truncate_from = None
        self._handed_index = snapshot.index

    def take(
        self,
        log: RaftLog,
        term: int,
        voted_for: RobotId | None,
        commit_index: int,
        role: Role,
        leader: RobotId | None,
        reason: RoleReason,
    ) -> Ready | None:
        """Everything that is new, once."""
        saved, seen = self._saved, self._reported
        must_write = self._snapshot is not None or self._unsaved_from <= log.last_index
        hard_state = None
        if term != saved.term or voted_for != saved.voted_for or (
            # The commit index alone is not worth a write: it is learned again from the leader.
            must_write and commit_index != saved.commit_index
        ):
            hard_state = self._saved = HardState(term, voted_for, commit_index)
        soft_state = None
        if seen is None or role is not seen.role or leader != seen.leader or term != seen.term:
            soft_state = self._reported = SoftState(role, leader, term, reason)
        reads = self._due_reads(commit_index) if self._reads else ()
        if not (
            self._messages or must_write or hard_state or soft_state or reads
            or commit_index > self._handed_index or self._truncate_from is not None
        ):
            return None
        early = 0
        is_kept = hard_state is None or (term, voted_for) == (saved.term, saved.voted_for)
        if must_write and self._messages and role is Role.LEADER and is_kept:
            self._messages.sort(key=_needs_disk)
            early = sum(not _needs_disk(one) for one in self._messages)
        ready = Ready(
            hard_state, self._truncate_from, log.between(self._unsaved_from, log.last_index),
            tuple(self._messages), log.between(self._handed_index + 1, commit_index), soft_state,
            self._snapshot, reads, early,
        )
        self._unsaved_from, self._truncate_from = log.last_index + 1, None
        self._handed_index = commit_index
        self._snapshot = None
        self._messages.clear()
        return ready

    def _due_reads(self, commit_index: int) -> tuple[ReadState, ...]:
        due = tuple(state for state in self._reads if state.index <= commit_index)
        if due:
            self._reads = [state for state in self._reads if state.index > commit_index]
        return due


def _needs_disk(message: Message) -> bool:
    """Not what a leader tells its followers: its own log counts for a commit only once it is
    durable (thesis section 10.2.1)."""
    return not isinstance(message, (Append, Heartbeat))
