# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns rewards that are summed over several steps before a table is asked; refuses to know tables.

n-step returns: Sutton & Barto, 2nd ed., ch. 7.
"""

from __future__ import annotations

from dataclasses import dataclass

# State, action, return, number of steps in it.
Summed = tuple[int, int, float, int]


@dataclass(frozen=True)
class Step:
    """One that still waits for rewards."""

    state: int
    action: int
    reward: float


class Returns:
    """At most n - 1 steps of the present episode wait here."""

    def __init__(self, n_step: int, discount: float) -> None:
        self.n_step = n_step
        self.discount = discount
        self.waiting: list[Step] = []

    def add(self, step: Step) -> Summed | None:
        """The oldest, once n rewards followed it."""
        self.waiting.append(step)
        return self._oldest() if len(self.waiting) == self.n_step else None

    def flush(self) -> list[Summed]:
        """All that wait, oldest first, with the rewards that there are."""
        return [self._oldest() for _ in range(len(self.waiting))]

    def _oldest(self) -> Summed:
        total = 0.0
        for step in reversed(self.waiting):
            total = step.reward + self.discount * total
        count = len(self.waiting)
        first = self.waiting.pop(0)
        return first.state, first.action, total, count
