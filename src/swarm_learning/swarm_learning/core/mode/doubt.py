# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the second look at a suspected change of the world: what was known before it is kept, and
is right after all if it goes on to predict rewards about as well as what was learned since;
refuses to know what is done meanwhile.

Phases of work make misses that come in rows, which for a while look like a change. In a world
that has not changed the old expectation misses by less, because many decisions are behind it; in
one that has changed its misses stay. Both go on learning, so that neither gains by what is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..hexadecimal import from_hex
from .experience import Array, Experience, ExperienceConfig
from .reward import RewardWeights

TRIAL = 100         # decisions of comparison, several phases of work (bench modes)
LEAD_MIN = 0.3      # squared misses less that make it a change (bench modes)
PREFIX = 'before.'  # of the names of the arrays that are kept
SQUARE_MAX = 16.0   # of one miss: rewards and what is expected of one are within -2..1.5


@dataclass
class Doubt:
    """A change that is suspected."""

    before: Experience      # goes on as if there were no suspicion
    since_drift: int        # decisions since the change before this one
    left: int = TRIAL
    lead: float = 0.0       # squared misses of `before` beyond those of what was learned since

    def see(self, reward: float, new: float, old: float) -> bool | None:
        """A reward, and what both expected. True: the world has changed; False: it has not, and
        `before` is right; None: not known yet."""
        self.lead += (reward - old) ** 2 - (reward - new) ** 2
        self.left -= 1
        return None if self.left > 0 else self.lead > LEAD_MIN

    def check_invariants(self) -> None:
        self.before.check_invariants()
        assert 0 < self.left <= TRIAL and abs(self.lead) <= SQUARE_MAX * TRIAL

    def arrays(self) -> dict[str, Array]:
        return {PREFIX + name: array for name, array in self.before.arrays().items()}

    def document(self) -> dict[str, object]:
        return {'since_drift': self.since_drift, 'left': self.left, 'lead': self.lead.hex()}

    @classmethod
    def restored(
        cls, document: Mapping[str, object], arrays: Mapping[str, Array],
        config: ExperienceConfig, weights: RewardWeights,
    ) -> Doubt:
        """Raises ValueError, KeyError or TypeError on anything that document() and arrays() never
        give."""
        before = Experience(config, weights)
        before.take({name.removeprefix(PREFIX): array for name, array in arrays.items()
                     if name.startswith(PREFIX)})
        since_drift, left = int(str(document['since_drift'])), int(str(document['left']))
        lead = from_hex(str(document['lead']))
        if since_drift < 0 or not 0 < left <= TRIAL or not abs(lead) <= SQUARE_MAX * TRIAL:
            raise ValueError(f'doubt: expected 1 to {TRIAL} decisions left, a count and a small '
                             f'lead, found {left}, {since_drift} and {lead}')
        return cls(before, since_drift, left, lead)
