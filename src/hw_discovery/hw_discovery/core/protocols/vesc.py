# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""VESC packets. Source: vedderb/bldc comm/packet.c and commands.c (COMM_FW_VERSION)."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc16_xmodem
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found, printable
from hw_discovery.core.protocols.sized import Fields

_LONG_PAYLOAD_MAX = 1024  # the firmware's own limit is 512 on most boards


class Vesc(Decoder):
    """02 and one byte of length, or 03 and two; payload, CRC-16, 03. kind: 'fw_version' or
    'packet'."""

    name: ClassVar[str] = 'vesc'
    starts: ClassVar[bytes] = b'\x02\x03'
    frame_bytes_max: ClassVar[int] = _LONG_PAYLOAD_MAX + 6
    chance: ClassVar[float] = (
        2 ** -8 * (255 / 256 + (_LONG_PAYLOAD_MAX - 255) / 65536) * 2 ** -16 * 2 ** -8)

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        head_bytes = data[at]          # 2 or 3: the start and the length
        head = data[at:at + head_bytes]
        if len(head) < head_bytes:
            return Cut.MORE
        payload_bytes = int.from_bytes(head[1:], 'big')
        least, most = (1, 255) if head_bytes == 2 else (256, _LONG_PAYLOAD_MAX)
        if not least <= payload_bytes <= most:
            return Cut.NOTHING
        size = head_bytes + payload_bytes + 3
        frame = data[at:at + size]
        if len(frame) < size:
            return Cut.MORE
        payload = frame[head_bytes:-3]
        if frame[-1] != 3 or crc16_xmodem(payload) != int.from_bytes(frame[-3:-1], 'big'):
            return Cut.NOTHING
        fields = _version_fields(payload) if payload[0] == 0 else ()
        kind = 'fw_version' if fields else 'packet'
        return self._frame(kind, frame, fields or (('command', str(payload[0])),))


def _version_fields(payload: bytes) -> Fields:
    """COMM_FW_VERSION: 0, major, minor, name ended by 0, twelve bytes of UUID. The request is
    the 0 alone."""
    end = payload.find(0, 3)
    if end < 0:
        return ()
    fields: Fields = (('major', str(payload[1])), ('minor', str(payload[2])),
                      ('hardware', printable(payload[3:end])))
    uuid = payload[end + 1:end + 13]
    return (*fields, ('uuid', uuid.hex().upper())) if len(uuid) == 12 else fields
