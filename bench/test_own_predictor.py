# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The coordinator's own predictions in the simulated swarm: that it is them, and with advice."""

from __future__ import annotations

import pytest

pytest.importorskip('numpy')

from bench._own_predictor import OwnPredictor
from bench.routing import CELLS, POLICIES, one_seed
from swarm_learning.sim.routing_policies import Clairvoyant, Random
from swarm_learning.sim.routing_world import SCENARIOS, Simulation, draw, measured


@pytest.mark.parametrize('advised', [False, True])
def test_it_is_near_the_clairvoyant_and_far_from_chance(advised: bool) -> None:
    world = draw(SCENARIOS['periods'], 0.6, seed=8, jobs=500)
    best, chance = (measured(Simulation(world, one).run())[0] for one in (Clairvoyant, Random))
    own = measured(Simulation(world, lambda at: OwnPredictor(at, advised)).run())[0]
    assert own < 1.5 * best < chance


def test_advice_changes_what_it_does() -> None:
    world = draw(SCENARIOS['specialists'], 0.6, seed=8, jobs=400)
    alone, advised = (
        Simulation(world, lambda at, told=told: OwnPredictor(at, told)).run()  # type: ignore[misc]
        for told in (False, True)
    )
    assert alone != advised


def test_every_cell_names_policies_and_a_scenario_that_there_are() -> None:
    for cell in CELLS:
        assert set(cell.policies) <= set(POLICIES) and cell.ours in cell.policies
        assert cell.scenario in SCENARIOS
    ratios = one_seed((CELLS[3], 1, 120))
    assert all(mean > 0.5 and tail > 0.3 for mean, tail in ratios.values())
