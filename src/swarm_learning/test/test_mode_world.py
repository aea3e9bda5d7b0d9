# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the world in which modes are tried, its baselines and its environment."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from swarm_learning.core.mode.buckets import MODE_INDEX, MODES, Buckets
from swarm_learning.core.mode.controller import ModeController
from swarm_learning.core.mode.shield import masks
from swarm_learning.core.observation import Mode
from swarm_learning.sim import mode_baselines as baselines
from swarm_learning.sim.envs.mode_env import ModeEnv
from swarm_learning.sim.mode_training import judged, live, table_of, views_of
from swarm_learning.sim.mode_world import FAMILIES, MIXED, Cells, ModeWorld, changed, permitted
from swarm_learning.sim.train_mode import KEPT_OUT, TRAINED_ON, shipped

WORLDS = list(range(40))


def test_environment_passes_the_checker_of_gymnasium() -> None:
    check_env(ModeEnv(decisions=20), skip_render_check=True)


@pytest.mark.parametrize('family', FAMILIES)
def test_equal_seeds_give_equal_episodes_and_others_do_not(family: str) -> None:
    def rewards(seed: int) -> list[float]:
        env = ModeEnv(family, decisions=30)
        env.reset(seed=seed)
        return [env.step(np.int64(n % 6))[1] for n in range(30)]
    assert rewards(1) == rewards(1) != rewards(2)


def test_a_forbidden_action_is_told_and_replaced() -> None:
    env = ModeEnv(decisions=400)
    _, info = env.reset(seed=3)
    refused = 0
    for _ in range(400):
        mask = info['action_mask']
        seen, _, ended, _, info = env.step(np.int64(MODE_INDEX[Mode.HYPERFOCUS]))
        assert info['refused'] == (not mask[MODE_INDEX[Mode.HYPERFOCUS]]) and not ended
        assert env.observation_space.contains(seen)
        refused += info['refused']
    assert refused
    with pytest.raises(ValueError, match='expected one of'):
        ModeEnv('nowhere')


def test_a_world_does_not_depend_on_its_neighbours() -> None:
    alone, among = ModeWorld(MIXED, [7]), ModeWorld(MIXED, [5, 7, 9])
    for tick in range(600):
        mode = tick // 10 % 6
        alone.tick(np.array([mode]))
        among.tick(np.array([0, mode, 3]))
    for one, three in zip(alone.figures(), among.figures(), strict=True):
        assert one[0] == three[1]


@pytest.mark.parametrize('family', FAMILIES)
def test_figures_stay_in_unit_range(family: str) -> None:
    world, chance = ModeWorld(FAMILIES[family], WORLDS), np.random.default_rng(1)
    for _ in range(500):
        world.tick(chance.integers(0, 6, len(WORLDS)))
        for figure in world.figures():
            assert np.isfinite(figure).all() and figure.min() >= 0.0 and figure.max() <= 1.0


def test_buckets_and_shield_of_the_worlds_are_those_of_the_controller() -> None:
    world, cells, chance = ModeWorld(MIXED, WORLDS[:5]), Cells(5), np.random.default_rng(2)
    buckets = [Buckets() for _ in range(5)]
    for _ in range(400):
        rows = cells.settle(*world.figures())
        allowed = permitted(rows, world.flag)
        for n, (own, view) in enumerate(zip(buckets, views_of(world), strict=True)):
            situation = own.settle(view.arousal, view.stability, view.pressure, view.mode)
            assert situation.cell == rows[n]
            assert [not cause for cause in masks(view, situation)] == allowed[n].tolist()
        world.tick(chance.integers(0, 6, 5))


@pytest.mark.parametrize('index', range(len(MODES)))
def test_every_fixed_mode_is_bad_in_some_phase(index: int) -> None:
    best = np.full(4, -math.inf)
    for other in range(len(MODES)):
        by_phase = _by_phase(other)
        best = np.maximum(best, by_phase)
    assert (best - _by_phase(index)).max() > 0.1


@functools.cache
def _by_phase(index: int) -> np.ndarray:
    episode = baselines.run(MIXED, WORLDS, baselines.fixed(index), 1200)
    return np.nanmean(episode.by_phase, axis=1)


def test_random_choice_is_worse_than_the_hand_rule() -> None:
    rule = baselines.run(MIXED, WORLDS, baselines.of_table(baselines.hand_rule()), 1000)
    random_ = baselines.run(MIXED, WORLDS, baselines.random_policy, 1000)
    assert rule.rewards.mean() > random_.rewards.mean() + 0.2


def test_the_shipped_start_beats_the_hand_rule_in_worlds_it_has_never_seen() -> None:
    assert not set(TRAINED_ON) & set(KEPT_OUT)
    family = FAMILIES['storms']
    start = judged([shipped()['values']], family, WORLDS, 1500).rewards[0]
    rule = baselines.run(family, WORLDS, baselines.of_table(baselines.hand_rule()), 1500)
    assert start > rule.rewards.mean() + 0.05


def test_a_controller_begun_from_the_start_is_trained_and_breaks_no_shield() -> None:
    controllers = [ModeController.from_start(None, shipped(), seed) for seed in range(2)]
    assert all(one.is_trained() for one in controllers)
    assert not ModeController(None, 0).is_trained()
    life = live(controllers, ModeWorld(FAMILIES['storms'], [1, 2]), 60)
    assert life.violations == 0 and np.isfinite(life.rewards).all()
    for one in controllers:
        one.check_invariants()
    assert table_of(controllers[0]).shape == (27, 6, 6)


def test_a_changed_world_is_another_one() -> None:
    old = baselines.run(MIXED, WORLDS, baselines.fixed(4), 800).rewards.mean()
    new = baselines.run(changed(MIXED), WORLDS, baselines.fixed(4), 800).rewards.mean()
    assert new < old - 0.3
