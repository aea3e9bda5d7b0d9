# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the simulated swarm: the same for every policy, and by the clock."""

from __future__ import annotations

import pytest

from swarm_learning.core.routing import LiteralCost
from swarm_learning.sim.routing_policies import (
    C3,
    Clairvoyant,
    Learned,
    LeastLoaded,
    PeakEwma,
    PeakEwmaOfTwo,
    Random,
    RoundRobin,
)
from swarm_learning.sim.routing_world import SCENARIOS, Scenario, Simulation, draw, measured

QUIET = Scenario('quiet', slow=0.0, failing=0.0)


@pytest.mark.parametrize('policy', [
    Random, RoundRobin, LeastLoaded, PeakEwma, PeakEwmaOfTwo, C3, Clairvoyant, Learned,
])
def test_every_policy_gets_all_jobs_done_and_repeats_itself(policy: type) -> None:
    world = draw(SCENARIOS['periods'], 0.5, seed=3, jobs=150)
    took = Simulation(world, policy).run()
    assert len(took) == 150 and min(took) > 0
    assert Simulation(world, policy).run() == took


@pytest.mark.parametrize('scenario', sorted(SCENARIOS))
def test_sizes_have_mean_one_and_the_load_is_what_it_says(scenario: str) -> None:
    world = draw(SCENARIOS[scenario], 0.6, seed=1, jobs=40_000)
    assert sum(world.size) / len(world.size) == pytest.approx(1.0, rel=0.1)
    share = [0.5, 0.35, 0.15]
    rate = sum(1 / sum(p * s for p, s in zip(share, row, strict=True)) for row in world.base_s)
    assert 40_000 / world.arrive_s[-1] == pytest.approx(0.6 * 0.75 * rate, rel=0.1)


def test_alone_and_healthy_a_job_takes_its_run_time() -> None:
    world = draw(QUIET, 0.001, seed=2, jobs=20)
    took = Simulation(world, LeastLoaded).run()
    runs = [{round(size * row[task], 6) for row in world.base_s}
            for size, task in zip(world.size, world.task, strict=True)]
    good = [round(one, 6) in run for one, run in zip(took, runs, strict=True)]
    assert sum(good) >= 18  # 2 % fail and are done again


def test_clairvoyant_beats_the_others_and_the_literal_cost_diverges() -> None:
    world = draw(SCENARIOS['periods'], 0.6, seed=4, jobs=1200)
    best = measured(Simulation(world, Clairvoyant).run())[0]
    ours = measured(Simulation(world, Learned).run())[0]
    literal = measured(Simulation(world, lambda at: Learned(at, cost=LiteralCost())).run())[0]
    assert best <= ours * 1.02
    assert ours < 1.5 * best < 10 * best < literal


def test_many_routers_with_old_news_do_better_when_they_ask_before_they_send() -> None:
    worlds = [draw(SCENARIOS['periods'], 0.6, seed, jobs=800) for seed in (5, 6)]

    def mean_s(probed: int) -> float:
        def router(at: Simulation) -> Learned:
            return Learned(at, probed=probed)

        return sum(measured(Simulation(one, router, 8, 5.0).run())[0] for one in worlds)

    assert mean_s(3) < 0.8 * mean_s(0)


def test_waiting_adds_up_to_the_times_of_all_jobs() -> None:
    simulation = Simulation(draw(SCENARIOS['periods'], 0.6, seed=9, jobs=200), LeastLoaded)
    assert sum(simulation.run()) == pytest.approx(simulation.waited_s)
    assert simulation.open_jobs == 0


@pytest.mark.parametrize('load', [0.0, -1.0, 2.0])
def test_load_that_is_none_is_refused(load: float) -> None:
    with pytest.raises(ValueError, match='expected a load'):
        draw(QUIET, load, seed=0)
