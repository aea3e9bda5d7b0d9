# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The pace of file bytes as the threads of a robot share it: owns the lock and the clock."""

import threading
import time

from swarm_coordinator.core.files.pace import Pace

CEILING_MB_PER_S = 250
LATE_NS = 50_000_000


class SharedPace:
    """One bucket for everything that this robot sends, one for what it reads from connections:
    what it receives would otherwise be bounded by the others only."""

    def __init__(self, mb_per_s: int = CEILING_MB_PER_S, late_ns: int = LATE_NS) -> None:
        self._out = Pace(mb_per_s * 1_000_000, late_ns)
        self._in = Pace(mb_per_s * 1_000_000, late_ns)
        self._lock = threading.Lock()

    @property
    def rate(self) -> int:
        """Bytes per second that may be sent now."""
        return self._out.rate

    def late(self, late_ns: int) -> None:
        self._out.late(late_ns)
        self._in.late(late_ns)

    def take(self, size: int) -> int:
        """0: send `size` bytes now; otherwise the ns until it is worth asking again."""
        with self._lock:
            return self._out.take(size, time.monotonic_ns())

    def refund(self, size: int) -> None:
        """Of what take() allowed, so much was not sent."""
        with self._lock:
            self._out.refund(size)

    def take_in(self, size: int) -> int:
        """As take(), for bytes that are read from a connection."""
        with self._lock:
            return self._in.take(size, time.monotonic_ns())

    def wait_s(self, size: int) -> float:
        """Seconds until `size` bytes may be sent; takes none of them."""
        with self._lock:
            return self._out.wait_ns(size, time.monotonic_ns()) / 1e9
