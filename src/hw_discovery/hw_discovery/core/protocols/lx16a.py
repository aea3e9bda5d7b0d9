# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""LewanSoul and HiWonder LX bus servos. Source: LX-16A communication protocol."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import sum8
from hw_discovery.core.protocols.sized import Fields, SizedDecoder


class Lx16a(SizedDecoder):
    """55 55, id, length, command, parameters, inverted sum. kind: 'packet', both ways."""

    name: ClassVar[str] = 'lx16a'
    sync: ClassVar[bytes] = b'\x55\x55'
    starts: ClassVar[bytes] = b'\x55'
    head_bytes: ClassVar[int] = 5
    frame_bytes_max: ClassVar[int] = 10 + 3
    chance: ClassVar[float] = 2 ** -16 * 255 / 256 * 8 / 256 * 61 / 256 * 2 ** -8

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        # 3..10 bytes are counted by the length; commands are 1..61.
        is_packet = head[2] != 0xFF and 3 <= head[3] <= 10 and 1 <= head[4] <= 61
        return head[3] + 3 if is_packet else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return sum8(frame[2:-1]) ^ 0xFF == frame[-1]

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        return 'packet', (
            ('id', str(frame[2])), ('command', str(frame[4])),
            ('parameters', frame[5:-1].hex(' ')))
