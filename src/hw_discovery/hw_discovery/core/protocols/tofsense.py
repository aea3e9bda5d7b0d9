# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Nooploop TOFSense frames. Source: NLink protocol of TOFSense, Frame0."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import sum8
from hw_discovery.core.protocols.sized import Fields, SizedDecoder


class Tofsense(SizedDecoder):
    """57 00, 16 bytes, sum. kind: 'distance'."""

    name: ClassVar[str] = 'tofsense'
    sync: ClassVar[bytes] = b'\x57\x00'
    starts: ClassVar[bytes] = b'\x57'
    head_bytes: ClassVar[int] = 2
    frame_bytes_max: ClassVar[int] = 16
    chance: ClassVar[float] = 2 ** -16 * 2 ** -8

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        return 16

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return sum8(frame[:-1]) == frame[-1]

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        return 'distance', (('id', str(frame[3])),)
