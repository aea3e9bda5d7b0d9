# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The circuit breaker: owns which routes are kept out for a while after failing in a row.

closed -> open after so many failures in a row, for ejection_s times how often it has opened ->
half open: one attempt decides. Times are stamps of the log. Refuses to know costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .config import RoutingConfig

SECOND_NS = 1_000_000_000
OPENED_MAX = 20  # ten minutes at 30 s: a robot that was repaired is not forgotten for hours
FAILURES_MAX = 1_000_000


class Phase(Enum):
    """Of a breaker."""

    CLOSED = 'closed'
    OPEN = 'open'
    HALF_OPEN = 'half open'


@dataclass
class Breaker:
    """Of one route.

    failures     in a row, up to now
    opened       how often it has opened, less one for each success since
    until_ns     stamp until which it is open; 0 = it is closed
    probe_ns     stamp until which an attempt while half open keeps others away; 0 = none
    """

    failures: int = 0
    opened: int = 0
    until_ns: int = 0
    probe_ns: int = 0

    def phase(self, stamp_ns: int) -> Phase:
        if not self.until_ns:
            return Phase.CLOSED
        return Phase.OPEN if stamp_ns < self.until_ns else Phase.HALF_OPEN

    def keeps_out(self, stamp_ns: int) -> bool:
        """Whether no job should go there now."""
        phase = self.phase(stamp_ns)
        if phase is Phase.HALF_OPEN:
            return stamp_ns < self.probe_ns
        return phase is Phase.OPEN

    def dispatched(self, stamp_ns: int, config: RoutingConfig) -> None:
        """A job goes there. While half open the first one is the probe."""
        if self.phase(stamp_ns) is Phase.HALF_OPEN and stamp_ns >= self.probe_ns:
            self.probe_ns = stamp_ns + round(config.ejection_s * SECOND_NS)

    def succeeded(self) -> None:
        self.failures, self.until_ns, self.probe_ns = 0, 0, 0
        self.opened = max(0, self.opened - 1)

    def failed(self, stamp_ns: int, config: RoutingConfig) -> None:
        self.failures = min(self.failures + 1, FAILURES_MAX)
        half_open = self.phase(stamp_ns) is Phase.HALF_OPEN
        if half_open or (not self.until_ns and self.failures >= config.failures_in_a_row_max):
            self.opened = min(self.opened + 1, OPENED_MAX)
            self.until_ns = stamp_ns + round(config.ejection_s * self.opened * SECOND_NS)
            self.probe_ns = 0

    def told(self, stamp_ns: int) -> str:
        """In words; '' = closed and nothing stands out."""
        phase = self.phase(stamp_ns)
        if phase is Phase.OPEN:
            left_s = (self.until_ns - stamp_ns) / SECOND_NS
            return f'failed {self.failures} times in a row; kept out for {left_s:.0f} s more'
        if phase is Phase.HALF_OPEN:
            asked = 'one job is trying it' if stamp_ns < self.probe_ns else 'the next job tries it'
            return f'failed {self.failures} times in a row; {asked}'
        return ''


def ejected(
    breakers: Sequence[Breaker | None], stamp_ns: int, share_max: float
) -> tuple[int, ...]:
    """Positions of the candidates to leave out: the longest rows of failures first, and never
    more than the share. The one that opened last goes first among equals: it is the freshest."""
    out = [
        (-one.failures, -one.until_ns, at)
        for at, one in enumerate(breakers)
        if one is not None and one.until_ns and one.keeps_out(stamp_ns)
    ]
    if not out:
        return ()
    most = int(len(breakers) * share_max + 1e-9)
    return tuple(sorted(at for _, _, at in sorted(out)[:most]))
