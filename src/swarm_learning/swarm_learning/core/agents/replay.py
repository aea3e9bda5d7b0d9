# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the newest transitions and which of them is learned from again; refuses to learn.

A ring: what is older than `capacity` transitions is gone. Prioritised: a binary tree of sums over
the ring (Schaul et al., ICLR 2016). A sum is always left + right, so that a tree rebuilt from its
leaves is equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from .config import Replay
from .randomness import Randomness

# State, action, return of the steps between, state then, discount of its value (0: the episode
# ended), actions allowed then (None: all).
Transition = tuple[int, int, float, int, float, 'tuple[int, ...] | None']

ERROR_MIN = 1e-6  # so that no transition is never seen again


class Ring:
    """Every kept transition is as likely."""

    def __init__(self, config: Replay) -> None:
        self.config = config
        self.kept: list[Transition] = []
        self.next = 0  # place of the oldest once the ring is full

    def __len__(self) -> int:
        return len(self.kept)

    def put(self, transition: Transition, error: float) -> None:
        if len(self.kept) < self.config.capacity:
            self.kept.append(transition)
            place = len(self.kept) - 1
        else:
            place = self.next
            self.kept[place] = transition
        self.next = (place + 1) % self.config.capacity
        self.grade(place, error)

    def draw(self, rng: Randomness) -> tuple[int, float]:
        """A place and the weight of its update, in (0, 1]."""
        return int(rng.random() * len(self.kept)), 1.0

    def grade(self, place: int, error: float) -> None:
        """What was its TD error?"""

    def flush(self) -> None:
        """Forget all: the world is another one."""
        self.kept.clear()
        self.next = 0

    def priorities(self) -> list[float]:
        return []

    def restore(self, kept: Sequence[Transition], after: int, priorities: Sequence[float]) -> None:
        """Raises ValueError where this is no state of such a ring."""
        full = len(kept) == self.config.capacity
        if len(kept) > self.config.capacity:
            raise ValueError(f'replay: expected at most {self.config.capacity} transitions')
        if not (0 <= after < self.config.capacity if full else after == len(kept)):
            raise ValueError(f'replay: {after} is no place for the next transition')
        if len(priorities) != (len(kept) if self.config.prioritised else 0):
            raise ValueError('replay: expected a priority for each transition')
        self.kept = list(kept)
        self.next = after


class PrioritisedRing(Ring):
    """What surprised most is seen again most."""

    def __init__(self, config: Replay) -> None:
        super().__init__(config)
        self._leaves = 1 << (config.capacity - 1).bit_length()
        self._sums = [0.0] * (2 * self._leaves)

    def grade(self, place: int, error: float) -> None:
        self._set(place, float((abs(error) + ERROR_MIN) ** self.config.priority_power))

    def _set(self, place: int, priority: float) -> None:
        sums = self._sums
        at = self._leaves + place
        sums[at] = priority
        at >>= 1
        while at:
            sums[at] = sums[2 * at] + sums[2 * at + 1]
            at >>= 1

    def draw(self, rng: Randomness) -> tuple[int, float]:
        """The weight (1 / (N P)) ** weight_power is capped at 1 rather than divided by the
        largest, so that no step is longer than the learning rate."""
        sums = self._sums
        left = rng.random() * sums[1]
        at = 1
        while at < self._leaves:
            at *= 2
            if left >= sums[at] and sums[at + 1] > 0.0:
                left -= sums[at]
                at += 1
        share = len(self.kept) * sums[at] / sums[1]
        return at - self._leaves, min(1.0, share ** -self.config.weight_power)

    def flush(self) -> None:
        super().flush()
        self._sums = [0.0] * (2 * self._leaves)

    def priorities(self) -> list[float]:
        return self._sums[self._leaves:self._leaves + len(self.kept)]

    def restore(self, kept: Sequence[Transition], after: int, priorities: Sequence[float]) -> None:
        super().restore(kept, after, priorities)
        if not all(0.0 < priority < 1e300 for priority in priorities):
            raise ValueError('replay: expected priorities above 0')
        self._sums = [0.0] * (2 * self._leaves)
        self._sums[self._leaves:self._leaves + len(kept)] = priorities
        for at in range(self._leaves - 1, 0, -1):
            self._sums[at] = self._sums[2 * at] + self._sums[2 * at + 1]


def ring(config: Replay) -> Ring:
    return PrioritisedRing(config) if config.prioritised else Ring(config)
