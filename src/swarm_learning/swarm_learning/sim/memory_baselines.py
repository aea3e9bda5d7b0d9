# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the simple ways to remember that the memory is measured against; refuses to be used on a
robot.

All three are given the whole trace at the end, which flatters them: `Everything` keeps it, a
reservoir is what an even sample of the same bytes would be, and fixed windows are as many
summaries as the memory has blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
RECORD_BYTES = 16           # a stamp and a value, both of 8 bytes


@dataclass(frozen=True)
class Everything:
    """Stamps (n,), ascending, and one figure (n,)."""

    stamps_ns: Integers
    values: Floats

    def mean_since(self, begin_ns: int) -> float:
        first = int(np.searchsorted(self.stamps_ns, begin_ns))
        return float(self.values[min(first, len(self.values) - 1):].mean())

    @property
    def bytes(self) -> int:
        return len(self.values) * RECORD_BYTES


def reservoir(whole: Everything, bytes_max: int, rng: np.random.Generator) -> Everything:
    """An even sample of so many bytes, as reservoir sampling leaves it."""
    picks = rng.choice(len(whole.values), min(len(whole.values), bytes_max // RECORD_BYTES),
                       replace=False)
    picks.sort()
    return Everything(whole.stamps_ns[picks], whole.values[picks])


@dataclass(frozen=True)
class FixedWindows:
    """Means and counts of windows of equal length, the last one ending now."""

    begin_ns: int
    width_ns: int
    sums: Floats
    counts: Floats

    @classmethod
    def of(cls, whole: Everything, windows: int) -> FixedWindows:
        begin_ns, end_ns = int(whole.stamps_ns[0]), int(whole.stamps_ns[-1]) + 1
        width_ns = -(-(end_ns - begin_ns) // windows)
        at = (whole.stamps_ns - begin_ns) // width_ns
        return cls(begin_ns, width_ns, np.bincount(at, whole.values, windows).astype(np.float64),
                   np.bincount(at, minlength=windows).astype(np.float64))

    def mean_since(self, begin_ns: int) -> float:
        """Edges are rounded to the nearer end of a window, as the memory does."""
        first = min(round((begin_ns - self.begin_ns) / self.width_ns), len(self.sums) - 1)
        return float(self.sums[first:].sum() / max(1.0, self.counts[first:].sum()))
