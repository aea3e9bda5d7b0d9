# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""LIDARs: an LDROBOT LD06 that only speaks, and an RPLIDAR A1 that is asked."""

import struct

from fakes.known_bytes import KNOWN, bitwise_crc, rplidar_nodes
from fakes.pty_line import FakeDevice

_HARMFUL = {0x40: 'reset'}


class FakeLd06(FakeDevice):
    """12 points in a packet, 10 turns in a second, a round room. Distances in mm."""

    period_ms = 3

    def __init__(self, distance_mm: int = 1500) -> None:
        super().__init__()
        self.distance_mm = distance_mm
        self._angle_cdeg = self._time_ms = 0

    def says(self) -> bytes:
        """One packet."""
        start, step = self._angle_cdeg, 80
        end = (start + 11 * step) % 36000
        points = struct.pack('<HB', self.distance_mm, 200) * 12
        body = (b'\x54\x2c' + struct.pack('<HH', 3600, start) + points
                + struct.pack('<HH', end, self._time_ms))
        self._angle_cdeg = (start + 12 * step) % 36000
        self._time_ms = (self._time_ms + 3) % 30000
        return body + bytes((bitwise_crc(body, 0x4D, 8),))


class FakeRplidar(FakeDevice):
    """Answers info, health, sampling rate; scans in the standard mode. harms: a reset."""

    period_ms = 20

    def __init__(self, model: int = 24, serial: bytes = bytes(range(0xC0, 0xD0))) -> None:
        super().__init__()
        self.info = bytes((model, 25, 1, 5)) + serial
        self.is_scanning = False
        self._turned = 0
        self._asked = b''

    def heard(self, data: bytes) -> bytes:
        """Answer requests A5 xx."""
        answer = b''
        self._asked += data
        while len(self._asked) >= 2:
            if self._asked[0] != 0xA5:
                self._asked = self._asked[1:]
                continue
            command, self._asked = self._asked[1], self._asked[2:]
            answer += self._answer(command)
        return answer

    def _answer(self, command: int) -> bytes:
        if command in _HARMFUL:
            self.harms.append(_HARMFUL[command])
        if command in (0x25, 0x40):
            self.is_scanning = False
        elif command in (0x20, 0x21):
            self.is_scanning, self._turned = True, 0
            return bytes.fromhex('A55A0500004081')
        elif command == 0x50:
            return bytes.fromhex('A55A1400000004') + self.info
        elif command == 0x52:
            return KNOWN['rplidar'][1][0]
        elif command == 0x59:
            return bytes.fromhex('A55A0400000015') + struct.pack('<HH', 500, 500)
        return b''

    def says(self) -> bytes:
        """A tenth of a turn while it scans."""
        if not self.is_scanning:
            return b''
        turn = rplidar_nodes(360)
        at = self._turned * 36 * 5
        self._turned = (self._turned + 1) % 10
        return turn[at:at + 36 * 5]
