# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A network that loses, delays, doubles and reorders, link by link and each way for itself.

Owns what happens to a packet. Refuses to know which faults come when, and what packets say.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappush
from typing import Any

from swarm_coordinator.core.raft import HeartbeatReply, Message, RobotId
from swarm_coordinator.sim.timeline import MS, Timeline


@dataclass(frozen=True)
class LinkQuality:
    """Reordering follows from the spread of delays; a late copy may come seconds later."""

    loss_permille: int
    duplicate_permille: int
    delay_us_min: int
    delay_us_max: int
    late_copy_us_max: int


# Chosen without data: about what a room with and without other traffic does to UDP on Wi-Fi.
QUALITIES: dict[str, LinkQuality] = {
    'good': LinkQuality(10, 2, 1 * MS, 8 * MS, 20 * MS),
    'poor': LinkQuality(200, 100, 1 * MS, 120 * MS, 3_000 * MS),
    'slow': LinkQuality(20, 60, 60 * MS, 250 * MS, 4_000 * MS),
    'awful': LinkQuality(500, 200, 1 * MS, 400 * MS, 8_000 * MS),
}


class Link:
    """One way from one robot to another. `cuts` counts the partitions that it is part of."""

    __slots__ = ('deliver', 'cuts', 'loss', 'copy', 'delay_us', 'spread_us', 'late_us')

    def __init__(self, deliver: Callable[[Any], None]) -> None:
        self.deliver = deliver
        self.cuts = 0
        self.set_quality(QUALITIES['good'])

    def set_quality(self, quality: LinkQuality) -> None:
        self.loss = quality.loss_permille / 1000
        self.copy = quality.duplicate_permille / 1000
        self.delay_us = quality.delay_us_min
        self.spread_us = quality.delay_us_max - quality.delay_us_min + 1
        self.late_us = quality.late_copy_us_max - quality.delay_us_min + 1


class Network:
    """sent counts packets by type, one per recipient; lost and doubled are among them."""

    def __init__(self, timeline: Timeline, seed: str) -> None:
        self._timeline = timeline
        self._seed = seed
        self._random: dict[RobotId, Callable[[], float]] = {}
        self._links: dict[RobotId, dict[RobotId, Link]] = {}
        self._ways: dict[RobotId, tuple[Link, ...]] = {}
        self.sent: dict[type, int] = {}
        self.broadcasts: dict[type, int] = {}
        self.lost = 0
        self.doubled = 0

    def connect(self, receivers: dict[RobotId, Callable[[Any], None]]) -> None:
        """One stream of random numbers per sender, so that what is taken out of one robot's
        schedule changes as little as possible of what happens to the others."""
        for sender in receivers:
            self._random[sender] = random.Random(f'{self._seed}/network/{sender}').random
            self._links[sender] = {
                name: Link(receive) for name, receive in receivers.items() if name != sender
            }
            self._ways[sender] = tuple(self._links[sender].values())

    def link(self, sender: RobotId, recipient: RobotId) -> Link:
        return self._links[sender][recipient]

    def all_links(self) -> Iterable[Link]:
        return (link for ways in self._ways.values() for link in ways)

    def send(self, sender: RobotId, message: Message) -> None:
        kind = type(message)
        recipient = message.recipient
        if recipient is None or kind is HeartbeatReply:
            ways = self._ways[sender]
            self.broadcasts[kind] = self.broadcasts.get(kind, 0) + 1
            self.sent[kind] = self.sent.get(kind, 0) + len(ways)
            for link in ways:
                self._post(link, message, self._random[sender])
        elif recipient in self._links[sender]:
            self.sent[kind] = self.sent.get(kind, 0) + 1
            self._post(self._links[sender][recipient], message, self._random[sender])

    def _post(self, link: Link, message: Message, draw: Callable[[], float]) -> None:
        if link.cuts or draw() < link.loss:
            self.lost += 1
            return
        timeline = self._timeline
        timeline.added += 1
        when_us = timeline.now_us + link.delay_us + int(draw() * link.spread_us)
        heappush(timeline.events, (when_us, timeline.added, link.deliver, message))
        if draw() < link.copy:
            self.doubled += 1
            timeline.after(link.delay_us + int(draw() * link.late_us), link.deliver, message)
