# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Blue Robotics Ping messages. Source: ping-protocol, message format."""

from typing import ClassVar

from hw_discovery.core.protocols.sized import Fields, SizedDecoder

_DEVICE_INFORMATION = 4
_KINDS = {4: 'device_information', 5: 'protocol_version', 6: 'request'}


class Ping(SizedDecoder):
    """B R, length, message, addresses, payload, 16-bit sum. kind: 'message'."""

    name: ClassVar[str] = 'ping'
    sync: ClassVar[bytes] = b'BR'
    starts: ClassVar[bytes] = b'B'
    head_bytes: ClassVar[int] = 8
    frame_bytes_max: ClassVar[int] = 1024 + 10
    chance: ClassVar[float] = 2 ** -16 * 1025 / 65536 * 2 ** -16

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        return int.from_bytes(head[2:4], 'little') + 10

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return sum(frame[:-2]) & 0xFFFF == int.from_bytes(frame[-2:], 'little')

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        number = int.from_bytes(frame[4:6], 'little')
        fields: Fields = (('number', str(number)),)
        if number == _DEVICE_INFORMATION and len(frame) >= 16:
            fields += (('device_type', str(frame[8])), ('firmware', f'{frame[10]}.{frame[11]}'))
        return _KINDS.get(number, 'message'), fields
