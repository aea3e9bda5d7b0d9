# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Futaba SBUS frames, 100000 8E2, electrically inverted. Source: bolderflight/sbus README."""

from typing import ClassVar

from hw_discovery.core.protocols.decoder import Cut, Decoder, Found

_FRAME_BYTES = 25
_FOOTERS = (0x00, 0x04, 0x14, 0x24, 0x34)


class Sbus(Decoder):
    """0F, 22 bytes of channels, flags, footer. kind: 'channels'.

    There is no checksum: a frame counts when the start of the next one follows.
    """

    name: ClassVar[str] = 'sbus'
    starts: ClassVar[bytes] = b'\x0f'
    frame_bytes_max: ClassVar[int] = _FRAME_BYTES + 1
    chance: ClassVar[float] = 2 ** -8 * 2 ** -4 * len(_FOOTERS) / 256 * 2 ** -8

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        window = data[at:at + _FRAME_BYTES + 1]
        if len(window) <= _FRAME_BYTES:
            return Cut.MORE
        is_right = window[23] < 0x10 and window[24] in _FOOTERS and window[25] == 0x0F
        return self._frame('channels', window[:_FRAME_BYTES]) if is_right else Cut.NOTHING
