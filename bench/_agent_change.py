# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how long an agent needs when its world changes; refuses to judge.

A task is learned; then every action does what the next one did (the last what the first did).
Counted are the steps until the exact return of the greedy policy passes a limit again, looked at
every so often and at most as many steps as were learned before. All learn with a rate of at
least .05: without a floor nothing changes any more.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.config import (
    AgentConfig,
    DriftWatch,
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


@dataclass(frozen=True)
class Change:
    """limit: return that counts as recovered. steps: of learning before; look: between looks."""

    name: str
    horizon: int
    limit: float
    steps: int
    look: int


CHANGES = (Change('FrozenLake-v1', 100, 0.70, 40_000, 500),
           Change('Taxi-v4', 200, 7.0, 60_000, 2000))
RATE = LearningRate(floor=0.05)
WATCHED, RECENT, LONG = (
    'replay of 4000, flushed on drift', 'replay of 4000', 'replay of 40 000')
KINDS: dict[str, dict[str, Any]] = {
    WATCHED: {'replay': Replay(), 'drift': DriftWatch()},
    RECENT: {'replay': Replay()},
    LONG: {'replay': Replay(capacity=40_000)},
    'no replay': {},
}


def worlds(change: Change) -> tuple[KnownModel, KnownModel]:
    model = of_environment(gymnasium.make(change.name), change.horizon)
    width = model.actions
    turned = [[row[(action + 1) % width] for action in range(width)] for row in model.branches]
    return model, dataclasses.replace(model, branches=turned)


def recovery_steps(
    change: Change, before: KnownModel, after: KnownModel, kind: str, seed: int
) -> float:
    explored = Exploration(amount=Schedule(1.0, 0.05, change.steps // 2))
    config = AgentConfig(before.actions, rate=RATE, exploration=explored, initial_value=0.0,
                         **KINDS[kind])
    agent = TabularAgent(config, random.Random(seed))
    _live(agent, Walk(before, random.Random(1000 + seed)), change.steps)
    walk = Walk(after, random.Random(2000 + seed))
    for looks in range(1, change.steps // change.look + 1):
        _live(agent, walk, change.look)
        policy = greedy_policy(np.array([agent.values_of(s) for s in range(after.states)]))
        if returns_of(after, policy[np.newaxis])[0] >= change.limit:
            return float(looks * change.look)
    return float(change.steps)


def _live(agent: TabularAgent, walk: Walk, steps: int) -> None:
    for _ in range(steps):
        state = walk.state
        action = agent.choose(state)
        after, reward, ended, cut = walk.step(action)
        agent.learn(state, action, reward, after, ended, cut)
        if ended or cut:
            walk.reset()
