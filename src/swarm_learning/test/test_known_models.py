# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about exact values, and about the walk that stands for an environment."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import gymnasium
import numpy as np
import pytest
from agent_kinds import cliff_walking

from swarm_learning.sim.known_models import (
    KnownModel,
    Walk,
    best_stationary,
    greedy_policy,
    of_environment,
    optimum,
    returns_of,
)
from swarm_learning.sim.plain_agent import PlainDictAgent


def corridor(horizon: int) -> KnownModel:
    """Three rooms: action 0 stays, 1 goes right half the time; 1 for leaving on the right."""
    going: Any = [[[(1.0, room, 0.0, False)],
                   [(0.5, room, 0.0, False), (0.5, room + 1, float(room == 2), room == 2)]]
                  for room in range(3)]
    going.append([[(1.0, 3, 0.0, True)]] * 2)
    return KnownModel(going, np.array([1.0, 0.0, 0.0, 0.0]), horizon)


def test_the_optimum_is_that_of_counting_by_hand() -> None:
    assert optimum(corridor(2)) == 0.0
    assert optimum(corridor(3)) == 0.125
    assert optimum(corridor(4)) == pytest.approx(0.125 + 3 * 0.0625)  # the third success comes 4th


def test_a_policy_is_worth_what_playing_it_brings() -> None:
    model = corridor(6)
    policies = np.array([np.tile([1.0, 0.0], (4, 1)), np.tile([0.5, 0.5], (4, 1)),
                         np.tile([0.0, 1.0], (4, 1))])
    exact = returns_of(model, policies)
    assert exact[0] == 0.0
    assert exact[2] == optimum(model) == best_stationary(model, [0.9])
    rng = random.Random(1)
    walk = Walk(model, rng)
    total, episodes = 0.0, 4000
    for _ in range(episodes):
        walk.reset()
        ended = cut = False
        while not (ended or cut):
            _, reward, ended, cut = walk.step(int(rng.random() < 0.5))
            total += reward
    assert total / episodes == pytest.approx(exact[1], abs=4 * (0.25 / episodes) ** 0.5)


def test_equal_values_are_chosen_evenly() -> None:
    policy = greedy_policy(np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0]]))
    assert policy.tolist() == [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]


@pytest.mark.parametrize(('name', 'horizon', 'known'), [
    ('FrozenLake-v1', 100, 0.7442), (cliff_walking(), 200, -13.0)])
def test_ground_truth_is_computed_and_is_what_was_published(
    name: str, horizon: int, known: float
) -> None:
    assert optimum(of_environment(gymnasium.make(name), horizon)) == pytest.approx(known, abs=1e-4)


def test_a_walk_is_the_environment_where_nothing_is_left_to_chance() -> None:
    env = gymnasium.make(cliff_walking())
    walk = Walk(of_environment(env, 10**9), random.Random(0))
    state, _ = env.reset(seed=0)
    assert walk.reset() == state
    rng = random.Random(1)
    for _ in range(500):
        action = rng.randrange(4)
        after, reward, ended, _, _ = env.step(action)
        assert walk.step(action)[:3] == (after, reward, ended)
        if ended:
            env.reset()
            walk.reset()


def test_a_walk_slips_as_often_as_the_model_says() -> None:
    walk = Walk(of_environment(gymnasium.make('FrozenLake-v1'), 10**9), random.Random(0))
    counts: Counter[int] = Counter()
    for _ in range(3000):
        walk.reset()
        counts[walk.step(2)[0]] += 1  # right: up (stays), right, down
    assert set(counts) == {0, 1, 4}
    assert all(abs(count - 1000) < 120 for count in counts.values())


def test_the_plain_agent_learns_too_as_a_baseline_must() -> None:
    agent = PlainDictAgent(2, 1, replay_updates=2, epsilon_decay=0.9)
    for _ in range(300):
        action = agent.choose_action('s')
        agent.learn('s', action, float(action == 1), 't', True)
    assert agent.q_table['s'][1] > 0.9 > agent.q_table['s'][0]
    assert agent.updates > 600
