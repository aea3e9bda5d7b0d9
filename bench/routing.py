# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which robot a job goes to: mean job time beside that of a clairvoyant, over worlds and seeds.

Simulated robots (swarm_learning/sim/routing_world.py) get jobs from one router, or from eight that
hear how full robots are only now and then. All policies meet the same draws. The figure of a seed
is the mean job time of a policy divided by that of the clairvoyant, which knows true speeds,
failure rates and queues, but looks at one job at a time. The seeds begin at 1000; development used
others.

`literal` is time / success probability, once with the time of the work and once with the time
from sending to the end: its queue grows without bound, so its ratio grows with the length of the
run. `coordinator's own` predicts from what the log has seen of the routes, `advised` with what a
learner told it in the last seconds (docs/adr/0015).

Notes hold the interquartile mean with a 95 % bootstrap interval, and the worst seed.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench._own_predictor import OwnPredictor
from bench.run import write_samples
from bench.statistics import bootstrap_interval, iqm
from bench.table import Row, row
from swarm_learning.core.routing import LiteralCost, RouteKey, Routing
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
from swarm_learning.sim.routing_world import SCENARIOS, Simulation, draw, measured

SEEDS, SEEDS_QUICK = 20, 3
JOBS, JOBS_QUICK = 2500, 1000
FIRST_SEED = 1000
ROUTERS = 8
LITERAL, COMPLETION = 'literal, work time', 'literal, completion time'
OURS, C3_NAME, LEAST = 'ours', 'C3', 'least loaded'
OWN, ADVISED = "coordinator's own", 'coordinator, advised'

Make = Callable[[Simulation], Any]
POLICIES: dict[str, Make] = {
    OURS: Learned,
    C3_NAME: C3,
    LEAST: LeastLoaded,
    'Peak-EWMA': PeakEwma,
    'Peak-EWMA of two': PeakEwmaOfTwo,
    'random': Random,
    'round robin': RoundRobin,
    LITERAL: lambda at: Learned(at, cost=LiteralCost()),
    COMPLETION: lambda at: Learned(at, cost=LiteralCost(), completion=True),
    OWN: OwnPredictor,
    ADVISED: lambda at: OwnPredictor(at, advised=True),
    'probe 2': lambda at: Learned(at, probed=2),
    'probe 3': lambda at: Learned(at, probed=3),
}
FEW = (OURS, C3_NAME, LEAST)
ALL = (*FEW, 'Peak-EWMA', 'Peak-EWMA of two', 'random', 'round robin', LITERAL, COMPLETION)
MANY = (OURS, 'probe 2', 'probe 3', C3_NAME)


@dataclass(frozen=True)
class Cell:
    """One line of worlds. `target`, `worst`, `tail`: of the median ratio, of the worst seed and
    of the ratio of the 99th of 100; of the policy `ours`."""

    scenario: str
    load: float
    policies: tuple[str, ...] = FEW
    target: float | None = None
    worst: float | None = None
    tail: float | None = None
    gossip_s: float = 0.0
    shared: bool = False
    ours: str = OURS

    @property
    def label(self) -> str:
        text = f'{self.scenario}, load {self.load}'
        if self.gossip_s:
            text += f', {ROUTERS} routers, news each {self.gossip_s:g} s'
        return text + (', all outcomes' if self.shared else '')


CELLS = (
    Cell('periods', 0.3, (*FEW, 'Peak-EWMA')),
    Cell('periods', 0.6, (*ALL, OWN, ADVISED), 1.12, 1.25, 1.30),
    Cell('periods', 0.8, (*FEW, 'Peak-EWMA', OWN, ADVISED), 1.20),
    Cell('periods of 60 s', 0.6, FEW, 1.25),
    *(
        Cell(name, 0.6, (*FEW, OWN, ADVISED), 1.12, 1.25, 1.30)
        for name in ('pareto', 'bimodal', 'alike', 'unequal', 'specialists', 'black holes',
                     'drift', 'together')
    ),
    Cell('periods', 0.6, MANY, gossip_s=0.2, ours='probe 3'),
    Cell('periods', 0.6, MANY, 1.40, gossip_s=1.0, ours='probe 3'),
    Cell('periods', 0.6, MANY, 1.65, gossip_s=5.0, ours='probe 3'),
    Cell('periods', 0.6, (OURS, 'probe 3'), gossip_s=1.0, shared=True, ours='probe 3'),
)


def one_seed(task: tuple[Cell, int, int]) -> dict[str, tuple[float, float]]:
    """Of each policy the mean and the 99th of 100 of job times, over the clairvoyant's."""
    cell, seed, jobs = task
    world = draw(SCENARIOS[cell.scenario], cell.load, seed, jobs)
    mean, tail = measured(Simulation(world, Clairvoyant).run())
    routers = ROUTERS if cell.gossip_s else 1
    found = {}
    for name in cell.policies:
        took = Simulation(world, POLICIES[name], routers, cell.gossip_s, cell.shared).run()
        one_mean, one_tail = measured(took)
        found[name] = one_mean / mean, one_tail / tail
    return found


def measure(quick: bool) -> list[Row]:
    seeds, jobs = (SEEDS_QUICK, JOBS_QUICK) if quick else (SEEDS, JOBS)
    tasks = [(cell, FIRST_SEED + seed, jobs) for cell in CELLS for seed in range(seeds)]
    context = multiprocessing.get_context('fork')
    with context.Pool(min(2, os.cpu_count() or 1)) as pool:
        found = pool.map(one_seed, tasks, chunksize=1)
    rows, samples = [decision_row(quick, tasks) for tasks in (1, 16)], {}
    for number, cell in enumerate(CELLS):
        ratios = found[number * seeds: (number + 1) * seeds]
        rows += rows_of(cell, ratios)
        samples[cell.label] = ratios
    write_samples('routing', samples)
    return rows


def rows_of(cell: Cell, ratios: Sequence[dict[str, tuple[float, float]]]) -> list[Row]:
    rows = []
    of = {name: [one[name] for one in ratios] for name in cell.policies}
    mine = [mean for mean, _ in of[cell.ours]]
    for name, figures in of.items():
        means = [mean for mean, _ in figures]
        low, high = bootstrap_interval(means)
        rows.append(row(
            f'{cell.label}: {name}', 'x', means,
            target=cell.target if name == cell.ours else None,
            note=f'IQM {iqm(means):.3f} [{low:.3f}, {high:.3f}]',
        ))
    if cell.worst:
        rows.append(row(f'{cell.label}: worst seed', 'x', [max(mine)], target=cell.worst))
    if cell.tail:
        rows.append(row(f'{cell.label}: 99th of 100', 'x', [tail for _, tail in of[cell.ours]],
                        target=cell.tail))
    if cell.gossip_s:
        return rows
    for name, target in ((C3_NAME, 0.8), (LEAST, 0.7)):
        pairs = zip(mine, of[name], strict=True)
        rows.append(row(f'{cell.label}: ours of {name}', '', [a / b for a, (b, _) in pairs],
                        target=target, peer=[1.0 / b for b, _ in of[name]],
                        peer_name='clairvoyant'))
    return rows


def decision_row(quick: bool, tasks: int) -> Row:
    """64 robots that hold three jobs each, and can do each of the tasks."""
    routing, robots = Routing(), [f'r{number}' for number in range(64)]
    stamp_ns, rng = 10**12, np.random.default_rng(0)
    for task in range(tasks):
        for robot in robots:
            key = RouteKey(f'exec:t{task}', robot)
            for _ in range(3):
                stamp_ns += 10**6
                routing.hear(key, 'done' if rng.random() < 0.9 else 'failed',
                             float(rng.lognormal(6, 0.5)), stamp_ns)
    for number in range(192):
        key = RouteKey(f'exec:t{number % min(tasks, 3)}', robots[number % 64])
        routing.sent(str(number), key, stamp_ns)
    places = [(robot, '') for robot in robots]
    spans = []
    for _ in range(200 if quick else 1000):
        began = time.perf_counter()
        routing.choose('exec:t0', places, stamp_ns + 10**9)
        spans.append((time.perf_counter() - began) * 1e6)
    return row(f'decision among 64 robots, {64 * tasks} routes known', 'us', spans, target=200.0)
