# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SkyTraq binary messages. Source: SkyTraq application note AN0003."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import xor8
from hw_discovery.core.protocols.sized import Fields, SizedDecoder

_SOFTWARE_VERSION = 0x80


class Skytraq(SizedDecoder):
    """A0 A1, length, payload, exclusive or, CR LF. kind: 'version' or 'message'."""

    name: ClassVar[str] = 'skytraq'
    sync: ClassVar[bytes] = b'\xa0\xa1'
    starts: ClassVar[bytes] = b'\xa0'
    head_bytes: ClassVar[int] = 4
    frame_bytes_max: ClassVar[int] = 1023 + 7
    chance: ClassVar[float] = 2 ** -16 * 1023 / 65536 * 2 ** -8 * 2 ** -16

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        payload_bytes = int.from_bytes(head[2:4], 'big')
        return payload_bytes + 7 if payload_bytes else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return frame[-2:] == b'\r\n' and xor8(frame[4:-3]) == frame[-3]

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        kind = 'version' if frame[4] == _SOFTWARE_VERSION else 'message'
        return kind, (('number', f'0x{frame[4]:02X}'),)
