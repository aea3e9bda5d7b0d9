# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""VectorNav lines and binary groups. Source: VN-100 and VN-300 interface control documents."""

import re
from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc16_xmodem, xor8
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found, printable

_LINE_BYTES_MAX = 256
_LINE = re.compile(rb'\$VN[A-Z]{3}[ -)+-~]*')
_LINE_START = re.compile(rb'\$(V(N([A-Z]{0,3}|[A-Z]{3}[ -)+-~]*))?)?')
# Bytes of each field, by bit, of the groups whose sizes are fixed: common, time, inertial,
# attitude. Satellite groups have variable sizes and are not taken.
_GROUPS = {
    0x01: (8, 8, 8, 12, 16, 12, 24, 12, 12, 24, 20, 28, 2, 4, 8),
    0x02: (8, 8, 8, 2, 8, 8, 8, 1),
    0x04: (2, 12, 12, 12, 4, 4, 16, 12, 12, 12, 12),
    0x10: (2, 12, 16, 36, 12, 12, 12, 12, 12, 12, 28, 24)}
_GROUP_MASK = 0x17
_BINARY_BYTES_MAX = 640  # all fields of all four groups are 609


class Vectornav(Decoder):
    """$VN lines with either checksum, and FA binary messages. kind: 'VNRRG', ..., 'binary'."""

    name: ClassVar[str] = 'vectornav'
    starts: ClassVar[bytes] = b'$\xfa'
    frame_bytes_max: ClassVar[int] = _BINARY_BYTES_MAX
    # The binary form is the weaker: groups with fields that exist, CRC of 16 bits.
    chance: ClassVar[float] = 2 ** -8 * 15 / 256 * (2 ** 15 - 1) / 65536 * 2 ** -16

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        window = data[at:at + self.frame_bytes_max]
        return self._line(window[:_LINE_BYTES_MAX]) if window[0] == 0x24 else self._binary(window)

    def _line(self, window: bytes) -> Found:
        line = _LINE.match(window)
        if line is None:
            is_start = _LINE_START.fullmatch(window)
            return Cut.MORE if is_start else Cut.NOTHING
        tail = window[line.end():]
        if len(window) == _LINE_BYTES_MAX and len(tail) < 7 or tail[:1] not in (b'', b'*'):
            return Cut.NOTHING
        digits, feed, _ = tail[1:7].partition(b'\n')
        if not feed:
            return Cut.MORE if len(tail) < 7 else Cut.NOTHING
        text, digits = line.group()[1:], digits.removesuffix(b'\r')
        right = {2: f'{xor8(text):02X}', 4: f'{crc16_xmodem(text):04X}'}.get(len(digits), '')
        if digits.upper() != right.encode():
            return Cut.NOTHING
        frame = window[:line.end() + 1 + tail[1:].index(b'\n') + 1]
        return self._frame(text[:5].decode(), frame, _register_fields(text))

    def _binary(self, window: bytes) -> Found:
        if len(window) < 2:
            return Cut.MORE
        chosen = [bit for bit in _GROUPS if window[1] & bit]
        if window[1] & ~_GROUP_MASK or not chosen:
            return Cut.NOTHING
        head_bytes = 2 + 2 * len(chosen)
        if len(window) < head_bytes:
            return Cut.MORE
        size = head_bytes + 2
        for place, group in enumerate(chosen):
            bits = int.from_bytes(window[2 + 2 * place:4 + 2 * place], 'little')
            if not bits or bits >> len(_GROUPS[group]):
                return Cut.NOTHING
            size += sum(n for bit, n in enumerate(_GROUPS[group]) if bits >> bit & 1)
        frame = window[:size]
        if len(frame) < size:
            return Cut.MORE
        # The CRC of a message together with its CRC is zero.
        return self._frame('binary', frame) if crc16_xmodem(frame[1:]) == 0 else Cut.NOTHING


def _register_fields(text: bytes) -> tuple[tuple[str, str], ...]:
    """Registers 1 and 3: model, serial number."""
    parts = text.split(b',')
    if parts[0] != b'VNRRG' or len(parts) < 3:
        return ()
    name = {1: 'model', 3: 'serial'}.get(int(parts[1]) if parts[1].isdigit() else 0, 'value')
    return (('register', printable(parts[1])), (name, printable(parts[2])))
