# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Progress that the feedback of an action tells: owns which fields mean it. Knows no ROS.

Actions have no common field for it. Read are numbers under the names that are used, at most two
levels deep, and a remaining distance, as Nav2's actions tell it: of the largest seen.
"""

from dataclasses import dataclass
from typing import Any

FRACTIONS = ('fraction', 'fraction_complete', 'fraction_completed', 'completion_ratio')
PERCENTS = (
    'percentage', 'percent', 'percent_complete', 'percentage_complete', 'percent_completed',
    'percentage_completed', 'progress_percent', 'progress_percentage', 'completion_percentage',
)
PERMILLES = ('progress_permille',)
EITHER = ('progress', 'completion', 'completed')
REMAINING = ('distance_remaining', 'distance_to_goal')
DEPTH_MAX = 2


@dataclass
class CallProgress:
    """Fractions 0 to 1 of one goal. Keeps what a single feedback cannot tell."""

    is_percent: bool = False  # a value above 1 was seen under a name that can mean either
    farthest: float = 0.0

    def fraction(self, feedback: dict[str, Any]) -> float | None:
        """None where the feedback does not tell it."""
        numbers = dict(_numbers(feedback, DEPTH_MAX))
        for names, whole in ((FRACTIONS, 1.0), (PERCENTS, 100.0), (PERMILLES, 1000.0)):
            for name in names:
                if name in numbers:
                    return _within(numbers[name] / whole)
        for name in EITHER:
            if name in numbers:
                return self._either(numbers[name])
        for name in REMAINING:
            if name in numbers:
                return self._remaining(numbers[name])
        return None

    def _either(self, value: 'int | float') -> float:
        # A whole number counts to 100: to 1 it would have nothing to say.
        self.is_percent = self.is_percent or value > 1 or isinstance(value, int)
        return _within(value / 100 if self.is_percent else value)

    def _remaining(self, distance: float) -> float | None:
        self.farthest = max(self.farthest, distance)
        # Nav2 says 0 before it has a path.
        return _within(1 - distance / self.farthest) if self.farthest > 0 else None


def _within(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)


def _numbers(fields: dict[str, Any], depth: int) -> 'list[tuple[str, int | float]]':
    """Outer ones last, so that they win."""
    found: list[tuple[str, int | float]] = []
    for value in fields.values():
        if isinstance(value, dict) and depth > 1:
            found += _numbers(value, depth - 1)
    for name, value in fields.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found.append((name, value))
    return found
