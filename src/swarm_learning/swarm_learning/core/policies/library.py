# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the bounded set of contexts and what happens when it is full; refuses to know which one
holds now.

When it is full, two contexts that are the same world become one: the pair whose models agree
best, if they agree at all. Only if none agree is the context dropped that was not in force for
longest. Contexts that differ are never blended: that would forget two worlds instead of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .context import Context, Planning
from .model import KNOWN_VISITS, Floats, WorldModel

# A shared pair with fewer visits on either side says too little; fewer shared pairs are no proof.
SHARED_PAIRS_MIN = 5
# Standard deviations from "the same" up to which two models may be one world.
SAME_LIMIT = 3.0


@dataclass(frozen=True)
class Opened:
    """A new context; `warm_from` is the one whose table it started with, 0 = none."""

    number: int
    warm_from: int


@dataclass(frozen=True)
class Merged:
    number: int
    into: int


@dataclass(frozen=True)
class Dropped:
    """What was learned about this world is gone."""

    number: int


class Library:
    """At most `size` contexts, in the order of their numbers."""

    def __init__(self, states: int, actions: int, size: int, planning: Planning) -> None:
        self.contexts: list[Context] = []
        self.opened = 0  # contexts ever opened; numbers are never used twice
        self._states, self._actions, self._size = states, actions, size
        self._planning = planning

    def get(self, number: int) -> Context:
        """Raises KeyError that lists what there is."""
        for context in self.contexts:
            if context.number == number:
                return context
        raise KeyError(f'context {number}: expected one of {[c.number for c in self.contexts]}')

    def open(
        self, nearest: Context | None, used: int
    ) -> tuple[Context, tuple[Opened | Merged | Dropped, ...]]:
        """A new context, after making room for it."""
        warm = None if nearest is None else nearest.table.ravel().copy()
        warm_from = 0 if nearest is None else nearest.number
        room = self._make_room() if len(self.contexts) >= self._size else ()
        self.opened += 1
        context = Context(self.opened, WorldModel(self._states, self._actions), self._planning,
                          warm)
        context.used = used
        self.contexts.append(context)
        return context, (*room, Opened(context.number, warm_from))

    def check_invariants(self) -> None:
        numbers = [context.number for context in self.contexts]
        assert numbers == sorted(set(numbers)), numbers
        assert len(numbers) <= self._size
        assert not numbers or numbers[-1] <= self.opened

    def _make_room(self) -> tuple[Merged | Dropped, ...]:
        alike = [(difference(one.model, other.model), one.number, other.number)
                 for one, other in combinations(self.contexts, 2)]
        found = [(far, one, other) for far, one, other in alike if far <= SAME_LIMIT]
        if found:
            return (self._merge(*min(found)[1:]),)
        oldest = min(self.contexts, key=lambda context: (context.used, context.number))
        self.contexts.remove(oldest)
        return (Dropped(oldest.number),)

    def _merge(self, one: int, other: int) -> Merged:
        into, gone = sorted(
            (self.get(one), self.get(other)),
            key=lambda context: (-float(context.model.visits.sum()), context.number))
        into.model.absorb(gone.model)
        into.used = max(into.used, gone.used)
        self.contexts.remove(gone)
        return Merged(gone.number, into.number)


def difference(one: WorldModel, other: WorldModel) -> float:
    """How surely two models are of different worlds, in standard deviations; infinite where too
    little is shared to call them the same.

    Next states: a chi-square of homogeneity per pair, against its own mean and variance. Rewards:
    a squared difference of means, in units of what chance would give.
    """
    shared = np.flatnonzero(
        (one.visits >= 2 * KNOWN_VISITS) & (other.visits >= 2 * KNOWN_VISITS))
    if shared.size < SHARED_PAIRS_MIN:
        return float('inf')
    left, right = one.counts[shared].astype(float), other.counts[shared].astype(float)
    chi, freedom = _homogeneity(left, right)
    visits, others = one.visits[shared], other.visits[shared]
    squares = one.reward_squares[shared] + other.reward_squares[shared]
    pooled = (one.pooled_squares + other.pooled_squares) / max(
        1.0, one.pooled_freedom + other.pooled_freedom)
    variance = (squares + 4.0 * pooled) / (visits + others + 2.0)
    gap = one.reward_mean[shared] - other.reward_mean[shared]
    floor = 1e-6 * float(np.var(one.reward_mean[shared])) + 1e-12
    rewards = gap * gap / ((variance + floor) * (1.0 / visits + 1.0 / others))
    steps = (chi - freedom) / np.sqrt(2.0 * np.maximum(freedom, 1.0))
    worths = (np.minimum(rewards, 50.0) - 1.0) / np.sqrt(2.0)
    return max(float(steps.sum()), float(worths.sum())) / float(np.sqrt(shared.size))


def _homogeneity(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    both = left + right
    size, other = left.sum(axis=1, keepdims=True), right.sum(axis=1, keepdims=True)
    share = size / (size + other)
    expected = both * share
    safe = np.maximum(both * share * (1.0 - share), 1e-12)
    chi = np.where(both > 0.0, (left - expected) ** 2 / safe, 0.0).sum(axis=1)
    return chi, np.maximum(0.0, (both > 0.0).sum(axis=1) - 1.0)
