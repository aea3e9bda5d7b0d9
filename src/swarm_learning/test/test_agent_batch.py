# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about learning from many transitions at once."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from agent_kinds import agent, identity_score

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.batch import BatchTable, adopt
from swarm_learning.core.agents.config import AgentConfig, LearningRate, Replay

CONFIG = AgentConfig(actions=3, discount=0.9, initial_value=0.5)


def transitions(count: int, states: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        'states': rng.integers(0, states, count), 'actions': rng.integers(0, 3, count),
        'rewards': rng.normal(size=count), 'next_states': rng.integers(0, states, count),
        'terminated': rng.random(count) < 0.2, 'next_masks': rng.random((count, 3)) < 0.9,
    }


def test_one_at_a_time_is_the_single_agent_to_rounding() -> None:
    table = BatchTable.of_size(CONFIG, 5)
    single = TabularAgent(CONFIG, random.Random(1))
    for state in range(5):
        single._added(state)
    many = transitions(300, 5)
    many['next_masks'][:, 0] = True
    for at in range(300):
        one = {name: value[at:at + 1] for name, value in many.items()}
        error = table.learn(**one)[0]
        assert error == pytest.approx(single.learn(
            int(one['states'][0]), int(one['actions'][0]), float(one['rewards'][0]),
            int(one['next_states'][0]), bool(one['terminated'][0]),
            next_mask=one['next_masks'][0]), rel=1e-12, abs=1e-12)
    assert np.allclose(table.values, single.values, rtol=1e-12)
    assert table.visits.tolist() == single.visits


def test_learners_with_rows_of_their_own_do_not_mix() -> None:
    both, alone = BatchTable.of_size(CONFIG, 10), BatchTable.of_size(CONFIG, 5)
    for seed in range(50):
        many = transitions(2, 5, seed)
        many['next_masks'][:, 1] = True
        alone.learn(**{name: value[:1] for name, value in many.items()})
        shift = np.array([0, 5])
        both.learn(many['states'] + shift, many['actions'], many['rewards'],
                   many['next_states'] + shift, many['terminated'], many['next_masks'])
    assert np.array_equal(both.values[:5], alone.values)


def test_repeated_pairs_move_as_that_many_steps_to_their_mean() -> None:
    config = AgentConfig(actions=1, initial_value=0.0, rate=LearningRate(scale=0.5, power=0.0))
    table = BatchTable.of_size(config, 2)
    zeros = np.zeros(3, np.int64)
    table.learn(zeros, zeros, np.array([1.0, 2.0, 3.0]), zeros, np.ones(3, bool))
    assert table.values[0, 0] == pytest.approx((1 - 0.5**3) * 2.0)
    assert table.visits[0, 0] == 3


def test_a_masked_action_is_neither_taken_nor_hoped_for() -> None:
    table = BatchTable.of_size(CONFIG, 2)
    table.values[1] = [1.0, 50.0, 2.0]
    rng = np.random.default_rng(0)
    states = np.ones(500, np.int64)
    masks = np.tile([True, False, True], (500, 1))
    assert set(table.choose(states, 1.0, rng, masks).tolist()) == {0, 2}
    assert set(table.choose(states, 0.0, rng, masks).tolist()) == {2}
    error = table.learn(np.array([0]), np.array([0]), np.array([0.0]), np.array([1]),
                        np.array([False]), masks[:1])
    assert error[0] == pytest.approx(0.9 * 2.0 - 0.5)


def test_ties_are_broken_evenly() -> None:
    table = BatchTable.of_size(CONFIG, 1)
    chosen = table.choose(np.zeros(3000, np.int64), 0.0, np.random.default_rng(0))
    assert np.bincount(chosen, minlength=3).min() > 900


@pytest.mark.parametrize(('name', 'value'), [
    ('states', [9]), ('states', [-1]), ('states', [0.5]), ('actions', [3]), ('next_states', [9]),
    ('rewards', [np.nan]), ('rewards', [np.inf]), ('states', [0, 1]), ('rewards', [1e9]),
    ('next_masks', [[False] * 3]), ('next_masks', [[True] * 2]),
])
def test_bad_transitions_are_refused_and_change_nothing(name: str, value: Any) -> None:
    table = BatchTable.of_size(CONFIG, 5)
    many = transitions(1, 5)
    many['terminated'][:] = False
    many['next_masks'][:] = True
    many[name] = np.array(value)
    with pytest.raises(ValueError, match='expected'):
        table.learn(**many)
    assert (table.values == 0.5).all() and not table.visits.any()


@pytest.mark.parametrize('settings', [
    {'double': True}, {'n_step': 2}, {'replay': Replay()}, {'algorithm': 'sarsa'}])
def test_what_a_batch_cannot_follow_is_refused(settings: Any) -> None:
    with pytest.raises(ValueError, match='one-step q only'):
        BatchTable.of_size(AgentConfig(actions=2, **settings), 5)


def test_an_agent_goes_on_from_a_table_that_was_learned_elsewhere() -> None:
    values = np.eye(4)
    one = agent(4)
    adopt(one, values, np.ones((4, 4), np.int64), {row: f'room {row}' for row in range(4)})
    assert [one.best(f'room {row}') for row in range(4)] == [0, 1, 2, 3]
    adopt(one, values, np.ones((4, 4), np.int64))
    assert identity_score(one, 1) == 1.0
    with pytest.raises(ValueError, match='each state once'):
        adopt(one, values, np.ones((4, 4), np.int64), dict.fromkeys(range(4), 0))
    with pytest.raises(ValueError, match='finite'):
        adopt(one, values * np.nan, np.ones((4, 4), np.int64))
