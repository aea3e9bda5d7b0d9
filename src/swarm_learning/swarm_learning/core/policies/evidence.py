# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what is known of the reward of one version: discounted means with a standard error that
neighbouring decisions do not flatter; refuses to know phases.

`Followed` is of decisions that the version made. `Asked` is of decisions that another one made
while this version was asked: only a decision that happened to be its own says anything, weighted
by one over the chance it had (self-normalised importance sampling, Swaminathan and Joachims,
NeurIPS 2015), the weight clipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..hexadecimal import from_hex

BLOCK_DECISIONS = 10  # decisions whose mean is one sample: neighbours share their world
# Share of weight that a block keeps when the next one comes: about 50 blocks, 500 decisions.
BLOCK_KEEP = 0.98
WEIGHT_MAX = 20.0  # of one decision: an exploration share of 5 % is not clipped
REWARD_MAX = 1e6  # larger ones are refused: no policy of ours has such


@dataclass
class Moments:
    """Discounted mean and variance of weighted samples."""

    weight: float = 0.0
    squared_weight: float = 0.0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float, weight: float = 1.0, keep: float = 1.0) -> None:
        self.weight = self.weight * keep + weight
        self.squared_weight = self.squared_weight * keep * keep + weight * weight
        self.squares *= keep
        if self.weight <= 0.0:
            return
        gap = value - self.mean
        self.mean += gap * weight / self.weight
        self.squares += max(0.0, weight * gap * (value - self.mean))  # rounding may go below

    @property
    def samples(self) -> float:
        """How many equally weighted samples would say as much (Kish)."""
        return self.weight * self.weight / self.squared_weight if self.squared_weight else 0.0

    @property
    def error(self) -> float:
        """Standard error of the mean; infinite below two samples."""
        samples = self.samples
        if samples < 2.0:
            return math.inf
        return math.sqrt(max(0.0, self.squares) / self.weight / (samples - 1.0))

    def document(self) -> list[str]:
        return [value.hex() for value in (
            self.weight, self.squared_weight, self.mean, self.squares)]

    @classmethod
    def from_document(cls, document: object) -> Moments:
        """Raises ValueError."""
        if not isinstance(document, list) or len(document) != 4:
            raise ValueError('expected four numbers')
        weight, squared, mean, squares = (exact(one) for one in document)
        if min(weight, squared, squares) < 0.0:
            raise ValueError('expected weights and squares from 0')
        return cls(weight, squared, mean, squares)


@dataclass
class Followed:
    """Rewards of decisions that a version made."""

    moments: Moments
    block_sum: float = 0.0
    block_count: int = 0
    decisions: int = 0

    @classmethod
    def fresh(cls) -> Followed:
        return cls(Moments())

    def add(self, reward: float) -> bool:
        """Whether a block is now complete."""
        self.decisions += 1
        self.block_sum += reward
        self.block_count += 1
        if self.block_count < BLOCK_DECISIONS:
            return False
        self.moments.add(self.block_sum / self.block_count, keep=BLOCK_KEEP)
        self.block_sum, self.block_count = 0.0, 0
        return True

    @property
    def mean(self) -> float:
        return self.moments.mean

    @property
    def error(self) -> float:
        return self.moments.error

    def lower(self, errors: float = 2.0) -> float:
        return self.mean - errors * self.error if self.error < math.inf else -math.inf

    def document(self) -> dict[str, object]:
        return {'moments': self.moments.document(), 'block_sum': self.block_sum.hex(),
                'block_count': self.block_count, 'decisions': self.decisions}

    @classmethod
    def from_document(cls, document: object) -> Followed:
        """Raises ValueError."""
        if not isinstance(document, Mapping):
            raise ValueError('followed: expected an object')
        return cls(Moments.from_document(document.get('moments')),
                   exact(document.get('block_sum')),
                   whole(document, 'block_count', BLOCK_DECISIONS - 1),
                   whole(document, 'decisions'))


@dataclass
class Asked:
    """Rewards of decisions that were made by another version, where this one agreed."""

    moments: Moments
    decisions: int = 0
    agreed: int = 0

    @classmethod
    def fresh(cls) -> Asked:
        return cls(Moments())

    def add(self, agrees: bool, chance: float, reward: float) -> None:
        """`chance` is that with which the action was chosen by whoever was followed."""
        self.decisions += 1
        if not agrees:
            return
        self.agreed += 1
        self.moments.add(reward, min(WEIGHT_MAX, 1.0 / chance))

    def document(self) -> dict[str, object]:
        return {'moments': self.moments.document(), 'decisions': self.decisions,
                'agreed': self.agreed}

    @classmethod
    def from_document(cls, document: object) -> Asked:
        """Raises ValueError."""
        if not isinstance(document, Mapping):
            raise ValueError('asked: expected an object')
        decisions = whole(document, 'decisions')
        return cls(Moments.from_document(document.get('moments')), decisions,
                   whole(document, 'agreed', decisions))


def exact(value: object) -> float:
    """A float from its hexadecimal form. Raises ValueError."""
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError(f'expected a hexadecimal float, found {value!r}')
    number = from_hex(value)
    if not math.isfinite(number):
        raise ValueError(f'expected a finite number, found {value!r}')
    return number


def whole(document: Mapping[str, object], key: str, most: int = 1 << 53) -> int:
    """Raises ValueError."""
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f'{key}: expected a whole number from 0 to {most}, found {value!r}')
    return value
