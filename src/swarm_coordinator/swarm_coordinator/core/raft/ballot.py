# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who gave their vote: Raft section 5.2.

Owns the count of one (pre-)election. Refuses to know terms, logs and messages.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarm_coordinator.core.raft.messages import RobotId


class Ballot:
    """Votes are sets of voters, not numbers: one vote delivered twice must not elect a leader."""

    def __init__(self, voters: Iterable[RobotId]) -> None:
        self._voters = frozenset(voters)
        self._quorum = len(self._voters) // 2 + 1
        self._granted: set[RobotId] = set()
        self._refused: set[RobotId] = set()

    def grant(self, voter: RobotId) -> None:
        if voter in self._voters:
            self._granted.add(voter)
            self._refused.discard(voter)

    def refuse(self, voter: RobotId) -> None:
        # A refusal may be a late answer to an earlier question; a grant stands.
        if voter in self._voters and voter not in self._granted:
            self._refused.add(voter)

    @property
    def is_won(self) -> bool:
        return len(self._granted) >= self._quorum

    @property
    def is_lost(self) -> bool:
        return len(self._refused) > len(self._voters) - self._quorum
