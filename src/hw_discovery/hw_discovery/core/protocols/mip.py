# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""MicroStrain MIP packets. Source: MIP protocol, packet overview; 3DM base commands."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import fletcher16
from hw_discovery.core.protocols.decoder import printable
from hw_discovery.core.protocols.sized import Fields, SizedDecoder

_BASE = 0x01
_DEVICE_INFO = 0x81


class Mip(SizedDecoder):
    """75 65, descriptor set, length, fields, Fletcher sum.

    kind: 'device_info', 'reply' or 'data'.
    """

    name: ClassVar[str] = 'mip'
    sync: ClassVar[bytes] = b'\x75\x65'
    starts: ClassVar[bytes] = b'\x75'
    head_bytes: ClassVar[int] = 4
    frame_bytes_max: ClassVar[int] = 255 + 6
    chance: ClassVar[float] = 2 ** -16 * 2 ** -16

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        return head[3] + 6 if head[2] and head[3] >= 2 else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return fletcher16(frame[:-2]) == frame[-2:] and _has_whole_fields(frame[4:-2])

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        information = _field(frame[4:-2], _DEVICE_INFO) if frame[2] == _BASE else b''
        if len(information) >= 82:
            return 'device_info', _device(information)
        return 'data' if frame[2] >= 0x80 else 'reply', (('descriptor', f'0x{frame[2]:02X}'),)


def _has_whole_fields(payload: bytes) -> bool:
    at = 0
    while at < len(payload):
        if payload[at] < 2:
            return False
        at += payload[at]
    return at == len(payload)


def _field(payload: bytes, descriptor: int) -> bytes:
    """Return the first field of a kind without its length and descriptor."""
    at = 0
    while at + 1 < len(payload):
        if payload[at + 1] == descriptor:
            return payload[at + 2:at + payload[at]]
        at += payload[at]
    return b''


def _device(information: bytes) -> Fields:
    """Firmware (u16, most significant byte first), then five texts of 16 bytes."""
    texts = [printable(information[at:at + 16]) for at in range(2, 82, 16)]
    firmware = str(int.from_bytes(information[:2], 'big'))
    return (('firmware', firmware), ('model', texts[0]), ('model_number', texts[1]),
            ('serial', texts[2]), ('lot', texts[3]), ('options', texts[4]))
