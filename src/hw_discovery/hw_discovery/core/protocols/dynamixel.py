# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Dynamixel 1.0 (Feetech has the same frame) and 2.0 packets.

Source: emanual.robotis.com, protocol 1.0 and 2.0; Feetech SCS communication protocol manual.
"""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc16_dynamixel, sum8
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found

_PACKET_BYTES_MAX = 1024 + 7
_INSTRUCTIONS = {
    0x01: 'ping', 0x02: 'read', 0x03: 'write', 0x04: 'reg_write', 0x05: 'action',
    0x06: 'factory_reset', 0x08: 'reboot', 0x10: 'clear', 0x20: 'control_table_backup',
    0x55: 'status', 0x82: 'sync_read', 0x83: 'sync_write', 0x8A: 'fast_sync_read',
    0x92: 'bulk_read', 0x93: 'bulk_write', 0x9A: 'fast_bulk_read'}
_BROADCAST = 0xFE
_PING_ANSWER_PARAMETERS = 3


class Dynamixel2(Decoder):
    """FF FF FD 00, id, length, instruction, parameters, CRC-16. kind: 'status' or what is
    asked, which is heard as an echo on a half-duplex line."""

    name: ClassVar[str] = 'dynamixel2'
    starts: ClassVar[bytes] = b'\xff'
    frame_bytes_max: ClassVar[int] = _PACKET_BYTES_MAX
    chance: ClassVar[float] = (
        2 ** -32 * 254 / 256 * 1022 / 65536 * len(_INSTRUCTIONS) / 256 * 2 ** -16)

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        head = data[at:at + 8]
        if not b'\xff\xff\xfd\x00'.startswith(head[:4]):
            return Cut.NOTHING
        if len(head) < 8:
            return Cut.MORE
        size = 7 + int.from_bytes(head[5:7], 'little')
        is_id = head[4] <= 0xFC or head[4] == _BROADCAST
        if not is_id or not 10 <= size <= _PACKET_BYTES_MAX or head[7] not in _INSTRUCTIONS:
            return Cut.NOTHING
        packet = data[at:at + size]
        if len(packet) < size:
            return Cut.MORE
        if crc16_dynamixel(packet[:-2]) != int.from_bytes(packet[-2:], 'little'):
            return Cut.NOTHING
        return self._frame(_INSTRUCTIONS[head[7]], packet, _fields2(packet))


def _fields2(packet: bytes) -> tuple[tuple[str, str], ...]:
    fields = [('id', str(packet[4]))]
    if packet[7] == 0x55:
        fields.append(('error', str(packet[8]) if len(packet) > 10 else ''))
        parameters = packet[9:-2]
        if len(parameters) == _PING_ANSWER_PARAMETERS:
            # Also the shape of a read of three bytes: the asker knows what it asked.
            fields.append(('model', str(int.from_bytes(parameters[:2], 'little'))))
            fields.append(('firmware', str(parameters[2])))
    return tuple(fields)


class Dynamixel1(Decoder):
    """FF FF, id, length, instruction or error, parameters, inverted sum. kind: 'packet';
    question and answer have one shape."""

    name: ClassVar[str] = 'dynamixel1'
    starts: ClassVar[bytes] = b'\xff'
    frame_bytes_max: ClassVar[int] = 4 + 250
    chance: ClassVar[float] = 2 ** -16 * 255 / 256 * 249 / 256 * 2 ** -8

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        head = data[at:at + 4]
        if not b'\xff\xff'.startswith(head[:2]):
            return Cut.NOTHING
        if len(head) < 4:
            return Cut.MORE
        if head[2] == 0xFF or not 2 <= head[3] <= 250:
            return Cut.NOTHING
        packet = data[at:at + 4 + head[3]]
        if len(packet) < 4 + head[3]:
            return Cut.MORE
        if sum8(packet[2:]) != 0xFF:
            return Cut.NOTHING
        return self._frame('packet', packet, (
            ('id', str(packet[2])), ('error', str(packet[4])),
            ('parameters', packet[5:-1].hex(' '))))


class Feetech(Dynamixel1):
    """The same frame, by the other maker's name."""

    name: ClassVar[str] = 'feetech'
