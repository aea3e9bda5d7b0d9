# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns which attempts are spoken of at all, where there are too many of them: the same ones for
everybody who hears the log; refuses to know what is said.

The lot of an attempt hangs on the log index and stamp of its end, which nobody knows before the
work is done. The share is a power of two of the rate in the last full span of log time, so that
all who hear the same outcomes have the same share.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .receipts import Attempt

SPAN_NS = 10_000_000_000
PER_SPAN = 200      # 20 attempts a second cost about 1 % of a small board's core (measured on x86)


def lot(attempt: Attempt) -> float:
    """In [0, 1)."""
    said = f'{attempt.job_id}/{attempt.attempt}/{attempt.log_index}/{attempt.stamp_ns}'
    digest = hashlib.blake2b(said.encode('utf-8', 'surrogatepass'), digest_size=8).digest()
    return int.from_bytes(digest, 'big') / 2.0**64


def share_of(count: int) -> float:
    """1, or the largest power of two that keeps a span of so many attempts within PER_SPAN."""
    share = 1.0
    while count * share > PER_SPAN:
        share /= 2.0
    return share


@dataclass
class Sampling:
    """Counts attempts by spans of log time."""

    span: int = 0
    count: int = 0
    share: float = 1.0

    def takes(self, attempt: Attempt) -> bool:
        """Call once for each attempt, in the order of the log."""
        span = attempt.stamp_ns // SPAN_NS
        if span > self.span:
            follows = span == self.span + 1
            self.share = share_of(self.count) if follows else 1.0
            self.span, self.count = span, 0
        self.count += 1
        # A sudden flood must not have to wait for its first span to be over.
        return lot(attempt) < min(self.share, share_of(self.count))
