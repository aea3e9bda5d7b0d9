# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Packets of LDROBOT LD06 and LD19. Pure, bounded, never raises.

Source: LD06 development manual 2.3, "Serial interface protocol": 47 bytes, little endian: 0x54,
0x2C, speed in deg/s, start angle in 0.01 deg, 12 points (mm, confidence), end angle, time in ms,
CRC-8 with polynomial 0x4D.
"""

import struct
from dataclasses import dataclass

from hw_discovery.drivers.lidar.revolution import Point

HEADER = b'\x54\x2c'
PACKET_BYTES = 47
POINTS = 12
SPEED_DEG_S_MAX = 7200       # 20 turns a second; they make 5 to 13
_POLYNOMIAL = 0x4D


def _table() -> tuple[int, ...]:
    values = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1) ^ _POLYNOMIAL if byte & 0x80 else byte << 1
        values.append(byte & 0xFF)
    return tuple(values)


_CRC_TABLE = _table()


def crc8(data: bytes) -> int:
    """Return the checksum over everything before it."""
    value = 0
    for byte in data:
        value = _CRC_TABLE[value ^ byte]
    return value


@dataclass(frozen=True, slots=True)
class Packet:
    """Twelve points in the order they were measured."""

    speed_deg_s: int
    time_ms: int             # counts to 30000, then from 0
    points: tuple[Point, ...]


class LdStream:
    """Feed bytes, get packets. `rejected_bytes` counts what was none."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.rejected_bytes = 0

    def feed(self, data: bytes) -> list[Packet]:
        """Return the packets that these bytes complete."""
        self._buffer += data
        packets = []
        while len(self._buffer) >= PACKET_BYTES:
            at = self._buffer.find(HEADER)
            if at != 0:
                # Keep a last 0x54: its 0x2C may be still to come.
                keep = 1 if self._buffer[-1:] == HEADER[:1] else 0
                self._drop(at if at > 0 else len(self._buffer) - keep)
                continue
            packet = decode(bytes(self._buffer[:PACKET_BYTES]))
            if packet is None:
                self._drop(1)
                continue
            del self._buffer[:PACKET_BYTES]
            packets.append(packet)
        return packets

    def _drop(self, count: int) -> None:
        self.rejected_bytes += count
        del self._buffer[:count]


def decode(raw: bytes) -> Packet | None:
    """Return the packet; None where checksum or numbers make no sense."""
    if len(raw) != PACKET_BYTES or raw[:2] != HEADER or crc8(raw[:-1]) != raw[-1]:
        return None
    speed, start = struct.unpack_from('<HH', raw, 2)
    end, time_ms = struct.unpack_from('<HH', raw, 42)
    if start >= 36000 or end >= 36000 or speed > SPEED_DEG_S_MAX:
        return None
    step = ((end - start) % 36000) / 100.0 / (POINTS - 1)
    points = []
    for number in range(POINTS):
        distance_mm, confidence = struct.unpack_from('<HB', raw, 6 + 3 * number)
        points.append(Point(
            (start / 100.0 + step * number) % 360.0, distance_mm / 1000.0, float(confidence)))
    return Packet(speed, time_ms, tuple(points))
