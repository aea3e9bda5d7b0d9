# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Forgetting, transfer and recognition of worlds that follow one another; roll-back of versions.

Five worlds of 27 states and 5 actions come one after another, 15 000 steps each; nobody tells our
learner when. A score is exact: 0 as good as random, 1 optimal. After each world all are scored;
ours looks at a world for 60 steps first, without learning. Then worlds come back in random order,
300 steps each, and the figure `named` is the share in which the right context was in force after
60. Families: `unrelated`, `related` (60 % in common), `sparse` (few next states, half of them in
common), `alike` (15 % of the pairs differ, under noise) and `goals` (a grid where nothing but the
goal differs). The last two are meant to be hard to tell; 5000 steps each there. Baselines without
contexts get a decaying exploration that starts anew at each change, and `anchor` is told of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from bench.statistics import iqm_row
from bench.table import AT_LEAST, Row
from swarm_learning.core.policies.continual import ContinualLearner
from swarm_learning.core.policies.continual_config import ContinualConfig
from swarm_learning.core.policies.transfer import transfer
from swarm_learning.sim import forgetting, versions
from swarm_learning.sim.mdps import Walk

SEEDS, SEEDS_QUICK = 20, 3
FIRST_SEED = 4000  # others than those that settings were chosen on (0 to 9)
STEPS, STEPS_QUICK, STEPS_HARD = 15_000, 3000, 5000
EASY, HARD = ('unrelated', 'related'), ('sparse', 'alike', 'goals')
ZERO = {'hope_visits': 1e-6, 'epsilon': 0.1}
PROCESSES = 2


def measure(quick: bool, runs: int = 0) -> list[Row]:
    seeds = list(range(FIRST_SEED, FIRST_SEED + (runs or (SEEDS_QUICK if quick else SEEDS))))
    steps = STEPS_QUICK if quick else STEPS
    rows: list[Row] = []
    with ProcessPoolExecutor(PROCESSES) as pool:
        for name in EASY:
            rows += _easy(name, seeds, steps, pool)
        for name in HARD:
            found = list(pool.map(_library, [(name, seed, min(steps, STEPS_HARD), {})
                                             for seed in seeds]))
            rows += _figures(name, 'contexts', found, targets=False)
            rows += _recognition(name, found, target=None)
        rows += _trouble(seeds, min(steps, STEPS_HARD), pool)
        rows += _shelf(seeds, pool)
    return [*rows, *_cost(quick)]


def _easy(name: str, seeds: Sequence[int], steps: int, pool: ProcessPoolExecutor) -> list[Row]:
    worlds = [forgetting.family(name, seed) for seed in seeds]
    plain = {method: forgetting.plain_runs(method, worlds, steps, seeds[0])
             for method in forgetting.METHODS}
    ours = list(pool.map(_library, [(name, seed, steps, {}) for seed in seeds]))
    zero = list(pool.map(_library, [(name, seed, steps, ZERO) for seed in seeds]))
    rows = _figures(name, 'contexts', ours, targets=True, peer=plain['replay'])
    rows += _figures(name, 'contexts, zero start', zero, targets=False)
    for method, found in plain.items():
        rows += _figures(name, method, found, targets=False)
    return [*rows, *_recognition(name, ours, target=0.95)]


def _library(task: tuple[str, int, int, dict[str, float]]) -> forgetting.Run:
    name, seed, steps, settings = task
    return forgetting.library_run(forgetting.family(name, seed), seed, steps, **settings)


def _figures(
    name: str, method: str, runs: Sequence[forgetting.Run], targets: bool,
    peer: Sequence[forgetting.Run] | None = None,
) -> list[Row]:
    found = np.array([transfer(run.scores, run.beginner) for run in runs])
    other = None if peer is None else np.array(
        [transfer(run.scores, run.beginner) for run in peer])
    goals = {'ACC': 0.95, 'BWT': -0.02, 'FWT': 0.5 if name == 'related' else None}
    return [iqm_row(
        f'{name}: {figure}, {method}', '', found[:, at],
        peer=None if other is None else list(other[:, at]),
        peer_name='' if other is None else 'replay',
        target=goal if targets else None, better=AT_LEAST)
        for at, (figure, goal) in enumerate(goals.items())]


def _recognition(
    name: str, runs: Sequence[forgetting.Run], target: float | None
) -> list[Row]:
    return [
        iqm_row(f'{name}: named within 60 steps', '', [run.recognised for run in runs],
                target=target, better=AT_LEAST),
        iqm_row(f'{name}: contexts for 5 worlds', '', [float(run.contexts) for run in runs]),
    ]


def _trouble(seeds: Sequence[int], steps: int, pool: ProcessPoolExecutor) -> list[Row]:
    lies = list(pool.map(_lying, [(seed, steps) for seed in seeds]))
    named = [step for each in pool.map(_named, [(seed, steps) for seed in seeds])
             for step in each]
    false = list(pool.map(_false, [(seed, 2 * steps) for seed in seeds]))
    return [
        iqm_row('score lost by 300 steps of false rewards', '',
                [before - after for before, after in lies], target=0.02),
        iqm_row('related: steps until a known world is named', '', [float(s) for s in named],
                target=60.0),
        iqm_row('contexts opened without a change', '', [float(n) for n in false], target=0.0,
                note=f'in {2 * steps} steps of one world'),
    ]


def _lying(task: tuple[int, int]) -> tuple[float, float]:
    seed, steps = task
    return forgetting.lying_run(forgetting.family('related', seed)[:2], seed, steps, 300, 3.0)


def _named(task: tuple[int, int]) -> list[int]:
    seed, steps = task
    return forgetting.steps_until_named(forgetting.family('related', seed), seed, steps)


def _false(task: tuple[int, int]) -> int:
    seed, steps = task
    return forgetting.false_changes(forgetting.family('sparse', seed)[0], seed, steps)


def _shelf(seeds: Sequence[int], pool: ProcessPoolExecutor) -> list[Row]:
    falls = list(pool.map(_fall, seeds))
    lives = list(pool.map(_life, [10 * seed + at for seed in seeds for at in range(3)]))
    return [
        iqm_row('decisions until a bad active version is rolled back', '',
                [float(fall.active) for fall in falls], target=300.0),
        iqm_row('own decisions until a bad canary is rolled back', '',
                [float(fall.canary_own) for fall in falls], target=300.0),
        iqm_row('decisions until a bad canary is rolled back', '',
                [float(fall.canary) for fall in falls], note='it is followed for a tenth'),
        _share('equally good versions rolled back', [life[0] for life in lives],
               [life[1] for life in lives], 'lower bound alone'),
        iqm_row('decisions until an equally good version is active', '',
                [float(life[2]) for life in lives]),
    ]


def _fall(seed: int) -> versions.Fall:
    return versions.fall_of_a_bad_version(forgetting.family('unrelated', seed)[0], seed)


def _life(seed: int) -> tuple[bool, bool, int]:
    return versions.life_of_a_good_version(
        forgetting.family('unrelated', seed)[0], seed, 3000)


def _share(what: str, ours: Sequence[bool], peer: Sequence[bool], peer_name: str) -> Row:
    share = sum(ours) / len(ours)
    return Row(what, '', share, float(min(ours)), float(max(ours)), len(ours),
               sum(peer) / len(peer), peer_name, 0.05, note='share of lives of 3000 decisions')


def _cost(quick: bool) -> list[Row]:
    """With five contexts, so that recognition is paid for."""
    worlds = forgetting.family('related', FIRST_SEED)
    learner = ContinualLearner(ContinualConfig(27, 5), np.random.default_rng(1))
    walk = Walk(worlds[0], np.random.default_rng(2))
    for world in worlds:
        walk.enter(world)
        forgetting.practise(learner, walk, 1000)
    return [_timed('one decision and one learned step, 5 contexts', 'us', 5 if quick else 20,
                   lambda: forgetting.practise(learner, walk, 500), 500)]


def _timed(what: str, unit: str, rounds: int, work: Callable[[], Any], steps: int) -> Row:
    spent = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) / steps * 1e6)
    return iqm_row(what, unit, spent)
