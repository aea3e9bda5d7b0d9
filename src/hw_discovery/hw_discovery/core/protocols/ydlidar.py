# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""YDLIDAR answers and point packets. Source: YDLIDAR X4 and G4 development manuals.

Its answers are RPLIDAR's bytes: only what was asked tells the two apart. It writes the serial
number as sixteen digits, one in each byte, which RPLIDAR does not.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from hw_discovery.core.protocols.decoder import Cut, Found
from hw_discovery.core.protocols.sized import Fields
from hw_discovery.core.protocols.slamtec_answer import AnsweringLidar

_DESCRIPTORS = {
    b'\xa5\x5a\x14\x00\x00\x00\x04': ('info', 20), b'\xa5\x5a\x03\x00\x00\x00\x06': ('health', 3),
    b'\xa5\x5a\x05\x00\x00\x40\x81': ('scan_start', 0)}
_HEAD_BYTES = 10
_SAMPLES_MAX = 80  # the manuals' models send at most 40 in a packet; twice that for others
_SAMPLE_BYTES = (2, 3)  # without and with intensity


class Ydlidar(AnsweringLidar):
    """AA 55, kind, count, two angles, checksum, samples. kind: 'points', 'info', 'health'."""

    name: ClassVar[str] = 'ydlidar'
    descriptors: ClassVar[Mapping[bytes, tuple[str, int]]] = _DESCRIPTORS
    starts: ClassVar[bytes] = b'\xaa\xa5'
    frame_bytes_max: ClassVar[int] = _HEAD_BYTES + 3 * _SAMPLES_MAX
    # Sync, count, the check bits of both angles, either of two checksums.
    chance: ClassVar[float] = 2 ** -16 * _SAMPLES_MAX / 256 * 2 ** -2 * 2 * 2 ** -16
    chances: ClassVar[Mapping[str, float]] = MappingProxyType(
        {kind: 2.0 ** -56 for kind, _ in _DESCRIPTORS.values()})

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        window = data[at:at + self.frame_bytes_max]
        return self._points(window) if window[0] == 0xAA else self._answer(window)

    def _points(self, window: bytes) -> Found:
        head = window[:_HEAD_BYTES]
        if not b'\xaa\x55'.startswith(head[:2]):
            return Cut.NOTHING
        if len(head) < _HEAD_BYTES:
            return Cut.MORE
        count = head[3]
        if not 1 <= count <= _SAMPLES_MAX or not head[4] & head[6] & 1:
            return Cut.NOTHING
        for sample_bytes in _SAMPLE_BYTES:
            packet = window[:_HEAD_BYTES + sample_bytes * count]
            if len(packet) < _HEAD_BYTES + sample_bytes * count:
                return Cut.MORE
            if _checksum(packet, sample_bytes) == int.from_bytes(packet[8:10], 'little'):
                kind_bits = packet[2] & 1
                return self._frame('points', packet, (
                    ('samples', str(count)), ('starts_turn', str(kind_bits))))
        return Cut.NOTHING

    def _answer_fields(self, kind: str, payload: bytes) -> Fields:
        if kind == 'info':
            digits = payload[4:20]
            is_digits = max(digits) <= 9
            serial = ''.join(map(str, digits)) if is_digits else digits.hex().upper()
            return (('model', str(payload[0])), ('firmware', f'{payload[2]}.{payload[1]}'),
                    ('hardware', str(payload[3])), ('serial', serial),
                    ('serial_is_digits', 'yes' if is_digits else 'no'))
        if kind == 'health':
            return (('health', str(payload[0])),)
        return ()


def _checksum(packet: bytes, sample_bytes: int) -> int:
    """Exclusive or of 16-bit words; an intensity is a word of its own."""
    words = [int.from_bytes(packet[at:at + 2], 'little') for at in (0, 2, 4, 6)]
    for at in range(_HEAD_BYTES, len(packet), sample_bytes):
        if sample_bytes == 3:
            words.append(packet[at])
        words.append(int.from_bytes(packet[at + sample_bytes - 2:at + sample_bytes], 'little'))
    check = 0
    for word in words:
        check ^= word
    return check
