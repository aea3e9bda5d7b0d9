# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what a round is in a swarm that has none: two judged attempts per robot that takes part.
Refuses to know how attempts ended.

One requester counts only for its share of a round, so that none can make what is held against it
fade by submitting much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import document as kept
from .document import Document

ATTEMPTS_PER_ROBOT = 2      # as in the market that the memory of 50 rounds was tuned in
RECENT = 3                  # rounds; who took part in none of these is not counted
OF_ONE_MIN = 4              # attempts of one requester that count in a round, at least
OF_ONE_SHARES = 2           # and at most this many times its equal share
ROBOTS_MAX = 512


@dataclass
class Rounds:
    """number: rounds that are over."""

    number: int = 0
    _done: int = 0
    _of: dict[str, int] = field(default_factory=dict)           # requester -> counted attempts
    _parties: dict[str, int] = field(default_factory=dict)      # robot -> last round it was in
    _requesters: dict[str, int] = field(default_factory=dict)

    def count(self, requester: str, executor: str) -> bool:
        """Take one judged attempt; whether the round is over with it."""
        for robot in (requester, executor):
            if robot in self._parties or len(self._parties) < ROBOTS_MAX:
                self._parties[robot] = self.number
        if requester in self._parties:
            self._requesters[requester] = self.number
        size = ATTEMPTS_PER_ROBOT * len(self._parties)
        share = OF_ONE_SHARES * size // max(1, len(self._requesters))
        if self._of.get(requester, 0) < max(OF_ONE_MIN, share):
            self._of[requester] = self._of.get(requester, 0) + 1
            self._done += 1
        if self._done < size:
            return False
        self._end()
        return True

    def _end(self) -> None:
        self.number += 1
        self._done = 0
        self._of.clear()
        since = self.number - RECENT
        self._parties = _recent(self._parties, since)
        self._requesters = _recent(self._requesters, since)

    def document(self) -> Document:
        parts = {'of': self._of, 'parties': self._parties, 'requesters': self._requesters}
        return {'number': self.number, 'done': self._done,
                **{name: [[robot, one] for robot, one in part.items()]
                   for name, part in parts.items()}}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Rounds:
        made = cls(kept.whole(document.get('number'), 'number'),
                   kept.whole(document.get('done'), 'done'))
        parts = {'of': made._of, 'parties': made._parties, 'requesters': made._requesters}
        for name, part in parts.items():
            for row in kept.rows(document, name, 2, ROBOTS_MAX):
                part[kept.text(row[0], 'robot')] = kept.whole(row[1], name)
        return made


def _recent(rounds: dict[str, int], since: int) -> dict[str, int]:
    """Those since then; of too many those that took part last."""
    left = sorted((one for one in rounds.items() if one[1] >= since), key=lambda one: -one[1])
    return dict(left[:ROBOTS_MAX])
