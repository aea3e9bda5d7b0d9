# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns Q-learning of many transitions at once on numpy tables; refuses to act by itself.

For many simulated robots at a time, or for a log of transitions. One call is one synchronous
update: all targets are taken from the table as it was before. A pair (state, action) that occurs
k times moves as k steps towards the mean of its targets would.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .agent import TabularAgent
from .config import AgentConfig, Algorithm, Strategy

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass
class BatchTable:
    """values float64 and visits int64 [states, actions]; states are numbered from 0.

    Give each of n independent learners its own rows (state + learner * states), or let all share
    them. Only one-step Q without replay.
    """

    config: AgentConfig
    values: Floats
    visits: Whole
    _last: NDArray[np.int32] | None = None

    @classmethod
    def of_size(cls, config: AgentConfig, states: int) -> BatchTable:
        """Nothing learned yet. Raises ValueError for a configuration it cannot follow."""
        if config.algorithm is not Algorithm.Q or config.double or config.n_step > 1 \
                or config.replay is not None or config.drift is not None:
            raise ValueError('a batch learns one-step q only: expected no double, n_step, replay '
                             'or drift')
        if config.exploration.strategy is not Strategy.EPSILON:
            raise ValueError('a batch explores by epsilon only')
        if not 1 <= states <= config.states_max:
            raise ValueError(f'states={states}: expected 1 to {config.states_max}')
        shape = (states, config.actions)
        return cls(config, np.full(shape, config.initial_value), np.zeros(shape, np.int64))

    def choose(
        self, states: Whole, epsilon: float, rng: np.random.Generator,
        masks: NDArray[np.bool_] | None = None,
    ) -> Whole:
        """Actions [n] for states [n]; masks [n, actions], True = allowed. Ties are broken at
        random. Raises ValueError for a mask that allows none."""
        values = self.values.take(states, axis=0)
        if masks is not None:
            if masks.shape != values.shape or not masks.any(axis=1).all():
                raise ValueError(f'masks: expected {values.shape}, each with an allowed action')
            values = np.where(masks, values, -np.inf)
        best = values >= values.max(axis=1, keepdims=True)
        tried = rng.random(len(states)) < epsilon
        if tried.any():
            best[tried] = True if masks is None else masks[tried]
        lots = rng.random(values.shape)
        lots[~best] = -1.0
        return np.asarray(lots.argmax(axis=1), np.int64)

    def learn(
        self,
        states: Whole,
        actions: Whole,
        rewards: Floats,
        next_states: Whole,
        terminated: NDArray[np.bool_],
        next_masks: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """TD errors [n] of n transitions. terminated as in TabularAgent.learn: a cut episode is
        not terminated. Raises ValueError and learns nothing from bad ones."""
        self._check(states, actions, rewards, next_states)
        after = self.values.take(next_states, axis=0)
        if next_masks is not None:
            usable = next_masks | terminated[:, np.newaxis]
            if usable.shape != after.shape or not usable.any(axis=1).all():
                raise ValueError(f'next_masks: expected {after.shape}, each with an action')
            after = np.where(usable, after, -np.inf)
        best = np.where(terminated, 0.0, after.max(axis=1))
        places = states * self.config.actions + actions
        values, visits = self.values.reshape(-1), self.visits.reshape(-1)
        errors = rewards + self.config.discount * best - values.take(places)
        self._move(values, visits, places, errors)
        return np.asarray(errors)

    def _move(self, values: Floats, visits: Whole, places: Whole, errors: Floats) -> None:
        rate = self.config.rate
        if self._distinct(places):
            counted = visits[places] + 1
            visits[places] = counted
            alphas = np.maximum(rate.floor, rate.scale * counted ** -rate.power)
            values[places] += alphas * errors
            return
        unique, inverse, counts = np.unique(places, return_inverse=True, return_counts=True)
        means = np.bincount(inverse.reshape(-1), errors) / counts
        kept = np.ones(len(unique))
        for repeat in range(int(counts.max())):
            more = counts > repeat
            visits[unique[more]] += 1
            alphas = rate.scale * visits[unique[more]] ** -rate.power
            kept[more] *= 1.0 - np.maximum(rate.floor, alphas)
        values[unique] += (1.0 - kept) * means

    def _distinct(self, places: Whole) -> bool:
        """Is no pair repeated? Each writes its number at its place; sorting would cost more than
        all the rest."""
        if self._last is None:
            self._last = np.zeros(self.values.size, np.int32)
        numbers = np.arange(len(places), dtype=np.int32)
        self._last[places] = numbers
        return bool((self._last[places] == numbers).all())

    def _check(self, states: Whole, actions: Whole, rewards: Floats, next_states: Whole) -> None:
        count, width = self.values.shape
        for name, one, high in (('states', states, count), ('actions', actions, width),
                                ('next_states', next_states, count)):
            if one.dtype.kind not in 'iu' or one.shape != rewards.shape or one.ndim != 1:
                raise ValueError(f'{name}: expected whole numbers {rewards.shape}')
            if one.size and not 0 <= int(one.min()) <= int(one.max()) < high:
                raise ValueError(f'{name}: expected numbers from 0 to {high - 1}')
        if rewards.size and not np.abs(rewards).max() <= self.config.reward_abs_max:
            raise ValueError('rewards: expected finite numbers of at most '
                             f'{self.config.reward_abs_max:g} in size')


def adopt(agent: TabularAgent, values: Floats, visits: Whole,
          names: Mapping[int, Hashable] | None = None) -> None:
    """Give a table that was learned elsewhere to an agent. names: row -> state as the agent will
    be asked; without it a state is the number of its row. Raises ValueError."""
    shape: tuple[Any, ...] = (len(values), agent.config.actions)
    if values.shape != shape or visits.shape != shape or not np.isfinite(values).all():
        raise ValueError(f'expected finite values and visits of shape [n, {shape[1]}]')
    if len(values) > agent.config.states_max or agent.config.double or (visits < 0).any():
        raise ValueError('expected at most states_max rows, counts, and an agent without double')
    keys = [names[row] if names else row for row in range(len(values))]
    if len(set(keys)) != len(keys):
        raise ValueError('names: expected each state once')
    agent.states = {state: row for row, state in enumerate(keys)}
    agent.values = values.astype(np.float64).tolist()
    agent.visits = visits.astype(np.int64).tolist()
    agent.forget_path()
    if agent.replay is not None:
        agent.replay.flush()
