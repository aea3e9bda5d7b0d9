# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How well a learner keeps what it learned of one world while it learns others: the runs, and the
learners without contexts that ours must beat. Owns both; refuses to judge.

The learners without contexts are computed for many seeds at once, one row each.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.policies.continual import ContinualLearner
from ..core.policies.continual_config import ContinualConfig
from ..core.policies.model import Transition
from .mdps import FAMILIES, Floats, Scorer, Walk, World

LOOK_STEPS = 60  # that a learner is given to recognise a world before it is scored
METHODS = ('naive', 'replay', 'anchor')


@dataclass(frozen=True)
class Run:
    """scores[i, j]: on world j after the i-th was learned; 0 random, 1 optimal. beginner[j]:
    without learning. recognised: share of later visits in which the context of the world was
    named within LOOK_STEPS. contexts: how many there are at the end."""

    scores: Floats
    beginner: Floats
    recognised: float
    contexts: int


def family(name: str, seed: int) -> list[World]:
    """The worlds of a seed. Raises KeyError for an unknown name."""
    worlds: list[World] = FAMILIES[name](np.random.default_rng(seed))
    return worlds


def library_run(
    worlds: Sequence[World], seed: int, steps: int, **settings: float
) -> Run:
    """Our learner through all worlds, once each; then visits to each in random order. It is never
    told that the world changed."""
    first = worlds[0]
    config = ContinualConfig(first.states, first.actions, **settings)  # type: ignore[arg-type]
    learner = ContinualLearner(config, np.random.default_rng(seed + 10_000))
    walk = Walk(first, np.random.default_rng(seed + 20_000))
    scorers = [Scorer(world) for world in worlds]
    looks = np.random.default_rng(seed + 30_000)
    scores = np.zeros((len(worlds), len(worlds)))
    beginner = np.array([scorer.score(learner.greedy()) for scorer in scorers])
    homes: list[int] = []
    for number, world in enumerate(worlds):
        walk.enter(world)
        practise(learner, walk, steps)
        homes.append(learner.current)
        for other, scorer in enumerate(scorers):
            scores[number, other] = scorer.score(look(learner, worlds[other], looks).greedy())
    right = [recognised(learner, walk, worlds, homes, int(turn))
             for turn in np.random.default_rng(seed).permutation(np.arange(4 * len(worlds)))]
    return Run(scores, beginner, float(np.mean(right)), len(learner.library.contexts))


def practise(learner: ContinualLearner, walk: Walk, steps: int, explore: bool = True) -> None:
    for _ in range(steps):
        state = walk.state
        action, _ = learner.act(state, explore=explore)
        after, reward = walk.step(action)
        learner.observe(Transition(state, action, reward, after))


def look(
    learner: ContinualLearner, world: World, generator: np.random.Generator
) -> ContinualLearner:
    """A copy of the learner that looks at a world for a while without learning."""
    looking = copy.deepcopy(learner)
    looking.frozen = True
    looking.suspect()
    practise(looking, Walk(world, generator), LOOK_STEPS, explore=False)
    return looking


def recognised(
    learner: ContinualLearner, walk: Walk, worlds: Sequence[World], homes: Sequence[int],
    turn: int,
) -> bool:
    """Whether the context of a world that comes back is named within LOOK_STEPS. Nobody tells the
    learner; it goes on learning meanwhile."""
    goal = turn % len(worlds)
    walk.enter(worlds[goal])
    practise(learner, walk, LOOK_STEPS)
    right = learner.settled and learner.current == homes[goal]
    practise(learner, walk, 4 * LOOK_STEPS)
    return right


def lying_run(
    worlds: Sequence[World], seed: int, steps: int, lie_steps: int, size: float
) -> tuple[float, float]:
    """(score before, score after) a time in which all rewards are noise of that size, in the
    last world. After: half as long again with true rewards."""
    first = worlds[0]
    learner = ContinualLearner(
        ContinualConfig(first.states, first.actions), np.random.default_rng(seed + 10_000))
    walk = Walk(first, np.random.default_rng(seed + 20_000))
    for world in worlds:
        walk.enter(world)
        practise(learner, walk, steps)
    scorer = Scorer(worlds[-1])
    before = scorer.score(learner.greedy())
    walk.lying = size
    practise(learner, walk, lie_steps)
    walk.lying = 0.0
    practise(learner, walk, LOOK_STEPS * 2)
    return before, scorer.score(learner.greedy())


def false_changes(world: World, seed: int, steps: int) -> int:
    """Contexts that are opened beside the first in a world that never changes."""
    learner = ContinualLearner(
        ContinualConfig(world.states, world.actions), np.random.default_rng(seed + 10_000))
    practise(learner, Walk(world, np.random.default_rng(seed + 20_000)), steps)
    return learner.library.opened - 1


def steps_until_named(
    worlds: Sequence[World], seed: int, steps: int, limit: int = 300
) -> list[int]:
    """Steps from the moment a known world comes back until its context is in force."""
    first = worlds[0]
    learner = ContinualLearner(
        ContinualConfig(first.states, first.actions), np.random.default_rng(seed + 10_000))
    walk = Walk(first, np.random.default_rng(seed + 20_000))
    homes = []
    for world in worlds:
        walk.enter(world)
        practise(learner, walk, steps)
        homes.append(learner.current)
    taken = []
    for goal in range(len(worlds)):
        walk.enter(worlds[goal])
        spent = 0
        while spent < limit and not (learner.settled and learner.current == homes[goal]):
            practise(learner, walk, 1)
            spent += 1
        taken.append(spent)
        practise(learner, walk, LOOK_STEPS)
    return taken


def plain_runs(method: str, all_worlds: Sequence[Sequence[World]], steps: int, seed: int
               ) -> list[Run]:
    """Q-learning without contexts, for all seeds at once. 'naive'; 'replay' of 4 old steps per
    step from a ring of 4000; 'anchor': values are pulled to those at the last change by how often
    they were visited before it (in the manner of elastic weight consolidation, Kirkpatrick et
    al., PNAS 2017), and it is told when worlds change."""
    if method not in METHODS:
        raise ValueError(f'method={method!r}: expected one of {", ".join(METHODS)}')
    crowd = _Crowd(method, all_worlds, seed)
    scorers = [[Scorer(world) for world in worlds] for worlds in all_worlds]
    count = len(all_worlds[0])
    beginner = crowd.scores(scorers)
    rows = []
    for number in range(count):
        crowd.enter(number)
        for step in range(steps):
            crowd.step(max(0.05, 1.0 - 2.0 * step / steps))
        rows.append(crowd.scores(scorers))
    return [Run(np.stack([row[at] for row in rows]), beginner[at], 0.0, 1)
            for at in range(len(all_worlds))]


class _Crowd:
    """One Q-learner per seed, in rows."""

    RING, REPLAYED, ALPHA, PULL = 4000, 4, 0.1, 0.5

    def __init__(self, method: str, all_worlds: Sequence[Sequence[World]], seed: int) -> None:
        self._method, self._all = method, all_worlds
        self._rng = np.random.default_rng(seed)
        first = all_worlds[0][0]
        self._rows = np.arange(len(all_worlds))
        shape = (len(all_worlds), first.states, first.actions)
        self._table = np.zeros(shape)
        self._visits = np.zeros(shape)
        self._anchor, self._weight = np.zeros(shape), np.zeros(shape)
        self._state = self._rng.integers(first.states, size=len(all_worlds))
        self._ring: list[tuple[NDArray[np.int64], NDArray[np.int64], Floats,
                               NDArray[np.int64]]] = []
        self._at = 0

    def enter(self, number: int) -> None:
        worlds = [each[number] for each in self._all]
        self._edges = np.stack([world.step for world in worlds]).cumsum(axis=3)
        self._reward = np.stack([world.reward for world in worlds])
        self._noise, self._discount = worlds[0].noise, worlds[0].discount
        if number:
            self._anchor = self._table.copy()
            self._weight = self._visits / self._visits.max(axis=(1, 2), keepdims=True)

    def step(self, epsilon: float) -> None:
        rows, state = self._rows, self._state
        count, _, actions = self._table.shape
        best = (self._table[rows, state] + 1e-9 * self._rng.random((count, actions))).argmax(1)
        action = np.where(self._rng.random(count) < epsilon,
                          self._rng.integers(actions, size=count), best)
        edges = self._edges[rows, state, action]
        after = (edges < self._rng.random(count)[:, None] * (1.0 - 1e-12)).sum(axis=1)
        reward = self._reward[rows, state, action] + self._noise * self._rng.standard_normal(count)
        self._learn(state, action, reward, after)
        self._visits[rows, state, action] += 1.0
        if self._method == 'replay':
            self._replay(state, action, reward, after)
        self._state = after

    def _learn(self, state: NDArray[np.int64], action: NDArray[np.int64], reward: Floats,
               after: NDArray[np.int64]) -> None:
        rows = self._rows
        target = reward + self._discount * self._table[rows, after].max(axis=1)
        old = self._table[rows, state, action]
        new = old + self.ALPHA * (target - old)
        if self._method == 'anchor':
            pull = self.ALPHA * self.PULL * self._weight[rows, state, action]
            new += pull * (self._anchor[rows, state, action] - old)
        self._table[rows, state, action] = new

    def _replay(self, *step: NDArray[np.generic]) -> None:
        kept: tuple[NDArray[np.int64], NDArray[np.int64], Floats, NDArray[np.int64]] = (
            step)  # type: ignore[assignment]
        if len(self._ring) < self.RING:
            self._ring.append(kept)
        else:
            self._ring[self._at % self.RING] = kept
        self._at += 1
        for pick in self._rng.integers(len(self._ring), size=self.REPLAYED):
            self._learn(*self._ring[pick])

    def scores(self, scorers: Sequence[Sequence[Scorer]]) -> list[Floats]:
        best = self._table.argmax(axis=2)
        return [np.array([scorer.score(best[at]) for scorer in each])
                for at, each in enumerate(scorers)]
