# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""RTCM 3 messages. Source: RTCM 10403.3, transport layer, as gpsd and RTKLIB document it."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc24q
from hw_discovery.core.protocols.sized import Fields, SizedDecoder


class Rtcm3(SizedDecoder):
    """D3, ten bits of length, payload, CRC-24Q. kind: 'message'; field number: e.g. 1005."""

    name: ClassVar[str] = 'rtcm3'
    sync: ClassVar[bytes] = b'\xd3'
    starts: ClassVar[bytes] = b'\xd3'
    head_bytes: ClassVar[int] = 3
    frame_bytes_max: ClassVar[int] = 1023 + 6
    chance: ClassVar[float] = 2 ** -8 * 2 ** -6 * 2 ** -24

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        payload_bytes = int.from_bytes(head[1:3], 'big')
        return payload_bytes + 6 if 2 <= payload_bytes <= 1023 else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return crc24q(frame[:-3]) == int.from_bytes(frame[-3:], 'big')

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        return 'message', (('number', str(frame[3] << 4 | frame[4] >> 4)),)
