# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Beacons over a bad radio link, seeded: owns when they arrive, knows nothing of who judges.

Gilbert-Elliott: a link is good or bad, and changes with a chance per beacon; in both phases a
share is lost. Sending is up to a tenth of a period late, transport takes 1 to 30 ms, rarely more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

MS = 1_000_000


@dataclass(frozen=True)
class Link:
    """`bad_beacons_mean`: how many beacons long a bad phase is; `bad_share`: of all beacons."""

    lost_good: float
    lost_bad: float
    bad_share: float
    bad_beacons_mean: float

    @property
    def lost(self) -> float:
        return (1 - self.bad_share) * self.lost_good + self.bad_share * self.lost_bad


CLEAN = Link(0.001, 0.001, 0.0, 1.0)
EVEN = Link(0.2, 0.2, 0.0, 1.0)  # a fifth lost, one independent of the other
# A fifth lost, most of it in bursts of half a second at 100 ms, where 19 of 20 are lost.
BURSTS = Link(0.03, 0.95, 0.185, 5.0)


def arrivals(
    link: Link, period_ns: int, beacons: int, rng: random.Random, start_ns: int = 0
) -> Iterator[int]:
    """Times of arrival, increasing, of what is left of `beacons` beacons."""
    leave_bad = 1 / link.bad_beacons_mean
    enter_bad = leave_bad * link.bad_share / (1 - link.bad_share)
    bad, last_ns = False, start_ns
    for number in range(beacons):
        bad = rng.random() >= leave_bad if bad else rng.random() < enter_bad
        if rng.random() < (link.lost_bad if bad else link.lost_good):
            continue
        sent_ns = start_ns + number * period_ns + rng.randrange(period_ns // 10)
        delay_ms = rng.randint(1, 30) if rng.random() > 0.01 else rng.randint(30, 200)
        last_ns = max(last_ns + 1, sent_ns + delay_ms * MS)
        yield last_ns
