# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how it is noticed that no known regime fits: features that stay far from everything seen in
training, regimes that take turns without end, and figures that swing; refuses to name what is
there instead."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from .document import decimal, whole
from .features import FEATURES
from .model import Vector
from .snapshot import Regime

# On the way from one regime to another the features pass through empty space for as long as
# their filters take, some 10 s. Only what stays out there for longer is something unknown.
BEYOND_S = 12.0
LOOKS_MAX = 64              # bounds memory; looks are at least 0.5 s apart
# Regimes last minutes. Two that take turns, each for less than this, are one that is not known,
# such as a load that swings. Chosen on traces of the drawn family with other seeds.
STAY_S = 60.0
STAYS = 2
# A load that swings moves the figures to and fro without ever coming to rest in a regime. Chosen
# on six seeds: with 0.35 and 35 s, strong noise was taken for it more often.
SWINGING = ('arousal', 'stability', 'pressure')
SWING = 0.38                # from one turn to the next; smoothed noise and thrash stay below
TURNS = 3                   # one whole period
TURN_GAP_S = (6.0, 38.0)    # half a period: below it is noise, above it regimes that alternate


@dataclass
class Farness:
    """The smallest distance to anything known over the last BEYOND_S; 0 until that is over."""

    looks: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=LOOKS_MAX))
    since_ns: int | None = None

    def observe(self, distance: float, now_ns: int) -> None:
        if self.since_ns is None:
            self.since_ns = now_ns
        self.looks.append((now_ns, distance))
        long_ago_ns = now_ns - int(BEYOND_S * 1e9)
        while self.looks[0][0] < long_ago_ns:
            self.looks.popleft()

    def distance(self) -> float:
        if self.since_ns is None or self.looks[-1][0] - self.since_ns < BEYOND_S * 1e9:
            return 0.0
        return min(distance for _, distance in self.looks)

    def document(self) -> dict[str, object]:
        return {'since_ns': self.since_ns,
                'looks': [[look_ns, distance.hex()] for look_ns, distance in self.looks]}

    def restore(self, document: Mapping[str, object]) -> None:
        """Raises ValueError that says what was expected."""
        since_ns, looks = document.get('since_ns'), document.get('looks')
        if not isinstance(looks, list) or len(looks) > LOOKS_MAX:
            raise ValueError(f'looks: expected a list of at most {LOOKS_MAX}')
        if (type(since_ns) is not int or not looks) and (since_ns is not None or looks):
            raise ValueError('looks: expected since_ns and looks, or neither')
        self.looks.clear()
        self.looks.extend((whole('looks', row[0]), decimal('looks', row[1])) for row in looks)
        self.since_ns = since_ns if isinstance(since_ns, int) else None


@dataclass
class Turns:
    """The regimes that were named last, and how long each of them stayed."""

    named: Regime = Regime.UNKNOWN
    candidate: Regime = Regime.UNKNOWN
    in_a_row: int = 0
    since_ns: int = 0
    stays: deque[tuple[Regime, int]] = field(default_factory=lambda: deque(maxlen=STAYS))

    def observe(self, nearest: Regime, agree: int, now_ns: int) -> None:
        """Fold the nearest regime of one look; agree of them in a row make it the present one."""
        self.in_a_row = self.in_a_row + 1 if nearest is self.candidate else 1
        self.candidate = nearest
        if self.in_a_row < agree or nearest is self.named:
            return
        if self.named is not Regime.UNKNOWN:
            self.stays.append((self.named, now_ns - self.since_ns))
        self.named, self.since_ns = nearest, now_ns

    def restless(self, now_ns: int) -> bool:
        """Whether two regimes took turns lately, none of them for long."""
        stay_ns = int(STAY_S * 1e9)
        short = all(0 <= length_ns < stay_ns for _, length_ns in self.stays)
        regimes = {self.named, *(regime for regime, _ in self.stays)}
        return (len(self.stays) == STAYS and short and len(regimes) == 2
                and now_ns - self.since_ns < stay_ns)

    def document(self) -> dict[str, object]:
        return {'named': self.named.value, 'candidate': self.candidate.value,
                'in_a_row': self.in_a_row, 'since_ns': self.since_ns,
                'stays': [[regime.value, length_ns] for regime, length_ns in self.stays]}

    def restore(self, document: Mapping[str, object]) -> None:
        """Raises ValueError that says what was expected."""
        stays = document.get('stays')
        if not isinstance(stays, list) or len(stays) > STAYS:
            raise ValueError(f'stays: expected a list of at most {STAYS}')
        self.named = Regime(whole('named', document.get('named')))
        self.candidate = Regime(whole('candidate', document.get('candidate')))
        self.in_a_row = whole('in_a_row', document.get('in_a_row'))
        self.since_ns = whole('since_ns', document.get('since_ns'))
        self.stays.clear()
        self.stays.extend((Regime(whole('stays', regime)), whole('stays', length_ns))
                          for regime, length_ns in stays)


@dataclass
class Swing:
    """Where one figure turned, by at least SWING each time: its last TURNS turning points."""

    rising: bool | None = None      # None: it has not moved by SWING yet
    highest: tuple[float, int] = (0.0, 0)   # since the last turn, and when
    lowest: tuple[float, int] = (0.0, 0)
    turns: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=TURNS))
    begun: bool = False

    def observe(self, value: float, now_ns: int) -> None:
        if not self.begun:
            self.begun, self.highest, self.lowest = True, (value, now_ns), (value, now_ns)
            return
        if value > self.highest[0]:
            self.highest = value, now_ns
        if value < self.lowest[0]:
            self.lowest = value, now_ns
        if self.rising is not False and self.highest[0] - value >= SWING:
            self._turned(self.highest, rising=False, here=(value, now_ns))
        elif self.rising is not True and value - self.lowest[0] >= SWING:
            self._turned(self.lowest, rising=True, here=(value, now_ns))

    def _turned(self, at: tuple[float, int], rising: bool, here: tuple[float, int]) -> None:
        if self.rising is not None:     # where it was when it was first seen is no turn
            self.turns.append(at)
        self.rising, self.highest, self.lowest = rising, here, here

    def swinging(self, now_ns: int) -> bool:
        """Whether it has gone up and down by turns lately, and may go on."""
        least_ns, most_ns = (int(gap_s * 1e9) for gap_s in TURN_GAP_S)
        times = [when_ns for _, when_ns in self.turns]
        gaps = [after - before for before, after in pairwise(times)]
        return (len(times) == TURNS and all(least_ns <= gap <= most_ns for gap in gaps)
                and 0 <= now_ns - times[-1] <= most_ns)

    def document(self) -> dict[str, object]:
        return {
            'rising': self.rising, 'begun': self.begun,
            'highest': _row(self.highest), 'lowest': _row(self.lowest),
            'turns': [_row(one) for one in self.turns],
        }

    def restore(self, document: Mapping[str, object]) -> None:
        """Raises ValueError that says what was expected."""
        turns, rising = document.get('turns'), document.get('rising')
        if not isinstance(turns, list) or len(turns) > TURNS:
            raise ValueError(f'turns: expected a list of at most {TURNS}')
        if rising is not None and type(rising) is not bool:
            raise ValueError(f'rising: expected true, false or null, got {rising!r}')
        self.rising, self.begun = rising, document.get('begun') is True
        self.highest = _point('highest', document.get('highest'))
        self.lowest = _point('lowest', document.get('lowest'))
        self.turns.clear()
        self.turns.extend(_point('turns', row) for row in turns)


@dataclass
class Swings:
    """All figures that can swing."""

    figures: dict[str, Swing] = field(
        default_factory=lambda: {name: Swing() for name in SWINGING})

    def observe(self, values: Vector, now_ns: int) -> None:
        """values in the order of FEATURES."""
        for name, figure in self.figures.items():
            figure.observe(values[FEATURES.index(name)], now_ns)

    def swinging(self, now_ns: int) -> tuple[str, Swing] | None:
        """The first figure that swings."""
        return next(
            (pair for pair in self.figures.items() if pair[1].swinging(now_ns)), None)

    def document(self) -> dict[str, object]:
        return {name: figure.document() for name, figure in self.figures.items()}

    def restore(self, document: Mapping[str, object]) -> None:
        """Raises ValueError that says what was expected."""
        for name, figure in self.figures.items():
            part = document.get(name)
            if not isinstance(part, dict):
                raise ValueError(f'{name}: expected an object, got {type(part).__name__}')
            figure.restore(part)


def _row(point: tuple[float, int]) -> list[object]:
    return [point[0].hex(), point[1]]


def _point(name: str, row: object) -> tuple[float, int]:
    if not isinstance(row, list) or len(row) != 2:
        raise ValueError(f'{name}: expected a value and a time, got {row!r}')
    return decimal(name, row[0]), whole(name, row[1])
