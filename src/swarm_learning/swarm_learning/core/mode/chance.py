# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a seeded source of chance whose whole state is one number; refuses to know its use.

SplitMix64 (G. Steele, D. Lea, C. Flood, 2014). Its state fits into a manifest, and its numbers
are the same on every version of Python and numpy, so that a restored learner goes on exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

MASK = (1 << 64) - 1


@dataclass
class Chance:
    """Equally likely numbers from a state of 64 bits."""

    state: int

    def __post_init__(self) -> None:
        if not 0 <= self.state <= MASK:
            raise ValueError(f'state: expected 0..2**64-1, found {self.state!r}')

    def bits(self) -> int:
        """64 random bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((self.state ^ self.state >> 30) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & MASK
        return mixed ^ mixed >> 31

    def share(self) -> float:
        """At least 0, below 1."""
        return (self.bits() >> 11) / (1 << 53)

    def below(self, count: int) -> int:
        """One of 0..count-1; the bias of a count below 2**32 is under 2**-32."""
        return self.bits() * count >> 64
