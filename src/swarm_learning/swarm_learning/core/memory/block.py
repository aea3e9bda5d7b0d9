# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the summary of one window of one robot's life, and how two of them merge; refuses to know
who keeps it.

Merging adds integers, joins extremes and keeps the first exemplars of a total order, so it is
associative and commutative to the last bit. Windows are aligned: level l is 10 min * 2**l from
the Unix epoch on, so two windows of one life are apart, equal, or one holds the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from .exemplars import Exemplar, kept
from .sketch import Sketch
from .units import UNITS_MAX, rounded, squared_value_of, units_of, value_of

BASE_NS = 600 * 1_000_000_000   # 10 min, as in the prototype: at 0.1 Hz 60 samples
LEVEL_MAX = 16                  # windows of 455 days
CHANNELS_MAX = 32
COUNTED_MAX = 64
NAME_MAX_BYTES = 48
ROBOT_ID_MAX_BYTES = 64
SAMPLE = 'sample'               # kind of event that counts measured figures
PARTS = 4                       # of a window, whose counts and sums its owner keeps


@dataclass(frozen=True, order=True)
class BlockKey:
    """Which window of which life of which robot."""

    robot_id: str
    life: int
    begin_ns: int
    level: int

    @property
    def end_ns(self) -> int:
        return self.begin_ns + width_ns(self.level)

    def holds(self, other: BlockKey) -> bool:
        """Whether the other is this window or a part of it."""
        same = (self.robot_id, self.life) == (other.robot_id, other.life)
        return same and self.begin_ns <= other.begin_ns and other.end_ns <= self.end_ns

    def parent(self) -> BlockKey:
        begin_ns = begin_of(self.begin_ns, self.level + 1)
        return BlockKey(self.robot_id, self.life, begin_ns, self.level + 1)


def width_ns(level: int) -> int:
    return BASE_NS << level


def begin_of(stamp_ns: int, level: int) -> int:
    """Begin of the aligned window of this level that a time falls into."""
    return stamp_ns - stamp_ns % width_ns(level)


@dataclass
class Channel:
    """Exact summary of one figure: count, sums and extremes in units, and a sketch.

    parts: count and sum of each quarter of the window, oldest first, for means over windows
    that end within it; () = not known. They stay with the robot whose life it is: neither the
    digest nor the message holds them.
    """

    n: int = 0
    total: int = 0
    squares: int = 0
    low: int = UNITS_MAX
    high: int = 0
    sketch: Sketch = field(default_factory=Sketch)
    parts: tuple[tuple[int, int], ...] = ()

    def add(self, units: int) -> None:
        self.n += 1
        self.total += units
        self.squares += units * units
        self.low = min(self.low, units)
        self.high = max(self.high, units)
        self.sketch.add(units)

    def add_part(self, at: int, n: int, total: int) -> None:
        """So many values, which were added just now, lie in this quarter."""
        if not self.parts:
            if self.n != n:
                return      # of those before them it is not known
            self.parts = ((0, 0),) * PARTS
        had_n, had = self.parts[at]
        self.parts = (*self.parts[:at], (had_n + n, had + total), *self.parts[at + 1:])

    def merge(self, other: Channel) -> None:
        self.n += other.n
        self.total += other.total
        self.squares += other.squares
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.sketch.merge(other.sketch)

    def close(self) -> None:
        """Round the sums to what a float64 carries: 1e-16 of them, and nothing below 2**53."""
        self.total, self.squares = rounded(self.total), rounded(self.squares)

    @property
    def mean(self) -> float:
        return value_of(self.total) / self.n

    @property
    def deviation(self) -> float:
        """Standard deviation of all the values (not of a sample), without cancellation."""
        spread = self.n * self.squares - self.total * self.total
        return math.sqrt(max(0.0, squared_value_of(spread))) / self.n


@dataclass
class Block:
    """Summary of one window; `events` counts all that it stands for."""

    key: BlockKey
    channels: dict[str, Channel] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    exemplars: tuple[Exemplar, ...] = ()

    @property
    def events(self) -> int:
        return sum(self.counts.values())

    def add_value(self, name: str, value: float) -> None:
        self.channel(name).add(units_of(value))

    def channel(self, name: str) -> Channel:
        found = self.channels.get(name)
        if found is None:
            found = self.channels[name] = Channel()
        return found

    def count(self, kind: str, times: int = 1) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + times

    def keep(self, exemplars: Iterable[Exemplar]) -> None:
        self.exemplars = kept([*self.exemplars, *exemplars])

    def merge(self, other: Block) -> None:
        """Take in what another block summarises; the key stays."""
        for name, channel in other.channels.items():
            self.channel(name).merge(channel)
        for kind, times in other.counts.items():
            self.count(kind, times)
        self.keep(other.exemplars)

    def close(self) -> Block:
        for channel in self.channels.values():
            channel.close()
        return self

    def told(self) -> Block:
        """As others get it."""
        for channel in self.channels.values():
            channel.parts = ()
        return self


def merged(key: BlockKey, blocks: Iterable[Block]) -> Block:
    """One block of several, closed. The order of the blocks does not matter."""
    whole, children = Block(key), list(blocks)
    for block in children:
        whole.merge(block)
    for name, channel in whole.channels.items():
        channel.parts = _parts(name, key, children) if key.level else ()
    return whole.close()


def _parts(name: str, key: BlockKey, blocks: Iterable[Block]) -> tuple[tuple[int, int], ...]:
    """What falls into each quarter. What is not known better is spread evenly."""
    width = width_ns(key.level) // PARTS
    found = [[0, 0] for _ in range(PARTS)]
    for block in blocks:
        channel = block.channels.get(name)
        if channel is None:
            continue
        pieces = channel.parts or ((channel.n, channel.total),)
        piece_ns = width_ns(block.key.level) // len(pieces)
        for at, piece in enumerate(pieces):
            first = (block.key.begin_ns + at * piece_ns - key.begin_ns) // width
            over = max(1, piece_ns // width)
            for which, amount in enumerate(piece):
                for k in range(over):
                    found[first + k][which] += amount * (k + 1) // over - amount * k // over
    return tuple((n, total) for n, total in found)


def check_block(block: Block) -> None:
    """Raise ValueError that says what was expected, unless the block can be of a healthy peer."""
    key = block.key
    _expect(0 < len(key.robot_id.encode()) <= ROBOT_ID_MAX_BYTES, 'robot_id', 'a short name')
    _expect(0 <= key.level <= LEVEL_MAX, 'level', f'0 to {LEVEL_MAX}')
    _expect(0 <= key.life < 1 << 64, 'life', 'an unsigned number of 64 bits')
    _expect(key.begin_ns >= 0 and key.end_ns < 1 << 63, 'begin_ns', 'a Unix time')
    _expect(key.begin_ns == begin_of(key.begin_ns, key.level), 'begin_ns',
            f'a multiple of {width_ns(key.level)} ns at level {key.level}')
    _expect(len(block.channels) <= CHANNELS_MAX, 'channels', f'at most {CHANNELS_MAX}')
    _expect(len(block.counts) <= COUNTED_MAX, 'counted', f'at most {COUNTED_MAX}')
    for name in (*block.channels, *block.counts):
        _expect(0 < len(name.encode()) <= NAME_MAX_BYTES, 'name', f'1 to {NAME_MAX_BYTES} bytes')
    for times in block.counts.values():
        _expect(0 < times < 1 << 63, 'counts', 'counts above 0')
    for name, channel in block.channels.items():
        check_channel(name, channel)
    _expect(block.exemplars == kept(block.exemplars), 'exemplars',
            'few of them, most salient first')
    for one in block.exemplars:
        _expect(key.begin_ns <= one.stamp_ns < key.end_ns, 'exemplar', 'a stamp in the window')
        _expect(0.0 <= one.salience <= 1.0, 'salience', 'a share')


def check_channel(name: str, channel: Channel) -> None:
    n, low, high = channel.n, channel.low, channel.high
    _expect(0 < n < 1 << 53, f'{name}.n', 'a count above 0')
    _expect(0 <= low <= high <= UNITS_MAX, f'{name}.min', 'at most max')
    slack = 1 + (channel.total >> 52)
    _expect(n * low - slack <= channel.total <= n * high + slack, f'{name}.sum',
            'n values between min and max')
    slack = 1 + (channel.squares >> 50)
    _expect(n * low * low - slack <= channel.squares <= n * high * high + slack,
            f'{name}.sum_squares', 'n squares between those of min and max')
    _check_sketch(name, channel)


def _check_sketch(name: str, channel: Channel) -> None:
    sketch, high = channel.sketch, Sketch()
    _expect(sketch.zeros >= 0 and all(c > 0 for c in sketch.bins.values()), f'{name}.bin_counts',
            'counts above 0')
    _expect(sketch.n == channel.n, f'{name}.bins', f'{channel.n} values')
    high.add(channel.high)
    top = max(sketch.bins, default=None)
    _expect(top == max(high.bins, default=None), f'{name}.bins', 'the highest to hold max')
    before = len(sketch.bins)
    sketch.add_bins({})
    _expect(len(sketch.bins) == before, f'{name}.bins', 'neighbours of the highest')


def _expect(holds: bool, what: str, expected: str) -> None:
    if not holds:
        raise ValueError(f'{what}: expected {expected}')
