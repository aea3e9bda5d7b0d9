# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""u-blox UBX frames. Source: u-blox M8/F9 interface description, 'UBX frame structure'."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import fletcher16
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found, printable

# RXM-RAWX with 60 signals has 1936 bytes; 8 more for header and checksum.
_FRAME_BYTES_MAX = 2056
_KINDS = {
    0x0101: 'NAV-POSECEF', 0x0102: 'NAV-POSLLH', 0x0103: 'NAV-STATUS', 0x0104: 'NAV-DOP',
    0x0106: 'NAV-SOL', 0x0107: 'NAV-PVT', 0x0112: 'NAV-VELNED', 0x0121: 'NAV-TIMEUTC',
    0x0135: 'NAV-SAT', 0x0213: 'RXM-SFRBX', 0x0215: 'RXM-RAWX', 0x0400: 'INF-ERROR',
    0x0402: 'INF-NOTICE', 0x0500: 'ACK-NAK', 0x0501: 'ACK-ACK', 0x0A04: 'MON-VER',
    0x0A09: 'MON-HW', 0x2703: 'SEC-UNIQID'}
_MON_VER = 0x0A04


class Ubx(Decoder):
    """B5 62, class, id, length, payload, Fletcher sum. kind: 'MON-VER', else 'UBX-0A09'."""

    name: ClassVar[str] = 'ubx'
    starts: ClassVar[bytes] = b'\xb5'
    frame_bytes_max: ClassVar[int] = _FRAME_BYTES_MAX
    chance: ClassVar[float] = 2 ** -16 * (_FRAME_BYTES_MAX - 7) / 65536 * 2 ** -16

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        head = data[at:at + 6]
        if not b'\xb5\x62'.startswith(head[:2]):
            return Cut.NOTHING
        if len(head) < 6:
            return Cut.MORE
        size = 8 + int.from_bytes(head[4:6], 'little')
        if size > _FRAME_BYTES_MAX:
            return Cut.NOTHING
        frame = data[at:at + size]
        if len(frame) < size:
            return Cut.MORE
        if fletcher16(frame[2:-2]) != frame[-2:]:
            return Cut.NOTHING
        number = frame[2] << 8 | frame[3]
        fields = _version_fields(frame[6:-2]) if number == _MON_VER else ()
        return self._frame(_KINDS.get(number, f'UBX-{number:04X}'), frame, fields)


def _version_fields(payload: bytes) -> tuple[tuple[str, str], ...]:
    """MON-VER: 30 bytes of software, 10 of hardware, then extensions of 30 bytes each."""
    if len(payload) < 40:
        return ()          # the poll has no payload
    fields = [('software', printable(payload[:30])), ('hardware', printable(payload[30:40]))]
    for at in range(40, len(payload) - 29, 30):
        key, separator, value = printable(payload[at:at + 30]).partition('=')
        if separator and key in ('MOD', 'PROTVER', 'FWVER'):
            named = {'MOD': 'module', 'PROTVER': 'protocol', 'FWVER': 'firmware'}[key]
            fields.append((named, value))
    return tuple(fields)
