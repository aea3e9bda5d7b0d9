# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what is usual at each hour of the week, and which routes are used most; refuses to know
what follows from it.

The profile has 168 bins per figure, each a decayed count and sum. A bin fades by half each time
its hour comes round in a later week, and not with time: a robot that was off for a month still
knows its Mondays. The most used routes are counted by the algorithm of A. Metwally, D. Agrawal,
A. El Abbadi, "Efficient computation of frequent and top-k elements in data streams", 2005: a
count is too high by at most `over`, never too low.
"""

from __future__ import annotations

from array import array

from .block import BASE_NS, Block
from .packing import Reader, Writer
from .units import value_of

HOUR_NS = 3600 * 1_000_000_000
HOURS = 168
THURSDAY_NS = 3 * 24 * HOUR_NS      # the Unix epoch was a Thursday; hour 0 is Monday 00:00 UTC
WEEK_NS = HOURS * HOUR_NS
FADING = 0.5                # a week counts half of the next one; chosen without data
CHANNELS = ('arousal', 'stability', 'pressure', 'goodput')
ROUTES_MAX = 64             # Zipf's ten first among 64 counters: recall 1.0 in the prototype


def hour_of(stamp_ns: int) -> int:
    """Hour of the week, 0 = Monday 00:00 UTC."""
    return (stamp_ns + THURSDAY_NS) % WEEK_NS // HOUR_NS


class WeekProfile:
    """What is usual at each hour of the week: per hour and figure a decayed count and sum."""

    def __init__(self, channels: tuple[str, ...] = CHANNELS) -> None:
        self._channels = channels
        self._weeks = array('q', [-1]) * HOURS          # the last one seen; -1 = never
        self._sums = array('d', [0.0]) * (HOURS * len(channels) * 2)

    def fold(self, block: Block) -> int:
        """Take a base block in; the hour that changed."""
        assert block.key.end_ns - block.key.begin_ns == BASE_NS
        hour = hour_of(block.key.begin_ns)
        week = (block.key.begin_ns + THURSDAY_NS) // WEEK_NS
        if week > self._weeks[hour]:
            self._weeks[hour] = week
            for at in self._slots(hour):
                self._sums[at] *= FADING
        for at, name in zip(self._slots(hour)[::2], self._channels, strict=True):
            channel = block.channels.get(name)
            if channel is not None:
                self._sums[at] += channel.n
                self._sums[at + 1] += value_of(channel.total)
        return hour

    def usual(self, channel: str, stamp_ns: int) -> float | None:
        """Mean of the figure at this hour of the week; None where it was never seen."""
        if channel not in self._channels:
            return None
        at = self._slots(hour_of(stamp_ns))[2 * self._channels.index(channel)]
        return self._sums[at + 1] / self._sums[at] if self._sums[at] > 0.0 else None

    def document(self, hour: int) -> bytes:
        writer = Writer()
        writer.number(self._weeks[hour])
        writer.number(len(self._channels))
        for at, name in zip(self._slots(hour)[::2], self._channels, strict=True):
            writer.text(name)
            writer.float64(self._sums[at])
            writer.float64(self._sums[at + 1])
        return bytes(writer.out)

    def restore(self, hour: int, content: bytes) -> None:
        """Figures that are no longer in the profile are left out."""
        if not 0 <= hour < HOURS:
            raise ValueError(f'hour: expected 0 to {HOURS - 1}, got {hour}')
        reader = Reader(content)
        week = reader.number()
        sums = {reader.text(): (reader.float64(), reader.float64())
                for _ in range(reader.number())}
        reader.end()
        self._weeks[hour] = week
        for at, name in zip(self._slots(hour)[::2], self._channels, strict=True):
            self._sums[at], self._sums[at + 1] = sums.get(name, (0.0, 0.0))

    def hours(self) -> list[int]:
        """Hours that were seen."""
        return [hour for hour in range(HOURS) if self._weeks[hour] >= 0]

    @property
    def bytes_used(self) -> int:
        return 8 * (len(self._weeks) + len(self._sums))

    def _slots(self, hour: int) -> range:
        width = 2 * len(self._channels)
        return range(hour * width, (hour + 1) * width)


class TopRoutes:
    """The routes that were used most, in bounded memory."""

    def __init__(self, routes_max: int = ROUTES_MAX) -> None:
        self._routes_max = routes_max
        self._counts: dict[str, tuple[int, int]] = {}
        self.total = 0          # of all that was counted, exact

    def count(self, route: str) -> None:
        self.total += 1
        times, over = self._counts.get(route, (0, 0))
        if not times and len(self._counts) >= self._routes_max:
            rarest = min(self._counts, key=lambda name: (self._counts[name][0], name))
            times, _ = self._counts.pop(rarest)
            over = times
        self._counts[route] = times + 1, over

    def top(self, k: int) -> list[tuple[str, int, int]]:
        """Route, count, and by how much the count may be too high; most used first."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1][0], item[0]))
        return [(name, times, over) for name, (times, over) in ordered[:k]]

    def document(self) -> bytes:
        writer = Writer()
        writer.number(len(self._counts))
        writer.number(self.total)
        for name in sorted(self._counts):
            writer.text(name)
            for number in self._counts[name]:
                writer.number(number)
        return bytes(writer.out)

    def restore(self, content: bytes) -> None:
        reader = Reader(content)
        routes = min(reader.number(), self._routes_max)
        self.total = reader.number()
        self._counts = {reader.text(): (reader.number(), reader.number())
                        for _ in range(routes)}
        reader.end()
