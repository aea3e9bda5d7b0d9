# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SiRF binary messages. Source: SiRF binary protocol reference manual, chapter 2."""

from typing import ClassVar

from hw_discovery.core.protocols.sized import Fields, SizedDecoder


class Sirf(SizedDecoder):
    """A0 A2, length, payload, 15-bit sum, B0 B3. kind: 'message'."""

    name: ClassVar[str] = 'sirf'
    sync: ClassVar[bytes] = b'\xa0\xa2'
    starts: ClassVar[bytes] = b'\xa0'
    head_bytes: ClassVar[int] = 4
    frame_bytes_max: ClassVar[int] = 1023 + 8
    chance: ClassVar[float] = 2 ** -16 * 1023 / 65536 * 2 ** -16 * 2 ** -16

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        payload_bytes = int.from_bytes(head[2:4], 'big')
        return payload_bytes + 8 if payload_bytes else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        if frame[-2:] != b'\xb0\xb3':
            return False
        return sum(frame[4:-4]) & 0x7FFF == int.from_bytes(frame[-4:-2], 'big')

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        return 'message', (('number', str(frame[4])),)
