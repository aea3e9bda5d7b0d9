# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Raft's promises, watched from outside: Figure 3 of the Raft paper and what clients are told.

Owns what every robot has ever saved, sent and applied. Refuses to know why; it never repairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from swarm_coordinator.core.raft import (
    Entry,
    HardState,
    Message,
    RaftCore,
    RobotId,
    Role,
    Vote,
)


class PromiseBroken(AssertionError):
    """The core did something that Raft forbids."""


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise PromiseBroken(text)


@dataclass
class Disk:
    """What would be found after a crash."""

    hard_state: HardState = HardState()
    entries: list[Entry] = field(default_factory=list)


class Promises:
    def __init__(self, voters: tuple[RobotId, ...], disks: dict[RobotId, Disk]) -> None:
        self._voters = voters
        self._disks = disks
        self._leaders: dict[int, RobotId] = {}
        self._entries: dict[tuple[int, int], tuple[Entry, int]] = {}
        self._votes_sent: dict[tuple[RobotId, int], RobotId] = {}
        self._leading: dict[RobotId, tuple[int, int, int]] = {}     # term, last index, last term
        self._commit_seen: dict[RobotId, int] = {}
        self._term_seen: dict[RobotId, int] = {}
        self._applied_to: dict[RobotId, int] = {}
        self.committed: list[Entry] = []
        self.elections = 0

    def on_start(self, robot: RobotId, core: RaftCore) -> None:
        """A new life: what is kept in memory begins again, what is promised does not."""
        self._commit_seen[robot] = core.commit_index
        self._applied_to[robot] = 0
        self._leading.pop(robot, None)
        self._check_term(robot, core.term)

    def on_wiped(self, robot: RobotId) -> None:
        self._term_seen.pop(robot, None)

    def on_core(self, robot: RobotId, core: RaftCore) -> None:
        """After everything that the core did."""
        _require(
            core.commit_index >= self._commit_seen[robot], f'{robot}: commit index went back'
        )
        self._commit_seen[robot] = core.commit_index
        self._check_term(robot, core.term)
        if core.role is Role.LEADER:
            self._check_leader(robot, core)
        else:
            self._leading.pop(robot, None)

    def _check_term(self, robot: RobotId, term: int) -> None:
        _require(term >= self._term_seen.get(robot, 0), f'{robot}: term went back to {term}')

    def _check_leader(self, robot: RobotId, core: RaftCore) -> None:
        first = self._leaders.setdefault(core.term, robot)
        _require(first == robot, f'election safety: {first} and {robot} lead term {core.term}')
        term, index, entry_term = self._leading.get(robot, (0, 0, 0))
        if term == core.term:
            _require(
                core.term_at(index) == entry_term, f'leader append-only: {robot} cut {index}'
            )
        else:
            self.elections += 1
            for entry in self.committed:
                _require(
                    core.term_at(entry.index) == entry.term,
                    f'leader completeness: {robot} leads term {core.term} without entry '
                    f'{entry.index} of term {entry.term}',
                )
        last_term = core.term_at(core.last_index) or 0
        self._leading[robot] = (core.term, core.last_index, last_term)

    def on_saved(self, robot: RobotId, saved: tuple[Entry, ...]) -> None:
        """Log matching, by induction: an entry has one content and one predecessor."""
        disk = self._disks[robot]
        self._check_term(robot, disk.hard_state.term)
        self._term_seen[robot] = disk.hard_state.term
        for entry in saved:
            prev_term = disk.entries[entry.index - 2].term if entry.index > 1 else 0
            known = self._entries.setdefault((entry.index, entry.term), (entry, prev_term))
            _require(
                known == (entry, prev_term),
                f'log matching: {robot} has another entry {entry.index} of term {entry.term}',
            )

    def on_sent(self, robot: RobotId, message: Message) -> None:
        if isinstance(message, Vote) and message.granted and not message.pre_vote:
            assert message.recipient is not None
            key = (robot, message.term)
            first = self._votes_sent.setdefault(key, message.recipient)
            _require(
                first == message.recipient,
                f'{robot} voted for {first} and {message.recipient} in term {message.term}',
            )

    def on_applied(self, robot: RobotId, entry: Entry) -> None:
        """State machine safety; and what is applied, and so acknowledged, is on a quorum's
        disks."""
        _require(
            entry.index == self._applied_to[robot] + 1, f'{robot} applied {entry.index} too early'
        )
        self._applied_to[robot] = entry.index
        if entry.index <= len(self.committed):
            _require(
                self.committed[entry.index - 1] == entry,
                f'state machine safety: {robot} applied another entry {entry.index}',
            )
            return
        at = slice(entry.index - 1, entry.index)
        holders = [v for v in self._voters if self._disks[v].entries[at] == [entry]]
        _require(
            2 * len(holders) > len(self._voters),
            f'{robot} applied entry {entry.index}, which only {holders} have on disk',
        )
        if self.committed:
            _require(entry.stamp_ns >= self.committed[-1].stamp_ns, 'stamps went back')
        self.committed.append(entry)
