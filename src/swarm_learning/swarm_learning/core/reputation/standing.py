# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what is held of single robots: since when they are known, and what is told of them; refuses
to know how it comes about."""

from __future__ import annotations

from dataclasses import dataclass


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
