# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about how a tabular agent acts and learns."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from agent_kinds import KINDS, agent, identity_score

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.config import (
    AgentConfig,
    DriftWatch,
    Exploration,
    LearningRate,
    Replay,
    Schedule,
    Strategy,
)
from swarm_learning.core.agents.states import TooManyStates

HALF = LearningRate(scale=0.5, power=0.0)
def greedy_only() -> Exploration:
    return Exploration(amount=Schedule(0.0, 0.0, 1))


def set_row(one: TabularAgent, state: int, values: list[float]) -> None:
    one.values[one._added(state)] = list(values)


@pytest.mark.parametrize('kind', sorted(KINDS))
def test_every_kind_of_agent_learns_the_identity(kind: str) -> None:
    assert identity_score(agent(4, discount=0.5, **KINDS[kind])) == 1.0


@pytest.mark.parametrize('kind', sorted(KINDS))
def test_equal_seeds_act_and_learn_equally_and_others_do_not(kind: str) -> None:
    first, second, other = (agent(4, seed, **KINDS[kind]) for seed in (1, 1, 2))
    for one in (first, second, other):
        identity_score(one, 400)
    assert first.values == second.values
    assert first.rng.getstate() == second.rng.getstate()
    assert first.values != other.values


def test_one_step_of_q_is_the_formula() -> None:
    one = agent(rate=HALF, discount=0.9, initial_value=0.0)
    set_row(one, 7, [1.0, 4.0, 2.0])
    assert one.learn('a', 0, 2.0, 7, False) == pytest.approx(2.0 + 0.9 * 4.0)
    assert one.values_of('a') == pytest.approx([2.8, 0.0, 0.0])


def test_a_terminated_episode_has_no_future_and_a_truncated_one_has() -> None:
    for terminated, truncated, expected in ((True, False, 1.0), (True, True, 1.0),
                                            (False, True, 1.0 + 0.9 * 5.0)):
        one = agent(rate=HALF, discount=0.9, initial_value=0.0)
        set_row(one, 1, [5.0, 0.0, 0.0])
        assert one.learn(0, 0, 1.0, 1, terminated, truncated) == pytest.approx(expected)
        assert one.episodes == 1


@pytest.mark.parametrize('kind', [
    {}, {'double': True}, {'algorithm': 'sarsa'}, {'algorithm': 'expected_sarsa'},
    {'replay': Replay(updates_per_step=1)},
    {'exploration': Exploration(Strategy.SOFTMAX, Schedule(0.1, 0.1, 1))},
    {'exploration': Exploration(Strategy.UCB, Schedule(0.1, 0.1, 1))},
])
def test_a_masked_action_is_neither_taken_nor_hoped_for(kind: dict[str, Any]) -> None:
    one = agent(discount=0.9, initial_value=0.0, **kind)
    for table in (one.values, one.second):
        set_row(one, 1, [5.0, 100.0, 3.0]) if table is one.values else None
    if one.second:
        one.second[0] = [5.0, 100.0, 3.0]
    mask = [True, False, True]
    assert {one.choose(1, mask) for _ in range(200)} <= {0, 2}
    assert one.best(1, mask) == 0
    assert one.learn(0, 0, 0.0, 1, False, next_mask=mask) <= 0.9 * 5.0 + 1e-9


def test_masks_of_any_usual_type_mean_the_same() -> None:
    one = agent()
    for mask in ([0, 1, 0], (False, True, False), np.array([0, 1, 0], np.int8), [0, 7, 0],
                 np.array([False, True, False]), np.array([0, 1, 0]), np.array([0.0, 1.0, 0.0])):
        assert one.allowed(mask) == (1,)
    assert one.allowed([1, 1, 1]) is None


@pytest.mark.parametrize('mask', [[0, 0, 0], [1, 1], [1, 1, 1, 1], [], 3, np.ones(24, np.int8),
                                  np.ones((1, 3)), 'abcd'])
def test_a_mask_that_allows_none_or_does_not_fit_is_refused(mask: Any) -> None:
    one = agent()
    one.allowed([1, 0, 1])
    for ask in (one.choose, one.best):
        with pytest.raises(ValueError, match='mask: expected'):
            ask(0, mask)


def test_a_wide_mask_is_not_taken_for_a_known_one_of_the_same_bytes() -> None:
    one = agent(8)
    assert one.allowed([1, 0, 0, 0, 0, 0, 0, 0]) == (0,)
    with pytest.raises(ValueError, match='expected 8'):
        one.allowed(np.array([1], np.int64))


def test_the_mask_of_an_end_is_not_asked() -> None:
    one = agent()
    assert one.learn(0, 0, 1.0, 1, True, next_mask=[0, 0, 0]) == pytest.approx(0.0)


@pytest.mark.parametrize('reward', [math.nan, math.inf, -math.inf, 1.1e6, -1.1e6])
def test_a_reward_that_is_no_usable_number_is_refused_and_changes_nothing(reward: float) -> None:
    one = agent()
    one.learn(0, 0, 1.0, 1, False)
    before = ([list(row) for row in one.values], one.steps, dict(one.states))
    with pytest.raises(ValueError, match='reward='):
        one.learn(5, 0, reward, 6, False)
    assert (one.values, one.steps, one.states) == before


@pytest.mark.parametrize('action', [-1, 3])
def test_an_unknown_action_is_refused(action: int) -> None:
    with pytest.raises(ValueError, match='expected 0 to 2'):
        agent().learn(0, action, 0.0, 1, False)


def test_replay_grades_what_it_sees_again_and_counts_no_visits() -> None:
    one = agent(1, replay=Replay(capacity=4, updates_per_step=50, prioritised=True,
                                 weight_power=0.0), rate=HALF, initial_value=0.0)
    one.learn(0, 0, 1.0, 1, True)
    assert one.visits[0] == [1]
    assert one.values_of(0)[0] == pytest.approx(1.0)
    assert one.replay is not None
    assert one.replay.priorities()[0] < 0.01


def test_the_weight_of_a_replayed_transition_shortens_its_step() -> None:
    moved = []
    for weight_power in (0.0, 1.0):
        one = agent(2, replay=Replay(capacity=2, updates_per_step=1, prioritised=True,
                                     weight_power=weight_power), rate=HALF, initial_value=0.0)
        one.learn(0, 0, 0.0, 1, True)  # surprises nobody: the other is drawn for sure
        one.learn(0, 1, 8.0, 1, True)
        moved.append(one.values_of(0)[1])
    assert moved == pytest.approx([6.0, 4.0 + 0.5 * 0.5 * 4.0], rel=0.01)


def test_ties_are_broken_evenly() -> None:
    one = agent(initial_value=0.0, exploration=greedy_only())
    set_row(one, 0, [1.0, 0.0, 1.0])
    for ask in (one.choose, one.best):
        counts = Counter(ask(0) for _ in range(2000))
        assert set(counts) == {0, 2}
        assert 850 < counts[0] < 1150
    assert set(Counter(one.choose('new') for _ in range(200))) == {0, 1, 2}


def test_one_best_action_costs_no_chance() -> None:
    one = agent(exploration=greedy_only())
    set_row(one, 0, [1.0, 0.0, 0.5])
    before = one.rng.getstate()
    assert one.best(0) == one.choose(0) == 0
    assert one.rng.getstate() == before


def test_the_rate_falls_with_visits_down_to_its_floor() -> None:
    one = agent(1, rate=LearningRate(scale=1.0, power=0.5, floor=0.4), initial_value=0.0)
    moved = []
    for _ in range(8):
        one.values = [[0.0] for _ in one.values]
        one.learn(0, 0, 1.0, 1, True)
        moved.append(one.values_of(0)[0])
    expected = [max(0.4, count ** -0.5) for count in range(1, 9)]
    assert moved == pytest.approx(expected)


def test_sarsa_takes_the_action_it_counted_on() -> None:
    one = agent(algorithm='sarsa', rate=HALF, discount=1.0, initial_value=0.0,
                exploration=Exploration(amount=Schedule(1.0, 1.0, 1)))
    for _ in range(50):
        one.values = [[0.0, 0.0, 0.0] for _ in one.values]
        if 1 not in one.states:
            one._added(1)
        one.values[one.states[1]] = [1.0, 2.0, 3.0]
        error = one.learn(0, 0, 0.0, 1, False)
        assert one.choose(1) == error - 1


def test_sarsa_drops_its_plan_when_the_mask_forbids_it() -> None:
    one = agent(algorithm='sarsa')
    for _ in range(50):
        one.learn(0, 0, 0.0, 1, False)
        assert one.choose(1, [0, 1, 0]) == 1


def test_no_plan_of_sarsa_outlives_its_episode() -> None:
    one = agent(algorithm='sarsa', exploration=greedy_only())
    set_row(one, 1, [1.0, 0.0, 0.0])
    one.learn(0, 0, 0.0, 1, False, True)
    assert one.planned is None
    set_row(one, 2, [0.0, 0.0, 0.0])
    one.values[one.states[1]] = [0.0, 0.0, 5.0]
    assert one.choose(1) == 2


def test_expected_sarsa_asks_for_the_mean_of_what_it_may_do() -> None:
    one = agent(algorithm='expected_sarsa', discount=1.0, initial_value=0.0,
                exploration=Exploration(amount=Schedule(0.3, 0.3, 1)))
    set_row(one, 1, [0.0, 3.0, 6.0])
    assert one.learn(0, 0, 0.0, 1, False) == pytest.approx(0.7 * 6.0 + 0.3 * 3.0)


def test_double_q_asks_the_other_table() -> None:
    one = agent(double=True, discount=1.0, rate=HALF, initial_value=0.0)
    for state in (0, 1):
        one._added(state)
    one.values[1], one.second[1] = [9.0, 0.0, 0.0], [1.0, 0.0, 7.0]
    seen = {one.learn(0, 0, 0.0, 1, False) for _ in range(1)} | {
        agent_error(seed) for seed in range(20)}
    assert seen == {1.0, 0.0}


def agent_error(seed: int) -> float:
    one = agent(seed=seed, double=True, discount=1.0, rate=HALF, initial_value=0.0)
    for state in (0, 1):
        one._added(state)
    one.values[1], one.second[1] = [9.0, 0.0, 0.0], [1.0, 0.0, 7.0]
    return one.learn(0, 0, 0.0, 1, False)


def test_n_steps_are_summed_and_the_last_ones_at_an_end() -> None:
    one = agent(1, n_step=3, discount=0.5, rate=LearningRate(power=0.0), initial_value=0.0)
    set_row(one, 3, [8.0])
    for state in range(3):
        one.learn(state, 0, 1.0, state + 1, False)
    assert one.values_of(0) == [1.0 + 0.5 + 0.25 + 0.125 * 8.0]
    assert one.values_of(1) == [0.0]
    one.learn(3, 0, 1.0, 4, True)
    assert [one.values_of(state)[0] for state in (1, 2, 3)] == [1.75, 1.5, 1.0]
    assert one.returns.waiting == []


def test_n_step_q_does_not_blame_a_state_for_later_exploration() -> None:
    one = agent(2, n_step=3, discount=1.0, rate=LearningRate(power=0.0), initial_value=0.0)
    set_row(one, 1, [5.0, 0.0])
    one.learn(0, 0, 1.0, 1, False)
    one.learn(1, 1, -100.0, 2, True)
    assert one.values_of(0)[0] == 6.0
    assert one.values_of(1)[1] == -100.0


def test_n_step_sarsa_counts_what_was_really_done() -> None:
    one = agent(2, algorithm='sarsa', n_step=3, discount=1.0, rate=LearningRate(power=0.0))
    set_row(one, 1, [5.0, 0.0])
    one.learn(0, 0, 1.0, 1, False)
    one.learn(1, 1, -100.0, 2, True)
    assert one.values_of(0)[0] == -99.0


def test_a_jump_to_another_state_ends_the_sums_that_wait() -> None:
    one = agent(2, algorithm='sarsa', n_step=3, discount=1.0, rate=LearningRate(power=0.0),
                initial_value=0.0)
    one.learn(0, 0, 1.0, 1, False)
    one.learn(50, 1, -100.0, 51, False)
    assert one.values_of(0)[0] == 1.0


def test_unseen_actions_are_tried_before_known_ones_by_ucb() -> None:
    one = agent(exploration=Exploration(Strategy.UCB, Schedule(1.0, 1.0, 1)), initial_value=0.0)
    tried = []
    for _ in range(3):
        tried.append(one.choose(0))
        one.learn(0, tried[-1], 1.0, 0, True)
    assert sorted(tried) == [0, 1, 2]


def test_a_cold_softmax_is_greedy_and_a_hot_one_uniform() -> None:
    for temperature, low, high in ((1e-3, 600, 600), (1e3, 150, 250)):
        one = agent(exploration=Exploration(Strategy.SOFTMAX, Schedule(*[temperature] * 2, 1)))
        set_row(one, 0, [0.0, 1.0, 0.5])
        assert low <= Counter(one.choose(0) for _ in range(600))[1] <= high


def test_epsilon_follows_its_schedule() -> None:
    one = agent(exploration=Exploration(amount=Schedule(1.0, 0.2, 4)))
    seen = []
    for _ in range(6):
        seen.append(one.exploration_now())
        one.learn(0, 0, 0.0, 0, False)
    assert seen == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2])
    assert Schedule(1.0, 0.01, 2, 'exponential').at(1) == pytest.approx(0.1)  # type: ignore


def test_a_frozen_agent_learns_and_explores_nothing() -> None:
    one = agent(exploration=Exploration(amount=Schedule(1.0, 1.0, 1)))
    one.learn(0, 1, 9.0, 1, True)
    one.freeze(True)
    before = [list(row) for row in one.values]
    assert one.learn(0, 1, -9.0, 1, True) == 0.0
    assert (one.values, one.steps, one.exploration_now()) == (before, 1, 0.0)
    assert {one.choose(0) for _ in range(50)} == {1}
    one.freeze(False)
    assert {one.choose(0) for _ in range(50)} == {0, 1, 2}


def test_the_number_of_states_is_bounded() -> None:
    one = agent(states_max=2)
    one.learn(0, 0, 0.0, 1, False)
    with pytest.raises(TooManyStates, match='states_max'):
        one.learn(0, 0, 0.0, 2, False)
    assert one.choose(2) in (0, 1, 2)


def test_a_state_that_cannot_be_a_key_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match='tolist'):
        agent().learn(0, 0, 0.0, [1, 2], False)  # type: ignore[arg-type]


def test_an_explanation_holds_what_decides() -> None:
    one = agent(initial_value=0.0)
    set_row(one, 'dock', [1.0, 3.0, 2.0])  # type: ignore[arg-type]
    told = one.explain('dock', [True, False, True])
    assert (told.known, told.best, told.amount) == (True, (2,), 1.0)
    assert [(a.value, a.visits, a.masked) for a in told.actions] == [
        (1.0, 0, False), (3.0, 0, True), (2.0, 0, False)]
    assert not one.explain('never').known


def test_a_changed_world_flushes_what_is_replayed_and_quickens_learning() -> None:
    one = agent(1, replay=Replay(capacity=500), drift=DriftWatch(wait_steps=300), discount=0.0)
    for _ in range(1000):
        one.learn(0, 0, one.rng.random() * 0.1, 0, False)
    assert one.drift is not None and one.replay is not None
    assert (one.drift.alarms, len(one.replay)) == (0, 500)
    steps = 0
    while not one.drift.alarms:
        one.learn(0, 0, 10.0, 0, False)
        steps += 1
    assert steps < 20
    assert len(one.replay) == 0
    assert one.visits[0][0] == 10
    for _ in range(20):
        one.learn(0, 0, 10.0, 0, False)
    assert one.values_of(0)[0] == pytest.approx(10.0, abs=0.2)


@pytest.mark.parametrize(('settings', 'message'), [
    ({'actions': 0}, 'actions=0'),
    ({'actions': 2, 'discount': 1.5}, 'discount'),
    ({'actions': 2, 'n_step': 0}, 'n_step'),
    ({'actions': 2, 'algorithm': 'dyna'}, 'dyna'),
    ({'actions': 2, 'algorithm': 'sarsa', 'double': True}, 'double'),
    ({'actions': 2, 'algorithm': 'sarsa', 'replay': Replay()}, 'on-policy'),
    ({'actions': 2, 'algorithm': 'expected_sarsa', 'n_step': 2, 'replay': Replay()}, 'on-policy'),
    ({'actions': 2, 'initial_value': math.nan}, 'initial_value'),
    ({'actions': 2, 'states_max': 0}, 'states_max'),
    ({'actions': 2, 'reward_abs_max': math.inf}, 'reward_abs_max'),
])
def test_a_setting_that_makes_no_sense_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AgentConfig(**settings)


@pytest.mark.parametrize('make', [
    lambda: Schedule(steps=0), lambda: Schedule(start=-1.0), lambda: Schedule(end=math.nan),
    lambda: Schedule(1.0, 0.0, 5, 'exponential'),  # type: ignore[arg-type]
    lambda: Exploration(amount=Schedule(1.5)), lambda: LearningRate(scale=0.0),
    lambda: LearningRate(power=2.0), lambda: LearningRate(floor=2.0), lambda: Replay(capacity=0),
    lambda: Replay(updates_per_step=0), lambda: Replay(priority_power=2.0),
    lambda: DriftWatch(ratio=1.0), lambda: DriftWatch(fast_rate=0.0005),
])
def test_a_part_of_the_settings_that_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match='expected|cannot'):
        make()
