# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the formulas: from an attempt and its receipts to evidence, and from evidence to a score;
refuses to remember anything.

Beta reputation (Josang & Ismail 2002) with a lower bound, saturation per rater, and raters
weighed by their credibility and their own score (as in PeerTrust, Xiong & Liu 2004).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .config import ReputationConfig
from .evidence import Pair, saturated
from .ledger import Entry
from .receipts import Role, Verdict

QUALITY_FLOOR = 0.5     # the worst robot's route costs twice as much, and is still one


@dataclass(frozen=True)
class Judgement:
    """What an attempt says of its executor: successes, failures; agreed: both parties and the log
    say that it was good; contested: the requester denies what executor and log say."""

    good: float = 0.0
    bad: float = 0.0
    agreed: bool = False
    contested: bool = False


NOTHING = Judgement()


def judge(entry: Entry, config: ReputationConfig) -> Judgement:
    """The table of docs/REPUTATION.md.

    A half that contradicts the log has no effect, as if it had not come. The log's word on a
    success comes from the executor, so that alone it counts nothing; on a failure it speaks
    against its own interest, so that alone it counts a little. Silence must never pay: a failure
    that the requester confirms counts in full without the executor's half.
    """
    attempt = entry.attempt
    assert attempt is not None
    executor, requester = entry.verdict(Role.EXECUTOR), entry.verdict(Role.REQUESTER)
    if attempt.own_work:
        return NOTHING
    if attempt.good:
        return _judge_good(entry, executor, requester, config)
    if not attempt.bad or executor is requester is Verdict.NO_FAULT:
        return NOTHING
    confirmed = requester is Verdict.BAD
    return Judgement(bad=1.0 if confirmed else config.unconfirmed_failure)


def _judge_good(
    entry: Entry, executor: Verdict | None, requester: Verdict | None, config: ReputationConfig
) -> Judgement:
    if requester is Verdict.BAD or (requester is Verdict.GOOD and _digests_differ(entry)):
        return Judgement(contested=True)
    if requester is not Verdict.GOOD:
        return NOTHING
    full = executor is Verdict.GOOD
    return Judgement(good=1.0 if full else config.unconfirmed_success, agreed=True)


def contradicts_log(entry: Entry, role: Role) -> bool:
    """Whether a party says something that the log excludes (a requester may deny a success)."""
    assert entry.attempt is not None
    verdict = entry.verdict(role)
    if entry.attempt.good:
        return role is Role.EXECUTOR and verdict is Verdict.BAD
    return verdict is Verdict.GOOD


def _digests_differ(entry: Entry) -> bool:
    one, other = entry.digest(Role.EXECUTOR), entry.digest(Role.REQUESTER)
    return bool(one and other and one != other)


@dataclass(frozen=True)
class Belief:
    """A Beta distribution: successes and failures are weighted; both start at 1."""

    successes: float
    failures: float

    @property
    def mean(self) -> float:
        return (1.0 + self.successes) / (2.0 + self.successes + self.failures)

    @property
    def deviation(self) -> float:
        total = 2.0 + self.successes + self.failures
        return math.sqrt(self.mean * (1.0 - self.mean) / (total + 1.0))

    @property
    def lower_bound(self) -> float:
        """The score: mean less one standard deviation."""
        return min(1.0, max(0.0, self.mean - self.deviation))


def belief_of(
    pairs: Sequence[tuple[str, Pair]], weight_of: Callable[[str], float], config: ReputationConfig
) -> Belief:
    """From what each rater has seen. A rater's weight is its credibility times its own score."""
    successes = failures = 0.0
    for rater, pair in pairs:
        counts = weight_of(rater) * saturated(pair.receipts, config.kappa) / pair.receipts
        successes += counts * pair.successes
        failures += counts * pair.failures * config.failure_factor
    return Belief(successes, failures)


def quality(score: float) -> float:
    """Factor on a route's success probability."""
    return QUALITY_FLOOR + (1.0 - QUALITY_FLOOR) * min(1.0, max(0.0, score))
