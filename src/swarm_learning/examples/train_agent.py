# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Trains a tabular agent in a Gymnasium environment, keeps it, goes on where it stopped.

    python train_agent.py --folder my_agent                  # trains, keeps, shows what it knows
    python train_agent.py --folder my_agent                  # goes on from there
    python train_agent.py --folder taxi --env Taxi-v4 --steps 100000

Any environment with discrete observations and actions will do.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import gymnasium

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.checkpoint import agent_from, arrays_of, manifest_of
from swarm_learning.core.agents.config import AgentConfig, Exploration, Replay, Schedule
from swarm_learning.sim.gym_training import actions_of, evaluate, train
from swarm_learning.storage import archive


def new_agent(env: gymnasium.Env, steps: int, seed: int) -> TabularAgent:
    config = AgentConfig(
        actions=actions_of(env),
        exploration=Exploration(amount=Schedule(1.0, 0.05, max(1, steps // 2))),
        replay=Replay(updates_per_step=2),
        initial_value=1.0,  # the highest return we hold possible
    )
    return TabularAgent(config, random.Random(seed))


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description='Train a tabular agent, keep it, go on.')
    parser.add_argument('--folder', type=Path, required=True)
    parser.add_argument('--env', default='FrozenLake-v1')
    parser.add_argument('--steps', type=int, default=30_000)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args(arguments)
    env = gymnasium.make(options.env)

    try:
        kept = archive.load(options.folder)
        agent, parent = agent_from(kept.manifest, kept.arrays, random.Random()), kept.sha256
        print(f'goes on after {agent.steps} steps, {agent.episodes} episodes')
    except FileNotFoundError:
        agent, parent = new_agent(env, options.steps, options.seed), ''

    train(agent, env, steps=options.steps, seed=options.seed)
    found = evaluate(agent, env, episodes=200, seed=options.seed)
    print(f'{agent.steps} steps: mean return {found.mean:.3f}, sd {found.sd:.3f}')

    manifest = manifest_of(agent, parent, {'return_mean': found.mean})
    sha256 = archive.save(options.folder, manifest, arrays_of(agent))
    print(f'kept as {sha256[:12]} in {options.folder}')

    state = next(iter(agent.states))
    for action in agent.explain(state).actions:
        print(f'state {state}: action {action.action} is worth {action.value:.3f} '
              f'after {action.visits} trials')
    return found.mean


if __name__ == '__main__':
    main()
