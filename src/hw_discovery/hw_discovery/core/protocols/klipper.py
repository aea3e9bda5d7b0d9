# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Klipper blocks. Source: klipper3d.org, Protocol, message blocks."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc16_mcrf4xx
from hw_discovery.core.protocols.sized import Fields, SizedDecoder


class Klipper(SizedDecoder):
    """Length, 1n, content, CRC-16, 7E. kind: 'block', or 'acknowledge' when it is empty."""

    name: ClassVar[str] = 'klipper'
    sync: ClassVar[bytes] = b''
    starts: ClassVar[bytes] = bytes(range(5, 65))
    head_bytes: ClassVar[int] = 2
    frame_bytes_max: ClassVar[int] = 64
    chance: ClassVar[float] = 60 / 256 * 2 ** -4 * 2 ** -16 * 2 ** -8

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        return head[0] if head[1] >> 4 == 1 else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        crc = int.from_bytes(frame[-3:-1], 'big')
        return frame[-1] == 0x7E and crc16_mcrf4xx(frame[:-3]) == crc

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        return 'acknowledge' if len(frame) == 5 else 'block', ()
