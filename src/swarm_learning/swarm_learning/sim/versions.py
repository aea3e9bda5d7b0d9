# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tries of the version shelf: how soon a bad version is out again, and how often a good one is
thrown out by mistake. Owns the runs; refuses to judge.

A version that is bad here was learned in a window in which rewards were upside down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.policies.evidence import Followed
from ..core.policies.judgement import ShelfConfig
from ..core.policies.lifecycle import VersionPhase
from ..core.policies.policy import TablePolicy
from ..core.policies.practice import Practice
from ..core.policies.shelf import Load, PolicyShelf, Promote
from .mdps import SWEEPS, Floats, Walk, World

EPSILON = 0.1  # share of decisions that explore


@dataclass(frozen=True)
class Fall:
    """Decisions until a bad version was rolled back, as a canary (of all decisions, and of its
    own) and as the active one; `limit` where it never was."""

    canary: int
    canary_own: int
    active: int


def table_of(world: World, upside_down: bool = False) -> Floats:
    """What a learner knows after long enough; with rewards upside down, what it believes."""
    reward = 1.0 - world.reward if upside_down else world.reward
    table = np.zeros((world.states, world.actions))
    for _ in range(SWEEPS):
        table = reward + world.discount * (world.step @ table.max(axis=1))
    return table


def fall_of_a_bad_version(world: World, seed: int, limit: int = 3000) -> Fall:
    practice, walk, generator = _begun(world, seed)
    _live(practice, walk, generator, 500)
    bad = _brought(practice, TablePolicy(table_of(world, upside_down=True)))
    _live(practice, walk, generator, practice.shelf.config.shadow_min_decisions)
    canary = _until_fallen(practice, walk, generator, bad, 1, limit)
    own = practice.shelf.versions[bad].followed.decisions
    active = _until_fallen(practice, walk, generator, bad, 2, limit)
    return Fall(canary, own, active)


def life_of_a_good_version(world: World, seed: int, decisions: int) -> tuple[bool, bool, int]:
    """(rolled back, rolled back by the mission's rule alone, decisions until it was active) of a
    version that is exactly as good as the one before it."""
    practice, walk, generator = _begun(world, seed)
    _live(practice, walk, generator, 500)
    good = _brought(practice, TablePolicy(table_of(world)))
    version = practice.shelf.versions[good]
    literal, promoted = False, decisions
    for turn in range(decisions):
        _live(practice, walk, generator, 1)
        if version.phase is VersionPhase.ACTIVE:
            promoted = min(promoted, turn)
            before = practice.shelf.versions[1]
            literal = literal or _literally_behind(
                version.followed, before.record_mean, before.record_error,
                practice.shelf.config)
        if version.phase is VersionPhase.ROLLED_BACK:
            return True, literal, promoted
    return False, literal, promoted


def _literally_behind(
    now: Followed, mean: float, error: float, config: ShelfConfig
) -> bool:
    return now.decisions >= config.behind_min_decisions and now.lower(2.0) < mean - 2.0 * error


def _begun(world: World, seed: int) -> tuple[Practice, Walk, np.random.Generator]:
    shelf = PolicyShelf('tried', ShelfConfig(), np.random.default_rng(seed))
    practice = Practice(shelf, world.actions)
    _brought(practice, TablePolicy(table_of(world)))
    return practice, Walk(world, np.random.default_rng(seed + 1)), np.random.default_rng(seed + 2)


def _brought(practice: Practice, policy: TablePolicy) -> int:
    practice.shelf.handle(Load('table', '0' * 64, 'try', 'bench', 'try'))
    practice.bring(practice.shelf.last, policy)
    return practice.shelf.last


def _live(
    practice: Practice, walk: Walk, generator: np.random.Generator, decisions: int
) -> None:
    for _ in range(decisions):
        decided, _ = practice.decide(walk.state)
        action = decided.action
        if generator.random() < EPSILON:
            action = int(generator.integers(practice.actions))
        chance = EPSILON / practice.actions + (1.0 - EPSILON) * (action == decided.action)
        _, reward = walk.step(action)
        practice.note(decided, action, chance, reward)


def _until_fallen(
    practice: Practice, walk: Walk, generator: np.random.Generator, bad: int, steps: int,
    limit: int,
) -> int:
    """Promoted so often by an operator's word; then lived until it has fallen."""
    shelf = practice.shelf
    if shelf.versions[bad].phase is VersionPhase.ROLLED_BACK:
        shelf.handle(Promote(bad, 'bench', 'tried again'))
        _live(practice, walk, generator, shelf.config.shadow_min_decisions)
    for _ in range(steps):
        if shelf.versions[bad].phase in (VersionPhase.SHADOW, VersionPhase.CANARY):
            shelf.handle(Promote(bad, 'bench', 'forced'))
    for spent in range(limit):
        if shelf.versions[bad].phase is VersionPhase.ROLLED_BACK:
            return spent
        _live(practice, walk, generator, 1)
    return limit
