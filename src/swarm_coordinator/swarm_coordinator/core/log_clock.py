# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When something in the log happened by this robot's own clock: owns a bound that is never late.

The log ends a lease by its stamps, the robot by its monotonic clock. An entry can reach a robot
long after it was written (a start, a partition, a slow link), so a lease does not count from when
its grant is seen here. What this robot had asked for itself, and then sees in the log, was written
after it had asked: from there on stamps and this clock run alike, as long as one robot leads.
"""

from dataclasses import dataclass


@dataclass
class LogClock:
    """`offset_ns`: at least this much is to be added to a stamp of `term`; None: not known."""

    term: int = 0
    offset_ns: int | None = None

    def follow(self, term: int) -> None:
        """Another leader stamps by another clock, and gives every lease a full time first."""
        if term != self.term:
            self.term, self.offset_ns = term, None

    def saw(self, term: int, stamp_ns: int, asked_ns: int) -> None:
        """What was asked for at `asked_ns` is in the log, which is at `stamp_ns` now."""
        self.follow(term)
        offset_ns = asked_ns - stamp_ns
        if self.offset_ns is None or offset_ns > self.offset_ns:
            self.offset_ns = offset_ns

    def lease_until_ns(self, expires_ns: int, ttl_ns: int, now_ns: int) -> int:
        """Until when this robot may act on a lease that it sees now; `now_ns` = not known."""
        if self.offset_ns is None:
            return now_ns
        return max(now_ns, min(expires_ns + self.offset_ns, now_ns + ttl_ns))
