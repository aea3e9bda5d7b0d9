# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the tasks on which tabular agents are compared, and the agents; refuses to judge."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.config import (
    AgentConfig,
    Algorithm,
    Exploration,
    LearningRate,
    Replay,
    Schedule,
)
from swarm_learning.sim.known_models import (
    KnownModel,
    Walk,
    greedy_policy,
    of_environment,
    returns_of,
)
from swarm_learning.sim.plain_agent import PlainDictAgent

Floats = NDArray[np.float64]
WALK_SEEDS_FROM = 1000  # the world's chance is another one than the agent's
# Of FrozenLake 8x8, the longest: with .99 the best policy of all reaches .863 of .894.
DISCOUNT = 0.997
SHARES = (0.1, 0.25, 0.5, 1.0)  # of the budget: the learning curve


@dataclass(frozen=True)
class Task:
    """horizon: steps of an episode in training and in evaluation, as registered with Gymnasium
    (CliffWalking has none; 200 there). budget: steps of training."""

    name: str
    horizon: int
    budget: int

    def model(self) -> KnownModel:
        return of_environment(gymnasium.make(self.name), self.horizon)


TASKS = (
    Task('FrozenLake-v1', 100, 200_000),
    Task('FrozenLake8x8-v1', 200, 500_000),
    Task('Taxi-v4', 200, 200_000),
    Task('CliffWalking-v1', 200, 50_000),
)

OURS = {
    'q, replay 4': {'replay': Replay(), 'rate': LearningRate(power=0.6)},
    'q': {},
    'double q': {'double': True},
    'expected sarsa': {'algorithm': Algorithm.EXPECTED_SARSA},
    'q, 3 steps': {'n_step': 3},
}
PLAIN = 'plain dict'


def config(task: Task, settings: dict[str, Any]) -> AgentConfig:
    """Epsilon from 1 to .05 over half of the budget, as for the figures to be reached."""
    explored = Exploration(amount=Schedule(1.0, 0.05, task.budget // 2))
    return AgentConfig(**{'actions': 6 if task.name.startswith('Taxi') else 4,
                          'exploration': explored, 'discount': DISCOUNT, **settings})


def curve(task: Task, model: KnownModel, kind: str, seed: int) -> Floats:
    """Exact returns of the greedy policy [len(SHARES)] after shares of the budget."""
    if kind == PLAIN:
        return _curve(task, model, seed, *_plain(model, seed))
    agent = TabularAgent(config(task, OURS[kind]), random.Random(seed))

    def policy() -> Floats:
        return greedy_policy(np.array([agent.values_of(s) for s in range(model.states)]))

    return _curve(task, model, seed, agent.choose, agent.learn, policy)


Learn = Callable[[Hashable, int, float, Hashable, bool, bool], object]


def _curve(
    task: Task, model: KnownModel, seed: int,
    choose: Callable[[Hashable], int], learn: Learn, policy: Callable[[], Floats],
) -> Floats:
    walk = Walk(model, random.Random(WALK_SEEDS_FROM + seed))
    marks = [round(share * task.budget) for share in SHARES]
    policies, state = [], walk.state
    for step in range(1, task.budget + 1):
        action = choose(state)
        after, reward, ended, cut = walk.step(action)
        learn(state, action, reward, after, ended, cut)
        state = walk.reset() if ended or cut else after
        if step in marks:
            policies.append(policy())
    return returns_of(model, np.array(policies))


def _plain(
    model: KnownModel, seed: int
) -> tuple[Callable[[Hashable], int], Learn, Callable[[], Floats]]:
    agent = PlainDictAgent(model.actions, seed)

    def learn(state: Hashable, action: int, reward: float, after: Hashable, ended: bool,
              cut: bool) -> None:
        agent.learn(state, action, reward, after, ended or cut)

    def policy() -> Floats:
        first = [max(range(model.actions), key=agent.q_table[s].__getitem__)
                 for s in range(model.states)]
        return np.eye(model.actions)[first]

    return agent.choose_action, learn, policy


def random_return(model: KnownModel) -> float:
    return float(returns_of(model, np.full((1, model.states, model.actions),
                                           1.0 / model.actions))[0])
