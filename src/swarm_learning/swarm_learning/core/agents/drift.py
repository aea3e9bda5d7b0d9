# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the suspicion that the world has changed, from TD errors alone; refuses to act on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .config import DriftWatch


@dataclass
class Drift:
    """Two means of |TD error|, a fast and a slow one."""

    config: DriftWatch
    fast: float = 0.0
    slow: float = 0.0
    seen: int = 0  # since the start or the last alarm
    alarms: int = 0

    def note(self, error: float) -> bool:
        """Is this the moment? The means start as plain ones, so that no zero biases them."""
        size = abs(error)
        self.seen += 1
        first = 1.0 / self.seen
        self.fast += max(first, self.config.fast_rate) * (size - self.fast)
        self.slow += max(first, self.config.slow_rate) * (size - self.slow)
        if self.seen <= self.config.wait_steps or self.fast <= self.config.ratio * self.slow:
            return False
        self.seen, self.fast, self.slow = 0, 0.0, 0.0
        self.alarms += 1
        return True

    def numbers(self) -> list[float]:
        return [self.fast, self.slow, float(self.seen), float(self.alarms)]

    def restore(self, numbers: list[float]) -> None:
        """Raises ValueError."""
        if len(numbers) != 4 or not all(math.isfinite(one) and one >= 0.0 for one in numbers):
            raise ValueError('drift: expected four numbers of at least 0')
        self.fast, self.slow = numbers[:2]
        self.seen, self.alarms = int(numbers[2]), int(numbers[3])
