# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""LDROBOT LD06, LD19, STL-27L point packets. Source: LD19 development manual, chapter 4."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc8_ld06
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found

_FRAME_BYTES = 47
_ANGLE_MAX_CDEG = 36000


class Ld06(Decoder):
    """54 2C, speed, start angle, 12 points, end angle, time, CRC-8. kind: 'points'."""

    name: ClassVar[str] = 'ld06'
    starts: ClassVar[bytes] = b'\x54'
    frame_bytes_max: ClassVar[int] = _FRAME_BYTES
    chance: ClassVar[float] = 2 ** -16 * (36001 / 65536) ** 2 * 2 ** -8

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        frame = data[at:at + _FRAME_BYTES]
        if not b'\x54\x2c'.startswith(frame[:2]):
            return Cut.NOTHING
        if len(frame) < _FRAME_BYTES:
            return Cut.MORE
        angles = (int.from_bytes(frame[4:6], 'little'), int.from_bytes(frame[42:44], 'little'))
        if max(angles) > _ANGLE_MAX_CDEG or crc8_ld06(frame[:-1]) != frame[-1]:
            return Cut.NOTHING
        speed = int.from_bytes(frame[2:4], 'little')
        return self._frame('points', frame, (('speed_deg_per_s', str(speed)),))
