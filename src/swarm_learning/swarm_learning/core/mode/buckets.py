# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the situations that modes are learned for: three buckets of three figures times the mode
in force; refuses to know values and what may be chosen.

A bucket is left only when its edge is passed by the hysteresis, so that a figure that trembles
on an edge does not change the mode.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from ..observation import Mode
from ..smoothing import unit

EDGES = (1.0 / 3.0, 2.0 / 3.0)  # equal thirds; chosen without data
HYSTERESIS = 0.03
CELLS = 27                      # combinations of three buckets of three figures

# Modes that can be learned, in the order of every table. Maintenance is for people only.
MODES = (Mode.NORMAL, Mode.EXPLORE, Mode.CONSERVE, Mode.DEFENSIVE, Mode.HYPERFOCUS, Mode.RECOVERY)
MODE_INDEX = {mode: index for index, mode in enumerate(MODES)}


class Level(IntEnum):
    """Bucket of a figure."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


@dataclass
class Bucket:
    """A figure's bucket; leaves it only when an edge is passed by the hysteresis."""

    level: Level | None = None

    def settle(self, value: float) -> Level:
        value = unit(value, 0.5)
        if self.level is None:
            self.level = level_of(value, EDGES)
        elif value > EDGES[min(1, self.level)] + HYSTERESIS:
            self.level = max(self.level, level_of(value, tuple(e + HYSTERESIS for e in EDGES)))
        elif value < EDGES[max(0, self.level - 1)] - HYSTERESIS:
            self.level = min(self.level, level_of(value, tuple(e - HYSTERESIS for e in EDGES)))
        return self.level


@dataclass(frozen=True)
class Situation:
    """What a decision is made in."""

    arousal: Level
    stability: Level
    pressure: Level
    mode: Mode

    @property
    def cell(self) -> int:
        """Row of the three buckets, 0..26: arousal, stability, pressure in row-major order."""
        return 9 * self.arousal + 3 * self.stability + self.pressure

    @property
    def mode_index(self) -> int:
        """Place of the mode in MODES; maintenance, which is not learned, counts as normal."""
        return MODE_INDEX.get(self.mode, 0)

    def text(self) -> str:
        return (f'arousal {self.arousal.name.lower()}, stability {self.stability.name.lower()}, '
                f'pressure {self.pressure.name.lower()}, {self.mode.value}')


@dataclass
class Buckets:
    """The buckets of the three figures of the swarm."""

    arousal: Bucket = field(default_factory=Bucket)
    stability: Bucket = field(default_factory=Bucket)
    pressure: Bucket = field(default_factory=Bucket)

    def settle(self, arousal: float, stability: float, pressure: float, mode: Mode) -> Situation:
        return Situation(self.arousal.settle(arousal), self.stability.settle(stability),
                         self.pressure.settle(pressure), mode)

    def levels(self) -> list[int | None]:
        return [None if b.level is None else int(b.level)
                for b in (self.arousal, self.stability, self.pressure)]


def shares_of(value: float) -> tuple[float, float, float]:
    """How much of a figure's value lies in each bucket: all in one at its middle, and by equal
    steps less on the way to the next middle."""
    middle = min(1.0, max(-1.0, 3.0 * unit(value, 0.5) - 1.5))
    return max(0.0, -middle), 1.0 - abs(middle), max(0.0, middle)


def level_of(value: float, edges: tuple[float, ...]) -> Level:
    return Level(sum(value > edge for edge in edges))


def stability_level(cell: int) -> Level:
    """Of the stability in a row of three buckets."""
    return Level(cell // 3 % 3)
