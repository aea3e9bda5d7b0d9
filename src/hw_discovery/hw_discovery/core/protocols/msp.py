# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""MSP versions 1 and 2, of Betaflight and iNav. Source: betaflight/betaflight msp_protocol.h;
iNav wiki, 'MSP V2'."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc8_dvb_s2, xor8
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found, printable
from hw_discovery.core.protocols.sized import Fields

_PAYLOAD_BYTES_MAX = 1024
_DIRECTIONS = {0x3C: 'request', 0x3E: 'answer', 0x21: 'refused'}
_API_VERSION, _FC_VARIANT, _FC_VERSION, _BOARD_INFO, _UID = 1, 2, 3, 4, 160
_NAMES = {
    _API_VERSION: 'API_VERSION', _FC_VARIANT: 'FC_VARIANT', _FC_VERSION: 'FC_VERSION',
    _BOARD_INFO: 'BOARD_INFO', _UID: 'UID'}


class Msp(Decoder):
    """$M direction, length, command, payload, exclusive or; $X with CRC-8.

    kind: 'request', 'refused', or of an answer 'FC_VARIANT', ..., 'answer'.
    """

    name: ClassVar[str] = 'msp'
    starts: ClassVar[bytes] = b'$'
    frame_bytes_max: ClassVar[int] = _PAYLOAD_BYTES_MAX + 9
    chance: ClassVar[float] = (
        2 ** -16 * 3 / 256 * 2 ** -8 * (1 + (_PAYLOAD_BYTES_MAX + 1) / 65536))

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        start = data[at:at + 3]
        if len(start) > 1 and start[1] not in b'MX':
            return Cut.NOTHING
        if len(start) > 2 and start[2] not in _DIRECTIONS:
            return Cut.NOTHING
        is_second = start[1:2] == b'X'
        head_bytes = 8 if is_second else 5
        head = data[at:at + head_bytes]
        if len(head) < head_bytes:
            return Cut.MORE
        payload_bytes = int.from_bytes(head[6:8], 'little') if is_second else head[3]
        if payload_bytes > _PAYLOAD_BYTES_MAX:
            return Cut.NOTHING
        frame = data[at:at + head_bytes + payload_bytes + 1]
        if len(frame) < head_bytes + payload_bytes + 1:
            return Cut.MORE
        check = crc8_dvb_s2(frame[3:-1]) if is_second else xor8(frame[3:-1])
        if check != frame[-1]:
            return Cut.NOTHING
        command = int.from_bytes(head[4:6], 'little') if is_second else head[4]
        return self._made(frame, command, frame[head_bytes:-1])

    def _made(self, frame: bytes, command: int, payload: bytes) -> Found:
        kind = _DIRECTIONS[frame[2]]
        fields: Fields = (('command', str(command)),)
        if kind == 'answer':
            kind = _NAMES.get(command, kind)
            fields += _answer_fields(command, payload)
        return self._frame(kind, frame, fields)


def _answer_fields(command: int, payload: bytes) -> Fields:
    if command in (_API_VERSION, _FC_VERSION) and len(payload) >= 3:
        # Protocol, major, minor; or major, minor, patch.
        return (('version', '.'.join(map(str, payload[:3]))),)
    if command == _FC_VARIANT and len(payload) >= 4:
        return (('variant', printable(payload[:4])),)
    if command == _BOARD_INFO and len(payload) >= 4:
        return (('board', printable(payload[:4])),)
    if command == _UID and len(payload) >= 12:
        return (('uid', payload[:12].hex().upper()),)
    return ()
