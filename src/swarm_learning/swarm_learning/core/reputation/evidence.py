# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what raters have seen of robots: successes and failures per pair, decayed, and how far each
rater is believed; refuses to know receipts and the log.

Evidence fades with an age, not with a clock: the age grows by rounds and by time (reputation.py).
Each record keeps the age at which it was last touched and is faded when it is read, so that the
result does not depend on how often that happens. Saturation and credibility as in PeerTrust
(Xiong & Liu 2004), Beta counts as in Josang & Ismail 2002.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from . import document as kept
from .document import Document

PAIRS_MAX = 8192        # 90 robots that all work for all; 16 robots make 240
DROPPED_SHARE = 8       # one in this many goes when there are too many: rarely, then all at once
FADED = 1e-3            # receipts; less is forgotten


def fade(age_then: float, age_now: float) -> float:
    """Share that is left of evidence."""
    return math.exp(-max(0.0, age_now - age_then))


@dataclass
class Pair:
    """What one rater has seen of one robot."""

    successes: float = 0.0
    failures: float = 0.0
    age: float = 0.0

    @property
    def receipts(self) -> float:
        return self.successes + self.failures

    def advance(self, age: float) -> None:
        left = fade(self.age, age)
        self.successes *= left
        self.failures *= left
        self.age = max(self.age, age)


@dataclass
class Honesty:
    """How often a rater's word was found true and untrue."""

    agree: float = 0.0
    disagree: float = 0.0
    age: float = 0.0

    def advance(self, age: float) -> None:
        left = fade(self.age, age)
        self.agree *= left
        self.disagree *= left
        self.age = max(self.age, age)

    def credibility(self, lie_factor: float) -> float:
        """[0, 1]. A rater that was never audited has 0.36; each lie costs lie_factor truths."""
        known = self.agree + lie_factor * self.disagree + 2.5
        share = 2.0 * (self.agree + 2.0) / known - 1.0
        return min(1.0, max(0.0, share)) ** 2


class Evidence:
    """All pairs and all raters."""

    def __init__(self) -> None:
        self._pairs: dict[str, dict[str, Pair]] = {}  # robot -> rater -> pair
        self._count = 0
        self._honesty: dict[str, Honesty] = {}

    def __len__(self) -> int:
        return self._count

    def add(self, rater: str, robot: str, good: float, bad: float, age: float) -> None:
        """Weighted successes and failures; they may be taken back with a minus, down to 0."""
        if rater == robot:
            return
        raters = self._pairs.setdefault(robot, {})
        if rater not in raters:
            raters[rater] = Pair(age=age)
            self._count += 1
        pair = raters[rater]
        pair.advance(age)
        pair.successes = max(0.0, pair.successes + good)
        pair.failures = max(0.0, pair.failures + bad)

    def judged(self, rater: str, true_word: bool, age: float) -> None:
        """An audit has found what a rater said to be true, or not."""
        honesty = self._honesty.setdefault(rater, Honesty(age=age))
        honesty.advance(age)
        if true_word:
            honesty.agree += 1.0
        else:
            honesty.disagree += 1.0

    def credibility(self, rater: str, age: float, lie_factor: float) -> float:
        found = self._honesty.get(rater)
        if found is None:
            return Honesty().credibility(lie_factor)
        left = fade(found.age, age)
        return Honesty(found.agree * left, found.disagree * left).credibility(lie_factor)

    def of(self, robot: str, age: float) -> list[tuple[str, Pair]]:
        """What each rater has seen of a robot, faded to now, by name."""
        found = []
        for rater, pair in sorted(self._pairs.get(robot, {}).items()):
            left = fade(pair.age, age)
            if pair.receipts * left >= FADED:
                found.append((rater, Pair(pair.successes * left, pair.failures * left, age)))
        return found

    def forget(self, robots: Collection[str]) -> None:
        """As rated and as raters."""
        self._honesty = {one: kept for one, kept in self._honesty.items() if one not in robots}
        self._pairs = {
            robot: {rater: pair for rater, pair in raters.items() if rater not in robots}
            for robot, raters in self._pairs.items() if robot not in robots}
        self._count = sum(len(raters) for raters in self._pairs.values())

    def shrink(self, weight_of: Callable[[str], float], age: float) -> None:
        """Drop what has faded, and if there is still too much, what counts least: evidence of
        raters that are little believed goes first, so that a flood of invented raters cannot push
        out honest ones."""
        if self._count <= PAIRS_MAX:
            return
        weights = {rater: weight_of(rater)
                   for raters in self._pairs.values() for rater in raters}
        ranked = sorted(
            (weights[rater] * pair.receipts * fade(pair.age, age), robot, rater)
            for robot, raters in self._pairs.items() for rater, pair in raters.items()
        )
        keep = PAIRS_MAX - PAIRS_MAX // DROPPED_SHARE
        for _, robot, rater in ranked[:len(ranked) - keep]:
            del self._pairs[robot][rater]
            self._count -= 1
        self._pairs = {robot: raters for robot, raters in self._pairs.items() if raters}

    def check_invariants(self) -> None:
        assert self._count == sum(len(raters) for raters in self._pairs.values())
        for robot, raters in self._pairs.items():
            assert robot not in raters, f'{robot} rates itself'
            for pair in raters.values():
                assert pair.successes >= 0 and pair.failures >= 0, pair

    def document(self) -> Document:
        pairs = [[robot, rater, pair.successes, pair.failures, pair.age]
                 for robot, raters in self._pairs.items() for rater, pair in raters.items()]
        honesty = [[rater, one.agree, one.disagree, one.age]
                   for rater, one in self._honesty.items()]
        return {'pairs': pairs, 'honesty': honesty}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Evidence:
        made = cls()
        for row in kept.rows(document, 'pairs', 5, 2 * PAIRS_MAX):
            robot, rater = kept.text(row[0], 'robot'), kept.text(row[1], 'rater')
            if rater in made._pairs.get(robot, {}) or rater == robot:
                raise ValueError('pairs: expected every pair of two robots once')
            figures = [kept.number(value, 'pairs') for value in row[2:]]
            made._pairs.setdefault(robot, {})[rater] = Pair(*figures)
            made._count += 1
        for row in kept.rows(document, 'honesty', 4, 4096):
            figures = [kept.number(value, 'honesty') for value in row[1:]]
            made._honesty[kept.text(row[0], 'rater')] = Honesty(*figures)
        return made


def saturated(receipts: float, kappa: float) -> float:
    """What a number of receipts of one rater counts together: at most kappa."""
    return kappa * -math.expm1(-receipts / kappa)
