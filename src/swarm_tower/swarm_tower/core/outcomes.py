# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How attempts at jobs ended, counted since the tower started. Owns the counts and the limits of
the histograms; keeps no single job.
"""

from __future__ import annotations

from dataclasses import dataclass

from swarm_tower.core.facts import Told
from swarm_tower.core.section import Section

# Seconds. From a call of a function to a night's work, about three steps for each factor of ten.
LIMITS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 150.0, 300.0, 900.0, 3600.0)
REMEMBERED = 4096  # a new leader may tell again what the former one told


@dataclass(frozen=True)
class Ended:
    """One attempt. Times in seconds; None = it never started."""

    log_index: int
    job_id: str
    attempt: int
    outcome: str
    queue_s: float
    run_s: float | None


@dataclass(frozen=True)
class Endings(Told):
    """What one message told."""

    ended: tuple[Ended, ...]


class Histogram:
    """Counts of values up to each limit, as Prometheus has them: without the ones below."""

    def __init__(self) -> None:
        self.counts = [0] * (len(LIMITS_S) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        place = next((i for i, limit in enumerate(LIMITS_S) if value <= limit), len(LIMITS_S))
        self.counts[place] += 1
        self.total += value


class OutcomeTally(Section):
    """Shows no rows: only /metrics reads it."""

    name = 'outcomes'
    takes = (Endings,)

    def __init__(self) -> None:
        super().__init__()
        self.attempts: dict[str, int] = {}
        self.run_s = Histogram()
        self.queue_s = Histogram()
        self._known: dict[tuple[int, str, int], None] = {}

    def fold(self, fact: Told, now_ns: int) -> None:
        assert isinstance(fact, Endings)
        for one in fact.ended:
            self._count(one)

    def _count(self, fact: Ended) -> None:
        key = (fact.log_index, fact.job_id, fact.attempt)
        if key in self._known:
            return
        self._known[key] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        self.attempts[fact.outcome] = self.attempts.get(fact.outcome, 0) + 1
        self.queue_s.add(fact.queue_s)
        if fact.run_s is not None:
            self.run_s.add(fact.run_s)
