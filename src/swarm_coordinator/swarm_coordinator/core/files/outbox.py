# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Chunks that others have asked for: owns whose turn it is, so that receivers share fairly.

Bounded in both directions: what does not fit is dropped, and asked for again.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId

PER_RECEIVER_MAX = 256  # 8 MiB on its way: several files with a full window each
RECEIVERS_MAX = 64


@dataclass
class Outbox:
    """One chunk of each receiver in turn; a chunk that is asked for twice is sent once."""

    turns: 'OrderedDict[RobotId, OrderedDict[tuple[str, int], None]]' = field(
        default_factory=OrderedDict
    )
    dropped: int = 0

    def __bool__(self) -> bool:
        return bool(self.turns)

    def add(self, receiver: RobotId, sha256: str, chunks: Iterable[int]) -> None:
        queue = self.turns.get(receiver)
        if queue is None:
            if len(self.turns) >= RECEIVERS_MAX:
                self.dropped += 1
                return
            queue = self.turns[receiver] = OrderedDict()
        for chunk in chunks:
            if len(queue) >= PER_RECEIVER_MAX:
                self.dropped += 1
                break
            queue[sha256, chunk] = None

    def next(self) -> tuple[RobotId, str, int]:
        """The chunk to send now; only while there is one."""
        receiver, queue = self.turns.popitem(last=False)
        (sha256, chunk), _ = queue.popitem(last=False)
        if queue:
            self.turns[receiver] = queue
        return receiver, sha256, chunk
