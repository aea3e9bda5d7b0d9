# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about models of worlds, the library of contexts and the learner that moves in it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.policies.context import Planning
from swarm_learning.core.policies.continual import ContinualLearner, Settled, Suspected
from swarm_learning.core.policies.continual_config import ContinualConfig
from swarm_learning.core.policies.library import Dropped, Library, Merged, Opened, difference
from swarm_learning.core.policies.model import VISITS_MAX, Transition, WorldModel
from swarm_learning.core.policies.snapshot import arrays_of, learner_from, manifest_of
from swarm_learning.sim.forgetting import family, lying_run
from swarm_learning.sim.mdps import FAMILIES, Scorer, Walk, World, random_worlds
from swarm_learning.storage import archive

STEPS = st.builds(
    Transition, st.integers(0, 3), st.integers(0, 1), st.floats(-5.0, 5.0), st.integers(0, 3),
    st.booleans())


def learner_for(world: World, seed: int = 0, **settings: float) -> ContinualLearner:
    config = ContinualConfig(world.states, world.actions, **settings)  # type: ignore[arg-type]
    return ContinualLearner(config, np.random.default_rng(seed))


def walked(learner: ContinualLearner, walk: Walk, steps: int) -> list[object]:
    changes: list[object] = []
    for _ in range(steps):
        state = walk.state
        action, _ = learner.act(state)
        after, reward = walk.step(action)
        changes += learner.observe(Transition(state, action, reward, after))
    return changes


def bits(model: WorldModel) -> list[bytes]:
    return [model.counts.tobytes(), model.visits.tobytes(), model.kinds.tobytes(),
            model.reward_mean.tobytes(), model.reward_squares.tobytes(),
            np.array([model.pooled_squares, model.pooled_freedom]).tobytes()]


@pytest.fixture(scope='module')
def two_worlds() -> list[World]:
    return random_worlds(np.random.default_rng(3), 2, states=9, actions=3)


@pytest.fixture(scope='module')
def taught(two_worlds: list[World]) -> tuple[dict[str, object], dict[str, np.ndarray]]:  # type: ignore
    """A learner that knows two worlds and is in the second."""
    learner = learner_for(two_worlds[0])
    walk = Walk(two_worlds[0], np.random.default_rng(1))
    walked(learner, walk, 2000)
    walk.enter(two_worlds[1])
    walked(learner, walk, 2000)
    return manifest_of(learner), arrays_of(learner)


# Models


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=30), st.lists(STEPS, min_size=1, max_size=30))
def test_undone_steps_leave_no_trace_in_a_model(
    before: list[Transition], wrong: list[Transition]
) -> None:
    model = WorldModel(4, 2)
    for step in before:
        model.learn(step)
    kept = bits(model)
    undos = [model.learn(step) for step in wrong]
    for undo in reversed(undos):
        model.undo(undo)
    assert bits(model) == kept


def test_undoing_is_exact_also_where_old_counts_faded() -> None:
    model = WorldModel(4, 2)
    for turn in range(VISITS_MAX):
        model.learn(Transition(0, 0, 0.1 * turn, turn % 3))
    kept = bits(model)
    undos = [model.learn(Transition(0, 0, 1.0, 3)) for _ in range(5)]
    assert model.visits[0] < VISITS_MAX
    for undo in reversed(undos):
        model.undo(undo)
    assert bits(model) == kept


def test_what_a_context_has_not_seen_is_no_evidence() -> None:
    everything, model = WorldModel(4, 2), WorldModel(4, 2)
    step = Transition(0, 0, 1.0, 1)
    assert model.support(step, everything.hint(step, 0.0, 1.0)) == pytest.approx(0.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=20), STEPS)
def test_no_single_step_can_shout(seen: list[Transition], step: Transition) -> None:
    model = WorldModel(4, 2)
    for one in seen:
        model.learn(one)
    assert abs(model.support(step, model.hint(step, 0.0, 1.0))) <= 8.0
    if model.knows(step):
        assert abs(model.surprise(step, 1.0)[0]) <= 8.0


@pytest.mark.parametrize('sizes', [(0, 2), (2, 0), (1 << 16, 2), (4096, 16)])
def test_a_world_that_would_not_fit_is_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match='expected at least 1'):
        WorldModel(*sizes)


# The library


PLANNING = Planning(0.9, 0.3, 0.3, 0.5)


def filled(model: WorldModel, seed: int, world_seed: int) -> WorldModel:
    world, = random_worlds(np.random.default_rng(world_seed), 1, states=4, actions=2)
    walk = Walk(world, np.random.default_rng(seed))
    generator = np.random.default_rng(seed)
    for _ in range(600):
        state, action = walk.state, int(generator.integers(2))
        after, reward = walk.step(action)
        model.learn(Transition(state, action, reward, after))
    return model


def test_models_of_one_world_agree_and_of_two_do_not() -> None:
    one, same, other = (filled(WorldModel(4, 2), *seeds) for seeds in ((1, 9), (2, 9), (3, 8)))
    assert difference(one, same) < 3.0 < difference(one, other)
    assert difference(one, WorldModel(4, 2)) == float('inf')


def test_a_full_library_merges_two_that_are_the_same_world() -> None:
    library = Library(4, 2, 3, PLANNING)
    for seeds in ((1, 9), (2, 8), (3, 9)):
        context, _ = library.open(None, 0)
        filled(context.model, *seeds)
    changes = library.open(None, 5)[1]
    assert changes == (Merged(3, 1), Opened(4, 0))
    assert library.get(1).model.visits.sum() == 1200
    library.check_invariants()


def test_a_full_library_of_different_worlds_drops_the_one_not_used_for_longest() -> None:
    library = Library(4, 2, 3, PLANNING)
    for seed, used in ((7, 50), (8, 20), (9, 30)):
        context, _ = library.open(None, used)
        filled(context.model, seed, seed)
    assert library.open(None, 60)[1] == (Dropped(2), Opened(4, 0))
    with pytest.raises(KeyError, match=r'expected one of \[1, 3, 4\]'):
        library.get(2)


# The learner


def test_it_learns_a_world_nearly_to_the_optimum(two_worlds: list[World]) -> None:
    learner = learner_for(two_worlds[0])
    walked(learner, Walk(two_worlds[0], np.random.default_rng(1)), 3000)
    assert Scorer(two_worlds[0]).score(learner.greedy()) > 0.97


def test_a_known_world_is_recognised_and_its_table_was_not_touched(
    two_worlds: list[World], taught: tuple[dict[str, object], dict[str, np.ndarray]]  # type: ignore
) -> None:
    learner = learner_from(*taught)
    frozen = bits(learner.library.get(1).model)
    walk = Walk(two_worlds[1], np.random.default_rng(5))
    walked(learner, walk, 300)
    assert bits(learner.library.get(1).model) == frozen
    walk.enter(two_worlds[0])
    changes = walked(learner, walk, 100)
    assert learner.current == 1 and learner.settled
    assert any(isinstance(change, Suspected) and change.number == 2 for change in changes)
    assert any(isinstance(change, Settled) and change.number == 1 for change in changes)


@pytest.mark.parametrize('seed', [4, 14])
def test_a_lie_that_became_a_context_is_left_soon_and_taught_the_right_one_nothing(
    seed: int
) -> None:
    """Noise for so long that a context is opened for it. What was seen under the noise does not go
    to the world that comes back, whose rewards do not surprise a context that expects anything."""
    before, after = lying_run(family('related', seed)[:2], seed, 5000, 300, 3.0)
    assert before > 0.95 and after > before - 0.02


def test_rewards_that_lie_for_a_while_leave_no_trace_in_the_context(
    two_worlds: list[World], taught: tuple[dict[str, object], dict[str, np.ndarray]]  # type: ignore
) -> None:
    learner = learner_from(*taught)
    before = Scorer(two_worlds[1]).score(learner.library.get(2).table.argmax(axis=1))
    walk = Walk(two_worlds[1], np.random.default_rng(5))
    walk.lying = 3.0
    walked(learner, walk, 200)
    walk.lying = 0.0
    walked(learner, walk, 300)
    assert learner.current == 2
    assert Scorer(two_worlds[1]).score(learner.greedy()) >= before - 0.01


def test_a_stationary_world_stays_one_context(two_worlds: list[World]) -> None:
    learner = learner_for(two_worlds[0], seed=4)
    walked(learner, Walk(two_worlds[0], np.random.default_rng(2)), 6000)
    assert [context.number for context in learner.library.contexts] == [1]


def test_a_learner_that_comes_back_goes_on_bit_for_bit(
    two_worlds: list[World], tmp_path: object
) -> None:
    """Saved in every condition: settled, suspecting, just after a change."""
    for before in (700, 1006, 1018, 1070):
        stayed = learner_for(two_worlds[0])
        walks = [Walk(two_worlds[0], np.random.default_rng(1)) for _ in range(2)]
        walked(stayed, walks[0], 1000)
        walks[0].enter(two_worlds[1])
        walked(stayed, walks[0], before - 1000 if before > 1000 else 0)
        head, body = archive.encode(manifest_of(stayed), arrays_of(stayed))
        kept = archive.decode(head, body)
        back = learner_from(kept.manifest, kept.arrays)
        assert archive.encode(manifest_of(back), arrays_of(back)) == (head, body)
        walks[1].enter(walks[0].world)
        walks[1].state = walks[0].state
        for walk in walks:
            walk._generator = np.random.default_rng(before)
        assert walked(stayed, walks[0], 300) == walked(back, walks[1], 300)
        assert archive.encode(manifest_of(back), arrays_of(back)) == archive.encode(
            manifest_of(stayed), arrays_of(stayed))


@pytest.mark.parametrize('spoil', [
    lambda manifest, arrays: manifest.update(schema=99),
    lambda manifest, arrays: manifest.update(current=7),
    lambda manifest, arrays: manifest.update(contexts=[[1, 2], [1, 2]]),
    lambda manifest, arrays: manifest.update(contexts='x'),
    lambda manifest, arrays: manifest.update(generator={'bit_generator': 'MT19937'}),
    lambda manifest, arrays: manifest.update(config={'states': 9}),
    lambda manifest, arrays: arrays.pop('c1.counts'),
    lambda manifest, arrays: arrays.update({'c1.counts': np.zeros((2, 2))}),
    lambda manifest, arrays: arrays.update({'c1.visits': -arrays['c1.visits']}),
    lambda manifest, arrays: arrays.update({'c2.table': arrays['c2.table'] * np.nan}),
    lambda manifest, arrays: arrays.update(window=np.full((1, 5), 99.0)),
    lambda manifest, arrays: arrays.update(pending=np.zeros((10000, 5))),
])
def test_a_spoiled_snapshot_is_refused_with_a_reason(
    spoil: object, taught: tuple[dict[str, object], dict[str, np.ndarray]]  # type: ignore
) -> None:
    manifest, arrays = json.loads(json.dumps(taught[0])), dict(taught[1])
    spoil(manifest, arrays)  # type: ignore[operator]
    with pytest.raises(ValueError, match='expected'):
        learner_from(manifest, arrays)


def test_frozen_it_recognises_and_learns_nothing(
    two_worlds: list[World], taught: tuple[dict[str, object], dict[str, np.ndarray]]  # type: ignore
) -> None:
    learner = learner_from(*taught)
    learner.frozen = True
    kept = [bits(context.model) for context in learner.library.contexts]
    walk = Walk(two_worlds[0], np.random.default_rng(5))
    walked(learner, walk, 120)
    assert learner.current == 1
    assert [bits(context.model) for context in learner.library.contexts] == kept


def test_masked_actions_are_never_chosen_and_never_hoped_for() -> None:
    world, = random_worlds(np.random.default_rng(1), 1, states=3, actions=3)
    learner = learner_for(world)
    mask = np.array([True, False, True])
    for turn in range(300):
        action, values = learner.act(turn % 3, mask)
        assert action != 1 and values[1] == -np.inf
        learner.observe(Transition(turn % 3, action, 1.0, (turn + 1) % 3), mask)
    # Staying at the best reward is worth 10; the untried action must not promise more.
    assert float(learner.library.get(1).table[:, [0, 2]].max()) <= 10.0 + 1e-6


@pytest.mark.parametrize('step', [
    Transition(-1, 0, 0.0, 0), Transition(9, 0, 0.0, 0), Transition(0, 3, 0.0, 0),
    Transition(0, 0, float('nan'), 0), Transition(0, 0, float('inf'), 0),
    Transition(0, 0, 0.0, 9)])
def test_what_is_no_step_is_refused_and_changes_nothing(
    step: Transition, two_worlds: list[World]
) -> None:
    learner = learner_for(two_worlds[0])
    with pytest.raises(ValueError, match='expected'):
        learner.observe(step)
    assert learner.steps == 0 and not learner.library.contexts


@pytest.mark.parametrize('mask', [[False] * 3, [True] * 2, [0.5] * 3])
def test_a_mask_that_allows_nothing_is_refused(
    mask: list[object], two_worlds: list[World]
) -> None:
    with pytest.raises(ValueError, match='mask: expected'):
        learner_for(two_worlds[0]).act(0, np.array(mask))


@pytest.mark.parametrize('setting', [
    {'discount': 1.0}, {'contexts_max': 1}, {'window_min_steps': 70}, {'epsilon': 2.0},
    {'hope_visits': 0.0}, {'plan_sweeps': 0}, {'alarm_limit': float('nan')}])
def test_settings_that_make_no_sense_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match='expected'):
        ContinualConfig(4, 2, **setting)  # type: ignore[arg-type]


@pytest.mark.parametrize('family', sorted(FAMILIES))
def test_every_family_of_worlds_is_seeded_and_proper(family: str) -> None:
    worlds, again = (FAMILIES[family](np.random.default_rng(5)) for _ in range(2))
    assert len(worlds) == 5
    for world, same in zip(worlds, again, strict=True):
        assert np.allclose(world.step.sum(axis=2), 1.0) and np.array_equal(
            world.step, same.step) and np.array_equal(world.reward, same.reward)
        assert world.best() > world.random()
