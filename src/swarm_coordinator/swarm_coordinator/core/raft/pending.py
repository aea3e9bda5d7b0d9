# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the core has decided and not yet handed to its caller.

Owns the difference between the core and what the caller was last given. Refuses to know why
anything was decided.
"""

from __future__ import annotations

from swarm_coordinator.core.raft.log import RaftLog
from swarm_coordinator.core.raft.messages import Message
from swarm_coordinator.core.raft.ready import HardState, Ready, SoftState


class PendingWork:
    def __init__(self, saved: HardState, last_index: int) -> None:
        self._saved = saved
        self._reported: SoftState | None = None
        self._unsaved_from = last_index + 1
        self._truncate_from: int | None = None
        self._handed_index = 0      # committed entries up to here are in a Ready
        self._messages: list[Message] = []

    def send(self, message: Message) -> None:
        self._messages.append(message)

    def cut_from(self, index: int) -> None:
        """Entries from index on are gone; those that came after the last Ready never existed."""
        if index < self._unsaved_from:
            self._truncate_from = index
            self._unsaved_from = index

    def take(self, log: RaftLog, now: HardState, soft_state: SoftState) -> Ready | None:
        """Everything that is new, once."""
        entries = log.between(self._unsaved_from, log.last_index)
        ready = Ready(
            hard_state=now if self._is_worth_a_write(now, bool(entries)) else None,
            truncate_from=self._truncate_from,
            entries=entries,
            messages=tuple(self._messages),
            committed=log.between(self._handed_index + 1, now.commit_index),
            soft_state=soft_state if self._is_news(soft_state) else None,
        )
        if not (ready.must_persist or ready.messages or ready.committed or ready.soft_state):
            return None
        self._saved = ready.hard_state or self._saved
        self._reported = ready.soft_state or self._reported
        self._unsaved_from, self._truncate_from = log.last_index + 1, None
        self._handed_index = now.commit_index
        self._messages.clear()
        return ready

    def _is_worth_a_write(self, now: HardState, with_entries: bool) -> bool:
        """The commit index alone is not: it is learned again from the leader."""
        if (now.term, now.voted_for) != (self._saved.term, self._saved.voted_for):
            return True
        return with_entries and now != self._saved

    def _is_news(self, now: SoftState) -> bool:
        seen = self._reported
        return seen is None or (now.role, now.leader, now.term) != (
            seen.role, seen.leader, seen.term
        )
