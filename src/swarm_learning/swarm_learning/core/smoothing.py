# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the low-pass filters of the figures, all invariant to how often they are asked; refuses
to know what they filter.

Every filter holds its input between two calls, so that advancing by a and then by b seconds
gives what advancing by a + b gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NS_PER_S = 1_000_000_000


def seconds_between(earlier_ns: int, later_ns: int) -> float:
    """Seconds from one time to a later one; never negative."""
    return max(0, later_ns - earlier_ns) / NS_PER_S


def gain(dt_s: float, tau_s: float) -> float:
    """Share of the way to its target that a first-order filter goes in dt_s."""
    return -math.expm1(-max(0.0, dt_s) / tau_s)


def unit(value: float | None, otherwise: float = 0.0) -> float:
    """The value clipped to [0, 1]; what is unknown or not a finite number becomes otherwise."""
    if value is None or not math.isfinite(value):
        return otherwise
    return min(1.0, max(0.0, value))


@dataclass
class Follower:
    """A figure that follows a target, perhaps faster upwards than downwards."""

    value: float
    tau_up_s: float
    tau_down_s: float

    def follow(self, target: float, dt_s: float) -> None:
        tau_s = self.tau_up_s if target > self.value else self.tau_down_s
        self.value += gain(dt_s, tau_s) * (target - self.value)


@dataclass
class Intensity:
    """Events per second, remembered over tau_s: each event adds 1/tau_s, which then fades."""

    tau_s: float
    per_s: float = 0.0

    def advance(self, dt_s: float) -> None:
        self.per_s *= math.exp(-dt_s / self.tau_s)

    def count(self, events: int) -> None:
        self.per_s += events / self.tau_s


@dataclass
class Moments:
    """Mean and variance of a signal over the last tau_s; starts at the first value."""

    tau_s: float
    mean: float | None = None
    variance: float = 0.0

    def advance(self, held: float, dt_s: float) -> None:
        if self.mean is None:
            self.mean = held
            return
        step = gain(dt_s, self.tau_s)
        gap = held - self.mean
        self.mean += step * gap
        self.variance = (1.0 - step) * (self.variance + step * gap * gap)


@dataclass
class Counter:
    """Turns a count since some process started into the events that are new."""

    last: int | None = None

    def new_events(self, count: int) -> int:
        """Events since the last call. A lower count means that the process began anew."""
        last, self.last = self.last, count
        if last is None:
            return 0
        return count - last if count >= last else count
