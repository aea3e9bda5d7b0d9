# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Septentrio binary blocks. Source: mosaic-X5 reference guide, SBF outline."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc16_xmodem
from hw_discovery.core.protocols.sized import Fields, SizedDecoder


class Sbf(SizedDecoder):
    """$ @, CRC-16, id, length, body. kind: 'block'; field number without the revision."""

    name: ClassVar[str] = 'sbf'
    sync: ClassVar[bytes] = b'$@'
    starts: ClassVar[bytes] = b'$'
    head_bytes: ClassVar[int] = 8
    frame_bytes_max: ClassVar[int] = 4096
    chance: ClassVar[float] = 2 ** -16 * 2 ** -16 * 1023 / 65536

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        size = int.from_bytes(head[6:8], 'little')
        return size if size % 4 == 0 else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return crc16_xmodem(frame[4:]) == int.from_bytes(frame[2:4], 'little')

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        number = int.from_bytes(frame[4:6], 'little') & 0x1FFF
        return 'block', (('number', str(number)),)
