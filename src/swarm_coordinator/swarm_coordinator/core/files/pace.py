# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How fast file bytes may flow on this robot: owns the ceiling and the yielding to consensus.

A token bucket below a configured ceiling. Its rate halves when this robot's ticks or the beacons
of others come late, and grows back by a fixed step while they come in time (additive increase,
multiplicative decrease: Chiu and Jain 1989). Pure: the time is told.
"""

from dataclasses import dataclass

S_NS = 1_000_000_000
BURST_NS = 20_000_000  # what may flow at once after a rest: less than half a heartbeat
BURST_BYTES_MIN = 256 * 1024  # one block of a connection always fits
LOOK_NS = 200_000_000  # the rate changes at most so often: a change needs time to show
STEPS = 20  # from nothing back to the ceiling in 4 s of calm
FLOOR_DIVISOR = 64  # of the ceiling: files still arrive on a robot that is always late
FLOOR_BYTES_PER_S = 128 * 1024  # a block in 2 s: fetchers give up after 10 s without progress


@dataclass
class Pace:
    """`late_ns`: lateness of a tick or beacon above which file bytes yield."""

    ceiling_bytes_per_s: int
    late_ns: int
    rate: int = 0  # bytes per second, now
    level: int = 0  # bytes that may flow at once
    filled_ns: int = 0
    looked_ns: int = 0
    worst_ns: int = 0  # lateness since the last look

    def __post_init__(self) -> None:
        if self.ceiling_bytes_per_s < FLOOR_DIVISOR:
            raise ValueError(f'ceiling of {self.ceiling_bytes_per_s} bytes/s: expected more')
        self.rate = self.ceiling_bytes_per_s
        self.level = self.burst

    @property
    def burst(self) -> int:
        return max(BURST_BYTES_MIN, self.rate * BURST_NS // S_NS)

    @property
    def floor(self) -> int:
        ceiling = self.ceiling_bytes_per_s
        return max(ceiling // FLOOR_DIVISOR, min(ceiling, FLOOR_BYTES_PER_S))

    def take(self, size: int, now_ns: int) -> int:
        """0: `size` bytes flow now. Otherwise the ns to wait before asking again."""
        wait_ns = self.wait_ns(size, now_ns)
        if not wait_ns:
            self.level -= size  # below nothing where size is above the burst: paid for later
        return wait_ns

    def refund(self, size: int) -> None:
        """Of what was taken, so much did not flow."""
        self.level = min(self.burst, self.level + size)

    def wait_ns(self, size: int, now_ns: int) -> int:
        """How long until `size` bytes may flow; 0 = now."""
        self._look(now_ns)
        gained = self.rate * max(0, now_ns - self.filled_ns) // S_NS
        if gained:
            self.level = min(self.burst, self.level + gained)
            self.filled_ns = now_ns
        lacking = min(size, self.burst) - self.level
        return lacking * S_NS // self.rate + 1 if lacking > 0 else 0

    def late(self, late_ns: int) -> None:
        """A tick or a beacon was so late. Cheap, for every one of them."""
        if late_ns > self.worst_ns:
            self.worst_ns = late_ns

    def _look(self, now_ns: int) -> None:
        looks = (now_ns - self.looked_ns) // LOOK_NS
        if looks <= 0:
            return
        self.looked_ns = now_ns
        if self.worst_ns > self.late_ns:
            self.rate = max(self.floor, self.rate // 2)
            looks -= 1
        step = max(1, self.ceiling_bytes_per_s // STEPS)
        self.rate = min(self.ceiling_bytes_per_s, self.rate + looks * step)
        self.worst_ns = 0
