# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How unequal the jobs of a task are: owns what a run that has lasted so long will still take.

Of each task a histogram of run times relative to what was predicted for them, over all robots. A
run of a task whose jobs are alike is soon over when it is past its mean; of a task with few long
jobs it has just begun. Without it a long job looks as if its robot were about to be free. Refuses
to know routes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

BUCKETS = 40
FIRST = 1.0 / 32.0  # of the predicted run time; what is shorter counts as that
STEP = 1.25  # from bucket to bucket: 1/32 to 188 times
# The shape belongs to the work, not to the robot, so it may be remembered longer than speeds:
# this many runs. Chosen without data.
RUNS_KEPT = 300.0
RUNS_TRUSTED = 20.0  # fewer say nothing of a shape
RARE_SHARE = 0.05  # of runs last longer than what counts as overtime

_EDGES = [FIRST * STEP**at for at in range(BUCKETS + 1)]
_INNER = _EDGES[1:-1]  # what lies beyond the outer edges belongs to the outer buckets
_MIDDLES = [(low + high) / 2 for low, high in zip(_EDGES, _EDGES[1:], strict=False)]


class Sizes:
    """Of one task. `counts`: discounted runs by bucket of run time / predicted run time."""

    __slots__ = ('_overtime', '_residual', 'counts')

    def __init__(self, counts: Sequence[float] = ()) -> None:
        self.counts = list(counts) or [0.0] * BUCKETS
        self._residual: list[float] | None = None
        self._overtime = 0.0

    def note(self, relative: float) -> None:
        """A run took so many times what was predicted."""
        kept = 1.0 - 1.0 / RUNS_KEPT
        self.counts = [one * kept for one in self.counts]
        self.counts[bisect_right(_INNER, relative)] += 1.0
        self._residual = None

    def residual(self, elapsed: float) -> float | None:
        """Mean of what is left of runs that lasted longer than this, in predicted run times; None
        where too few did."""
        table = self._residual or self._table()
        if elapsed >= _EDGES[-1]:
            return None
        return table[bisect_right(_INNER, elapsed)] or None

    def overtime(self) -> float:
        """From so many predicted run times on a run is longer than it should be; 0 = unknown."""
        self._table()
        return self._overtime

    def _table(self) -> list[float]:
        if self._residual is not None:
            return self._residual
        table, runs, moment, total = [0.0] * BUCKETS, 0.0, 0.0, sum(self.counts)
        self._overtime = 0.0
        for at in reversed(range(BUCKETS)):
            runs += self.counts[at]
            moment += self.counts[at] * _MIDDLES[at]
            if total < RUNS_TRUSTED:
                continue
            if runs > 1.0:
                table[at] = max(moment / runs - _MIDDLES[at], _MIDDLES[at] * (STEP - 1) / 2)
            if not self._overtime and runs > RARE_SHARE * total:
                self._overtime = _EDGES[at + 1]
        self._residual = table
        return table
