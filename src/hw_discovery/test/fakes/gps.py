# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A u-blox receiver that says NMEA and UBX-NAV-PVT, and answers UBX-MON-VER."""

import struct

from fakes.known_bytes import KNOWN
from fakes.pty_line import FakeDevice

_MON_VER_ASKED = bytes.fromhex('B5620A0400000E34')
_MON_VER = KNOWN['ubx'][0][0]


class FakeGps(FakeDevice):
    """Stands still. Its clock starts on 2026-11-21 at 12:00:00 UTC and goes on by says()."""

    def __init__(
        self, latitude_deg: float = 48.1173, longitude_deg: float = 11.5167,
        altitude_m: float = 545.4, *, nmea: bool = True, ubx: bool = True, period_ms: int = 200,
    ) -> None:
        super().__init__()
        self.period_ms = period_ms
        self.latitude_deg, self.longitude_deg = latitude_deg, longitude_deg
        self.altitude_m, self.has_fix = altitude_m, True
        self._nmea, self._ubx, self._said = nmea, ubx, 0

    def heard(self, data: bytes) -> bytes:
        """Answer a MON-VER poll."""
        return _MON_VER if self.received.endswith(_MON_VER_ASKED) else b''

    def says(self) -> bytes:
        """One epoch."""
        self._said += 1
        return (self._sentences() if self._nmea else b'') + (self._pvt() if self._ubx else b'')

    def _time_ms(self) -> int:
        return self._said * self.period_ms

    def _sentences(self) -> bytes:
        seconds, millis = divmod(self._time_ms(), 1000)
        clock = f'12{seconds // 60 % 60:02d}{seconds % 60:02d}.{millis // 10:02d}'
        place = f'{_degrees(self.latitude_deg, "NS", 2)},{_degrees(self.longitude_deg, "EW", 3)}'
        fix, valid = (1, 'A') if self.has_fix else (0, 'V')
        return b''.join(_sentence(text) for text in (
            f'GPGGA,{clock},{place},{fix},08,1.01,{self.altitude_m:.1f},M,46.9,M,,',
            f'GPRMC,{clock},{valid},{place},0.00,0.00,211126,,,{"A" if self.has_fix else "N"}',
            'GPGSA,A,3,04,05,09,12,24,25,29,31,,,,,1.80,1.01,1.50'))

    def _pvt(self) -> bytes:
        seconds = self._time_ms() // 1000
        payload = struct.pack(
            '<IHBBBBBBIiBBBBiiiiIIiiiiiIIHBBIihH',
            561_600_000 + self._time_ms(), 2026, 11, 21, 12, seconds // 60 % 60, seconds % 60,
            0x07, 50, 0, 3 if self.has_fix else 0, 1 if self.has_fix else 0, 0, 8,
            round(self.longitude_deg * 1e7), round(self.latitude_deg * 1e7),
            round((self.altitude_m + 46.9) * 1000), round(self.altitude_m * 1000),
            2500, 4000, 0, 0, 0, 0, 0, 100, 100_000, 180, 0, 0, 0, 0, 0, 0)
        return ubx(0x01, 0x07, payload)


def ubx(kind: int, number: int, payload: bytes) -> bytes:
    """Return a UBX frame."""
    body = bytes((kind, number)) + struct.pack('<H', len(payload)) + payload
    a = b = 0
    for byte in body:
        a = a + byte & 255
        b = b + a & 255
    return b'\xb5\x62' + body + bytes((a, b))


def _degrees(value: float, letters: str, width: int) -> str:
    degrees, minutes = divmod(abs(value) * 60, 60)
    return f'{int(degrees):0{width}d}{minutes:07.4f},{letters[value < 0]}'


def _sentence(text: str) -> bytes:
    check = 0
    for byte in text.encode():
        check ^= byte
    return f'${text}*{check:02X}\r\n'.encode()
