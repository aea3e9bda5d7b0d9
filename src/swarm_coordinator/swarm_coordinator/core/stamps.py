# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The time that a robot writes into the log: owns that it never goes back and never stands still.

Refuses to know clocks: it is told the wall clock and the monotonic one.
"""

from dataclasses import dataclass


@dataclass
class Stamps:
    """`base_ns`: Unix time at zero of the monotonic clock, by this robot's reckoning."""

    base_ns: int = 0

    def set(self, wall_ns: int, now_ns: int, leads: bool) -> None:
        """A leader keeps its pace, whatever becomes of the wall clock meanwhile."""
        if not leads or not self.base_ns:
            self.base_ns = wall_ns - now_ns

    def saw(self, stamp_ns: int, now_ns: int) -> None:
        """After a leader whose clock was ahead the log's time must not stand still until ours has
        caught up: it goes on from where it is, at the pace of our monotonic clock."""
        self.base_ns = max(self.base_ns, stamp_ns - now_ns)

    def at(self, now_ns: int, stamp_ns: int) -> int:
        """Unix time, never behind the log, which is at `stamp_ns`."""
        return max(self.base_ns + now_ns, stamp_ns)
