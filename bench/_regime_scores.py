# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How well told regimes fit the truth of a trace.

Owns the definitions of the figures: macro-F1 over the four regimes, adjusted Rand index, delay
of the alarm, missed episodes, false alarms. Refuses to know how regimes are inferred.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from swarm_learning.core.regimes.snapshot import BAD, NAMED, Regime

Ints = NDArray[np.int64]
BAD_VALUES = tuple(regime.value for regime in BAD)
NAMED_VALUES = tuple(regime.value for regime in NAMED)
EPISODE_S_MIN = 30          # a shorter one may be over before anything could be told


@dataclass
class Scores:
    """Figures of one seed, folded over its traces."""

    confusion: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((5, 5), dtype=np.int64))  # truth, told
    delays_s: list[int] = field(default_factory=list)
    episodes: int = 0
    false_alarms: int = 0
    calm_s: int = 0

    def add(self, truth: Ints, told: Ints, alarm: NDArray[np.bool_]) -> None:
        """told: Regime.value of each snapshot; alarm: whether it was up."""
        scored = np.isin(truth, NAMED_VALUES)
        np.add.at(self.confusion, (truth[scored], told[scored]), 1)
        for start, end in episodes(truth):
            if truth[start] in BAD_VALUES and end - start >= EPISODE_S_MIN:
                self._episode(start, end, truth, told, alarm)
        rises = np.flatnonzero(alarm[1:] & ~alarm[:-1]) + 1
        self.false_alarms += int(np.sum(truth[rises] == Regime.CALM.value))
        self.calm_s += int(np.sum(truth == Regime.CALM.value))

    def _episode(
        self, start: int, end: int, truth: Ints, told: Ints, alarm: NDArray[np.bool_]
    ) -> None:
        right = np.flatnonzero(alarm[start:end] & (told[start:end] == truth[start]))
        self.episodes += 1
        if len(right):
            self.delays_s.append(int(right[0]))

    def f1(self, regime: int) -> float:
        hits = self.confusion[regime, regime]
        both = self.confusion[regime, :].sum() + self.confusion[:, regime].sum()
        return float(2.0 * hits / both) if both else 1.0

    @property
    def macro_f1(self) -> float:
        """Mean over the regimes that came up in the truth."""
        there = [regime for regime in NAMED_VALUES if self.confusion[regime].any()]
        return float(np.mean([self.f1(regime) for regime in there])) if there else 1.0

    @property
    def ari(self) -> float:
        return adjusted_rand(self.confusion)

    @property
    def missed(self) -> float:
        return 1.0 - len(self.delays_s) / self.episodes if self.episodes else 0.0

    @property
    def false_alarms_per_1000(self) -> float:
        return 1000.0 * self.false_alarms / self.calm_s if self.calm_s else 0.0

    def delay_s(self, percent: float) -> float:
        return float(np.percentile(self.delays_s, percent)) if self.delays_s else float('nan')


def episodes(truth: Ints) -> list[tuple[int, int]]:
    """(start, end) of each stretch with the same label."""
    edges = np.flatnonzero(np.diff(truth)) + 1
    bounds = [0, *edges.tolist(), len(truth)]
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def adjusted_rand(table: NDArray[np.int64]) -> float:
    """L. Hubert, P. Arabie, Comparing partitions, J. Classification 2, 1985."""
    def pairs(counts: NDArray[np.int64]) -> float:
        return float(np.sum(counts * (counts - 1.0) / 2.0))

    total = pairs(np.array([table.sum()]))
    if total == 0.0:
        return 1.0
    rows, columns = pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / total
    most = (rows + columns) / 2.0
    return (pairs(table) - expected) / (most - expected) if most != expected else 1.0
