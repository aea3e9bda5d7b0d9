# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""WitMotion frames. Source: WT901 standard communication protocol."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import sum8
from hw_discovery.core.protocols.sized import Fields, SizedDecoder

_KINDS = {
    0x50: 'time', 0x51: 'acceleration', 0x52: 'angular_velocity', 0x53: 'angle',
    0x54: 'magnetic', 0x55: 'port', 0x56: 'pressure', 0x57: 'position', 0x58: 'ground_speed',
    0x59: 'quaternion', 0x5A: 'satellites', 0x5F: 'register'}


class Witmotion(SizedDecoder):
    """55, 50..5F, 8 bytes, sum. kind: e.g. 'acceleration'. Weak alone, but they come many."""

    name: ClassVar[str] = 'witmotion'
    sync: ClassVar[bytes] = b'\x55'
    starts: ClassVar[bytes] = b'\x55'
    head_bytes: ClassVar[int] = 2
    frame_bytes_max: ClassVar[int] = 11
    chance: ClassVar[float] = 2 ** -8 * 16 / 256 * 2 ** -8

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        return 11 if head[1] >> 4 == 5 else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return sum8(frame[:-1]) == frame[-1]

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        return _KINDS.get(frame[1], f'0x{frame[1]:02X}'), ()
