# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about routing as an environment to learn in."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip('gymnasium')

from gymnasium.utils.env_checker import check_env

from swarm_learning.sim.envs.routing_env import RoutingEnv
from swarm_learning.sim.routing_policies import Learned
from swarm_learning.sim.routing_world import SCENARIOS, Simulation, draw


def returned(env: RoutingEnv, seed: int, cheapest: bool) -> float:
    _, info = env.reset(seed=seed)
    rng, total, over = np.random.default_rng(0), 0.0, False
    while not over:
        action = info['cheapest'] if cheapest else rng.integers(8)
        _, reward, over, _, info = env.step(np.int64(action))
        total += reward
    return total


def test_it_passes_the_checker_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_env(RoutingEnv(jobs=30), skip_render_check=True)


def test_return_is_the_sum_of_job_times_and_the_formula_beats_chance() -> None:
    env = RoutingEnv(jobs=150)
    formula, chance = returned(env, 3, cheapest=True), returned(env, 3, cheapest=False)
    assert formula > 1.5 * chance, 'less negative'
    env.reset(seed=3)
    world = draw(SCENARIOS['periods'], 0.6, int(np.random.default_rng(3).integers(2**31)), 150)
    assert -8 * formula == pytest.approx(sum(Simulation(world, Learned).run()))


def test_mask_is_of_the_shape_of_the_actions_and_leaves_most_robots() -> None:
    env = RoutingEnv(jobs=60)
    _, info = env.reset(seed=1)
    over = False
    while not over:
        mask = info['action_mask']
        assert mask.shape == (8,) and mask.dtype == np.int8 and mask.sum() >= 6
        assert mask[info['cheapest']]
        _, _, over, _, info = env.step(np.int64(info['cheapest']))
    with pytest.raises(RuntimeError, match='expected reset'):
        env.step(np.int64(0))


def test_unknown_scenario_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match='expected one of periods'):
        RoutingEnv('calm')
