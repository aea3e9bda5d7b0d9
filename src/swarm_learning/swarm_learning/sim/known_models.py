# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns worlds whose probabilities are known: their exact optimum, the exact value of any policy,
and a fast walk through them; refuses to learn.

Ground truth is computed here by dynamic programming (backward induction), because published
"solved" thresholds of such environments are often not attainable.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# (probability, next state, reward, ends the episode), as in gymnasium's toy_text P.
Branch = tuple[float, int, float, bool]


@dataclass(frozen=True)
class KnownModel:
    """A world of S states and A actions.

    branches[s][a]: what can follow. start [S]: probabilities of the first state. horizon: steps
    until an episode is cut.
    """

    branches: Sequence[Sequence[Sequence[Branch]]]
    start: Floats
    horizon: int

    @property
    def states(self) -> int:
        return len(self.branches)

    @property
    def actions(self) -> int:
        return len(self.branches[0])

    def matrices(self) -> tuple[Floats, Floats]:
        """Transitions that go on [S, A, S] and expected rewards [S, A]."""
        going = np.zeros((self.states, self.actions, self.states))
        rewards = np.zeros((self.states, self.actions))
        for state, row in enumerate(self.branches):
            for action, branches in enumerate(row):
                for probability, after, reward, ends in branches:
                    rewards[state, action] += probability * reward
                    if not ends:
                        going[state, action, after] += probability
        return going, rewards


def of_environment(env: Any, horizon: int) -> KnownModel:
    """From a Gymnasium toy_text environment, which has P and initial_state_distrib."""
    inside = env.unwrapped
    table: Mapping[int, Mapping[int, Sequence[Branch]]] = inside.P
    branches = [[list(table[state][action]) for action in sorted(table[state])]
                for state in sorted(table)]
    return KnownModel(branches, np.asarray(inside.initial_state_distrib, np.float64), horizon)


def optimum(model: KnownModel) -> float:
    """J*: the best expected return of an episode that is cut at the horizon, by any policy, also
    one that looks at the time that is left."""
    going, rewards = model.matrices()
    values = np.zeros(model.states)
    for _ in range(model.horizon):
        values = (rewards + going @ values).max(axis=1)
    return float(model.start @ values)


def returns_of(model: KnownModel, policies: Floats) -> Floats:
    """Exact expected return until the horizon [n] of n policies [n, S, A], each row of which is
    the probabilities of the actions."""
    going, rewards = model.matrices()
    found = np.empty(len(policies))
    for number, policy in enumerate(policies):
        step = np.einsum('sa,sat->st', policy, going)
        gain = (policy * rewards).sum(axis=1)
        values = np.zeros(model.states)
        for _ in range(model.horizon):
            values = gain + step @ values
        found[number] = model.start @ values
    return found


def best_stationary(model: KnownModel, discounts: Sequence[float]) -> float:
    """The best return until the horizon among greedy policies of several discounts: what a
    policy that does not look at the time can be expected to reach."""
    going, rewards = model.matrices()
    policies = []
    for discount in discounts:
        values = np.zeros(model.states)
        for _ in range(20 * model.horizon):
            values = (rewards + discount * (going @ values)).max(axis=1)
        policies.append(greedy_policy(rewards + discount * (going @ values), 1e-9))
    return float(returns_of(model, np.array(policies)).max())


def greedy_policy(values: Floats, tolerance: float = 0.0) -> Floats:
    """[S, A] -> probabilities: uniform over the best actions of each state."""
    best = values >= values.max(axis=1, keepdims=True) - tolerance
    return np.asarray(best / best.sum(axis=1, keepdims=True))


class Walk:
    """Plays episodes of a known model, without the cost of an environment."""

    def __init__(self, model: KnownModel, rng: random.Random) -> None:
        self.model = model
        self._rng = rng
        self._starts = np.cumsum(model.start).tolist()
        self._edges = [[_edges(branches) for branches in row] for row in model.branches]
        self.state = 0
        self.steps = 0
        self.reset()

    def reset(self) -> int:
        self.steps = 0
        at = bisect.bisect_right(self._starts, self._rng.random() * self._starts[-1])
        self.state = min(at, self.model.states - 1)
        return self.state

    def step(self, action: int) -> tuple[int, float, bool, bool]:
        """Next state, reward, terminated, truncated."""
        branches = self.model.branches[self.state][action]
        at = 0
        if len(branches) > 1:
            at = min(bisect.bisect_right(self._edges[self.state][action], self._rng.random()),
                     len(branches) - 1)
        _, self.state, reward, ends = branches[at]
        self.steps += 1
        return self.state, reward, ends, self.steps >= self.model.horizon


def _edges(branches: Sequence[Branch]) -> list[float]:
    total, edges = 0.0, []
    for probability, *_ in branches:
        total += probability
        edges.append(total)
    return edges
