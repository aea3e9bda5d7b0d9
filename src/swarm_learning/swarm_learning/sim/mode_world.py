# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a small world in which a swarm's mode matters: load, faults, heat, skill; refuses to know
how a mode is chosen.

One tick is 1 s. Many worlds run side by side in numpy, each with its own seeded chance, so that a
world does not depend on its neighbours. Service follows Yerkes & Dodson (1908): it is best at
medium arousal. Phases (calm, busy, surge, storm) come and go as a Markov chain; every mode is bad
in some of them. What a mode does was invented for this world; a real swarm differs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.mode.buckets import EDGES, HYSTERESIS, MODES, Level
from ..core.mode.shield import RISKY, SAFE, pointless, troubled

Array = NDArray[Any]

IS_SAFE = np.array([mode in SAFE for mode in MODES])
IS_RISKY = np.array([mode in RISKY for mode in MODES])
CALM, BUSY, SURGE, STORM = range(4)
PHASES = ('calm', 'busy', 'surge', 'storm')
BLOCK = 256         # ticks of chance drawn at once
DRAWS = 9           # random numbers of one tick
NOISE, CHANGE, LENGTH, NEXT, FAULT, FLAG, SORT, FLAG_LENGTH, SPARE = range(DRAWS)
BACKLOG_MAX_S = 60.0
UNSTABLE = 0.25     # stability below which a tick is counted
DISTURBANCE_MAX = 4.0
NONE, LEADERLESS, ESTOP, BATTERY_LOW, HUMANS_NEAR = range(5)
ALARMS = (LEADERLESS, ESTOP, BATTERY_LOW)
FLAG_SHARES = (0.35, 0.40, 0.55)    # cumulated: leaderless, e-stop, low battery; rest: humans
FLAG_S = (0.0, 12.0, 20.0, 40.0, 60.0)


@dataclass(frozen=True)
class Effects:
    """What the modes do, one figure for each of MODES."""

    service: tuple[float, ...] = (0.95, 0.7, 0.6, 0.5, 2.0, 0.35)
    push: tuple[float, ...] = (0.0, 0.25, -0.2, -0.05, 0.12, -0.1)
    faults: tuple[float, ...] = (1.0, 1.8, 0.8, 0.2, 2.0, 0.5)
    repair: tuple[float, ...] = (1.0, 0.9, 1.0, 1.4, 0.8, 3.0)


@dataclass(frozen=True)
class Family:
    """A kind of world: how long phases last, what follows them, and what they bring.

    loads   work that comes in s per s; faults per s; both by phase
    next    probability of each phase after each phase
    """

    name: str
    lengths_s: tuple[float, ...] = (150.0, 150.0, 50.0, 80.0)
    loads: tuple[float, ...] = (0.15, 0.75, 1.7, 0.35)
    faults: tuple[float, ...] = (0.002, 0.005, 0.005, 0.22)
    next: tuple[tuple[float, ...], ...] = (
        (0.0, 0.5, 0.25, 0.25), (0.4, 0.0, 0.35, 0.25), (0.5, 0.3, 0.0, 0.2), (0.6, 0.3, 0.1, 0.0))
    noise: float = 0.25
    flags_per_s: float = 0.001
    arousal_best: float = 0.5
    effects: Effects = Effects()


MIXED = Family('mixed')
SHIFTS = Family(
    'shifts', lengths_s=(400.0, 400.0, 60.0, 80.0), loads=(0.12, 0.85, 1.3, 0.4),
    next=((0.0, 0.8, 0.1, 0.1), (0.8, 0.0, 0.1, 0.1), (0.3, 0.7, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0)))
SHOCKS = Family(
    'shocks', lengths_s=(70.0, 60.0, 25.0, 40.0), loads=(0.25, 0.6, 2.4, 0.4), noise=0.45,
    next=((0.0, 0.2, 0.6, 0.2), (0.2, 0.0, 0.6, 0.2), (0.6, 0.3, 0.0, 0.1), (0.5, 0.2, 0.3, 0.0)))
STORMS = Family(
    'storms', lengths_s=(120.0, 140.0, 40.0, 140.0), loads=(0.2, 0.9, 1.5, 0.3),
    faults=(0.002, 0.005, 0.005, 0.25),
    next=((0.0, 0.4, 0.1, 0.5), (0.3, 0.0, 0.2, 0.5), (0.3, 0.3, 0.0, 0.4), (0.6, 0.3, 0.1, 0.0)))
SLUGGISH = Family(  # unlike the others also in what its modes do
    'sluggish', loads=(0.25, 0.75, 1.3, 0.4), arousal_best=0.4, noise=0.35,
    effects=Effects(service=(0.85, 0.6, 0.5, 0.38, 1.5, 0.3),
                    push=(0.05, 0.15, -0.25, -0.1, 0.15, -0.1),
                    repair=(1.0, 0.9, 1.0, 1.2, 0.8, 2.2)))
FAMILIES = {f.name: f for f in (MIXED, SHIFTS, SHOCKS, STORMS, SLUGGISH)}


def changed(family: Family) -> Family:
    """The same phases in a world where modes do something else: hurrying no longer helps and
    breaks things, caution no longer protects, recovery and conserving work well."""
    return replace(family, name=f'{family.name}, changed', effects=Effects(
        service=(0.7, 1.3, 1.0, 0.5, 0.8, 0.7), push=(0.1, 0.1, -0.05, -0.25, 0.3, 0.1),
        faults=(1.5, 1.8, 0.6, 1.2, 2.5, 0.15), repair=(1.0, 0.9, 1.0, 0.7, 0.8, 2.0)))


class ModeWorld:
    """len(seeds) worlds of one family. modes: indices into MODES, one for each world.

    charge: by how much stability is told to be less in each tick in which it is below UNSTABLE,
    for a learner that is to avoid those; rewards() stay as they are."""

    def __init__(self, family: Family, seeds: list[int], charge: float = 0.0) -> None:
        if not seeds:
            raise ValueError('seeds: expected at least one')
        self._chance = [np.random.default_rng(seed) for seed in seeds]
        self.count = count = len(seeds)
        self.charge = charge
        self._block: Array = np.empty(0)
        self._at = BLOCK
        self.change_to(family)
        self.phase = np.zeros(count, dtype=np.int64)
        self._left_s = np.full(count, 20.0)
        self.flag = np.zeros(count, dtype=np.int64)
        self._flag_left_s = np.zeros(count)
        self.modes = np.zeros(count, dtype=np.int64)
        self.backlog_s = np.zeros(count)
        self.disturbance = np.zeros(count)
        self.arousal, self.stability = np.full(count, 0.3), np.full(count, 0.9)
        self.pressure = np.full(count, 0.1)
        self._noise = np.zeros(count)
        self.goodput = np.ones(count)

    def change_to(self, family: Family) -> None:
        """From now on the worlds are of this family."""
        self.family = family
        e = family.effects
        self._effects = np.array(
            [e.service, e.push, e.faults, e.repair])
        self._loads, self._faults = np.array(family.loads), np.array(family.faults)
        self._lengths_s = np.array(family.lengths_s)
        self._next = np.cumsum(np.array(family.next), axis=1)

    def tick(self, modes: Array) -> None:
        """One second under these modes."""
        u = self._draws()
        switched = modes != self.modes
        self.modes = modes.copy()
        self._turn(u)
        service, push, fault, repair = self._effects[:, modes]
        noise = np.sqrt(-2.0 * np.log1p(-u[NOISE])) * np.cos(2.0 * np.pi * u[SPARE])
        self._noise = 0.9 * self._noise + 0.436 * noise
        load = self._loads[self.phase] * np.exp(self.family.noise * self._noise)
        used = self._work(load, service)
        self._break(u[FAULT], fault, repair, switched)
        self._feel(used, push)

    def figures(self) -> tuple[Array, Array, Array]:
        """Arousal, stability, pressure of each world."""
        return self.arousal, self.stability, self.pressure

    def rewards(self) -> Array:
        """Of the last tick, without the cost of changing."""
        return np.asarray(self.stability - self.pressure - 0.5 * np.abs(self.arousal - 0.45))

    def worths(self) -> Array:
        """Stability, pressure, distance of arousal from its best, of the last tick."""
        stability = self.stability - self.charge * (self.stability < UNSTABLE)
        return np.stack([stability, self.pressure, np.abs(self.arousal - 0.45)])

    def _draws(self) -> Array:
        if self._at == BLOCK:
            self._block = np.stack([c.random((BLOCK, DRAWS)) for c in self._chance], axis=2)
            self._at = 0
        self._at += 1
        return np.asarray(self._block[self._at - 1])

    def _turn(self, u: Array) -> None:
        self._left_s -= 1.0
        over = self._left_s <= 0.0
        following = (u[NEXT] > self._next[self.phase].T).sum(axis=0)
        self.phase = np.where(over, np.minimum(following, 3), self.phase)
        length_s = self._lengths_s[self.phase] * (0.3 - 0.7 * np.log1p(-u[LENGTH]))
        self._left_s = np.where(over, length_s, self._left_s)
        self._flag_left_s -= 1.0
        begins = (self._flag_left_s <= -60.0) & (u[FLAG] < self.family.flags_per_s)
        sort = 1 + (u[SORT][None, :] > np.array(FLAG_SHARES)[:, None]).sum(axis=0)
        lasts_s = np.array(FLAG_S)[sort] * (0.5 + u[FLAG_LENGTH])
        self._flag_left_s = np.where(begins, lasts_s, self._flag_left_s)
        self.flag = np.where(begins, sort, np.where(self._flag_left_s > 0.0, self.flag, NONE))

    def _work(self, load: Array, service: Array) -> Array:
        gap = (self.arousal - self.family.arousal_best) / 0.25
        alert = 0.45 + 0.55 * np.exp(-0.5 * gap * gap)
        capacity = 1.7 * service * alert * (0.3 + 0.7 * self.stability)
        capacity = np.where(self.flag == ESTOP, 0.0, capacity)
        asked = self.backlog_s + load
        done = np.minimum(asked, capacity)
        self.backlog_s = np.minimum(BACKLOG_MAX_S, asked - done)
        self.goodput = done / np.maximum(load, 1e-9)
        return np.where(capacity > 0.0, np.minimum(1.0, asked / np.maximum(capacity, 1e-9)), 0.0)

    def _break(self, u: Array, fault: Array, repair: Array, switched: Array) -> None:
        nervous = 1.0 + 6.0 * np.maximum(0.0, self.arousal - 0.45)
        rate = self._faults[self.phase] * fault * nervous
        rate = rate + np.where(self.flag == LEADERLESS, 0.05, 0.0)
        broke = u < -np.expm1(-rate)
        self.disturbance *= np.exp(-repair / 30.0)
        self.disturbance = np.minimum(
            DISTURBANCE_MAX, self.disturbance + broke * 0.22 + switched * 0.15)

    def _feel(self, used: Array, push: Array) -> None:
        load = np.maximum(used, np.minimum(1.0, self.backlog_s / 10.0))
        surprise = np.minimum(1.0, np.abs(self._noise) / 3.0)
        threat = np.minimum(1.0, self.disturbance)
        target = np.clip(0.5 * load + 0.3 * surprise + 0.2 * threat + push, 0.0, 1.0)
        tau_s = np.where(target > self.arousal, 2.0, 20.0)
        self.arousal = self.arousal - np.expm1(-1.0 / tau_s) * (target - self.arousal)
        step = -np.expm1(-1.0 / 3.0)
        self.pressure = self.pressure + step * (
            -np.expm1(-self.backlog_s / 10.0) - self.pressure)
        self.stability = self.stability + step * (np.exp(-self.disturbance) - self.stability)


class Cells:
    """The buckets of core.mode.buckets for many worlds at once."""

    def __init__(self, count: int) -> None:
        self.levels = np.full((3, count), -1)

    def settle(self, arousal: Array, stability: Array, pressure: Array) -> Array:
        """Row of the three buckets of each world, 0..26."""
        value, old = np.stack([arousal, stability, pressure]), self.levels
        plain, up, down = (
            (value > EDGES[0] + shift).astype(np.int64) + (value > EDGES[1] + shift)
            for shift in (0.0, HYSTERESIS, -HYSTERESIS))
        self.levels = np.where(old < 0, plain, np.minimum(np.maximum(old, up), down))
        return np.asarray(9 * self.levels[0] + 3 * self.levels[1] + self.levels[2])


def permitted(cells: Array, flags: Array) -> Array:
    """Which of MODES the shield leaves to each world, shape (worlds, 6)."""
    alarm = (flags == LEADERLESS) | (flags == ESTOP) | (flags == BATTERY_LOW)
    unsafe = (cells // 3 % 3 == 0) | (flags == HUMANS_NEAR)
    caution = alarm | unsafe | np.array([troubled(int(cell)) for cell in cells])
    apt = np.array([[not pointless(mode, Level(cell % 3)) for mode in MODES]
                    for cell in cells.tolist()])
    return np.asarray((IS_SAFE | ~alarm[:, None]) & (~IS_SAFE | caution[:, None])
                      & ~(IS_RISKY & unsafe[:, None]) & apt)
