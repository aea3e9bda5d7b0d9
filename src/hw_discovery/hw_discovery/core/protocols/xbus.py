# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Xsens Xbus messages. Source: MT low level communication protocol, message structure."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import sum8
from hw_discovery.core.protocols.sized import Fields, SizedDecoder

_DEVICE_ID = 0x01
_KINDS = {
    0x01: 'device_id', 0x1D: 'product_code', 0x13: 'firmware', 0x32: 'data', 0x36: 'data',
    0x3E: 'wake_up', 0x42: 'error'}


class Xbus(SizedDecoder):
    """FA FF, message, length, data, sum that makes zero. kind: e.g. 'device_id', 'data'."""

    name: ClassVar[str] = 'xbus'
    sync: ClassVar[bytes] = b'\xfa\xff'
    starts: ClassVar[bytes] = b'\xfa'
    head_bytes: ClassVar[int] = 4
    frame_bytes_max: ClassVar[int] = 254 + 5
    chance: ClassVar[float] = 2 ** -16 * 2 ** -8

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        # 255 announces the extended form, which is above what devices send unasked.
        return head[3] + 5 if head[3] != 0xFF else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return sum8(frame[1:]) == 0

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        fields: Fields = (('number', f'0x{frame[2]:02X}'),)
        if frame[2] == _DEVICE_ID:
            fields += (('device_id', frame[4:-1].hex().upper()),)
        return _KINDS.get(frame[2], 'message'), fields
