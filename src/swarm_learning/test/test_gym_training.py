# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about training in Gymnasium environments, of the kinds that Stable-Baselines3 makes of
its own: a threshold is reached, equal seeds are equal, what is kept goes on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from agent_kinds import cliff_walking
from gymnasium import spaces

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.checkpoint import agent_from, arrays_of, manifest_of
from swarm_learning.core.agents.config import (
    AgentConfig,
    Exploration,
    LearningRate,
    Replay,
    Schedule,
)
from swarm_learning.sim.gym_training import actions_of, evaluate, state_reader, train
from swarm_learning.storage import archive


class Identity(gymnasium.Env[Any, Any]):  # type: ignore[misc]
    """Reward 1 for naming the state; 20 steps, never terminated; half of the wrong actions are
    masked."""

    def __init__(self, observations: Any, actions: Any, masked: bool = False) -> None:
        self.observation_space, self.action_space = observations, actions
        self._masked = masked
        self.seen: Any = None
        self.asked: list[int] = []

    def _next(self) -> tuple[Any, dict[str, Any]]:
        self._number = int(self.np_random.integers(int(self.action_space.n)))
        space = self.observation_space
        if isinstance(space, spaces.Discrete):
            self.seen = np.int64(self._number + space.start)
        elif isinstance(space, spaces.MultiDiscrete):
            self.seen = np.array([self._number // 2, self._number % 2])
        else:
            self.seen = (self._number // 2, np.array([self._number % 2], np.int8))
        mask = np.array([a == self._number or a % 2 for a in range(int(self.action_space.n))],
                        np.int8)
        self._mask = mask if self._masked else np.ones_like(mask)
        return self.seen, {'action_mask': mask} if self._masked else {}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._steps = 0
        return self._next()

    def step(self, action: Any) -> Any:
        number = int(action) - int(self.action_space.start)
        self.asked.append(int(action))
        assert self._mask[number]
        reward, self._steps = float(number == self._number), self._steps + 1
        seen, told = self._next()
        return seen, reward, False, self._steps >= 20, told


SPACES = [
    (spaces.Discrete(4), spaces.Discrete(4), False),
    (spaces.Discrete(4, start=3), spaces.Discrete(4, start=-1), True),
    (spaces.MultiDiscrete([2, 2]), spaces.Discrete(4), True),
    (spaces.Tuple((spaces.Discrete(2), spaces.MultiBinary(1))), spaces.Discrete(4), False),
]


def new_agent(env: Any, steps: int = 2000, seed: int = 3, **settings: Any) -> TabularAgent:
    explored = Exploration(amount=Schedule(1.0, 0.05, steps // 2))
    return TabularAgent(AgentConfig(actions=actions_of(env), exploration=explored, discount=0.5,
                                    **settings), random.Random(seed))


@pytest.mark.parametrize(('observations', 'actions', 'masked'), SPACES)
def test_the_identity_is_learned_in_every_kind_of_space(
    observations: Any, actions: Any, masked: bool
) -> None:
    env = Identity(observations, actions, masked)
    agent = new_agent(env)
    train(agent, env, steps=2000)
    assert evaluate(agent, env, episodes=5).returns == (20.0,) * 5
    assert {action - int(actions.start) for action in env.asked} == {0, 1, 2, 3}


@pytest.mark.parametrize('space', [
    spaces.Box(0.0, 1.0), spaces.Dict({'a': spaces.Discrete(2)}), spaces.Tuple((spaces.Box(0, 1),))
])
def test_a_space_without_discrete_values_is_refused(space: Any) -> None:
    with pytest.raises(ValueError, match='expected Discrete, MultiDiscrete'):
        state_reader(space)


def test_actions_that_are_not_discrete_are_refused() -> None:
    with pytest.raises(ValueError, match='action space: expected Discrete'):
        actions_of(Identity(spaces.Discrete(2), spaces.Box(0.0, 1.0)))


def test_an_agent_of_another_width_is_refused() -> None:
    env = Identity(*SPACES[0])
    with pytest.raises(ValueError, match='4 actions, the agent 2'):
        train(TabularAgent(AgentConfig(actions=2), random.Random(1)), env, steps=1)


def test_equal_seeds_train_equally_and_others_do_not() -> None:
    runs = []
    for seed in (1, 1, 2):
        env = gymnasium.make('FrozenLake-v1')
        agent = new_agent(env)
        episodes = train(agent, env, steps=1000, seed=seed)
        runs.append((episodes, agent.values))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize('settings', [
    {}, {'replay': Replay(capacity=300, prioritised=True)}, {'algorithm': 'sarsa'},
    {'n_step': 3, 'double': True}])
def test_training_that_is_kept_and_resumed_equals_training_without_a_stop(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    env = gymnasium.make('FrozenLake-v1')
    whole, halved = new_agent(env, **settings), new_agent(env, **settings)
    first = train(halved, env, steps=700, seed=5)
    evaluate(halved, env, episodes=3)  # does not disturb
    archive.save(tmp_path, manifest_of(halved), arrays_of(halved))
    kept = archive.load(tmp_path)
    resumed = agent_from(kept.manifest, kept.arrays, random.Random())
    second = train(resumed, gymnasium.make('FrozenLake-v1'), steps=600, seed=5)
    done = sum(episode.steps for episode in first + second)
    assert train(whole, env, steps=done, seed=5) == first + second
    assert archive.to_bytes(manifest_of(whole), arrays_of(whole)) == archive.to_bytes(
        manifest_of(resumed), arrays_of(resumed))


def test_evaluating_changes_nothing_and_is_repeatable() -> None:
    env = gymnasium.make('FrozenLake-v1')
    agent = new_agent(env)
    train(agent, env, steps=500)
    before = archive.to_bytes(manifest_of(agent), arrays_of(agent))
    assert evaluate(agent, env, episodes=20) == evaluate(agent, env, episodes=20)
    assert archive.to_bytes(manifest_of(agent), arrays_of(agent)) == before


def test_an_episode_without_a_limit_is_cut_and_not_taken_for_an_end() -> None:
    env = gymnasium.make(cliff_walking())
    agent = new_agent(env)
    (episode,) = train(agent, env, steps=1, episode_steps_max=3)
    assert (episode.steps, episode.terminated, agent.episodes) == (3, False, 1)


def test_training_reaches_the_cliff_s_optimum_and_frozen_lake_s_threshold() -> None:
    cliff = gymnasium.make(cliff_walking())
    agent = TabularAgent(AgentConfig(actions=4, exploration=Exploration(
        amount=Schedule(1.0, 0.05, 10_000))), random.Random(0))
    train(agent, cliff, steps=20_000)
    assert evaluate(agent, cliff, episodes=3, episode_steps_max=100).mean == -13.0
    lake = gymnasium.make('FrozenLake-v1')
    agent = TabularAgent(AgentConfig(actions=4, rate=LearningRate(power=0.5), exploration=(
        Exploration(amount=Schedule(1.0, 0.05, 15_000)))), random.Random(0))
    train(agent, lake, steps=30_000)
    assert evaluate(agent, lake, episodes=200).mean > 0.6
