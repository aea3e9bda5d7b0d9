# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Benewake TFmini, TF-Luna, TF02 frames. Source: TFmini Plus product manual, chapter 6."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from hw_discovery.core.protocols.checksum import sum8
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found

_DISTANCE_BYTES = 9
_VERSION_BYTES = 7
_STARTS = {0x59: (b'\x59\x59', _DISTANCE_BYTES), 0x5A: (b'\x5a\x07\x01', _VERSION_BYTES)}


class Tfmini(Decoder):
    """59 59, distance, strength, temperature, sum; or 5A 07 01, version. kind: 'distance' or
    'version'. A still target repeats its frame, which counts once: listen for coverage."""

    name: ClassVar[str] = 'tfmini'
    starts: ClassVar[bytes] = b'\x59\x5a'
    frame_bytes_max: ClassVar[int] = _DISTANCE_BYTES
    chance: ClassVar[float] = 2 ** -16 * 2 ** -8 * 1.01
    chances: ClassVar[Mapping[str, float]] = MappingProxyType({'version': 2.0 ** -32})

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        start, size = _STARTS[data[at]]
        frame = data[at:at + size]
        if not start.startswith(frame[:len(start)]):
            return Cut.NOTHING
        if len(frame) < size:
            return Cut.MORE
        if sum8(frame[:-1]) != frame[-1]:
            return Cut.NOTHING
        if frame[0] == 0x5A:
            version = f'{frame[5]}.{frame[4]}.{frame[3]}'
            return self._frame('version', frame, (('firmware', version),))
        distance = int.from_bytes(frame[2:4], 'little')
        return self._frame('distance', frame, (('distance', str(distance)),))
