# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Trimble TSIP packets of fixed sizes. No checksum: start, size and end stand for it.

Source: Trimble, Copernicus II and Thunderbolt reference manuals, appendix TSIP.
"""

from typing import ClassVar

from hw_discovery.core.protocols.decoder import Cut, Decoder, Found

_DLE, _ETX = 0x10, 0x03
# Identifier: payload bytes before doubling. 8F is followed by a number of its own.
_SIZES = {
    0x41: 10, 0x42: 16, 0x43: 20, 0x46: 2, 0x4A: 20, 0x4B: 3, 0x55: 4, 0x56: 20, 0x82: 1,
    0x83: 36, 0x84: 36}
_SUPER = 0x8F
_SUPER_SIZES = {0x20: 56, 0xAB: 17, 0xAC: 68}
_PACKET_BYTES_MAX = 2 * 68 + 4


class Tsip(Decoder):
    """10, identifier, payload with 10 doubled, 10 03. kind: e.g. 'report_41'."""

    name: ClassVar[str] = 'tsip'
    starts: ClassVar[bytes] = b'\x10'
    frame_bytes_max: ClassVar[int] = _PACKET_BYTES_MAX
    chance: ClassVar[float] = 2 ** -8 * (len(_SIZES) + 3 / 256) / 256 * 2 ** -16

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        window = data[at:at + _PACKET_BYTES_MAX]
        if len(window) < 3:
            is_start = len(window) < 2 or window[1] in _SIZES or window[1] == _SUPER
            return Cut.MORE if is_start else Cut.NOTHING
        is_super = window[1] == _SUPER
        size = _SUPER_SIZES.get(window[2], -1) if is_super else _SIZES.get(window[1], -1)
        end = _end(window, size) if size >= 0 else -1
        if end < 0:
            return Cut.NOTHING
        if end > len(window):
            return Cut.MORE
        kind = f'report_{window[1]:02X}' + (f'_{window[2]:02X}' if is_super else '')
        return self._frame(kind, window[:end])


def _end(window: bytes, size: int) -> int:
    """Return where the packet ends; -1: it does not end there; beyond: not yet known."""
    at = 2
    for _ in range(size):
        if window[at:at + 1] == b'\x10':
            if window[at:at + 2] not in (b'\x10', b'\x10\x10'):
                return -1
            at += 1
        at += 1
    tail = window[at:at + 2]
    return at + 2 if bytes((_DLE, _ETX)).startswith(tail) else -1
