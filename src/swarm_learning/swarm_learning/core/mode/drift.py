# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the suspicion that the world has changed: rewards that keep missing what was expected;
refuses to know what is done about it.

Two cumulative sums (E. Page, 1954), one for rewards above and one for rewards below expectation,
in units of the usual miss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..hexadecimal import from_hex

KNOWN_MIN = 3.0         # decisions behind an expectation that is worth missing
MISS_MIN = 0.05         # a reward that is this close misses nothing
SLACK, LIMIT = 0.5, 9.0     # in usual misses (bench modes)
MEMORY = 200.0          # decisions over which the usual miss is taken
SETTLE = 60             # decisions after a change before the next can be seen


@dataclass
class Drift:
    """Sees one miss after the other."""

    above: float = 0.0
    below: float = 0.0
    square: float = 0.04    # of the usual miss; a start that is forgotten
    settle: int = SETTLE
    changes: int = 0
    trust_after: float = 0.3   # decisions by which each place still counts (bench modes)

    def see(self, miss: float, known: float, share: float) -> bool:
        """Whether this miss makes it a change. known: decisions behind the expectation."""
        if known < KNOWN_MIN:
            return False
        scale = math.sqrt(self.square) + MISS_MIN
        unit = share * max(-3.0, min(3.0, miss / scale))
        self.square += (min(miss * miss, 9.0 * scale * scale) - self.square) / MEMORY
        if self.settle > 0:
            self.settle -= 1
            return False
        self.above = max(0.0, self.above + unit - SLACK * share)
        self.below = max(0.0, self.below - unit - SLACK * share)
        if max(self.above, self.below) < LIMIT:
            return False
        self.above = self.below = 0.0
        self.settle, self.changes = SETTLE, self.changes + 1
        return True

    def document(self) -> dict[str, object]:
        return {'above': self.above.hex(), 'below': self.below.hex(),
                'square': self.square.hex(), 'settle': self.settle, 'changes': self.changes}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Drift:
        """Raises ValueError, KeyError or TypeError on anything that document() never writes."""
        above, below, square = (
            from_hex(str(document[name])) for name in ('above', 'below', 'square'))
        if not all(0.0 <= one < 1e3 for one in (above, below, square)):
            raise ValueError('drift: expected small numbers that are not negative')
        settle, changes = int(str(document['settle'])), int(str(document['changes']))
        if not 0 <= settle <= SETTLE or changes < 0:
            raise ValueError(f'drift: expected settle in 0..{SETTLE} and changes of at least 0')
        return cls(above, below, square, settle, changes)
