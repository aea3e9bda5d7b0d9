# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Contexts in the mode world: whether a learner that sees nothing but buckets of arousal,
stability and pressure tells apart worlds in which modes do something else. Owns the walk and the
run; refuses to judge.

The state is one of 27 buckets times the mode in force. Buckets are not Markov: load and heat go on
beneath them, so steps surprise in clusters. That is what makes this harder than sim/mdps.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.mode.buckets import MODES
from ..core.policies.continual import ContinualLearner
from ..core.policies.continual_config import ContinualConfig
from ..core.policies.model import Transition
from .mode_world import FAMILIES, Cells, Family, ModeWorld, changed, permitted

CELLS = 27
DWELL_TICKS = 10
SWITCH = 0.05  # cost of a change of mode
LOOK_STEPS = 60


def mode_families() -> list[Family]:
    """Three worlds whose modes do something else; phases differ in one of them as well."""
    mixed, sluggish = FAMILIES['mixed'], FAMILIES['sluggish']
    return [mixed, changed(mixed), sluggish]


class ModeWalk:
    """A walk by decisions: a mode for DWELL_TICKS ticks."""

    def __init__(self, family: Family, seed: int) -> None:
        self._world, self._cells = ModeWorld(family, [seed]), Cells(1)
        self._row = self._cells.settle(*self._world.figures())

    def enter(self, family: Family) -> None:
        self._world.change_to(family)

    @property
    def state(self) -> int:
        return int(self._row[0]) * len(MODES) + int(self._world.modes[0])

    def mask(self) -> NDArray[np.bool_]:
        return np.asarray(permitted(self._row, self._world.flag)[0], np.bool_)

    def step(self, action: int) -> tuple[int, float]:
        """(next state, mean reward of the ticks)."""
        modes = np.array([action])
        reward = -SWITCH * float(action != int(self._world.modes[0]))
        for _ in range(DWELL_TICKS):
            self._world.tick(modes)
            reward += float(self._world.rewards()[0]) / DWELL_TICKS
        self._row = self._cells.settle(*self._world.figures())
        return self.state, reward


def practise(learner: ContinualLearner, walk: ModeWalk, decisions: int) -> float:
    """Mean reward of the decisions."""
    total = 0.0
    for _ in range(decisions):
        state = walk.state
        action, _ = learner.act(state, walk.mask())
        after, reward = walk.step(action)
        learner.observe(Transition(state, action, reward, after), walk.mask())
        total += reward
    return total / decisions


def new_learner(seed: int, **settings: float) -> ContinualLearner:
    config = ContinualConfig(
        CELLS * len(MODES), len(MODES), **settings)  # type: ignore[arg-type]
    return ContinualLearner(config, np.random.default_rng(seed))


def recognition(
    families: Sequence[Family], seed: int, decisions: int, visits: int = 4
) -> tuple[float, float, int]:
    """(share of visits in which the right context was in force after LOOK_STEPS decisions, the
    same where the learner is told that something changed, contexts at the end)."""
    learner = new_learner(seed)
    walk = ModeWalk(families[0], seed)
    homes = []
    for family in families:
        walk.enter(family)
        practise(learner, walk, decisions)
        homes.append(learner.current)
    right: dict[bool, list[bool]] = {False: [], True: []}
    order = np.random.default_rng(seed).permutation(np.arange(2 * visits * len(families)))
    for turn in order:
        goal, told = int(turn) % len(families), bool(turn % 2)
        walk.enter(families[goal])
        if told:
            learner.suspect()
        practise(learner, walk, LOOK_STEPS)
        named = learner.best_guess()
        right[told].append(named is not None and named.number == homes[goal])
        practise(learner, walk, 4 * LOOK_STEPS)
    return (float(np.mean(right[False])), float(np.mean(right[True])),
            len(learner.library.contexts))
