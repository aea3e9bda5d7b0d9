# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots that are heard and are no members under the storage they speak from.

Owns who they are and for how long they have been heard. Refuses to know what is to be done about
them (admission.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from swarm_coordinator.core.raft.membership import Seat
from swarm_coordinator.core.raft.messages import RobotId

STRANGERS_MAX = 256  # bounds memory, whoever shouts; chosen without data


@dataclass(frozen=True)
class Stranger:
    """first, last: ticks at which it was heard, without a silence that would have forgotten it."""

    robot: RobotId
    storage_id: int
    first: int
    last: int


class Strangers:
    def __init__(self, forget_ticks: int) -> None:
        self._forget_ticks = forget_ticks
        self._seen: dict[RobotId, Stranger] = {}

    def hear(self, robot: RobotId, storage_id: int, now: int) -> None:
        before = self._seen.get(robot)
        if before is None and len(self._seen) >= STRANGERS_MAX:
            self._forget(now)
            if len(self._seen) >= STRANGERS_MAX:
                return
        goes_on = (
            before is not None
            and before.storage_id == storage_id
            and now - before.last < self._forget_ticks
        )
        first = before.first if before is not None and goes_on else now
        self._seen[robot] = Stranger(robot, storage_id, first, now)

    def present(self, now: int, heard_for_ticks: int = 0) -> tuple[Stranger, ...]:
        """Those not yet forgotten that have been heard for so long, sorted."""
        self._forget(now)
        return tuple(
            self._seen[robot]
            for robot in sorted(self._seen)
            if self._seen[robot].last - self._seen[robot].first >= heard_for_ticks
        )

    def forget_members(self, members: dict[RobotId, int]) -> None:
        for robot, storage_id in members.items():
            if robot in self._seen and self._seen[robot].storage_id == storage_id:
                del self._seen[robot]

    def _forget(self, now: int) -> None:
        silent = [
            robot for robot, stranger in self._seen.items()
            if now - stranger.last >= self._forget_ticks
        ]
        for robot in silent:
            del self._seen[robot]

    def seats(self, now: int) -> tuple[Seat, ...]:
        return tuple((one.robot, one.storage_id) for one in self.present(now))
