# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Learned modes in worlds of load, faults and surges, as a share of what value iteration reaches.

A score of 0 is random choice without a shield, 1 is value iteration on some 300,000 sampled
decisions with the same buckets, dwell and shield. A learner is scored with what it has learned so
far, not learning, in twelve worlds that are the same for all and none of which it has lived in.
Each seed is one learner in one world of its own. `from the start` begins with the shipped
experience of the families mixed, shifts and shocks; storms and sluggish are new to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.statistics import iqm_row
from bench.table import AT_LEAST, AT_MOST, Row, row
from swarm_learning.core.mode.buckets import MODES
from swarm_learning.core.mode.controller import ModeController
from swarm_learning.sim.mode_baselines import (
    Policy,
    fixed,
    hand_rule,
    of_table,
    oracle,
    random_policy,
    run,
)
from swarm_learning.sim.mode_training import Life, judged, live, table_of
from swarm_learning.sim.mode_world import FAMILIES, Family, ModeWorld, changed
from swarm_learning.sim.train_mode import shipped

Array = Any
JUDGED_SEEDS = list(range(70_000, 70_012))
SEEDS, SEEDS_QUICK = 20, 3
CHARGE = 1.5        # as much as the reward between calm and chaos
WINDOW = 100        # decisions of a mean in which recovery is looked for
Made = Callable[[int], ModeController]


@dataclass(frozen=True)
class Scale:
    """Rewards of random choice and of the oracle in one family; unstable: percent of the ticks
    in which stability is below 0.25 with the oracle."""

    family: Family
    random: float
    best: float
    unstable: float
    ticks: int

    def score(self, rewards: Array) -> Array:
        return (rewards - self.random) / (self.best - self.random)

    def of(self, policy: Policy) -> tuple[float, float]:
        """Score, and percent of the ticks in which stability is below 0.25."""
        episode = run(self.family, JUDGED_SEEDS, policy, self.ticks)
        return float(self.score(episode.rewards.mean())), 100.0 * float(episode.unstable.mean())


def scale_of(family: Family, quick: bool) -> Scale:
    ticks, table = 1500 if quick else 3000, solved(family, quick)
    chance = run(family, JUDGED_SEEDS, random_policy, ticks, shielded=False)
    best = run(family, JUDGED_SEEDS, of_table(table), ticks)
    return Scale(family, float(chance.rewards.mean()), float(best.rewards.mean()),
                 100.0 * float(best.unstable.mean()), ticks)


def solved(family: Family, quick: bool, charge: float = 0.0) -> Array:
    worlds, decisions = (100, 300) if quick else (200, 500)
    return oracle(family, worlds=worlds, decisions=decisions, charge=charge)


def baselines(scale: Scale) -> list[Row]:
    name, rows = scale.family.name, []
    policies: dict[str, Policy] = {
        'random behind the shield': random_policy, 'hand rule': of_table(hand_rule()),
        **{f'always {mode.value}': fixed(index) for index, mode in enumerate(MODES)}}
    for label, policy in policies.items():
        score, unstable = scale.of(policy)
        rows += scored(name, label, score, unstable)
    return rows


def scored(family: str, label: str, score: float, unstable: float) -> list[Row]:
    return [row(f'{family}: {label}', '', [score], better=AT_LEAST),
            row(f'{family}: {label}, ticks with stability below 0.25', '%', [unstable])]


def careful(scale: Scale, quick: bool) -> list[Row]:
    """Value iteration for which each tick of low stability costs CHARGE beyond the reward: how far
    down such ticks can be brought."""
    table = solved(scale.family, quick, CHARGE)
    label = f'value iteration, {CHARGE:g} for each tick below 0.25'
    return scored(scale.family.name, label, *scale.of(of_table(table)))


def lived(
    scale: Scale, make: Made, points: Sequence[int], seeds: Sequence[int]
) -> tuple[dict[int, list[Array]], Life]:
    """Tables after so many decisions, and what came of learning them."""
    controllers, tables = [make(seed) for seed in seeds], {}

    def at(done: int) -> None:
        if done in points:
            tables[done] = [table_of(one) for one in controllers]
    life = live(controllers, ModeWorld(scale.family, list(seeds)), max(points) + 1, at=at)
    return tables, life


TARGETS = {500: (0.95, 0.75), 2000: (0.97, 0.93)}


def learned(label: str, scale: Scale, make: Made, points: Sequence[int],
            seeds: Sequence[int]) -> list[Row]:
    tables, life = lived(scale, make, points, seeds)
    name, rows = f'{scale.family.name}: {label}', []
    for done in points:
        episode = judged(tables[done], scale.family, JUDGED_SEEDS, scale.ticks)
        scores = scale.score(episode.rewards).tolist()
        target, worst = TARGETS.get(done, (None, None))
        rows.append(iqm_row(f'{name}, {done} decisions', '', scores, target=target,
                            better=AT_LEAST))
        rows.append(row(f'{name}, {done} decisions, worst seed', '', [min(scores)], target=worst,
                        better=AT_LEAST))
    rows += [
        iqm_row(f'{name}, switches per 100 ticks', '', episode.switches.tolist(), target=4.0,
                better=AT_MOST),
        iqm_row(f'{name}, ticks with stability below 0.25', '%',
                (100.0 * episode.unstable).tolist(), target=1.0, better=AT_MOST,
                peer=scale.unstable, peer_name='value iteration'),
        iqm_row(f'{name}, reward while learning', '',
                np.array(life.rewards).mean(axis=0).tolist(), better=AT_LEAST),
        row(f'{name}, proposals that break the shield', '', [float(life.violations)], target=0.0),
    ]
    return rows


def recovery(make: Made, seeds: Sequence[int], before: int, after: int, quick: bool) -> list[Row]:
    """Decisions after a change of the world until the mean of WINDOW rewards of learning has
    reached 90 % of the way from random to the oracle of the new world; a seed that never does
    counts as the whole time."""
    family = FAMILIES['mixed']
    scale = scale_of(changed(family), quick)
    enough = scale.random + 0.9 * (scale.best - scale.random)
    controllers, world = [make(seed) for seed in seeds], ModeWorld(family, list(seeds))
    live(controllers, world, before)
    world.change_to(scale.family)
    rewards = np.array(live(controllers, world, after, begin_tick=10 * before).rewards)
    sums = np.cumsum(np.concatenate([np.zeros((1, len(seeds))), rewards]), axis=0)
    means = (sums[WINDOW:] - sums[:-WINDOW]) / WINDOW
    reached = [int(np.argmax(column >= enough)) + WINDOW if (column >= enough).any() else after
               for column in means.T]
    failed = int(sum((column < enough).all() for column in means.T))
    final = scale.score(judged([table_of(one) for one in controllers], scale.family,
                               JUDGED_SEEDS, scale.ticks).rewards)
    return [
        row('changed world: decisions to 90 % of its oracle', '', [float(n) for n in reached],
            target=500.0),
        row('changed world: seeds that never reach it', '', [float(failed)], target=0.0),
        iqm_row(f'changed world: score after {after} decisions', '', final.tolist(),
                better=AT_LEAST),
    ]


def measure(quick: bool, runs: int = 0) -> list[Row]:
    seeds = list(range(500, 500 + (runs or (SEEDS_QUICK if quick else SEEDS))))
    arrays, points = shipped(), (200, 500) if quick else (200, 500, 2000)

    def fresh(seed: int) -> ModeController:
        return ModeController(None, seed)

    def begun(seed: int) -> ModeController:
        return ModeController.from_start(None, arrays, seed)
    rows = []
    for name in ('mixed',) if quick else ('mixed', 'shocks', 'storms', 'sluggish'):
        scale = scale_of(FAMILIES[name], quick)
        rows += baselines(scale) + careful(scale, quick)
        rows += learned('from the start', scale, begun,
                        (0, *(points if name == 'storms' else (500,))), seeds)
        if quick or name in ('mixed', 'storms'):
            rows += learned('from nothing', scale, fresh,
                            points if name == 'storms' or quick else (500,), seeds)
    return rows + recovery(begun, seeds, 200 if quick else 500, 500 if quick else 1000, quick)
