# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the runs behind the figures of bench continual, in small."""

from __future__ import annotations

import numpy as np
import pytest

from swarm_learning.core.policies.transfer import transfer
from swarm_learning.sim.forgetting import METHODS, family, library_run, lying_run, plain_runs
from swarm_learning.sim.mdps import World, random_worlds
from swarm_learning.sim.mode_contexts import ModeWalk, mode_families, new_learner, practise
from swarm_learning.sim.versions import fall_of_a_bad_version


@pytest.fixture(scope='module')
def small() -> list[World]:
    return random_worlds(np.random.default_rng(3), 3, states=6, actions=3)


def test_contexts_forget_nothing_and_learning_without_them_does(small: list[World]) -> None:
    ours = library_run(small, 1, 800)
    found = transfer(ours.scores, ours.beginner)
    assert found.accuracy > 0.9 and found.backward > -0.02 and ours.recognised >= 0.9
    for method in METHODS:
        plain, = plain_runs(method, [small], 800, 1)
        assert transfer(plain.scores, plain.beginner).accuracy < found.accuracy - 0.1


def test_runs_are_seeded(small: list[World]) -> None:
    one, again = (library_run(small[:2], 5, 200) for _ in range(2))
    assert np.array_equal(one.scores, again.scores) and one.recognised == again.recognised


def test_false_rewards_cost_nothing_in_the_end(small: list[World]) -> None:
    before, after = lying_run(small[:2], 2, 1000, 100, 3.0)
    assert after >= before - 0.02


def test_a_version_learned_upside_down_is_out_within_300_of_its_decisions() -> None:
    fall = fall_of_a_bad_version(family('unrelated', 1)[0], 1)
    assert fall.active <= 300 and fall.canary_own <= 300


def test_the_walk_through_the_mode_world_keeps_to_the_shield() -> None:
    learner, walk = new_learner(1), ModeWalk(mode_families()[0], 1)
    for _ in range(40):
        action, _ = learner.act(walk.state, walk.mask())
        assert walk.mask()[action]
        walk.step(action)
    practise(learner, walk, 20)
    assert learner.steps == 20 and 0 <= walk.state < learner.config.states


def test_an_unknown_method_is_refused(small: list[World]) -> None:
    with pytest.raises(ValueError, match='expected one of naive, replay, anchor'):
        plain_runs('magic', [small], 10, 1)
