# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what came of stealing a job: whether the thief had it done sooner than its victim would
have; refuses to know who confirmed what.

What the victim would have needed is not in the log. Its next ended attempt tells: if that one had
begun before the steal, the job would have waited until then; if it began later, the victim was
idle and would have begun at once. So a thief gains nothing by robbing idle robots. A wait behind
further jobs of the victim is not counted: a helpful steal may be taken for a smaller one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from . import document as kept
from .document import Document
from .evidence import fade
from .receipts import Attempt

STEALS_MAX = 1024       # open ones; the oldest goes first
PAIRS_MAX = 1024        # of thief and victim
NS_PER_MS = 1_000_000


@dataclass
class Steal:
    """One job on its way from victim to thief. freed_ns: when the victim could have begun it."""

    thief: str
    victim: str
    stamp_ns: int
    typical_ms: float | None
    freed_ns: int | None = None


@dataclass
class Between:
    """Steals between two robots, either way, faded."""

    steals: float = 0.0
    age: float = 0.0


class Steals:
    """Open steals by job, and how many there were between two robots."""

    def __init__(self) -> None:
        self._open: dict[str, Steal] = {}
        self._between: dict[tuple[str, str], Between] = {}

    def begin(self, stolen: Attempt, typical_ms: float | None) -> None:
        self._open.pop(stolen.job_id, None)
        self._open[stolen.job_id] = Steal(
            stolen.thief, stolen.victim, stolen.stamp_ns, typical_ms)
        if len(self._open) > STEALS_MAX:
            del self._open[next(iter(self._open))]

    def hear(self, ended: Attempt) -> None:
        """An attempt ended: it shows when its robot was free for what was stolen from it."""
        for steal in self._open.values():
            if steal.victim == ended.executor and steal.freed_ns is None \
                    and ended.stamp_ns > steal.stamp_ns:
                began_ns = ended.stamp_ns - ended.run_ms * NS_PER_MS
                busy = began_ns <= steal.stamp_ns
                steal.freed_ns = ended.stamp_ns if busy else steal.stamp_ns

    def of(self, attempt: Attempt) -> Steal | None:
        """The steal that led to this attempt."""
        steal = self._open.get(attempt.job_id)
        return steal if steal is not None and steal.thief == attempt.executor else None

    def from_victim(self, victim: str) -> list[str]:
        """Jobs that were stolen from it, and when it was free for them is known."""
        return [job_id for job_id, steal in self._open.items()
                if steal.victim == victim and steal.freed_ns is not None]

    def close(self, job_id: str) -> None:
        self._open.pop(job_id, None)

    def gain(self, steal: Steal, done_ns: int) -> float | None:
        """Time saved over the run time, at most 1, negative if it came later; None = unknown."""
        if steal.freed_ns is None or not steal.typical_ms:
            return None
        run_ns = steal.typical_ms * NS_PER_MS
        return min(1.0, (steal.freed_ns + run_ns - done_ns) / run_ns)

    def novelty(self, steal: Steal, age: float, kappa: float) -> float:
        """What one more steal between these two counts; each one makes the next count less."""
        pair = (min(steal.thief, steal.victim), max(steal.thief, steal.victim))
        between = self._between.setdefault(pair, Between(age=age))
        between.steals *= fade(between.age, age)
        between.age = age
        left = math.exp(-between.steals / kappa)
        between.steals += 1.0
        if len(self._between) > PAIRS_MAX:
            del self._between[next(iter(self._between))]
        return left

    def forget(self, robots: Collection[str]) -> None:
        self._between = {pair: one for pair, one in self._between.items()
                         if pair[0] not in robots and pair[1] not in robots}

    def document(self) -> Document:
        return {
            'open': [[job, one.thief, one.victim, one.stamp_ns, one.typical_ms, one.freed_ns]
                     for job, one in self._open.items()],
            'between': [[*pair, one.steals, one.age] for pair, one in self._between.items()],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Steals:
        made = cls()
        for row in kept.rows(document, 'open', 6, STEALS_MAX):
            made._open[kept.text(row[0], 'job')] = Steal(
                kept.text(row[1], 'thief'), kept.text(row[2], 'victim'),
                kept.whole(row[3], 'stamp', -2**63),
                None if row[4] is None else kept.number(row[4], 'run time'),
                None if row[5] is None else kept.whole(row[5], 'stamp', -2**63))
        for row in kept.rows(document, 'between', 4, PAIRS_MAX):
            pair = (kept.text(row[0], 'robot'), kept.text(row[1], 'robot'))
            made._between[pair] = Between(
                kept.number(row[2], 'steals'), kept.number(row[3], 'age'))
        return made
