# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Linearizable reads without a log entry: ReadIndex, thesis section 6.4.

Owns which reads wait for which heartbeat round. Refuses to know how rounds are confirmed and
what is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from swarm_coordinator.core.raft.messages import RobotId

READS_WAITING_MAX = 1024  # then new ones are refused; chosen without data


@dataclass(frozen=True, slots=True)
class WaitingRead:
    """reader: the robot to tell. index: the commit index when the question came in."""

    reader: RobotId
    request_id: int
    round: int
    index: int


class ReadQueue:
    """A leader's reads, in the order of the round each of them waits for."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[RobotId, int], WaitingRead] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= READS_WAITING_MAX

    def add(self, read: WaitingRead) -> bool:
        """Whether it is a new one: a repeated question goes on waiting for the first round."""
        key = (read.reader, read.request_id)
        return self._waiting.setdefault(key, read) is read

    def confirmed(self, round_: int) -> Iterator[WaitingRead]:
        """Take out what waits for a round up to round_, which a quorum has answered."""
        while self._waiting:
            key, read = next(iter(self._waiting.items()))
            if read.round > round_:
                return
            del self._waiting[key]
            yield read
