# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Worlds for continual learning: families of small random decision processes that follow one
another. Owns the worlds and their exact values; refuses to know a learner.

`unrelated` and `related` are the families that the literature's figures are quoted for. The
others are harder: contexts that differ in few places, noise, a policy that walks a grid to a goal
that moves, and rewards that lie for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SWEEPS = 400  # of value iteration: at discount 0.9 nothing is left open in 16 digits


@dataclass(frozen=True)
class World:
    """A decision process. step: (states, actions, states) chances; reward: (states, actions)
    means; noise: standard deviation of a reward."""

    name: str
    step: Floats
    reward: Floats
    noise: float = 0.0
    discount: float = 0.9

    @property
    def states(self) -> int:
        return int(self.reward.shape[0])

    @property
    def actions(self) -> int:
        return int(self.reward.shape[1])

    def worth(self, policy: Floats) -> float:
        """Mean discounted reward from a uniformly random state; policy: (states, actions)
        chances. Exact."""
        moves = np.einsum('sa,sat->st', policy, self.step)
        gain = (policy * self.reward).sum(axis=1)
        values = np.linalg.solve(np.eye(self.states) - self.discount * moves, gain)
        return float(values.mean())

    def best(self) -> float:
        values = np.zeros(self.states)
        for _ in range(SWEEPS):
            values = (self.reward + self.discount * (self.step @ values)).max(axis=1)
        return self.worth_of((self.reward + self.discount * (self.step @ values)).argmax(axis=1))

    def worth_of(self, actions: NDArray[np.int64]) -> float:
        return self.worth(np.eye(self.actions)[actions])

    def random(self) -> float:
        return self.worth(np.full((self.states, self.actions), 1.0 / self.actions))


class Scorer:
    """0 = as good as random, 1 = optimal."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._low, self._high = world.random(), world.best()

    def score(self, actions: NDArray[np.int64]) -> float:
        return (self._world.worth_of(actions) - self._low) / (self._high - self._low)


class Walk:
    """A seeded walk through worlds; `lying` adds noise of that size to rewards."""

    def __init__(self, world: World, generator: np.random.Generator) -> None:
        self._generator = generator
        self.lying = 0.0
        self.enter(world)
        self.state = int(generator.integers(world.states))

    def enter(self, world: World) -> None:
        self.world = world
        self._edges = world.step.cumsum(axis=2)

    def step(self, action: int) -> tuple[int, float]:
        """(next state, reward)."""
        before = self.state
        drawn = self._generator.random()
        after = int(np.searchsorted(self._edges[before, action], drawn * (1.0 - 1e-12), 'right'))
        self.state = min(after, self.world.states - 1)
        reward = float(self.world.reward[before, action])
        if self.world.noise:
            reward += self.world.noise * float(self._generator.standard_normal())
        if self.lying:
            reward = float(self.world.reward.mean()) + self.lying * float(
                self._generator.standard_normal())
        return self.state, reward


def random_worlds(
    generator: np.random.Generator, count: int = 5, *, shared: float = 0.0, noise: float = 0.1,
    states: int = 27, actions: int = 5, name: str = '',
) -> list[World]:
    """Dense worlds: Dirichlet(1) next states and uniform rewards, of which `shared` is common."""
    def one() -> tuple[Floats, Floats]:
        step = generator.dirichlet(np.ones(states), size=(states, actions))
        return step, generator.random((states, actions))

    common_step, common_reward = one()
    worlds = []
    for number in range(count):
        step, reward = one()
        worlds.append(World(
            f'{name or "random"}-{number}', shared * common_step + (1.0 - shared) * step,
            shared * common_reward + (1.0 - shared) * reward, noise))
    return worlds


def alike_worlds(
    generator: np.random.Generator, count: int = 5, *, differing: float = 0.15,
    noise: float = 0.3, states: int = 27, actions: int = 5,
) -> list[World]:
    """Hard to tell: one base world; in each, `differing` of the pairs are drawn anew."""
    base, = random_worlds(generator, 1, noise=noise, states=states, actions=actions)
    worlds = []
    for number in range(count):
        other, = random_worlds(generator, 1, noise=noise, states=states, actions=actions)
        drawn = generator.random((states, actions)) < differing
        worlds.append(World(
            f'alike-{number}', np.where(drawn[:, :, None], other.step, base.step),
            np.where(drawn, other.reward, base.reward), noise))
    return worlds


def sparse_worlds(
    generator: np.random.Generator, count: int = 5, *, noise: float = 0.1, states: int = 27,
    actions: int = 5, successors: int = 3,
) -> list[World]:
    """Few next states per pair, as of buckets: unrelated in rewards, the same in half of the
    steps."""
    def steps() -> Floats:
        made = np.zeros((states, actions, states))
        for state in range(states):
            for action in range(actions):
                to = generator.choice(states, successors, replace=False)
                made[state, action, to] = generator.dirichlet(np.ones(successors))
        return made

    base = steps()
    worlds = []
    for number in range(count):
        own = generator.random((states, actions)) < 0.5
        worlds.append(World(
            f'sparse-{number}', np.where(own[:, :, None], steps(), base),
            generator.random((states, actions)), noise))
    return worlds


def goal_worlds(
    generator: np.random.Generator, count: int = 5, *, side: int = 6, slip: float = 0.1,
    noise: float = 0.0,
) -> list[World]:
    """The same grid with the goal elsewhere: all that tells them apart is one rare reward."""
    states = side * side
    step = np.zeros((states, 4, states))
    for state in range(states):
        row, column = divmod(state, side)
        for action in range(4):
            for drawn in range(4):
                down, right = ((-1, 0), (1, 0), (0, -1), (0, 1))[drawn]
                to = (min(side - 1, max(0, row + down)) * side
                      + min(side - 1, max(0, column + right)))
                step[state, action, to] += slip / 4.0 + (1.0 - slip) * (drawn == action)
    goals = generator.choice(states, count, replace=False)
    worlds = []
    for number, goal in enumerate(goals):
        moves, reward = step.copy(), np.zeros((states, 4))
        reward[goal] = 1.0
        moves[goal] = 1.0 / states  # and start again anywhere
        worlds.append(World(f'goal-{number}', moves, reward, noise))
    return worlds


FAMILIES: dict[str, Callable[[np.random.Generator], list[World]]] = {
    'unrelated': lambda generator: random_worlds(generator, name='unrelated'),
    'related': lambda generator: random_worlds(generator, shared=0.6, name='related'),
    'alike': alike_worlds,
    'sparse': sparse_worlds,
    'goals': goal_worlds,
}
