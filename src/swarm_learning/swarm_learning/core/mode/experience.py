# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what was experienced with each mode in each situation and what it is worth from there on;
refuses to know when to decide, what is permitted now, and where figures come from.

Q-learning over 27 buckets times 6 modes in force, with a model of the world beside it (Dyna,
R. Sutton 1990): every decision adds one transition, and a few sweeps over all situations carry it
on to the values. Where a decision led is shared out among neighbouring buckets by how near the
figures lie to their middles (as in kernel-based learning, D. Ormoneit & S. Sen 2002), so that a
drift within a bucket is seen. Rare situations lean on commoner ones, at five depths:

  1. buckets, mode in force, mode     (what is known exactly)
  2. buckets, mode                    (the mode before matters little but for the change)
  3. each figure by itself, mode      (arousal, stability and pressure as if independent)
  4. buckets, any mode
  5. each figure by itself, any mode; and where nothing was seen, the middle of the buckets

There are two tables. `values` is what is expected; `hoped` adds a bonus that fades with the root
of the decisions behind it (as in MBIE-EB, A. Strehl & M. Littman 2008), so that everything is
tried. Hope chooses only where trying is safe. Old experience fades as new comes to the same place
(`memory`), so a changed world is learned anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .buckets import CELLS, MODES, shares_of
from .reward import RewardWeights
from .shield import cell_masks

Array = NDArray[Any]
M = len(MODES)
FREE = np.array([cell_masks(cell) for cell in range(CELLS)]).T   # (mode, cell)
FORBIDDEN = -1e9
MIDDLES = (1.0 / 6.0, 1.0 / 2.0, 5.0 / 6.0)     # of the buckets of a figure
SHAPES = {
    'weight': (CELLS, M, M),            # decisions behind it, faded; axes: buckets, in force, mode
    'sums': (3, CELLS, M, M),           # of stability, pressure, distance of arousal from its best
    'following': (CELLS, M, M, CELLS),  # how often which buckets followed, faded
    'values': (CELLS, M, M),            # expected discounted reward
    'hoped': (CELLS, M, M),             # the same with what trying may bring to light
    'visits': (CELLS, M, M),            # decisions, not faded
}


@dataclass(frozen=True)
class ExperienceConfig:
    """Settings of learning. Counts are decisions."""

    discount: float = field(
        default=0.9, metadata={'help': 'of the reward one decision later; looks some 10 decisions '
                                       'of 10 s ahead, which spans a phase of work'})
    memory: float = field(
        default=200.0, metadata={'help': 'decisions of the same kind that are remembered; see '
                                         'drift for a changed world (bench modes)'})
    hope: float = field(
        default=0.5, metadata={'help': 'reward that a decision is hoped to bring beyond what is '
                                       'expected where nothing was tried; fades with the root of '
                                       'the tries (bench modes)'})
    lean_exact: float = field(
        default=30.0, metadata={'help': 'decisions by which depth 2 counts (bench modes)'})
    lean_buckets: float = field(
        default=20.0, metadata={'help': 'decisions by which depth 3 counts (bench modes)'})
    lean_cell: float = field(
        default=1.0, metadata={'help': 'decisions by which all modes together count where one was '
                                       'not tried, and the buckets themselves where none was '
                                       '(bench modes)'})
    sweeps: int = field(
        default=6, metadata={'help': 'over all values after each decision; some 50 us each'})

    def __post_init__(self) -> None:
        if not 0.0 < self.discount < 1.0:
            raise ValueError(f'discount: expected above 0 and below 1, got {self.discount}')
        for name in ('memory', 'lean_exact', 'lean_buckets', 'lean_cell'):
            if not getattr(self, name) > 0.0:
                raise ValueError(f'{name}: expected above 0, got {getattr(self, name)}')
        if self.memory < 2.0 or not 1 <= self.sweeps <= 1000:
            raise ValueError('expected memory of at least 2 and 1 to 1000 sweeps, got '
                             f'{self.memory} and {self.sweeps}')


class Experience:
    """Counts and values. Axes inside: mode in force, mode, buckets."""

    def __init__(self, config: ExperienceConfig, weights: RewardWeights) -> None:
        self.config = config
        self._reward = weights
        self._middle = _middle(weights)
        self._change = (weights.switch * (1.0 - np.eye(M)))[:, :, None]
        self._weight = np.zeros((M, M, CELLS))
        self._sums = np.zeros((3, M, M, CELLS))
        self._following = np.zeros((M, M, CELLS, CELLS))
        self._visits = np.zeros((M, M, CELLS), dtype=np.int64)
        self._hoped = np.full((M, M, CELLS), config.hope / (1.0 - config.discount))
        self._values = np.zeros((M, M, CELLS))
        self._rewards = np.zeros((M, M, CELLS))
        self._bonus = np.zeros((M, CELLS))
        self._moves = np.zeros((M, M, CELLS, CELLS))
        self._model_all()

    def values(self, cell: int, in_force: int, hopeful: bool) -> list[float]:
        """Of each of MODES. hopeful: with what trying it may bring to light."""
        values = self._hoped if hopeful else self._values
        return [float(value) for value in values[in_force, :, cell]]

    def visits(self, cell: int, in_force: int) -> list[int]:
        return [int(count) for count in self._visits[in_force, :, cell]]

    def evidence(self, cell: int, mode: int) -> float:
        """Decisions behind a mode in these buckets, whatever was in force before; faded."""
        return float(self._weight[:, mode, cell].sum())

    def expected(self, cell: int, in_force: int, mode: int) -> float:
        """Reward of one decision, without the cost of a change."""
        return float(self._rewards[in_force, mode, cell])

    def total_weight(self) -> float:
        return float(self._weight.sum())

    def learn(
        self, cell: int, in_force: int, mode: int, figures: tuple[float, float, float],
        share: float, following: Array,
    ) -> None:
        """One decision: mean stability, pressure and distance of arousal while it held, the share
        of a decision's usual time that it held, and how much of its end lies in each row of
        buckets, see spread()."""
        keep = 1.0 - share / self.config.memory
        at = (in_force, mode, cell)
        self._weight[at] = self._weight[at] * keep + share
        sums = self._sums[:, in_force, mode, cell]
        self._sums[:, in_force, mode, cell] = sums * keep + share * np.array(figures)
        self._following[at] *= keep
        self._following[at] += share * following
        self._visits[at] += 1
        self._model_all()
        self.sweep(self.config.sweeps)

    def sweep(self, times: int) -> None:
        """Carry values one decision further back, this many times."""
        gained = self._rewards - self._change
        for _ in range(times):
            self._values = gained + self._ahead(self._values)
            self._hoped = gained + self._bonus[None] + self._ahead(self._hoped)

    def _ahead(self, values: Array) -> Array:
        best = np.where(FREE[None], values, FORBIDDEN).max(axis=1)
        return np.asarray(np.matmul(self._moves, best[None, :, :, None])[..., 0])

    def fade(self, weight_max: float) -> None:
        """Trust everything at most like so many decisions: the world has changed."""
        scale = np.minimum(1.0, weight_max / np.maximum(self._weight, 1e-12))
        self._weight = self._weight * scale
        self._sums = self._sums * scale
        self._following = self._following * scale[..., None]
        self._model_all()

    def copy(self) -> Experience:
        """Another one that goes on by itself."""
        other = Experience(self.config, self._reward)
        other.take(self.arrays())
        return other

    def arrays(self) -> dict[str, Array]:
        """Copies, with axes as in SHAPES."""
        return {
            'weight': self._weight.transpose(2, 0, 1).copy(),
            'sums': self._sums.transpose(0, 3, 1, 2).copy(),
            'following': self._following.transpose(2, 0, 1, 3).copy(),
            'values': self._values.transpose(2, 0, 1).copy(),
            'hoped': self._hoped.transpose(2, 0, 1).copy(),
            'visits': self._visits.transpose(2, 0, 1).copy(),
        }

    def take(self, arrays: Mapping[str, Array]) -> None:
        """Go on from arrays(). Raises ValueError that says what was expected; then nothing has
        changed."""
        taken = {name: _checked(name, arrays, shape) for name, shape in SHAPES.items()}
        self._weight = taken['weight'].transpose(1, 2, 0).copy()
        self._sums = taken['sums'].transpose(0, 2, 3, 1).copy()
        self._following = taken['following'].transpose(1, 2, 0, 3).copy()
        self._values = taken['values'].transpose(1, 2, 0).copy()
        self._hoped = taken['hoped'].transpose(1, 2, 0).copy()
        self._visits = taken['visits'].transpose(1, 2, 0).astype(np.int64)
        self._model_all()

    def check_invariants(self) -> None:
        w = self._reward
        highest = (1.0 + self.config.hope) / (1.0 - self.config.discount)
        lowest = -(w.pressure + w.arousal + w.switch) / (1.0 - self.config.discount)
        assert np.isfinite(self._values).all() and np.isfinite(self._hoped).all()
        assert lowest - 1e-6 <= self._values.min() and self._hoped.max() <= highest + 1e-6
        assert (self._weight >= 0).all() and self._weight.max() <= self.config.memory + 1e-6
        assert np.allclose(self._following.sum(axis=3), self._weight)

    def _model_all(self) -> None:
        under_any = self._by_cell()
        for mode in range(M):
            self._model(mode, under_any)

    def _model(self, mode: int, under_any: tuple[Array, Array]) -> None:
        """Rewards and moves of one mode, from the depths."""
        c, weight = self.config, self._weight[:, mode]
        sums, following = self._sums[:, :, mode], self._following[:, mode]
        weight_2, sums_2, following_2 = weight.sum(axis=0), sums.sum(axis=1), following.sum(axis=0)
        reward_4, moves_4 = under_any
        reward_3, moves_3, known = self._by_figure(weight_2, sums_2, following_2)
        reward_3 = known * reward_3 + (1.0 - known) * reward_4
        moves_3 = known[:, None] * moves_3 + (1.0 - known[:, None]) * moves_4
        share = 1.0 / (c.lean_buckets + weight_2)
        reward_2 = share * (c.lean_buckets * reward_3 + self._worth(sums_2))
        moves_2 = share[:, None] * (c.lean_buckets * moves_3 + following_2)
        share_1 = 1.0 / (c.lean_exact + weight)
        self._rewards[:, mode] = share_1 * (c.lean_exact * reward_2 + self._worth(sums))
        self._moves[:, mode] = c.discount * share_1[..., None] * (
            c.lean_exact * moves_2 + following)
        self._bonus[mode] = c.hope / np.sqrt(1.0 + weight_2)

    def _by_cell(self) -> tuple[Array, Array]:
        """Reward and moves in the same buckets under any mode."""
        lean = self.config.lean_cell
        weight, following = self._weight.sum(axis=(0, 1)), self._following.sum(axis=(0, 1))
        sums = self._sums.sum(axis=(1, 2))
        reward, moves, known = self._by_figure(weight, sums, following)
        reward = known * reward + (1.0 - known) * self._middle
        moves = known[:, None] * moves + (1.0 - known[:, None]) * np.eye(CELLS)
        share = 1.0 / (lean + weight)
        return (share * (lean * reward + self._worth(sums)),
                share[:, None] * (lean * moves + following))

    def _worth(self, sums: Array) -> Array:
        w = self._reward
        return np.asarray(w.stability * sums[0] - w.pressure * sums[1] - w.arousal * sums[2])

    def _by_figure(
        self, weight: Array, sums: Array, following: Array
    ) -> tuple[Array, Array, Array]:
        """Reward, moves and how much is known of one mode, if the figures were independent."""
        w, cube = self._reward, weight.reshape(3, 3, 3)
        moved = following.reshape(3, 3, 3, 3, 3, 3)
        seen = [cube.sum(axis=(1, 2)), cube.sum(axis=(0, 2)), cube.sum(axis=(0, 1))]
        counts = [moved.sum(axis=(1, 2, 4, 5)), moved.sum(axis=(0, 2, 3, 5)),
                  moved.sum(axis=(0, 1, 3, 4))]
        # Half a decision says that a figure stays where it is (chosen without data).
        arousal, stability, pressure = (
            (count + 0.5 * np.eye(3)) / (n + 0.5)[:, None]
            for count, n in zip(counts, seen, strict=True))
        s, p, a = (one.reshape(3, 3, 3) for one in sums)
        off = a.sum(axis=(1, 2)) / np.maximum(seen[0], 1e-9)
        steady = s.sum(axis=(0, 2)) / np.maximum(seen[1], 1e-9)
        pressed = p.sum(axis=(0, 1)) / np.maximum(seen[2], 1e-9)
        reward = (w.stability * steady[None, :, None] - w.pressure * pressed[None, None, :]
                  - w.arousal * off[:, None, None])
        sure = [n / (n + self.config.lean_cell) for n in seen]
        known = np.minimum(np.minimum(sure[0][:, None, None], sure[1][None, :, None]),
                           sure[2][None, None, :])
        return (reward.ravel(), np.kron(np.kron(arousal, stability), pressure), known.ravel())


def _middle(weights: RewardWeights) -> Array:
    """Reward of each row of buckets if its figures stay in their middles."""
    return np.array([
        weights.stability * stability - weights.pressure * pressure
        - weights.arousal * abs(arousal - weights.arousal_best)
        for arousal in MIDDLES for stability in MIDDLES for pressure in MIDDLES])


def spread(arousal: float, stability: float, pressure: float) -> Array:
    """How much of three figures lies in each row of buckets; together 1."""
    a, s, p = (np.array(shares_of(value)) for value in (arousal, stability, pressure))
    return np.asarray((a[:, None, None] * s[:, None] * p).ravel())


def _checked(name: str, arrays: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    found = arrays.get(name)
    if found is None or np.shape(found) != shape:
        raise ValueError(f'{name}: expected an array of shape {shape}, found '
                         f'{"none" if found is None else np.shape(found)}')
    array = np.asarray(found)
    if array.dtype.kind not in 'fiu' or not np.isfinite(array).all():
        raise ValueError(f'{name}: expected finite numbers')
    if name not in ('values', 'hoped') and (array < 0).any():
        raise ValueError(f'{name}: expected no negative numbers')
    return array
