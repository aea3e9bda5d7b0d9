# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns training and evaluating a tabular agent in any Gymnasium environment with discrete spaces;
refuses to know files and what the agent learns.

Observations: Discrete, MultiDiscrete, MultiBinary, or a Tuple of these; the state is a whole
number or a tuple of them. Actions: Discrete, from any start. A mask in info['action_mask'] x
Each episode is seeded with the number of the episode, so that training that is kept between two
episodes and resumed is equal, bit for bit, to training that was never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from swarm_learning.core.agents.agent import TabularAgent

Env = gymnasium.Env[Any, Any]
# Far from the seeds of training, so that an evaluation shows other episodes.
EVALUATION_SEEDS_FROM = 1_000_000_000
EPISODE_STEPS_MAX = 10_000


@dataclass(frozen=True)
class Episode:
    """number counts from 0 over the agent's life; total: undiscounted sum of rewards."""

    number: int
    total: float
    steps: int
    terminated: bool  # False: it was cut


@dataclass(frozen=True)
class Evaluation:
    """Undiscounted returns of the greedy policy, one per episode."""

    returns: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.returns))

    @property
    def sd(self) -> float:
        return float(np.std(self.returns))


def actions_of(env: Env) -> int:
    """How many actions an agent for this environment has. Raises ValueError where they or the
    observations are not discrete."""
    state_reader(env.observation_space)
    if not isinstance(env.action_space, spaces.Discrete):
        raise ValueError(f'action space: expected Discrete, got {env.action_space}')
    return int(env.action_space.n)


def state_reader(space: spaces.Space[Any]) -> Callable[[Any], Hashable]:
    """What turns an observation into a state. Raises ValueError for a space with no discrete
    values."""
    if isinstance(space, spaces.Discrete):
        return int
    if isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
        return lambda seen: tuple(np.asarray(seen).reshape(-1).tolist())
    if isinstance(space, spaces.Tuple):
        readers = [state_reader(part) for part in space.spaces]
        return lambda seen: tuple(
            [read(part) for read, part in zip(readers, seen, strict=True)])
    raise ValueError(f'observation space: expected Discrete, MultiDiscrete, MultiBinary or a '
                     f'Tuple of these, got {space}')


def train(
    agent: TabularAgent,
    env: Env,
    *,
    steps: int,
    seed: int = 0,
    after_episode: Callable[[Episode], None] | None = None,
    episode_steps_max: int = EPISODE_STEPS_MAX,
) -> list[Episode]:
    """Whole episodes until at least `steps` more steps were made.

    Call it again with the same seed to go on. An episode of episode_steps_max steps is cut, as
    if truncated: some environments have no limit of their own.
    """
    width, read = actions_of(env), state_reader(env.observation_space)
    if width != agent.config.actions:
        raise ValueError(f'the environment has {width} actions, the agent {agent.config.actions}')
    if steps < 1 or episode_steps_max < 1:
        raise ValueError('steps, episode_steps_max: expected at least 1')
    done, episodes = 0, []
    while done < steps:
        episode = _trained(agent, env, read, seed, episode_steps_max)
        done += episode.steps
        episodes.append(episode)
        if after_episode is not None:
            after_episode(episode)
    return episodes


def _trained(
    agent: TabularAgent, env: Env, read: Callable[[Any], Hashable], seed: int, steps_max: int
) -> Episode:
    number, first = agent.episodes, _first_action(env)
    seen, info = env.reset(seed=_episode_seed(seed, number))
    state, mask, total, count = read(seen), info.get('action_mask'), 0.0, 0
    while True:
        action = agent.choose(state, mask)
        seen, reward, terminated, truncated, info = env.step(first + action)
        after, mask = read(seen), info.get('action_mask')
        count += 1
        total += float(reward)
        cut = bool(truncated) or count >= steps_max
        agent.learn(state, action, float(reward), after, bool(terminated), cut, mask)
        if terminated or cut:
            return Episode(number, total, count, bool(terminated))
        state = after


def evaluate(
    agent: TabularAgent, env: Env, *, episodes: int = 100, seed: int = 0,
    episode_steps_max: int = EPISODE_STEPS_MAX,
) -> Evaluation:
    """The greedy policy, without learning; the agent and its source of chance stay as they are."""
    read, first = state_reader(env.observation_space), _first_action(env)
    position = agent.rng.getstate()
    returns = []
    for number in range(episodes):
        seen, info = env.reset(seed=EVALUATION_SEEDS_FROM + _episode_seed(seed, number))
        total = 0.0
        for _ in range(episode_steps_max):
            action = first + agent.best(read(seen), info.get('action_mask'))
            seen, reward, terminated, truncated, info = env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        returns.append(total)
    agent.rng.setstate(position)
    return Evaluation(tuple(returns))


def _episode_seed(seed: int, number: int) -> int:
    """Two seeds share no episode until the hundred thousandth."""
    return (seed * 100_003 + number) % EVALUATION_SEEDS_FROM


def _first_action(env: Env) -> int:
    return int(getattr(env.action_space, 'start', 0))
