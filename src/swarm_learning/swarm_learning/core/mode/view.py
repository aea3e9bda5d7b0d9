# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what a mode is chosen from and what comes out; refuses to know how it is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from ..observation import Mode
from ..regimes.snapshot import Regime


@dataclass(frozen=True)
class ModeView:
    """The swarm as the leader's learner sees it now. Figures in [0, 1]; NaN = unknown.

    mode        in force, from the log
    can_change  False: an operator's override decides
    """

    arousal: float
    stability: float
    pressure: float
    mode: Mode
    leaderless: bool = False
    estop: bool = False
    battery_low: bool = False
    humans_near: bool = False
    regime: Regime = Regime.UNKNOWN
    can_change: bool = True


@dataclass(frozen=True)
class ModeValue:
    """What is expected of one mode: discounted reward, decisions behind it; masked: '' = free."""

    mode: Mode
    value: float
    visits: int
    masked: str


@dataclass(frozen=True)
class ModeDecision:
    """A proposal with everything that led to it. runner_up is the mode itself if it is alone."""

    mode: Mode
    confidence: float
    reason: str
    state: str
    values: tuple[ModeValue, ...]
    runner_up: Mode
    explored: bool


@dataclass(frozen=True)
class PolicyFacts:
    """How the learned policy is doing, for people. Means are over the last 100 decisions."""

    frozen: bool
    decisions: int
    explored: int
    epsilon: float
    reward_mean: float
    reward_last: float
    switches_per_100_ticks: float
    choice: ModeDecision | None
