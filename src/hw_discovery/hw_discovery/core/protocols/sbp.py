# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Swift Navigation binary messages. Source: Swift binary protocol specification, framing."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc16_xmodem
from hw_discovery.core.protocols.sized import Fields, SizedDecoder

_HEARTBEAT = 0xFFFF


class Sbp(SizedDecoder):
    """55, type, sender, length, payload, CRC-16. kind: 'heartbeat' or 'message'."""

    name: ClassVar[str] = 'sbp'
    sync: ClassVar[bytes] = b'\x55'
    starts: ClassVar[bytes] = b'\x55'
    head_bytes: ClassVar[int] = 6
    frame_bytes_max: ClassVar[int] = 255 + 8
    chance: ClassVar[float] = 2 ** -8 * 2 ** -16

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        return head[5] + 8

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return crc16_xmodem(frame[1:-2]) == int.from_bytes(frame[-2:], 'little')

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        number = int.from_bytes(frame[1:3], 'little')
        sender = int.from_bytes(frame[3:5], 'little')
        return 'heartbeat' if number == _HEARTBEAT else 'message', (
            ('number', f'0x{number:04X}'), ('sender', f'0x{sender:04X}'))
