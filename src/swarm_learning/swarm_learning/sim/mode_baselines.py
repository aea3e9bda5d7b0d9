# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what learned modes are held against: random, fixed modes, the hand rule, and value
iteration on sampled transitions; refuses to learn online.

A policy here is a table of values, shape (27, 6, 6): buckets, mode in force, mode. Its best
permitted entry counts. The sampled oracle knows far more decisions than any swarm ever makes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.advice import rule_for
from ..core.mode.buckets import CELLS, MODE_INDEX, MODES, Level
from ..core.mode.shield import cell_masks
from .mode_world import IS_SAFE, UNSTABLE, Array, Cells, Family, ModeWorld, permitted

SWITCH = 0.05
Policy = Callable[[Array, Array, Array, 'np.random.Generator'], Array]


@dataclass(frozen=True)
class Episode:
    """What came of a policy, one figure for each world."""

    rewards: Array          # mean of a tick, with the cost of changing per decision
    unstable: Array         # share of ticks with stability below UNSTABLE
    switches: Array         # per 100 ticks
    by_phase: Array         # (4, worlds) mean reward of a tick; NaN where it never came


def run(
    family: Family, seeds: list[int], policy: Policy, ticks: int, dwell: int = 10,
    shielded: bool = True, world: ModeWorld | None = None,
    seen: Callable[[Array, Array, Array, Array, Array], None] | None = None,
) -> Episode:
    """Run a policy(cells, modes, allowed, chance) -> modes, asked every dwell ticks and at once
    where the shield forbids the mode in force or where stability has become low in a mode that is
    not a safe one. seen: told of every transition."""
    world = world or ModeWorld(family, seeds)
    chance = np.random.default_rng([len(seeds), seeds[0], 7])
    cells_of, modes = Cells(world.count), world.modes.copy()
    total, low, switches = (np.zeros(world.count) for _ in range(3))
    phase_sum, phase_n = np.zeros((4, world.count)), np.zeros((4, world.count))
    rows = np.arange(world.count)
    last: tuple[Array, Array, Array] | None = None
    gained = np.zeros((3, world.count))
    for tick in range(ticks):
        was_low = cells_of.levels[1] == Level.LOW
        cells = cells_of.settle(*world.figures())
        allowed = permitted(cells, world.flag) if shielded else np.ones((world.count, 6), bool)
        due = tick % dwell == 0
        fell = (cells_of.levels[1] == Level.LOW) & ~was_low
        alarmed = ~allowed[rows, modes] | (fell & ~IS_SAFE[modes] if shielded else False)
        if due and last is not None and seen is not None:
            seen(*last, gained / dwell, cells)
        if due or alarmed.any():
            chosen = policy(cells, modes, allowed, chance)
            wanted = np.where(due | alarmed, chosen, modes)
            switched = wanted != modes
            if due:
                last, gained = (cells, modes, wanted), np.zeros((3, world.count))
            total -= SWITCH * dwell * switched
            switches += switched
            modes = wanted
        world.tick(modes)
        reward = world.rewards()
        gained, total = gained + world.worths(), total + reward
        low += world.stability < UNSTABLE
        phase_sum[world.phase, rows] += reward
        phase_n[world.phase, rows] += 1
    with np.errstate(invalid='ignore'):
        by_phase = phase_sum / phase_n
    return Episode(total / ticks, low / ticks, 100.0 * switches / ticks, by_phase)


def random_policy(
    cells: Array, modes: Array, allowed: Array, chance: np.random.Generator
) -> Array:
    """Any permitted mode."""
    return np.asarray(np.argmax(np.where(allowed, chance.random(allowed.shape), -1.0), axis=1))


def fixed(index: int) -> Policy:
    """Always this mode, or defensive where it is forbidden."""
    def policy(cells: Array, modes: Array, allowed: Array, _: np.random.Generator) -> Array:
        return np.where(allowed[:, index], index, MODE_INDEX[MODES[3]])
    return policy


def of_table(values: Array) -> Policy:
    """The best permitted entry of a table of shape (27, 6, 6), or of one for each world."""
    def policy(cells: Array, modes: Array, allowed: Array, _: np.random.Generator) -> Array:
        one_each = values.ndim == 4
        own = values[np.arange(len(cells)), cells, modes] if one_each else values[cells, modes]
        return np.asarray(np.argmax(np.where(allowed, own, -np.inf), axis=1))
    return policy


def hand_rule() -> Array:
    """The rule of core.advice as a table, without curiosity, which this world has not."""
    values = np.zeros((CELLS, 6, 6))
    for cell, (a, s, p) in enumerate(itertools.product(Level, Level, Level)):
        values[cell, :, MODE_INDEX[rule_for(a, s, p, False).mode]] = 1.0
    return values


@dataclass
class Samples:
    """Counts of transitions by buckets, mode in force and mode."""

    visits: Array
    sums: Array             # (3, 27, 6, 6): stability, pressure, distance of arousal
    following: Array

    @classmethod
    def empty(cls) -> Samples:
        return cls(np.zeros((CELLS, 6, 6)), np.zeros((3, CELLS, 6, 6)),
                   np.zeros((CELLS, 6, 6, CELLS)))

    def see(self, cells: Array, modes: Array, chosen: Array, figures: Array, after: Array) -> None:
        np.add.at(self.visits, (cells, modes, chosen), 1.0)
        for own, figure in zip(self.sums, figures, strict=True):
            np.add.at(own, (cells, modes, chosen), figure)
        np.add.at(self.following, (cells, modes, chosen, after), 1.0)

    def solve(self, gamma: float, sweeps: int = 600) -> Array:
        """Value iteration; what was never tried is worth nothing good."""
        n = np.maximum(self.visits, 1.0)
        gained = self.sums[0] - self.sums[1] - 0.5 * self.sums[2]
        reward = gained / n - SWITCH * (1.0 - np.eye(6))[None]
        moves = self.following / n[..., None]
        free = np.array([cell_masks(c) for c in range(CELLS)])
        bad = ~free[:, None, :] | (self.visits < 20)
        values = np.zeros((CELLS, 6, 6))
        for _ in range(sweeps):
            best = np.where(bad, -1e9, values).max(axis=2)
            best = np.where(best < -1e8, -2.0 / (1 - gamma), best)   # (27 cells, 6 modes)
            values = reward + gamma * np.einsum('cmad,da->cma', moves, best)
        return np.where(self.visits < 20, -1e6 + reward, values)


def oracle(family: Family, seed: int = 90_000, worlds: int = 300, rounds: int = 3,
           decisions: int = 700, dwell: int = 10, charge: float = 0.0) -> Array:
    """A table by value iteration on sampled transitions, of several discounts and rounds the best
    on other worlds. The first round tries modes evenly, later ones half of the time.
    charge: of each unstable tick, beyond what the reward says of it, see ModeWorld."""
    samples, best, best_worth = Samples.empty(), np.zeros((CELLS, 6, 6)), -np.inf
    for turn in range(rounds):
        seeds = [seed + 1000 * turn + n for n in range(worlds)]
        policy = around(best) if turn else random_policy
        run(family, seeds, policy, decisions * dwell, dwell, seen=samples.see,
            world=ModeWorld(family, seeds, charge))
        for gamma in (0.8, 0.9, 0.95):
            values = samples.solve(gamma)
            episode = run(family, [seed - 1000 + n for n in range(100)], of_table(values), 3000,
                          dwell)
            worth = float((episode.rewards - charge * episode.unstable).mean())
            if worth > best_worth:
                best, best_worth = values, worth
    return best


def around(values: Array) -> Policy:
    """The best of a table in 60 % of the decisions, and otherwise any permitted mode."""
    greedy = of_table(values)

    def policy(cells: Array, modes: Array, allowed: Array, chance: np.random.Generator) -> Array:
        other = random_policy(cells, modes, allowed, chance)
        return np.where(chance.random(len(cells)) < 0.4, other,
                        greedy(cells, modes, allowed, chance))
    return policy
