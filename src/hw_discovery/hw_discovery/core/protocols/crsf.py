# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""TBS Crossfire and ExpressLRS frames. Source: tbs-crossfire, CRSF specification."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc8_dvb_s2
from hw_discovery.core.protocols.sized import Fields, SizedDecoder

_KINDS = {
    0x02: 'gps', 0x07: 'vario', 0x08: 'battery', 0x09: 'barometer', 0x0B: 'heartbeat',
    0x14: 'link', 0x16: 'channels', 0x1E: 'attitude', 0x21: 'flight_mode', 0x28: 'device_ping',
    0x29: 'device_info', 0x2B: 'parameter', 0x2C: 'parameter_read', 0x2D: 'parameter_write',
    0x32: 'command'}


class Crsf(SizedDecoder):
    """Address, length, type, payload, CRC-8. kind: e.g. 'channels'."""

    name: ClassVar[str] = 'crsf'
    sync: ClassVar[bytes] = b''
    starts: ClassVar[bytes] = b'\xc8\xea\xec\xee'
    head_bytes: ClassVar[int] = 3
    frame_bytes_max: ClassVar[int] = 64
    chance: ClassVar[float] = 4 / 256 * 61 / 256 * 15 / 256 * 2 ** -8

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        return head[1] + 2 if 2 <= head[1] <= 62 and head[2] in _KINDS else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return crc8_dvb_s2(frame[2:-1]) == frame[-1]

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        return _KINDS[frame[2]], (('address', f'0x{frame[0]:02X}'),)
