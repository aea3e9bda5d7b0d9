# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns one context: its model of the world and the two tables that follow from it; refuses to
know which context holds now.

`table` is what actions are worth as far as is known. `hopeful` is the same with a few imagined
visits of every pair that led to the best there is: it drives exploration, also towards pairs
that lie several steps away (the optimistic initial model of Szita and Lorincz, ICML 2008).
Both are computed from the model by value iteration, so forgetting a step of the model forgets it
everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import Floats, WorldModel, checked

# Added to the best reward seen, per unit of its spread: something new beats a tie.
NOVELTY = 0.01
# Blocks of the past that the calibration remembers, and the weight of theory before them
# (chosen without data).
CALIBRATION_BLOCKS = 50.0
THEORY_BLOCKS = 10.0
DISPERSION_MAX = 25.0


@dataclass(frozen=True)
class Planning:
    """How values follow from a model. See ContinualConfig."""

    discount: float
    hope_visits: float
    warm_visits: float
    warm_hope: float


class Context:
    """Number `number` of a library. `warm` is the table it started from, None = from nothing."""

    def __init__(
        self, number: int, model: WorldModel, planning: Planning, warm: Floats | None = None
    ) -> None:
        self.number = number
        self.model = model
        self.warm = warm
        self.allowed: NDArray[np.bool_] = np.ones((model.states, model.actions), np.bool_)
        self.table: Floats = np.zeros((model.states, model.actions))
        self.hopeful: Floats = np.zeros((model.states, model.actions))
        if warm is not None:
            self.table[:] = warm.reshape(self.table.shape)
        self.used = 0  # step of the learner at which it was last in force
        self.excess = 0.0  # mean surprise of one of its own steps, nats
        self.dispersion = 1.0  # variance of a block's surprise, per variance in theory
        self.blocks = 0.0
        self.strikes = 0.0  # alarms after which it was taken again, faded
        self._planning = planning

    def plan(self, sweeps: int, reward_best: float, reward_spread: float) -> None:
        """`sweeps` rounds of value iteration (Jacobi) over all pairs."""
        model, planning = self.model, self._planning
        visits = model.visits
        prior, hope = self._priors(reward_best, reward_spread)
        weight = np.array([planning.warm_visits, planning.hope_visits])
        total = visits[:, None] + weight
        fixed = (visits * model.reward_mean)[:, None] + weight * np.stack((prior, hope), axis=1)
        counts = model.counts[:, :model.states]
        shape = self.table.shape
        blocked = None if bool(self.allowed.all()) else ~self.allowed
        both = np.stack((self.table.ravel(), self.hopeful.ravel()), axis=1)
        for _ in range(sweeps):
            values = both.reshape(*shape, 2)
            if blocked is not None:
                values = np.where(blocked[:, :, None], -np.inf, values)
            best = values.max(axis=1)
            future = counts @ best.astype(np.float32)
            both = (fixed + planning.discount * future) / total
        self.table = np.ascontiguousarray(both[:, 0]).reshape(shape)
        self.hopeful = np.ascontiguousarray(both[:, 1]).reshape(shape)

    def block(self, excess: float, variance: float, steps: int) -> float:
        """How far `steps` steps lie from what this context expects, in standard deviations."""
        spread = float(self.dispersion * variance) ** 0.5
        away: float = (excess - self.excess * steps) / max(spread, 1e-9)
        return away

    def calibrate(self, excess: float, variance: float, steps: int) -> None:
        """Learn from a block that is surely its own how surprising its own blocks are.

        A world that is not quite Markov, such as one of buckets, surprises in clusters: its
        blocks spread more than independent steps would.
        """
        share = 1.0 / min(self.blocks + THEORY_BLOCKS + 1.0, CALIBRATION_BLOCKS)
        away = min(9.0, (excess - self.excess * steps) ** 2 / max(variance, 1e-9))
        self.dispersion = min(DISPERSION_MAX, max(
            1.0, self.dispersion + share * (away - self.dispersion)))
        self.excess += share * (excess / steps - self.excess)
        self.blocks += 1.0

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        kept: dict[str, NDArray[np.generic]] = dict(self.model.arrays())
        kept |= {'table': self.table, 'hopeful': self.hopeful, 'allowed': self.allowed,
                 'calibration': np.array(
                     [self.excess, self.dispersion, self.blocks, self.strikes])}
        if self.warm is not None:
            kept['warm'] = self.warm
        return kept

    @classmethod
    def from_arrays(
        cls, number: int, used: int, sizes: tuple[int, int], planning: Planning,
        arrays: Mapping[str, NDArray[np.generic]],
    ) -> Context:
        """Raises ValueError that names the array that is wrong."""
        model = WorldModel.from_arrays(*sizes, arrays)
        warm = checked(arrays, 'warm', (sizes[0] * sizes[1],)) if 'warm' in arrays else None
        context = cls(number, model, planning, warm)
        context.table = checked(arrays, 'table', sizes)
        context.hopeful = checked(arrays, 'hopeful', sizes)
        context.allowed = checked(arrays, 'allowed', sizes).astype(np.bool_)
        if not context.allowed.any(axis=1).all():
            raise ValueError('allowed: expected at least one action in every state')
        excess, dispersion, blocks, strikes = map(
            float, checked(arrays, 'calibration', (4,)))
        if not 1.0 <= dispersion <= DISPERSION_MAX or min(blocks, strikes) < 0.0:
            raise ValueError(f'calibration: expected a dispersion from 1 to {DISPERSION_MAX}')
        context.excess, context.dispersion, context.blocks = excess, dispersion, blocks
        context.strikes = strikes
        context.used = used
        return context

    def _priors(self, reward_best: float, reward_spread: float) -> tuple[Floats, Floats]:
        """What pairs are worth before they were tried: soberly, and hopefully."""
        best = reward_best + NOVELTY * reward_spread
        top = max(best / (1.0 - self._planning.discount), best)
        if self.warm is None:
            tried = self.model.visits > 0.0
            sober = float(self.table.ravel()[tried].mean()) if bool(tried.any()) else 0.0
            return np.full(tried.shape, sober), np.full(tried.shape, top)
        hope = self.warm + self._planning.warm_hope * np.maximum(0.0, top - self.warm)
        return self.warm, hope
