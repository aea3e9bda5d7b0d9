# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the sketch of a distribution: counts in logarithmic bins; refuses to know units of time.

After C. Masson, J. E. Rim, H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 2019. Bin i holds the values in (gamma**(i-1), gamma**i] with
gamma = 101/99, so the middle of a bin is within 1 % of all that is in it. The edges of the bins
are integers, computed without floating point: every machine has the same ones.

At most BINS_MAX neighbouring bins: what lies below them is counted in the lowest. The rule looks
at the distance to the highest bin, never at the count of bins in use, so that merging in any
order gives the same bins.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from .units import UNIT_BITS, UNITS_MAX

RELATIVE_ERROR = 0.01
GAMMA_ABOVE, GAMMA_BELOW = 101, 99      # (1 + error) / (1 - error)
# The prototype's 128 bins span a factor of 13; 512 span 28,000, so that a figure that idles near
# 0 and sometimes reaches 1 keeps its median. Only bins in use cost memory.
BINS_MAX = 512
# Values up to 1e-6 count as 0: nobody asks for the median of such a share, and fixed-point values
# are 0.1 % coarse there.
ZERO_VALUE = 1e-6
_LN_GAMMA = math.log(GAMMA_ABOVE / GAMMA_BELOW)


def _edges() -> tuple[int, list[int]]:
    """Index of the first bin, and the upper edges of all bins in units, ascending."""
    first = math.ceil(math.log(ZERO_VALUE) / _LN_GAMMA)
    above, below = GAMMA_ABOVE ** -first, GAMMA_BELOW ** -first     # gamma**first = below / above
    numerator, denominator = below << UNIT_BITS, above
    edges: list[int] = []
    while not edges or edges[-1] < UNITS_MAX:
        edges.append(numerator // denominator)
        numerator, denominator = numerator * GAMMA_ABOVE, denominator * GAMMA_BELOW
    return first, edges


INDEX_MIN, EDGES = _edges()
INDEX_MAX = INDEX_MIN + len(EDGES) - 1
ZERO_UNITS = EDGES[0]


def bin_of(units: int) -> int:
    """Index of the bin of a value above ZERO_UNITS."""
    return INDEX_MIN + bisect_left(EDGES, units)


def middle_of(index: int) -> float:
    """The value that is within 1 % of all in the bin."""
    return 2.0 * math.exp(index * _LN_GAMMA) / (1.0 + GAMMA_ABOVE / GAMMA_BELOW)


@dataclass
class Sketch:
    """Counts of values by bin. zeros: how many were 0 or too small for a bin."""

    zeros: int = 0
    bins: dict[int, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.zeros + sum(self.bins.values())

    def add(self, units: int, count: int = 1) -> None:
        if units <= ZERO_UNITS:
            self.zeros += count
            return
        index = bin_of(units)
        if index in self.bins:
            self.bins[index] += count
        else:
            self.add_bins({index: count})

    def add_bins(self, bins: Mapping[int, int]) -> None:
        for index, count in bins.items():
            self.bins[index] = self.bins.get(index, 0) + count
        self._collapse()

    def merge(self, other: Sketch) -> None:
        self.zeros += other.zeros
        self.add_bins(other.bins)

    def quantile(self, share: float, low: float, high: float) -> tuple[float, float]:
        """The value of rank share * (n - 1), and the largest relative error of it.

        low, high: smallest and largest value that was noted. Where the bin is the lowest of a
        sketch that may have been cut off, the error says so. Raises ValueError when empty.
        """
        n = self.n
        if not n or not 0.0 <= share <= 1.0:
            raise ValueError(f'quantile {share!r} of {n} values: expected a share and a value')
        rank = share * (n - 1)
        passed = self.zeros
        if rank < passed:
            return min(low, high), 0.0
        for index in sorted(self.bins):
            passed += self.bins[index]
            if rank < passed:
                break
        value = min(high, max(low, middle_of(index)))
        cut = index == max(self.bins) - BINS_MAX + 1 and low < value * (1.0 - RELATIVE_ERROR)
        return value, (value - low) / max(low, ZERO_VALUE) if cut else RELATIVE_ERROR

    def _collapse(self) -> None:
        if not self.bins:
            return
        lowest = max(self.bins) - BINS_MAX + 1
        below = [index for index in self.bins if index < lowest]
        if below:
            count = sum(self.bins.pop(index) for index in below)
            self.bins[lowest] = self.bins.get(lowest, 0) + count
