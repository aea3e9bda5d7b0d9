# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the figures that a regime is inferred from, and the names of the regimes; refuses to know
how they were measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from ..observation import Mode

ROBOTS_MAX = 65535          # robots of one swarm that a snapshot can name
SWITCHES_PER_S_MAX = 1000.0  # a rate above this is a broken counter, not a swarm


class Regime(Enum):
    """Conditions of the world. The values are those of swarm_msgs/msg/Regime."""

    UNKNOWN = 0
    CALM = 1
    PANIC = 2
    THRASH = 3
    OVER_CAUTIOUS = 4

    @property
    def label(self) -> str:
        """As people read it: 'calm efficiency', 'over-cautious'."""
        return LABELS[self]


LABELS = {
    Regime.UNKNOWN: 'unknown',
    Regime.CALM: 'calm efficiency',
    Regime.PANIC: 'panic',
    Regime.THRASH: 'thrash',
    Regime.OVER_CAUTIOUS: 'over-cautious',
}
NAMED = (Regime.CALM, Regime.PANIC, Regime.THRASH, Regime.OVER_CAUTIOUS)
BAD = (Regime.PANIC, Regime.THRASH, Regime.OVER_CAUTIOUS)


@dataclass(frozen=True)
class Snapshot:
    """The swarm at one moment; about one a second.

    arousal, stability, pressure    shares in [0, 1], of the swarm
    robots                          that counted in these shares
    mode                            in force
    goodput                         work done of the work that was due, a share; None: unknown
    switches_per_s                  changes of the mode or of the leader since the last snapshot
    defensive_share                 of the time since the last snapshot; None: the mode says it
    """

    arousal: float
    stability: float
    pressure: float
    robots: int
    mode: Mode
    goodput: float | None = None
    switches_per_s: float = 0.0
    defensive_share: float | None = None

    def __post_init__(self) -> None:
        for name in ('arousal', 'stability', 'pressure'):
            _check(name, getattr(self, name), 1.0)
        for name in ('goodput', 'defensive_share'):
            if getattr(self, name) is not None:
                _check(name, getattr(self, name), 1.0)
        _check('robots', self.robots, ROBOTS_MAX)
        _check('switches_per_s', self.switches_per_s, SWITCHES_PER_S_MAX)
        if not isinstance(self.mode, Mode):
            raise ValueError(f'mode: expected a Mode, got {self.mode!r}')

    def defensive(self) -> float:
        """Share of the time in the defensive mode."""
        if self.defensive_share is not None:
            return self.defensive_share
        return float(self.mode is Mode.DEFENSIVE)


def _check(name: str, value: float, high: float) -> None:
    if not math.isfinite(value) or not 0.0 <= value <= high:
        raise ValueError(f'{name}: expected a number from 0 to {high:g}, got {value!r}')
