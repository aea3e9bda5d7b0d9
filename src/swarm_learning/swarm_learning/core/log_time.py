# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a guess of the time that the swarm's log has come to, on a robot whose own clock may be
wrong; refuses to know clocks and messages.

Stamps of the log are the leader's Unix time. What was heard last, and the time since then, is the
best guess there is; it never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class LogTime:
    """Unix ns as the log would stamp an entry now; 0 = nothing was heard yet."""

    stamp_ns: int = 0
    heard_ns: int = 0

    def note(self, stamp_ns: int, now_ns: int) -> None:
        """A stamp of the log was heard. One that lies before the guess was on its way for long, or
        is of an old entry: it changes nothing."""
        if stamp_ns > self.at(now_ns):
            self.stamp_ns, self.heard_ns = stamp_ns, now_ns

    def at(self, now_ns: int) -> int:
        if self.stamp_ns == 0:
            return 0
        return self.stamp_ns + max(0, now_ns - self.heard_ns)
