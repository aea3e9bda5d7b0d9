# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what is held of single robots: since when they are known, and what is told of them; refuses
to know how it comes about."""

from __future__ import annotations

from dataclasses import dataclass, field

from .score import Belief


@dataclass
class Known:
    """A robot that the log has named."""

    first_ns: int
    steals_helpful: int = 0
    steals_useless: int = 0


@dataclass(frozen=True)
class Standing:
    """What is believed of one robot. Fields as in swarm_msgs/msg/RobotReputation."""

    robot_id: str
    mean: float
    lower_bound: float
    successes: float
    failures: float
    credibility: float
    receipts: float
    raters: int
    steals_helpful: int
    steals_useless: int
    newcomer: bool
    may_lead: bool
    reason: str


@dataclass
class Beliefs:
    """Scores of the last round; and what was computed since anything changed, which follows from
    the rest and is not kept. age: what beliefs are faded to; it moves in steps, so that a belief
    is the same however often it is asked for."""

    last_round: dict[str, float] = field(default_factory=dict)
    age: float = 0.0
    fresh: dict[str, Belief] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    full_weight: float | None = None

    def stale(self) -> None:
        self.full_weight = None
        self.fresh.clear()
        self.weights.clear()
