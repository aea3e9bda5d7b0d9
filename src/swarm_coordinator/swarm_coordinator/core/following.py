# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whom this robot follows, and whether it has read what was agreed on before: owns when old
entries end and news begin. Refuses to know what follows from either.
"""

from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId


@dataclass
class Following:
    """Of one life. `changes`: how often another robot became leader, as this one heard it."""

    caught_up: bool = False
    changes: int = 0
    _leader: RobotId | None = None
    _commit_index: int | None = None  # what the present leader said is committed

    def leader_is(self, leader: RobotId | None) -> bool:
        """True: it is another one than before."""
        another = leader is not None and leader != self._leader
        if another:
            self.changes += 1
            self._commit_index = None
        self._leader = leader
        return another

    def committed(self, index: int) -> None:
        """The leader says so."""
        self._commit_index = index

    def catch_up(self, leads: bool, applied_index: int, own_term_applied: bool) -> bool:
        """True once: from here on this robot acts on what it reads.

        What a leader says is committed can be older than what was, until it has committed an
        entry of its own term.
        """
        read = leads or (self._commit_index is not None and applied_index >= self._commit_index)
        if self.caught_up or not read or not own_term_applied:
            return False
        self.caught_up = True
        return True
