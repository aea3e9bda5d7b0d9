# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Trains a PPO on the mode world, exports its actor, and tries it on a shelf as robots would.

    pip install 'swarm_learning[deep]'        # stable-baselines3 and torch, on a ground station
    python train_ppo.py --out my_policy       # some minutes; robots need neither of them
    python train_ppo.py --out my_policy --env CartPole-v1 --steps 50000

The folder that is written can be loaded on a robot with the service change_policy (LOAD); there it
starts as a shadow and has to earn its way.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from swarm_learning.core.policies.judgement import ShelfConfig
from swarm_learning.core.policies.network import NetworkPolicy
from swarm_learning.core.policies.policy import Policy, TablePolicy
from swarm_learning.core.policies.practice import Practice, policy_from
from swarm_learning.core.policies.shelf import Load, Moved, PolicyShelf
from swarm_learning.sim.export_sb3 import network_from_sb3, write
from swarm_learning.storage import archive

MODE_WORLD = 'mode'
EPSILON = 0.1  # share of decisions that explore while a shadow is tried


class Always:
    """A policy that does the same whatever it sees: what a learned one has to beat."""

    kind = 'table'

    def __init__(self, action: int, actions: int) -> None:
        values = np.zeros((1, actions))
        values[0, action] = 1.0
        self._table = TablePolicy(values)
        self.actions = actions

    def act(self, observation: object, mask: Any = None) -> tuple[int, Any]:
        return self._table.act(0, mask)

    def manifest(self) -> dict[str, object]:
        return self._table.manifest()

    def arrays(self) -> Any:
        return self._table.arrays()


def world(name: str) -> gymnasium.Env[Any, Any]:
    if name == MODE_WORLD:
        return importlib.import_module('swarm_learning.sim.envs.mode_env').ModeEnv()
    return gymnasium.make(name)


def trained(name: str, steps: int, seed: int) -> NetworkPolicy:
    sb3 = importlib.import_module('stable_baselines3')
    model = sb3.PPO('MlpPolicy', world(name), n_steps=512, batch_size=64, seed=seed, device='cpu',
                    gamma=0.95, policy_kwargs={'net_arch': [32, 32]})
    model.learn(steps)
    return network_from_sb3(model)


def mean_reward(policy: Policy, name: str, episodes: int, seed: int) -> float:
    """Of a step."""
    env, rewards = world(name), []
    for episode in range(episodes):
        seen, told = env.reset(seed=seed + episode)
        over = False
        while not over:
            action, _ = policy.act(seen, _mask(told))
            seen, reward, ended, cut, told = env.step(np.int64(action))
            rewards.append(float(reward))
            over = ended or cut
    return float(np.mean(rewards))


def tried(policy: Policy, first: Policy, name: str, decisions: int, seed: int) -> PolicyShelf:
    """Both on a shelf; `first` is active, the other starts as a shadow."""
    shelf = PolicyShelf('mode_policy', ShelfConfig(), np.random.default_rng(seed))
    practice = Practice(shelf, policy.actions)
    for number, one in enumerate((first, policy), 1):
        shelf.handle(Load(one.kind, f'{number:064x}', 'train_ppo', 'example', 'to be tried'))
        practice.bring(number, one)
    generator, env = np.random.default_rng(seed + 1), world(name)
    seen, told = env.reset(seed=seed)
    for turn in range(decisions):
        mask = _mask(told)
        decided, _ = practice.decide(seen, mask)
        allowed = np.arange(policy.actions) if mask is None else np.flatnonzero(mask)
        action = decided.action
        if generator.random() < EPSILON:
            action = int(generator.choice(allowed))
        chance = EPSILON / len(allowed) + (1.0 - EPSILON) * (action == decided.action)
        seen, reward, ended, cut, told = env.step(np.int64(action))
        for effect in practice.note(decided, action, chance, float(reward)):
            if isinstance(effect, Moved):
                print(f'decision {turn}: version {effect.version} is {effect.phase.label}: '
                      f'{effect.reason}')
        if ended or cut:
            seen, told = env.reset()
    return shelf


def _mask(told: dict[str, Any]) -> Any:
    return None if 'action_mask' not in told else np.asarray(told['action_mask'], np.bool_)


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description='Train a PPO, export it, try it on a shelf.')
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--env', default=MODE_WORLD)
    parser.add_argument('--steps', type=int, default=40_000)
    parser.add_argument('--decisions', type=int, default=3000)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args(arguments)
    sha256 = write(trained(options.env, options.steps, options.seed), options.out,
                   f'PPO, {options.steps} steps of {options.env}')
    print(f'{options.out}: sha256 {sha256}')
    kept = archive.load(options.out)
    policy = policy_from(kept.manifest, kept.arrays)
    first = Always(0, policy.actions)
    reward = mean_reward(policy, options.env, 20, 1000)
    print(f'reward of a step: {reward:.3f}; always action 0: '
          f'{mean_reward(first, options.env, 20, 1000):.3f}')
    shelf = tried(policy, first, options.env, options.decisions, options.seed)
    for version in shelf.listed():
        print(f'version {version.version}: {version.phase.label}, {version.reason}')
    return reward


if __name__ == '__main__':
    main()
