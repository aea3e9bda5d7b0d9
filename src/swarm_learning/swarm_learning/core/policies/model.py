# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what one context has seen: how often which state followed, and the rewards, each step
exactly reversible; refuses to know values, policies and other contexts.

Next states are smoothed as by Witten and Bell (IEEE Trans. Inf. Theory 37(4), 1991): the weight
of "something not seen yet" is the number of different things seen, so a deterministic world and
a dense one need no different setting. Rewards are judged by a Student density with 5 degrees of
freedom: one outlier may speak, but cannot shout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PAIRS_MAX = 1 << 16  # pairs of state and action; together with CELLS_MAX bounds the memory
CELLS_MAX = 1 << 22  # counts of one context: 16 MiB as float32
# Visits of a pair after which older ones fade: half of the counts are dropped (chosen without
# data; a slow drift then needs some hundred visits to show).
VISITS_MAX = 1024
KNOWN_VISITS = 4  # visits from which a pair may testify against a context (see recognition.py)
# Weight of the spread of all rewards of the context in the spread of one pair, in visits.
SPREAD_WEIGHT = 4.0
HINT_VISITS = 1.0  # weight of what all contexts together say of a reward, in visits
# How far a new world is believed to be like those before it (chosen on own worlds: without doubt
# a new context is blamed for what the others foretell wrongly).
HINT_TRUST = 0.5
SPREAD_FLOOR = 0.01  # of the spread of all rewards: a reward that never varies stays possible
SURPRISE_MAX = 8.0  # nats that one transition may testify for or against a context
# Mean and variance of 3 log(1 + z^2 / 5) for a standard normal z (numerical integration).
STUDENT_MEAN = 0.4837
STUDENT_VARIANCE = 0.3358


class Transition(NamedTuple):
    """One step. `next_state` is ignored where `terminated`. Truncation is not termination."""

    state: int
    action: int
    reward: float
    next_state: int
    terminated: bool = False


class Undo(NamedTuple):
    """What `learn` overwrote."""

    pair: int
    column: int
    mean: float
    squares: float
    pooled_squares: float
    pooled_freedom: float
    row: NDArray[np.float32] | None


class Hint(NamedTuple):
    """What is expected of a step whatever the context; `blank` is what knowing nothing costs."""

    chance: float
    center: float
    spread: float
    blank: float


class WorldModel:
    """Counts of next states and moments of rewards for each pair of state and action.

    counts has shape (states * actions, states + 1); the last column counts ends.
    """

    def __init__(self, states: int, actions: int) -> None:
        if states < 1 or actions < 1 or states * actions > PAIRS_MAX or (
                states * actions * (states + 1) > CELLS_MAX):
            raise ValueError(
                f'states={states}, actions={actions}: expected at least 1 of each, at most '
                f'{PAIRS_MAX} pairs and {CELLS_MAX} counts (states * actions * (states + 1))')
        self.states = states
        self.actions = actions
        pairs = states * actions
        self.counts = np.zeros((pairs, states + 1), np.float32)
        self.visits = np.zeros(pairs)
        self.kinds = np.zeros(pairs)  # different next states seen
        self.reward_mean = np.zeros(pairs)
        self.reward_squares = np.zeros(pairs)  # sum of squared deviations from the mean
        self.pooled_squares = 0.0
        self.pooled_freedom = 0.0
        self._entropy = np.zeros(pairs)
        self._entropy_variance = np.zeros(pairs)
        self._entropy_visits = np.zeros(pairs)

    def column(self, step: Transition) -> int:
        return self.states if step.terminated else step.next_state

    def learn(self, step: Transition) -> Undo:
        """Count one transition; the answer undoes it, newest first."""
        pair, column = step.state * self.actions + step.action, self.column(step)
        mean, squares = float(self.reward_mean[pair]), float(self.reward_squares[pair])
        pooled, freedom = self.pooled_squares, self.pooled_freedom
        row = None
        if self.visits[pair] >= VISITS_MAX:
            row = self.counts[pair].copy()
            self._fade(pair)
        undo = Undo(pair, column, mean, squares, pooled, freedom, row)
        if self.counts[pair, column] == 0.0:
            self.kinds[pair] += 1.0
        self.counts[pair, column] += 1.0
        visits = float(self.visits[pair]) + 1.0
        self.visits[pair] = visits
        gap = step.reward - mean
        self.reward_mean[pair] = mean + gap / visits
        grown = gap * (step.reward - float(self.reward_mean[pair]))
        self.reward_squares[pair] += grown
        if visits > 1.0:
            self.pooled_squares += grown
            self.pooled_freedom += 1.0
        return undo

    def undo(self, undo: Undo) -> None:
        """Exactly as before the step. Only the newest one that is not undone yet."""
        pair = undo.pair
        if undo.row is not None:
            self.counts[pair] = undo.row
            self.visits[pair] = float(undo.row.sum(dtype=np.float64))
        else:
            self.counts[pair, undo.column] -= 1.0
            self.visits[pair] -= 1.0
        self.kinds[pair] = float(np.count_nonzero(self.counts[pair]))
        self.reward_mean[pair], self.reward_squares[pair] = undo.mean, undo.squares
        self.pooled_squares, self.pooled_freedom = undo.pooled_squares, undo.pooled_freedom
        self._entropy_visits[pair] = 0.0

    def knows(self, step: Transition) -> bool:
        """Whether the pair was seen often enough to testify."""
        return bool(self.visits[step.state * self.actions + step.action] >= KNOWN_VISITS)

    def hint(self, step: Transition, center: float, spread: float) -> Hint:
        """What this model foretells of a step, for a context that knows less of the pair.

        Nothing is known where every next state is as likely as any other and the reward lies
        around `center` with standard deviation `spread`.
        """
        pair = step.state * self.actions + step.action
        visits, kinds = float(self.visits[pair]), float(self.kinds[pair])
        even = 1.0 / (self.states + 1)
        blank = -math.log(even) + 3.0 * math.log1p(((step.reward - center) / spread) ** 2 / 5.0)
        blank += math.log(spread)
        if visits == 0.0:
            return Hint(even, center, spread, blank)
        seen = float(self.counts[pair, self.column(step)])
        chance = HINT_TRUST * (seen + kinds * even) / (visits + kinds) + (1.0 - HINT_TRUST) * even
        away = math.hypot(self._spread(pair, visits, spread), (1.0 - HINT_TRUST) * spread)
        return Hint(chance, float(self.reward_mean[pair]), away, blank)

    def support(self, step: Transition, hint: Hint) -> float:
        """Nats by which this context foretells the step better than knowing nothing; at most
        SURPRISE_MAX either way. What it has seen little of, it takes from `hint`: ignorance is
        no evidence, for or against."""
        pair = step.state * self.actions + step.action
        visits = float(self.visits[pair])
        chance, center, spread = hint.chance, hint.center, hint.spread
        if visits > 0.0:
            kinds = float(self.kinds[pair])
            seen = float(self.counts[pair, self.column(step)])
            chance = (seen + kinds * chance) / (visits + kinds)
            center = (visits * float(self.reward_mean[pair]) + HINT_VISITS * center) / (
                visits + HINT_VISITS)
            own = self._spread(pair, visits, spread)
            spread = (visits * own + HINT_VISITS * spread) / (visits + HINT_VISITS)
        away = (step.reward - center) / spread
        gain = hint.blank + math.log(chance) - math.log(spread) - 3.0 * math.log1p(
            away * away / 5.0)
        return max(-SURPRISE_MAX, min(SURPRISE_MAX, gain))

    def surprise(self, step: Transition, reward_spread: float) -> tuple[float, float]:
        """(excess, variance) in nats: how much less likely the step was than this context's
        own steps are on average, and how much that varies among them."""
        pair = step.state * self.actions + step.action
        visits, kinds = float(self.visits[pair]), float(self.kinds[pair])
        if self._entropy_visits[pair] < 0.9 * visits:
            self._refresh(pair)
        cells = self.states + 1
        seen = float(self.counts[pair, self.column(step)])
        chance = (seen + kinds / cells) / (visits + kinds)
        excess = -math.log(chance) - float(self._entropy[pair])
        distance = (step.reward - float(self.reward_mean[pair])) / self._spread(
            pair, visits, reward_spread)
        excess += 3.0 * math.log1p(distance * distance / 5.0) - STUDENT_MEAN
        variance = float(self._entropy_variance[pair]) + STUDENT_VARIANCE
        return max(-SURPRISE_MAX, min(SURPRISE_MAX, excess)), variance

    def absorb(self, other: WorldModel) -> None:
        """Add what a model of the same world has seen."""
        total = self.visits + other.visits
        safe = np.maximum(total, 1.0)
        gap = other.reward_mean - self.reward_mean
        self.reward_squares += other.reward_squares + gap * gap * self.visits * (
            other.visits / safe)
        self.reward_mean = (
            self.reward_mean * self.visits + other.reward_mean * other.visits) / safe
        self.counts += other.counts
        self.visits = total
        for pair in np.flatnonzero(total > VISITS_MAX):
            self._fade(int(pair))
        self.kinds = np.count_nonzero(self.counts, axis=1).astype(np.float64)
        self.pooled_squares += other.pooled_squares
        self.pooled_freedom += other.pooled_freedom
        self._entropy_visits[:] = 0.0

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {'counts': self.counts, 'visits': self.visits, 'reward_mean': self.reward_mean,
                'reward_squares': self.reward_squares, 'entropy': self._entropy,
                'entropy_variance': self._entropy_variance,
                'entropy_visits': self._entropy_visits,
                'pooled': np.array([self.pooled_squares, self.pooled_freedom])}

    @classmethod
    def from_arrays(
        cls, states: int, actions: int, arrays: Mapping[str, NDArray[np.generic]]
    ) -> WorldModel:
        """Raises ValueError that names the array that is missing or of another shape."""
        model = cls(states, actions)
        pairs = states * actions
        shape = {'counts': (pairs, states + 1), 'pooled': (2,)}
        taken = {name: checked(arrays, name, shape.get(name, (pairs,)))
                 for name in model.arrays()}
        if min(float(values.min()) for name, values in taken.items()
               if name not in ('reward_mean', 'entropy')) < 0.0:
            raise ValueError('model: expected no negative counts, visits or squares')
        model.counts = taken['counts'].astype(np.float32)
        model.visits = taken['visits']
        model.kinds = np.count_nonzero(model.counts, axis=1).astype(np.float64)
        model.reward_mean, model.reward_squares = taken['reward_mean'], taken['reward_squares']
        model._entropy, model._entropy_variance = taken['entropy'], taken['entropy_variance']
        model._entropy_visits = taken['entropy_visits']
        model.pooled_squares, model.pooled_freedom = map(float, taken['pooled'])
        return model

    def _spread(self, pair: int, visits: float, reward_spread: float) -> float:
        """Standard deviation of the reward of a pair, for one more reward."""
        pooled = self.pooled_squares / self.pooled_freedom if self.pooled_freedom > 0.0 else (
            reward_spread * reward_spread)
        variance = (float(self.reward_squares[pair]) + SPREAD_WEIGHT * pooled) / (
            max(0.0, visits - 1.0) + SPREAD_WEIGHT)
        variance *= 1.0 + 1.0 / max(visits, 1.0)
        return math.sqrt(max(variance, (SPREAD_FLOOR * reward_spread) ** 2))

    def _fade(self, pair: int) -> None:
        self.counts[pair] *= np.float32(0.5)
        self.visits[pair] = float(self.counts[pair].sum(dtype=np.float64))
        self.reward_squares[pair] *= 0.5

    def _refresh(self, pair: int) -> None:
        """Mean and variance of -log chance of this pair's own next states."""
        visits, kinds = float(self.visits[pair]), float(self.kinds[pair])
        chances = (self.counts[pair].astype(np.float64) + kinds / (self.states + 1)) / (
            visits + kinds)
        nats = -np.log(chances)
        mean = float(chances @ nats)
        # A count of few visits is less sure of itself than it says: about kinds / (2 visits).
        self._entropy[pair] = mean + kinds / (2.0 * (visits + kinds))
        self._entropy_variance[pair] = max(0.0, float(chances @ (nats * nats)) - mean * mean)
        self._entropy_visits[pair] = visits


def checked(
    arrays: Mapping[str, NDArray[np.generic]], name: str, shape: tuple[int, ...]
) -> Floats:
    """A copy as float64. Raises ValueError where it is missing, of another shape or not finite."""
    values = arrays.get(name)
    if values is None:
        raise ValueError(f'{name}: expected an array of shape {shape}, found none')
    if values.shape != shape or values.dtype.kind not in 'fiub':
        raise ValueError(
            f'{name}: expected numbers of shape {shape}, found {values.dtype} {values.shape}')
    taken = values.astype(np.float64)
    if not np.isfinite(taken).all():
        raise ValueError(f'{name}: expected finite numbers')
    return taken
