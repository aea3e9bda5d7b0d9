# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a tabular agent: what it has learned and how one step changes it; refuses to know files,
environments and where chance comes from.

    agent = TabularAgent(AgentConfig(actions=4), random.Random(7))
    action = agent.choose(state, mask)
    ...
    agent.learn(state, action, reward, next_state, terminated, truncated, next_mask)

Sutton & Barto, Reinforcement Learning, 2nd ed.; double Q after van Hasselt, Double Q-learning,
NIPS 2010. Single steps use lists: reading one number of a numpy array costs more than a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .config import AgentConfig, Algorithm, Strategy
from .drift import Drift
from .exploration import drawn, expected, greedy, one_of
from .randomness import Randomness
from .replay import Ring, ring
from .returns import Returns, Step
from .states import TooManyStates

MASKS_KEPT_MAX = 4096
Mask = Sequence[int] | Sequence[bool] | NDArray[np.int8] | NDArray[np.bool_]
Allowed = tuple[int, ...]


@dataclass(frozen=True)
class ActionView:
    """What the agent holds of one action in one state."""

    action: int
    value: float
    visits: int  # real ones; those of replay are not counted
    masked: bool


@dataclass(frozen=True)
class Explanation:
    """Why an action would be chosen: `best` are those of the highest value that are allowed."""

    known: bool  # False: never seen, all values are the initial one
    actions: tuple[ActionView, ...]
    best: tuple[int, ...]
    strategy: Strategy
    amount: float  # of exploration now: epsilon, temperature or weight of UCB


class TabularAgent:
    """Learns the value of each action in each state it meets. States are plain and hashable."""

    def __init__(self, config: AgentConfig, rng: Randomness) -> None:
        self.config = config
        self.rng = rng
        self.steps = 0
        self.episodes = 0
        self.frozen = False
        self.states: dict[Hashable, int] = {}  # state -> its row in the tables
        self.values: list[list[float]] = []
        self.second: list[list[float]] = []  # of double Q only
        self.visits: list[list[int]] = []
        self.replay: Ring | None = ring(config.replay) if config.replay else None
        self.drift = Drift(config.drift) if config.drift else None
        self.returns = Returns(config.n_step, config.discount)
        self.planned: tuple[int, int] | None = None  # SARSA: state and the action it will take
        self.reached: tuple[int, Allowed | None] | None = None  # where the last step led
        self._all: Allowed = tuple(range(config.actions))
        self._masks: dict[bytes, Allowed | None] = {}
        # Each of these is read in every step: a chain of attributes costs as much as a sum.
        self._width = config.actions
        self._discount = config.discount
        self._scale = config.rate.scale
        self._exponent = -config.rate.power
        self._floor = config.rate.floor
        self._reward_max = config.reward_abs_max
        self._plain = (config.n_step == 1 and config.replay is None and config.drift is None
                       and config.algorithm is Algorithm.Q)
        self._update = self._rule()

    # -- acting ---------------------------------------------------------------------------------

    def choose(self, state: Hashable, mask: Mask | None = None) -> int:
        """The action to take; explores unless frozen. mask: one truth value per action, True =
        allowed. Raises ValueError for a mask that allows none or has another length."""
        allowed = None if mask is None else self.allowed(mask)
        row = self.states.get(state)
        if self.frozen:
            return self._greedy(row, allowed)
        planned, self.planned = self.planned, None
        if planned is not None and planned[0] == row and (
                allowed is None or planned[1] in allowed):
            return planned[1]
        return self._drawn(row, allowed)

    def best(self, state: Hashable, mask: Mask | None = None) -> int:
        """A best action, without exploring; ties are broken at random."""
        allowed = None if mask is None else self.allowed(mask)
        return self._greedy(self.states.get(state), allowed)

    def exploration_now(self) -> float:
        """Epsilon, temperature or weight of UCB after the steps so far; 0 while frozen."""
        return 0.0 if self.frozen else self.config.exploration.amount.at(self.steps)

    def allowed(self, mask: Mask) -> Allowed | None:
        """Actions that a mask leaves; None = all. Raises ValueError."""
        try:
            if len(mask) == self._width:
                return self._masks[bytes(mask)]
        except (KeyError, TypeError, ValueError):
            pass
        return self._new_mask(mask)

    def _new_mask(self, mask: Mask) -> Allowed | None:
        try:
            flags = [bool(one) for one in mask]
        except (TypeError, ValueError):
            flags = []
        if len(flags) != self.config.actions:
            raise ValueError(f'mask: expected {self.config.actions} truth values, one per action')
        if not any(flags):
            raise ValueError('mask: expected at least one allowed action')
        allowed = None if all(flags) else tuple([a for a in self._all if flags[a]])
        if len(self._masks) >= MASKS_KEPT_MAX:
            self._masks.clear()
        if not isinstance(mask, np.ndarray) or mask.dtype.itemsize == 1:
            self._masks[bytes(mask)] = allowed
        return allowed

    def _greedy(self, row: int | None, allowed: Allowed | None) -> int:
        if row is None:
            return one_of(self._all if allowed is None else allowed, self.rng)
        values = self._row(row)
        if allowed is not None:
            return greedy(values, allowed, self.rng)
        best = max(values)
        if values.count(best) == 1:
            return values.index(best)
        return greedy(values, self._all, self.rng)

    def _drawn(self, row: int | None, allowed: Allowed | None) -> int:
        strategy = self.config.exploration.strategy
        amount = self.config.exploration.amount.at(self.steps)
        if strategy is Strategy.EPSILON:
            if amount > 0.0 and self.rng.random() < amount:
                return one_of(self._all if allowed is None else allowed, self.rng)
            return self._greedy(row, allowed)
        if row is None:
            return one_of(self._all if allowed is None else allowed, self.rng)
        among = self._all if allowed is None else allowed
        return drawn(strategy, amount, self._row(row), self.visits[row], among, self.rng)

    # -- learning -------------------------------------------------------------------------------

    def learn(
        self,
        state: Hashable,
        action: int,
        reward: float,
        next_state: Hashable,
        terminated: bool,
        truncated: bool = False,
        next_mask: Mask | None = None,
    ) -> float:
        """Take in one step and return its TD error (0 while frozen or while n-step waits).

        terminated: nothing can follow next_state. truncated: the episode was cut, though more
        could follow; its value still counts. next_mask: what is allowed in next_state; not asked
        if terminated. Raises ValueError and learns nothing from NaN, an infinite or too large
        reward, an unknown action, a mask that allows none, or more states than states_max.
        """
        if self.frozen:
            return 0.0
        if not -self._reward_max <= reward <= self._reward_max:
            raise ValueError(f'reward={reward}: expected a finite number of at most '
                             f'{self._reward_max:g} in size')
        if not 0 <= action < self._width:
            raise ValueError(f'action={action}: expected 0 to {self.config.actions - 1}')
        allowed = None if next_mask is None or terminated else self.allowed(next_mask)
        try:
            at = self.states.get(state)
            to = self.states.get(next_state)
        except TypeError:
            raise ValueError('state: expected something hashable; of an array take '
                             'tuple(x.tolist())') from None
        if at is None:
            at = self._added(state)
        if to is None:
            to = self._added(next_state)
        self.steps += 1
        if terminated or truncated:
            self.episodes += 1
        discount = 0.0 if terminated else self._discount
        if reward.__class__ is not float:  # numpy's numbers would make every later step slow
            reward = float(reward)
        if self._plain:
            return self._update(at, action, reward, to, discount, allowed, 1.0)
        return self._learned(at, action, reward, to, discount, allowed, terminated or truncated)

    def _learned(
        self, at: int, action: int, reward: float, to: int, discount: float,
        allowed: Allowed | None, ended: bool,
    ) -> float:
        """The long way: plans, n-step returns, replay, drift."""
        if self.returns.waiting:
            self._cut(at, action)
        if self.config.algorithm is Algorithm.SARSA and discount:
            self.planned = to, self._drawn(to, allowed)
        error = 0.0
        if self.config.n_step == 1:
            error = self._taken(at, action, reward, to, discount, allowed)
        else:
            done = self.returns.add(Step(at, action, reward))
            for start, tried, total, count in (
                    ([done] if done else []) + (self.returns.flush() if ended else [])):
                error = self._taken(start, tried, total, to, discount ** count, allowed)
        self.reached = None if ended else (to, allowed)
        if ended:
            self.planned = None
        if self.replay is not None and self.replay.kept:
            self._replayed(self.replay)
        return error

    def _cut(self, at: int, action: int) -> None:
        """End the sums that wait: where Q did not act greedily, or where the user went on in
        another state than the one that was reached."""
        reached, allowed = self.reached or (at, None)
        if reached == at and self.config.algorithm is not Algorithm.Q:
            return
        if reached == at:
            values = self._row(at)
            among = self._all if allowed is None else allowed
            if values[action] >= max([values[one] for one in among]):
                return
        for start, tried, total, count in self.returns.flush():
            self._taken(start, tried, total, reached, self.config.discount ** count, allowed)

    def _taken(
        self, at: int, action: int, reward: float, to: int, discount: float,
        allowed: Allowed | None,
    ) -> float:
        error = self._update(at, action, reward, to, discount, allowed, 1.0)
        if self.replay is not None:
            self.replay.put((at, action, reward, to, discount, allowed), error)
        if self.drift is not None and self.drift.note(error):
            self.adapt()
        return error

    def _replayed(self, kept: Ring) -> None:
        """With the rate that real visits have earned: were these counted as well, the rate would
        fall before values have spread. On FrozenLake 8x8 that cost .13 of .86."""
        for _ in range(kept.config.updates_per_step):
            place, weight = kept.draw(self.rng)
            past = kept.kept[place]
            kept.grade(place, self._update(*past, weight))
            self.visits[past[0]][past[1]] -= 1

    def adapt(self) -> None:
        """The world has changed: forget what is replayed and learn fast again. The values stay,
        as the best guess there is."""
        if self.replay is not None:
            self.replay.flush()
        most = self.config.drift.visits_kept if self.config.drift else 0
        self.visits = [[min(count, most) for count in row] for row in self.visits]

    def freeze(self, frozen: bool) -> None:
        """While frozen nothing is learned and nothing is explored; what is known is used. Rewards
        that n-step still sums are dropped: what follows them will not be seen."""
        self.frozen = frozen
        self.forget_path()

    def forget_path(self) -> None:
        """What comes next does not follow from the last step."""
        self.planned = self.reached = None
        self.returns.waiting.clear()

    # -- the rules ------------------------------------------------------------------------------

    def _rule(self) -> Callable[[int, int, float, int, float, Allowed | None, float], float]:
        if self.config.double:
            return self._double_q
        return {Algorithm.Q: self._q, Algorithm.SARSA: self._sarsa,
                Algorithm.EXPECTED_SARSA: self._expected_sarsa}[self.config.algorithm]

    def _q(
        self, at: int, action: int, reward: float, to: int, discount: float,
        allowed: Allowed | None, weight: float,
    ) -> float:
        if discount:
            row = self.values[to]
            # The mask is part of the target: an action that is forbidden there is worth nothing.
            reward += discount * (
                max(row) if allowed is None else max([row[one] for one in allowed]))
        counts = self.visits[at]
        counts[action] = count = counts[action] + 1
        row = self.values[at]
        error = reward - row[action]
        alpha = self._scale * count ** self._exponent
        row[action] += weight * (alpha if alpha > self._floor else self._floor) * error
        return error

    def _double_q(
        self, at: int, action: int, reward: float, to: int, discount: float,
        allowed: Allowed | None, weight: float,
    ) -> float:
        """One table, by the toss of a coin, asks the other what its best action is worth."""
        mine, other = self.values, self.second
        if self.rng.random() < 0.5:
            mine, other = other, mine
        if discount:
            row = mine[to]
            among = self._all if allowed is None else allowed
            reward += discount * other[to][max(among, key=row.__getitem__)]
        return self._moved(mine[at], at, action, reward, weight)

    def _sarsa(
        self, at: int, action: int, reward: float, to: int, discount: float,
        allowed: Allowed | None, weight: float,
    ) -> float:
        if discount:
            if self.planned is None or self.planned[0] != to:
                reward += discount * self.values[to][self._drawn(to, allowed)]
            else:
                reward += discount * self.values[to][self.planned[1]]
        return self._moved(self.values[at], at, action, reward, weight)

    def _expected_sarsa(
        self, at: int, action: int, reward: float, to: int, discount: float,
        allowed: Allowed | None, weight: float,
    ) -> float:
        if discount:
            exploration = self.config.exploration
            reward += discount * expected(
                exploration.strategy, exploration.amount.at(self.steps), self.values[to],
                self.visits[to], self._all if allowed is None else allowed)
        return self._moved(self.values[at], at, action, reward, weight)

    def _moved(
        self, row: list[float], at: int, action: int, target: float, weight: float
    ) -> float:
        counts = self.visits[at]
        counts[action] = count = counts[action] + 1
        error = target - row[action]
        alpha = self._scale * count ** self._exponent
        row[action] += weight * (alpha if alpha > self._floor else self._floor) * error
        return error

    # -- the tables -----------------------------------------------------------------------------

    def _added(self, state: Hashable) -> int:
        row = self.states.get(state)
        if row is not None:  # a step that leads to where it began
            return row
        if len(self.states) >= self.config.states_max:
            raise TooManyStates(self.config.states_max)
        self.states[state] = row = len(self.values)
        self.values.append([self.config.initial_value] * self.config.actions)
        self.visits.append([0] * self.config.actions)
        if self.config.double:
            self.second.append([self.config.initial_value] * self.config.actions)
        return row

    def _row(self, row: int) -> list[float]:
        """What decides: the table, or the mean of both."""
        if not self.config.double:
            return self.values[row]
        return [(one + two) / 2.0 for one, two in
                zip(self.values[row], self.second[row], strict=True)]

    def values_of(self, state: Hashable) -> list[float]:
        """A copy; the initial value for a state never met."""
        row = self.states.get(state)
        if row is None:
            return [self.config.initial_value] * self.config.actions
        return list(self._row(row))

    def explain(self, state: Hashable, mask: Mask | None = None) -> Explanation:
        """Why `best` and `choose` answer as they do. Changes nothing."""
        allowed = (None if mask is None else self.allowed(mask)) or self._all
        row = self.states.get(state)
        values = self.values_of(state)
        visits = [0] * self.config.actions if row is None else self.visits[row]
        best = max([values[action] for action in allowed])
        return Explanation(
            known=row is not None,
            actions=tuple([ActionView(action, values[action], visits[action],
                                      action not in allowed) for action in self._all]),
            best=tuple([action for action in allowed if values[action] == best]),
            strategy=self.config.exploration.strategy,
            amount=self.exploration_now(),
        )

    def check_invariants(self) -> None:
        """Asserts what must hold between any two steps. Costs as much as a copy of the tables."""
        rows = len(self.states)
        assert list(self.states.values()) == list(range(rows)), 'every state has its own row'
        assert rows <= self.config.states_max
        assert len(self.values) == len(self.visits) == rows
        assert len(self.second) == (rows if self.config.double else 0)
        for row in (*self.values, *self.second):
            assert len(row) == self._width and all([math.isfinite(value) for value in row])
        for counts in self.visits:
            assert len(counts) == self._width and min(counts) >= 0
        assert len(self.returns.waiting) < self.config.n_step
        assert self.reached is not None or not self.returns.waiting
        if self.replay is not None:
            assert len(self.replay) <= self.replay.config.capacity
            for at, action, _, to, _, _ in self.replay.kept:
                assert 0 <= at < rows and 0 <= to < rows and 0 <= action < self._width
