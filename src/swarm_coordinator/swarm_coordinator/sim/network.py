# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Virtual time and a network that loses, delays, doubles and reorders.

Owns the order of events. Refuses to know what robots are.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

from swarm_coordinator.core.raft import RobotId

MS = 1_000  # microseconds


class Timeline:
    """Events in order of virtual time; those of one instant in the order they were added."""

    def __init__(self) -> None:
        self.now_us = 0
        self._count = itertools.count()
        self._events: list[tuple[int, int, Callable[[], None]]] = []

    def after(self, delay_us: int, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now_us + delay_us, next(self._count), event))

    def run_until(self, end_us: int) -> None:
        while self._events and self._events[0][0] <= end_us:
            self.now_us, _, event = heapq.heappop(self._events)
            event()
        self.now_us = end_us


@dataclass(frozen=True)
class LinkQuality:
    """Reordering follows from the spread of delays; a late copy may come seconds later."""

    drop_permille: int
    duplicate_permille: int
    delay_us_min: int
    delay_us_max: int
    late_copy_us_max: int


GOOD_WIFI = LinkQuality(10, 2, 1 * MS, 8 * MS, 20 * MS)
POOR_WIFI = LinkQuality(200, 100, 1 * MS, 120 * MS, 3_000 * MS)


class Network:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.quality = GOOD_WIFI
        self.cut: set[tuple[RobotId, RobotId]] = set()

    def arrivals_us(self, sender: RobotId, recipient: RobotId) -> list[int]:
        """Delay of every copy that arrives; empty = lost."""
        quality, rng = self.quality, self._rng
        if (sender, recipient) in self.cut or rng.randrange(1000) < quality.drop_permille:
            return []
        delays = [rng.randint(quality.delay_us_min, quality.delay_us_max)]
        if rng.randrange(1000) < quality.duplicate_permille:
            delays.append(rng.randint(quality.delay_us_min, quality.late_copy_us_max))
        return delays
