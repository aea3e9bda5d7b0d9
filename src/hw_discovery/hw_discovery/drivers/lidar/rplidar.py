# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The protocol of Slamtec RPLIDAR (A series, standard scan). Pure, bounded, never raises.

Source: "RPLIDAR interface protocol and application notes" 2.2 (LR001): requests, answers of
GET_INFO and GET_HEALTH, the five bytes of a measurement.
"""

import struct
from dataclasses import dataclass

from hw_discovery.drivers.lidar.revolution import Point

STOP = b'\xa5\x25'
RESET = b'\xa5\x40'
SCAN = b'\xa5\x20'
GET_INFO = b'\xa5\x50'
GET_HEALTH = b'\xa5\x52'
INFO_HEAD = b'\xa5\x5a\x14\x00\x00\x00\x04'
HEALTH_HEAD = b'\xa5\x5a\x03\x00\x00\x00\x06'
SCAN_HEAD = b'\xa5\x5a\x05\x00\x00\x40\x81'
INFO_BYTES, HEALTH_BYTES, NODE_BYTES = 20, 3, 5
HEALTH_ERROR = 2
MOTOR_PWM_MAX = 1023


def motor_request(pwm: int) -> bytes:
    """Return SET_MOTOR_PWM; 0 stops the motor. A1 boards without the command ignore it."""
    assert 0 <= pwm <= MOTOR_PWM_MAX
    body = b'\xa5\xf0\x02' + struct.pack('<H', pwm)
    checksum = 0
    for byte in body:
        checksum ^= byte
    return body + bytes((checksum,))


@dataclass(frozen=True, slots=True)
class Info:
    """Who answers; `serial` as 32 hex digits, upper case, as Slamtec prints it."""

    model: int
    firmware: str
    hardware: int
    serial: str


def info_of(payload: bytes) -> Info:
    """Read the 20 bytes of GET_INFO."""
    return Info(payload[0], f'{payload[2]}.{payload[1]:02d}', payload[3],
                payload[4:20].hex().upper())


@dataclass(frozen=True, slots=True)
class Health:
    """`level`: 0 good, 1 warning, 2 error: the scanner protects itself and needs a reset."""

    level: int
    code: int


def health_of(payload: bytes) -> Health:
    """Read the three bytes of GET_HEALTH."""
    return Health(payload[0], payload[1] | payload[2] << 8)


def answer_in(data: bytes, head: bytes, size: int) -> bytes | None:
    """Return the payload of an answer somewhere in the bytes; None = not complete."""
    at = data.find(head)
    if at < 0 or len(data) < at + len(head) + size:
        return None
    return data[at + len(head):at + len(head) + size]


class NodeStream:
    """Measurements after SCAN_HEAD. They have no checksum, only two bits that must differ and one
    that must be set: one wrong node shifts the stream by a byte until they agree again."""

    AGREEING = 4             # nodes in a row that must agree after a shift: 1 in 4096 by chance

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_sure = False
        self.rejected_bytes = 0

    def feed(self, data: bytes) -> list[Point]:
        """Return the points that these bytes complete."""
        self._buffer += data
        points = []
        while len(self._buffer) >= self._needed():
            if not self._fits():
                self._is_sure = False
                self.rejected_bytes += 1
                del self._buffer[:1]
                continue
            self._is_sure = True
            points.append(_point(self._buffer))
            del self._buffer[:NODE_BYTES]
        return points

    def _needed(self) -> int:
        return NODE_BYTES if self._is_sure else NODE_BYTES * self.AGREEING

    def _fits(self) -> bool:
        return all(_is_node(self._buffer, at)
                   for at in range(0, self._needed(), NODE_BYTES))


def _is_node(data: bytearray, at: int) -> bool:
    start, inverted = data[at] & 1, data[at] >> 1 & 1
    angle = data[at + 1] >> 1 | data[at + 2] << 7
    return start != inverted and bool(data[at + 1] & 1) and angle < 370 * 64


def _point(data: bytearray) -> Point:
    angle = (data[1] >> 1 | data[2] << 7) / 64.0
    return Point(angle % 360.0, (data[3] | data[4] << 8) / 4000.0, float(data[0] >> 2))
