# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Virtual time: owns the order of events. Refuses to know what any of them means."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

MS = 1_000  # microseconds

# Time, number, what to call, with what. A tuple and no object: there is one for every packet.
Event = tuple[int, int, Callable[[Any], None], Any]


class Timeline:
    """Events in order of virtual time; those of one instant in the order they were added."""

    __slots__ = ('now_us', 'events', 'added')

    def __init__(self) -> None:
        self.now_us = 0
        self.added = 0
        self.events: list[Event] = []

    def at(self, time_us: int, call: Callable[[Any], None], argument: Any = None) -> None:
        self.added += 1
        heapq.heappush(self.events, (time_us, self.added, call, argument))

    def after(self, delay_us: int, call: Callable[[Any], None], argument: Any = None) -> None:
        self.added += 1
        heapq.heappush(self.events, (self.now_us + delay_us, self.added, call, argument))

    def run_until(self, end_us: int) -> None:
        events, pop = self.events, heapq.heappop
        while events and events[0][0] <= end_us:
            self.now_us, _, call, argument = pop(events)
            call(argument)
        self.now_us = end_us
