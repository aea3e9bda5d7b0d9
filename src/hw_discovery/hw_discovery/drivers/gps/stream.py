# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Cuts the byte stream of a receiver that mixes NMEA and UBX into checked frames.

One cutter for both: a UBX payload may hold a '$', so two cutters on the same bytes would see
sentences that are none. Pure.

Sources: NMEA 0183 (82 characters, '*' and the XOR of what stands between '$' and '*');
u-blox 8 / M8 receiver description, UBX-13003221, 32.2 and 32.4 (frame and Fletcher checksum).
"""

from dataclasses import dataclass
from enum import Enum

NMEA_BYTES_MAX = 256         # the standard says 82; some receivers' proprietary ones are longer
UBX_PAYLOAD_BYTES_MAX = 2048  # NAV-SAT of 160 satellites is 1928
_UBX_SYNC = b'\xb5\x62'
_UBX_EXTRA = 8               # sync, class, id, length, checksum


class FrameKind(Enum):
    """What language a frame is in."""

    NMEA = 'nmea'
    UBX = 'ubx'


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame as it came, checksum and line end included."""

    kind: FrameKind
    data: bytes


def nmea_checksum(body: bytes) -> int:
    """Return the XOR of the bytes between '$' and '*'."""
    value = 0
    for byte in body:
        value ^= byte
    return value


def ubx_checksum(body: bytes | bytearray) -> bytes:
    """Return the two Fletcher bytes over class, id, length and payload."""
    first = second = 0
    for byte in body:
        first = (first + byte) & 0xFF
        second = (second + first) & 0xFF
    return bytes((first, second))


class GpsStream:
    """Feed bytes, get frames. Bounded, never raises. `rejected_bytes` counts what was no frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.rejected_bytes = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that these bytes complete."""
        self._buffer += data
        frames = []
        while (taken := self._take()) is not None:
            if isinstance(taken, Frame):
                frames.append(taken)
        return frames

    def _take(self) -> Frame | int | None:
        """Return a frame, a number of bytes thrown away, or None: more bytes are needed."""
        start = self._start()
        if start:
            return self._drop(start)
        if not self._buffer:
            return None
        return self._nmea() if self._buffer[0] == 0x24 else self._ubx()

    def _start(self) -> int:
        places = [at for at in (self._buffer.find(b'$'), self._buffer.find(_UBX_SYNC[:1]))
                  if at >= 0]
        return min(places, default=len(self._buffer))

    def _drop(self, count: int) -> int:
        self.rejected_bytes += count
        del self._buffer[:count]
        return count

    def _cut(self, kind: FrameKind, size: int) -> Frame:
        frame = Frame(kind, bytes(self._buffer[:size]))
        del self._buffer[:size]
        return frame

    def _nmea(self) -> Frame | int | None:
        end = self._buffer.find(b'\n', 0, NMEA_BYTES_MAX)
        line = self._buffer[1:end if end >= 0 else NMEA_BYTES_MAX]
        if any(byte != 0x0D and not 0x20 <= byte <= 0x7E for byte in line):
            return self._drop(1)
        if end < 0:
            return None if len(self._buffer) < NMEA_BYTES_MAX else self._drop(1)
        body, star, given = bytes(line).rstrip(b'\r').rpartition(b'*')
        if not star or given.upper() != b'%02X' % nmea_checksum(body):
            return self._drop(1)
        return self._cut(FrameKind.NMEA, end + 1)

    def _ubx(self) -> Frame | int | None:
        if len(self._buffer) < 2:
            return None
        if self._buffer[1] != _UBX_SYNC[1]:
            return self._drop(1)
        if len(self._buffer) < 6:
            return None
        length = int.from_bytes(self._buffer[4:6], 'little')
        if length > UBX_PAYLOAD_BYTES_MAX:
            return self._drop(1)
        size = length + _UBX_EXTRA
        if len(self._buffer) < size:
            return None
        if ubx_checksum(self._buffer[2:size - 2]) != self._buffer[size - 2:size]:
            return self._drop(1)
        return self._cut(FrameKind.UBX, size)
