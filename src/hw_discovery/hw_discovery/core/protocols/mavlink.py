# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""MAVLink 1 and 2 of the messages that vehicles send. Source: mavlink.io, 'Packet serialization'.

The checksum covers a byte that belongs to the message (CRC_EXTRA), so only known messages can
be checked. Numbers, bytes and lengths: mavlink/mavlink message_definitions, common.xml.
"""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import crc16_mcrf4xx
from hw_discovery.core.protocols.decoder import Cut, Decoder, Found
from hw_discovery.core.protocols.sized import Fields

# Number: (CRC_EXTRA, payload bytes with all extensions).
_MESSAGES = {
    0: (50, 9), 1: (124, 43), 2: (137, 12), 4: (237, 14), 22: (220, 25), 24: (24, 52),
    26: (170, 24), 27: (144, 29), 29: (115, 16), 30: (39, 28), 31: (246, 48), 32: (185, 28),
    33: (104, 28), 34: (237, 22), 35: (244, 22), 36: (222, 37), 42: (28, 6), 46: (11, 2),
    49: (39, 20), 62: (183, 26), 65: (118, 42), 69: (243, 30), 70: (124, 38), 74: (20, 20),
    77: (143, 10), 83: (22, 37), 85: (140, 51), 87: (150, 51), 100: (175, 34), 105: (93, 63),
    106: (138, 44), 109: (185, 9), 111: (34, 16), 116: (76, 24), 125: (203, 6), 129: (46, 24),
    132: (85, 39), 136: (1, 22), 137: (195, 16), 140: (181, 41), 141: (47, 32), 147: (154, 54),
    148: (178, 78), 152: (208, 8), 162: (189, 9), 163: (127, 28), 165: (21, 3), 168: (1, 12),
    173: (83, 8), 178: (47, 24), 182: (229, 40), 192: (36, 54), 193: (71, 26), 230: (163, 42),
    231: (105, 40), 233: (35, 182), 241: (90, 32), 242: (104, 60), 245: (130, 2), 253: (83, 54),
    259: (92, 237), 263: (133, 255), 285: (137, 49), 310: (28, 17), 331: (91, 233),
    340: (99, 70), 360: (11, 25), 370: (75, 109), 9000: (113, 137), 11030: (144, 44),
    12901: (254, 59), 12915: (94, 249)}
_NAMES = {
    0: 'HEARTBEAT', 1: 'SYS_STATUS', 24: 'GPS_RAW_INT', 30: 'ATTITUDE', 33: 'GLOBAL_POSITION_INT',
    148: 'AUTOPILOT_VERSION', 253: 'STATUSTEXT'}
# MAV_AUTOPILOT of minimal.xml; others are told by their number.
_AUTOPILOTS = {0: 'generic', 3: 'ArduPilot', 4: 'OpenPilot', 8: 'none', 12: 'PX4'}
_HEAD_BYTES = {0xFE: 6, 0xFD: 10}
_SIGNED = 0x01
_SIGNATURE_BYTES = 13


class Mavlink(Decoder):
    """kind: 'HEARTBEAT', else the message's name or 'MESSAGE_<number>'."""

    name: ClassVar[str] = 'mavlink'
    starts: ClassVar[bytes] = b'\xfd\xfe'
    frame_bytes_max: ClassVar[int] = 10 + 255 + 2 + _SIGNATURE_BYTES
    chance: ClassVar[float] = (
        sum(size / 256 for _, size in _MESSAGES.values()) * 2 ** -8 * 2 ** -16
        * (1 / 256 + 2 / 256 / 2 ** 24))

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        head_bytes = _HEAD_BYTES[data[at]]
        head = data[at:at + head_bytes]
        if len(head) < head_bytes:
            return Cut.MORE
        is_second = head[0] == 0xFD
        number = int.from_bytes(head[7:10], 'little') if is_second else head[5]
        extra, payload_bytes_max = _MESSAGES.get(number, (0, -1))
        is_known = 1 <= head[1] <= payload_bytes_max and not (is_second and head[2] > _SIGNED)
        if not is_known:
            return Cut.NOTHING
        size = head_bytes + head[1] + 2
        signature_bytes = _SIGNATURE_BYTES if is_second and head[2] & _SIGNED else 0
        frame = data[at:at + size + signature_bytes]
        if len(frame) < size + signature_bytes:
            return Cut.MORE
        crc = int.from_bytes(frame[size - 2:size], 'little')
        if crc16_mcrf4xx(frame[1:size - 2] + bytes((extra,))) != crc:
            return Cut.NOTHING
        kind = _NAMES.get(number, f'MESSAGE_{number}')
        return self._frame(kind, frame, _fields(frame, number, head_bytes))


def _fields(frame: bytes, number: int, head_bytes: int) -> Fields:
    sender = frame[5:7] if frame[0] == 0xFD else frame[3:5]
    fields: Fields = (
        ('version', '2' if frame[0] == 0xFD else '1'), ('system', str(sender[0])),
        ('component', str(sender[1])))
    if number == 0:
        # Zeros at the end of a payload are not sent; the last is the version, never zero.
        payload = frame[head_bytes:head_bytes + frame[1]].ljust(9, b'\0')
        autopilot = payload[5]
        fields += (('type', str(payload[4])), ('autopilot', str(autopilot)),
                   ('autopilot_name', _AUTOPILOTS.get(autopilot, str(autopilot))),
                   ('armed', 'yes' if payload[6] & 0x80 else 'no'))
    return fields
