# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what a mode is worth: the reward of one decision; refuses to know who decided what.

All figures are weighed by the time they were held, so the reward does not depend on how often
they are seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..observation import Mode
from ..smoothing import unit

REWARD_MIN, REWARD_MAX = -2.0, 1.0


@dataclass(frozen=True)
class RewardWeights:
    """Weights of the reward, all without unit; chosen without data unless said."""

    stability: float = 1.0
    pressure: float = 1.0
    arousal: float = 0.5
    arousal_best: float = 0.45  # between the best of complex (0.4) and simple jobs (0.6)
    switch: float = 0.05        # a change of mode costs as much as 5 % of stability


def reward_of(
    figures: tuple[float, float, float], switched: bool, weights: RewardWeights
) -> float:
    """Of mean stability, mean pressure and mean distance of arousal from its best."""
    stability, pressure, off = figures
    worth = (weights.stability * stability - weights.pressure * pressure - weights.arousal * off
             - (weights.switch if switched else 0.0))
    return min(REWARD_MAX, max(REWARD_MIN, worth))


@dataclass
class Window:
    """What was seen since a decision. Times in ns; figures are integrals over the time seen."""

    elapsed_ns: int = 0
    seen_ns: int = 0
    stability: float = 0.0
    pressure: float = 0.0
    off: float = 0.0
    mode_ns: dict[Mode, int] | None = None

    def add(
        self, arousal: float, stability: float, pressure: float, mode: Mode, dt_ns: int,
        gap_ns_max: int, weights: RewardWeights,
    ) -> None:
        """Hold the figures backwards over the last dt; a longer silence was not seen."""
        self.elapsed_ns += dt_ns
        seen_ns = min(dt_ns, gap_ns_max)
        self.seen_ns += seen_ns
        self.stability += seen_ns * unit(stability, 0.5)
        self.pressure += seen_ns * unit(pressure, 0.5)
        self.off += seen_ns * abs(unit(arousal, 0.5) - weights.arousal_best)
        held = self.mode_ns = self.mode_ns or {}
        held[mode] = held.get(mode, 0) + seen_ns

    def means(self) -> tuple[float, float, float]:
        """Stability, pressure, distance of arousal; only if something was seen."""
        return (self.stability / self.seen_ns, self.pressure / self.seen_ns,
                self.off / self.seen_ns)

    def main_mode(self, share_min: float) -> Mode | None:
        """The mode that was in force for at least this share of the time; None: none was."""
        for mode, held_ns in (self.mode_ns or {}).items():
            if held_ns >= share_min * self.elapsed_ns:
                return mode
        return None
