# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ways to compute reputation, compared in reputation_world.py: ours, and three known ones that
believe what raters say. Owns the baselines; refuses to know who lies.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict

from ..core.reputation.audits import AuditRequest
from ..core.reputation.config import ReputationConfig
from ..core.reputation.receipts import Attempt, Receipt
from ..core.reputation.reputation import Reputation
from .reputation_world import Rating

FORGETTING = math.exp(-1.0 / 50.0)      # a round, as ours


class Ours:
    """The shipping core."""

    def __init__(self, seed: int, config: ReputationConfig | None = None) -> None:
        secret = hashlib.sha256(f'secret {seed}'.encode()).digest()
        self.reputation = Reputation(config or ReputationConfig(), secret)

    def score(self, robot: str) -> float:
        return self.reputation.score(robot)

    def hear_rating(self, rating: Rating) -> None:
        """Only receipts count."""

    def hear_attempt(self, attempt: Attempt) -> None:
        self.reputation.hear_outcome(attempt)

    def hear_receipt(self, receipt: Receipt, sender: str) -> None:
        self.reputation.hear_receipt(receipt, sender)

    def audits_due(self, present: list[str]) -> tuple[AuditRequest, ...]:
        return self.reputation.audits_due(present)

    def round_over(self, stamp_ns: int, robots: list[str]) -> None:
        self.reputation.tick(stamp_ns)


class _Baseline:
    """Hears ratings, and nothing else."""

    def hear_attempt(self, attempt: Attempt) -> None: ...
    def hear_receipt(self, receipt: Receipt, sender: str) -> None: ...

    def audits_due(self, present: list[str]) -> tuple[AuditRequest, ...]:
        return ()


class NaiveSum(_Baseline):
    """Good ratings less bad ones."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)

    def score(self, robot: str) -> float:
        return self._sums[robot]

    def hear_rating(self, rating: Rating) -> None:
        self._sums[rating.robot] += 1.0 if rating.good else -1.0

    def round_over(self, stamp_ns: int, robots: list[str]) -> None: ...


class Beta(_Baseline):
    """Mean of Beta(1 + good, 1 + bad) with forgetting (Josang & Ismail 2002)."""

    def __init__(self) -> None:
        self._good: defaultdict[str, float] = defaultdict(float)
        self._bad: defaultdict[str, float] = defaultdict(float)

    def score(self, robot: str) -> float:
        good, bad = self._good[robot], self._bad[robot]
        return (good + 1.0) / (good + bad + 2.0)

    def hear_rating(self, rating: Rating) -> None:
        (self._good if rating.good else self._bad)[rating.robot] += 1.0

    def round_over(self, stamp_ns: int, robots: list[str]) -> None:
        for counts in (self._good, self._bad):
            for robot in counts:
                counts[robot] *= FORGETTING


class EigenTrust(_Baseline):
    """Stationary trust of a walk over local trust (Kamvar, Schlosser & Garcia-Molina 2003), with
    three robots trusted beforehand."""

    RESTART = 0.15
    STEPS = 10

    def __init__(self, trusted: tuple[str, ...] = ('r00', 'r01', 'r02')) -> None:
        self._trusted = trusted
        self._local: defaultdict[str, defaultdict[str, float]] = defaultdict(
            lambda: defaultdict(float))
        self._scores: dict[str, float] = {}

    def score(self, robot: str) -> float:
        return self._scores.get(robot, 0.0)

    def hear_rating(self, rating: Rating) -> None:
        if rating.rater != rating.robot:
            self._local[rating.rater][rating.robot] += 1.0 if rating.good else -1.0

    def round_over(self, stamp_ns: int, robots: list[str]) -> None:
        start = {robot: 1.0 / len(self._trusted) for robot in self._trusted}
        shares = {rater: self._shares(rater) or start for rater in robots}
        scores = dict(start)
        for _ in range(self.STEPS):
            after = {robot: self.RESTART * share for robot, share in start.items()}
            for rater, score in scores.items():
                for robot, share in shares.get(rater, start).items():
                    after[robot] = after.get(robot, 0.0) + (1 - self.RESTART) * score * share
            scores = after
        self._scores = scores
        for local in self._local.values():
            for robot in local:
                local[robot] *= FORGETTING

    def _shares(self, rater: str) -> dict[str, float]:
        positive = {robot: value for robot, value in self._local[rater].items() if value > 0.0}
        total = sum(positive.values())
        return {robot: value / total for robot, value in positive.items()}
