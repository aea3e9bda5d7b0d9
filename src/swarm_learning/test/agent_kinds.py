# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Agents of every kind, for the claims about them."""

from __future__ import annotations

import random
from typing import Any

import gymnasium

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.config import (
    AgentConfig,
    Algorithm,
    DriftWatch,
    Exploration,
    Replay,
    Schedule,
    Strategy,
)

KINDS: dict[str, dict[str, Any]] = {
    'q': {},
    'double_q': {'double': True},
    'sarsa': {'algorithm': Algorithm.SARSA},
    'expected_sarsa': {'algorithm': Algorithm.EXPECTED_SARSA},
    'q_3': {'n_step': 3},
    'sarsa_3': {'algorithm': Algorithm.SARSA, 'n_step': 3},
    'q_replay': {'replay': Replay(capacity=200)},
    'q_prioritised': {'replay': Replay(capacity=200, prioritised=True)},
    'double_replay_2': {'double': True, 'n_step': 2, 'replay': Replay(capacity=200)},
    'q_softmax': {'exploration': Exploration(Strategy.SOFTMAX, Schedule(0.5, 0.05, 1000))},
    'q_ucb': {'exploration': Exploration(Strategy.UCB, Schedule(0.5, 0.05, 1000))},
    'q_drift': {'drift': DriftWatch(wait_steps=50)},
}


def agent(actions: int = 3, seed: int = 1, **settings: Any) -> TabularAgent:
    settings.setdefault('exploration', Exploration(amount=Schedule(1.0, 0.05, 1000)))
    return TabularAgent(AgentConfig(actions=actions, **settings), random.Random(seed))


def identity_score(one: TabularAgent, steps: int = 3000, states: int = 4) -> float:
    """Reward 1 where the action is the state; the share of states that are right at the end."""
    world = random.Random(99)
    state = world.randrange(states)
    for step in range(steps):
        action = one.choose(state)
        after = world.randrange(states)
        one.learn(state, action, float(action == state), after, False, step % 100 == 99)
        state = after
    return sum(one.best(state) == state for state in range(states)) / states


def cliff_walking() -> str:
    """Its name in the Gymnasium that is installed; v1 only added slippery cliffs."""
    return 'CliffWalking-v1' if 'CliffWalking-v1' in gymnasium.registry else 'CliffWalking-v0'
