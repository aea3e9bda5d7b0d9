# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""LDROBOT LD06 and LD19 on a serial port. They send by themselves; nothing is sent to them."""

from collections.abc import Iterable
from typing import Any

from hw_discovery.drivers.lidar.ld import LdStream
from hw_discovery.drivers.lidar.revolution import Point
from hw_discovery.drivers.lidar.scanner import ScannerDriver


class LdLidarDriver(ScannerDriver):
    """450 points a turn at 10 Hz: 360 beams leave none of them empty. Range: data sheet."""

    BAUD = 230400
    RANGE_M = (0.02, 12.0)

    def __init__(self, *made_with: Any, **named: Any) -> None:
        super().__init__(*made_with, **named)
        self._packets = LdStream()

    def points(self, data: bytes) -> Iterable[Point]:
        """Return the points of whole packets."""
        return [point for packet in self._packets.feed(data) for point in packet.points]

    def rejected_bytes(self) -> int:
        """Return how many bytes belonged to no packet."""
        return self._packets.rejected_bytes
