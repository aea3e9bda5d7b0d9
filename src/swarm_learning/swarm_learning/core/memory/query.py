# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the answer to a question about a window; refuses to change anything.

A `Source` is immutable, so that the answer can be worked out in another thread: unpacking the
blocks of sixteen robots takes longer than a callback may.

An edge of the window that falls into a block is rounded to the nearer end of that block. Counts
and extremes are exact for the window that the answer says it covers; `edge_ns` says how far that
is from the one that was asked for. Mean and deviation are of the window that was asked for: a
block at its edge, or each quarter of it where they are known, weighs as much as the share of it
that lies inside. Where no edge falls into a
block, and where the raw ring reaches, all of it is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .block import BASE_NS, CHANNELS_MAX, Block, BlockKey, Channel
from .exemplars import Exemplar
from .history import Entry
from .packing import unpack
from .ring import events_of
from .units import value_of

QUANTILES_MAX = 16
EXEMPLARS_MAX = 256
ROBOTS_TOLD_MAX = 256


@dataclass(frozen=True)
class Question:
    """robot_id '' = the whole swarm; channels () = all; begin_ns 0 = the oldest; end_ns 0 = now;
    kind '' = exemplars of any kind."""

    robot_id: str = ''
    channels: tuple[str, ...] = ()
    begin_ns: int = 0
    end_ns: int = 0
    quantiles: tuple[float, ...] = ()
    kind: str = ''
    exemplars_max: int = EXEMPLARS_MAX

    def __post_init__(self) -> None:
        if len(self.channels) > CHANNELS_MAX:
            raise ValueError(f'channels: expected at most {CHANNELS_MAX}')
        if len(self.quantiles) > QUANTILES_MAX:
            raise ValueError(f'quantiles: expected at most {QUANTILES_MAX}')
        if not all(0.0 <= share <= 1.0 for share in self.quantiles):
            raise ValueError(f'quantiles: expected shares from 0 to 1, got {self.quantiles}')
        if self.begin_ns < 0 or self.end_ns < 0:
            raise ValueError('begin_ns, end_ns: expected Unix times, or 0')
        if self.end_ns and self.begin_ns >= self.end_ns:
            raise ValueError(f'begin_ns: expected less than end_ns {self.end_ns}, '
                             f'got {self.begin_ns}')
        if not 0 <= self.exemplars_max <= EXEMPLARS_MAX:
            raise ValueError(f'exemplars_max: expected 0 to {EXEMPLARS_MAX}')


@dataclass(frozen=True)
class Source:
    """All that is known of one life. open: the block that is not yet closed.

    raw: its last events, complete from raw_since_ns on, and the names of their figures;
    best: the exemplars of the whole life.
    """

    robot_id: str
    life: int
    entries: tuple[Entry, ...]
    open: bytes = b''
    open_begin_ns: int = 0
    raw: tuple[bytes, ...] = ()
    names: tuple[str, ...] = ()
    raw_since_ns: int = 1 << 62
    now_ns: int = 0
    best: tuple[Exemplar, ...] = ()


@dataclass(frozen=True)
class Statistics:
    """One figure over the window.

    n, min, max and quantiles: of the window covered; mean, deviation: of the one asked for.
    quantile_error: the largest relative error of the quantiles.
    """

    channel: str
    n: int
    mean: float
    deviation: float
    min: float
    max: float
    quantiles: tuple[float, ...]
    quantile_error: float


@dataclass(frozen=True)
class Answer:
    """What the memory says of a window; begin_ns, end_ns: the one that it really covers."""

    begin_ns: int
    end_ns: int
    edge_ns: int
    blocks: int
    events: int
    channels: tuple[Statistics, ...]
    counts: tuple[tuple[str, int], ...]
    exemplars: tuple[Exemplar, ...]
    robots: tuple[str, ...]


class _Gathering:
    """Adds up what falls into the window."""

    def __init__(self, question: Question, now_ns: int) -> None:
        self.question = question
        self.begin_ns = question.begin_ns
        self.end_ns = question.end_ns or now_ns + 1
        self.sum = Block(BlockKey('', 0, 0, 0))
        self.exemplars: set[Exemplar] = set()
        self.weighed: dict[str, tuple[float, float, float]] = {}
        self.covered: list[tuple[int, int]] = []
        self.edge_ns = self.blocks = 0
        self.robots: set[str] = set()

    def take(self, source: Source) -> None:
        """Add one life: its blocks as far as the ring does not reach, then raw events."""
        raw_ns = -(-source.raw_since_ns // BASE_NS) * BASE_NS   # the next whole base window
        entries = []
        for entry in source.entries:
            if entry.begin_ns < raw_ns:
                entries.append(entry)
                raw_ns = max(raw_ns, entry.end_ns)      # never half a block and half its events
        windows = [(one.begin_ns, one.end_ns, one.data) for one in entries]
        if source.open and source.open_begin_ns < raw_ns:
            begin_ns = source.open_begin_ns
            windows.append((begin_ns, max(begin_ns + 1, source.now_ns + 1), source.open))
        begin_ns = max(self.begin_ns, raw_ns)
        reaches_raw = bool(source.raw) and begin_ns < self.end_ns
        self._take_windows(source, windows, not reaches_raw)
        if reaches_raw:
            self._take_raw(source, begin_ns)
        self._offer(source.best)

    def _take_windows(
        self, source: Source, windows: list[tuple[int, int, bytes]], any_is_better: bool
    ) -> None:
        touched = [one for one in windows if one[0] < self.end_ns and one[1] > self.begin_ns]
        inside = [one for one in touched if self._mostly_inside(one[0], one[1])]
        if not inside and touched and any_is_better:
            # A window narrower than its blocks: the one that shares most is the best there is.
            inside = [max(touched, key=lambda one: self._shared(one[0], one[1]))]
        for window in touched:
            begin_ns, end_ns, data = window
            block = unpack(data, self.question.channels)
            self._offer(block.exemplars)
            self._weigh(block, begin_ns, end_ns)
            if window in inside:
                self._add(source, block, begin_ns, end_ns)
            self._round(begin_ns, end_ns, window in inside)

    def _weigh(self, block: Block, begin_ns: int, end_ns: int) -> None:
        """Count a block by what of it lies in the window."""
        for name, channel in block.channels.items():
            n, total, squares = self.weighed.get(name, (0.0, 0.0, 0.0))
            part, mean, spread = self._inside(channel, begin_ns, end_ns)
            if part <= 0.0:
                continue
            if n > 0.0:         # Chan et al.: no cancellation of large squares
                spread += (mean - total / n) ** 2 * n / (n + part)
            self.weighed[name] = n + part, total + part * mean, squares + part * spread

    def _inside(
        self, channel: Channel, begin_ns: int, end_ns: int
    ) -> tuple[float, float, float]:
        """Count, mean and variance of what lies in the window, each part by its share."""
        spread = channel.deviation ** 2
        parts = [(n, value_of(total)) for n, total in channel.parts]
        width_ns = (end_ns - begin_ns) // (len(parts) or 1)
        shares = [max(0.0, min(1.0, self._shared(at_ns, at_ns + width_ns) / width_ns))
                  for at_ns in range(begin_ns, begin_ns + (len(parts) or 1) * width_ns, width_ns)]
        if not parts or min(shares) == 1.0:
            return shares[0] * channel.n, channel.mean, spread
        inside = [(share * n, total / n) for share, (n, total) in zip(shares, parts, strict=True)
                  if n]
        count = sum(n for n, _ in inside)
        if count <= 0.0:
            return 0.0, 0.0, 0.0
        mean = sum(n * each for n, each in inside) / count
        # Within the parts the values spread as much as they do on average in the block.
        spread -= sum(n * (total / n - channel.mean) ** 2 for n, total in parts if n) / channel.n
        apart = sum(n * (each - mean) ** 2 for n, each in inside) / count
        return count, mean, max(0.0, spread) + apart

    def _mostly_inside(self, begin_ns: int, end_ns: int) -> bool:
        return 2 * self._shared(begin_ns, end_ns) >= end_ns - begin_ns

    def _shared(self, begin_ns: int, end_ns: int) -> int:
        return min(end_ns, self.end_ns) - max(begin_ns, self.begin_ns)

    def _round(self, begin_ns: int, end_ns: int, taken: bool) -> None:
        """Note by how much an edge of the window was moved."""
        if taken:
            moved = max(self.begin_ns - begin_ns, end_ns - self.end_ns)
        else:
            moved = self._shared(begin_ns, end_ns)
        self.edge_ns = max(self.edge_ns, moved)

    def _add(self, source: Source, block: Block, begin_ns: int, end_ns: int) -> None:
        block.exemplars = ()
        self.sum.merge(block)
        self.blocks += 1
        self.covered.append((begin_ns, end_ns))
        self.robots.add(source.robot_id)

    def _take_raw(self, source: Source, begin_ns: int) -> None:
        block = Block(self.sum.key)
        for raw in events_of(source.raw, source.names):
            if not begin_ns <= raw.stamp_ns < self.end_ns:
                continue
            block.count(raw.kind)
            for name, units in raw.units.items():
                if not self.question.channels or name in self.question.channels:
                    block.channel(name).add(units)
            if raw.exemplar is not None:
                self._offer((raw.exemplar,))
        if block.counts:
            end_ns = max(min(self.end_ns, source.now_ns + 1), begin_ns + 1)
            self._weigh(block, begin_ns, end_ns)
            self._add(source, block, begin_ns, end_ns)

    def _offer(self, exemplars: Iterable[Exemplar]) -> None:
        kind = self.question.kind
        self.exemplars.update(
            one for one in exemplars
            if self.begin_ns <= one.stamp_ns < self.end_ns and kind in ('', one.kind))

    def answer(self) -> Answer:
        begin_ns = min((begin for begin, _ in self.covered), default=0)
        end_ns = max((end for _, end in self.covered), default=0)
        ordered = sorted(self.exemplars, key=lambda one: one.order)
        channels = (self._statistics(name, self.sum.channels[name])
                    for name in sorted(self.sum.channels))
        return Answer(
            begin_ns, end_ns, self.edge_ns, self.blocks, self.sum.events, tuple(channels),
            tuple(sorted(self.sum.counts.items())), tuple(ordered[:self.question.exemplars_max]),
            tuple(sorted(self.robots))[:ROBOTS_TOLD_MAX])

    def _statistics(self, name: str, channel: Channel) -> Statistics:
        low, high = value_of(channel.low), value_of(channel.high)
        mean, deviation = channel.mean, channel.deviation
        n, total, squares = self.weighed.get(name, (0.0, 0.0, 0.0))
        if self.edge_ns > 0 and n > 0.0:
            mean, deviation = total / n, math.sqrt(squares / n)
        found = [channel.sketch.quantile(share, low, high) for share in self.question.quantiles]
        return Statistics(
            name, channel.n, mean, deviation, low, high, tuple(value for value, _ in found),
            max((error for _, error in found), default=0.0))


def answer(question: Question, sources: Iterable[Source], now_ns: int) -> Answer:
    """Work out the answer. Takes some ms a robot; touches nothing but its arguments."""
    gathering = _Gathering(question, now_ns)
    for source in sources:
        if question.robot_id in ('', source.robot_id):
            gathering.take(source)
    return gathering.answer()

