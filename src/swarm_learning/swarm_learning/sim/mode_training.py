# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how the shipping controller lives in the worlds of mode_world: one controller a world, one
call a second; refuses to know how it learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core.mode.buckets import CELLS, MODE_INDEX, MODES
from ..core.mode.controller import STAY, TRIED_MIN, ModeController
from ..core.mode.shield import RISKY, SAFE
from ..core.mode.view import ModeDecision, ModeView
from .mode_baselines import SWITCH, Episode, of_table, run
from .mode_world import (
    BATTERY_LOW,
    ESTOP,
    HUMANS_NEAR,
    IS_SAFE,
    LEADERLESS,
    UNSTABLE,
    Array,
    Family,
    ModeWorld,
)

TICK_NS = 1_000_000_000
DWELL = 10


@dataclass
class Life:
    """What came of living: rewards of (decisions, worlds), shares and counts over all ticks."""

    rewards: list[Array] = field(default_factory=list)
    unstable: int = 0
    ticks: int = 0
    switches: int = 0
    violations: int = 0


def views_of(world: ModeWorld) -> list[ModeView]:
    """The worlds as their leaders' learners see them."""
    rows = zip(world.arousal.tolist(), world.stability.tolist(), world.pressure.tolist(),
               world.modes.tolist(), world.flag.tolist(), strict=True)
    return [
        ModeView(arousal, stability, pressure, MODES[mode], leaderless=flag == LEADERLESS,
                 estop=flag == ESTOP, battery_low=flag == BATTERY_LOW,
                 humans_near=flag == HUMANS_NEAR)
        for arousal, stability, pressure, mode, flag in rows]


def violates(decision: ModeDecision, view: ModeView) -> bool:
    """Whether a proposal breaks a rule of the shield, judged anew and only from the view."""
    if view.estop or view.leaderless or view.battery_low:
        return decision.mode not in SAFE
    risky = view.humans_near or view.stability < 1.0 / 3.0 - 0.031
    return decision.mode in RISKY and risky


def live(
    controllers: Sequence[ModeController], world: ModeWorld, decisions: int, *,
    begin_tick: int = 0, at: Callable[[int], None] | None = None,
) -> Life:
    """Let each controller choose the mode of its world for so many dwells. at: told the number of
    dwells that are over, before each."""
    life, modes = Life(), world.modes.copy()
    for turn in range(decisions):
        if at is not None:
            at(turn)
        gained = np.zeros(world.count)
        for tick in range(DWELL):
            now_ns = (begin_tick + turn * DWELL + tick) * TICK_NS
            for index, (controller, view) in enumerate(
                    zip(controllers, views_of(world), strict=True)):
                decision = controller.decide(view, now_ns)
                life.violations += violates(decision, view)
                modes[index] = MODE_INDEX[decision.mode]
            gained -= SWITCH * DWELL * (modes != world.modes)
            life.switches += int((modes != world.modes).sum())
            world.tick(modes)
            gained += world.rewards()
            life.unstable += int((world.stability < UNSTABLE).sum())
        life.rewards.append(gained / DWELL)
        life.ticks += DWELL * world.count
    return life


def table_of(controller: ModeController) -> Array:
    """What it chooses by, shape (27, 6, 6); what it would not choose at low stability, because it
    never tried it, is worth nothing."""
    arrays = controller.arrays()
    low = np.arange(CELLS) // 3 % 3 == 0
    untried = arrays['weight'].sum(axis=1) < TRIED_MIN
    shut = low[:, None] & ~IS_SAFE & untried
    stay = STAY * np.eye(len(MODES))
    return np.where(shut[:, None, :], -1e6, arrays['values'] + stay)


def judged(tables: Sequence[Array], family: Family, seeds: Sequence[int], ticks: int) -> Episode:
    """Each table used, without learning, in the same worlds; figures of shape (tables,)."""
    spread = np.repeat(np.stack(tables), len(seeds), axis=0)
    episode = run(family, list(seeds) * len(tables), of_table(spread), ticks)

    def mean(figure: Array) -> Array:
        return np.asarray(figure.reshape(*figure.shape[:-1], len(tables), -1).mean(axis=-1))
    return Episode(mean(episode.rewards), mean(episode.unstable), mean(episode.switches),
                   mean(episode.by_phase))


