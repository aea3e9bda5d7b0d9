# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checksums of the requests in the catalogue, so that a mistyped byte is found when it is read.

Owns whether a whole frame holds together. Refuses to decode one, and leaves the sums themselves
to protocols/checksum.py.
"""

from collections.abc import Callable

from hw_discovery.core.protocols.checksum import (
    crc8_ld06,
    crc8_tmc,
    crc16_dynamixel,
    crc16_mcrf4xx,
    crc16_modbus,
    crc16_xmodem,
    fletcher16,
    sum8,
    xor8,
)


def _nmea(frame: bytes) -> bool:
    body, star, tail = frame[1:].partition(b'*')
    return star == b'*' and tail == b'%02X\r\n' % xor8(body)


def _ubx(frame: bytes) -> bool:
    size = int.from_bytes(frame[4:6], 'little')
    return len(frame) == size + 8 and fletcher16(frame[2:-2]) == frame[-2:]


def _mip(frame: bytes) -> bool:
    return len(frame) == frame[3] + 6 and fletcher16(frame[:-2]) == frame[-2:]


def _dynamixel2(frame: bytes) -> bool:
    size = int.from_bytes(frame[5:7], 'little')
    return (len(frame) == size + 7
            and crc16_dynamixel(frame[:-2]) == int.from_bytes(frame[-2:], 'little'))


def _dynamixel1(frame: bytes) -> bool:
    return len(frame) == frame[3] + 4 and ~sum(frame[2:-1]) & 0xFF == frame[-1]


def _lx16a(frame: bytes) -> bool:
    return len(frame) == frame[3] + 3 and ~sum(frame[2:-1]) & 0xFF == frame[-1]


def _klipper(frame: bytes) -> bool:
    return (len(frame) == frame[0] and frame[-1] == 0x7E
            and crc16_mcrf4xx(frame[:-3])
            == int.from_bytes(frame[-3:-1], 'big'))


def _vesc(frame: bytes) -> bool:
    return (frame[0] == 2 and len(frame) == frame[1] + 5 and frame[-1] == 3
            and crc16_xmodem(frame[2:-3]) == int.from_bytes(frame[-3:-1], 'big'))


def _skytraq(frame: bytes) -> bool:
    size = int.from_bytes(frame[2:4], 'big')
    return (len(frame) == size + 7 and frame[-2:] == b'\r\n'
            and xor8(frame[4:-3]) == frame[-3])


def _ping(frame: bytes) -> bool:
    size = int.from_bytes(frame[2:4], 'little')
    return (len(frame) == size + 10
            and sum(frame[:-2]) & 0xFFFF == int.from_bytes(frame[-2:], 'little'))


# By name: does the whole frame hold together? Called with 4 bytes or more.
CHECKSUMS: dict[str, Callable[[bytes], bool]] = {
    'nmea': _nmea,
    'ubx': _ubx,
    'mip': _mip,
    'xbus': lambda f: len(f) == f[3] + 5 and sum8(f[1:]) == 0,
    'dynamixel1': _dynamixel1,
    'dynamixel2': _dynamixel2,
    'lx16a': _lx16a,
    'klipper': _klipper,
    'vesc': _vesc,
    'msp': lambda f: len(f) == f[3] + 6 and xor8(f[3:-1]) == f[-1],
    'skytraq': _skytraq,
    'ping': _ping,
    'tmc_uart': lambda f: len(f) in (4, 8) and crc8_tmc(f[:-1]) == f[-1],
    'tmcl': lambda f: len(f) == 9 and sum8(f[:-1]) == f[-1],
    'tfmini': lambda f: len(f) == f[1] and sum8(f[:-1]) == f[-1],
    'ld06': lambda f: len(f) == 47 and crc8_ld06(f[:-1]) == f[-1],
    'modbus': lambda f: crc16_modbus(f[:-2]) == int.from_bytes(f[-2:], 'little'),
}

# How a frame that has a checksum begins. The longest that fits counts.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b'\xff\xff\xfd\x00', 'dynamixel2'), (b'\xff\xff', 'dynamixel1'), (b'\xb5\x62', 'ubx'),
    (b'\x75\x65', 'mip'), (b'\xfa\xff', 'xbus'), (b'$M<', 'msp'), (b'\xa0\xa1', 'skytraq'),
    (b'\x55\x55', 'lx16a'), (b'BR', 'ping'), (b'\x5a\x04', 'tfmini'), (b'$P', 'nmea'),
    (b'$V', 'nmea'), (b'$G', 'nmea'), (b'\x54\x2c', 'ld06'),
)


def expected_of(frame: bytes) -> str:
    """The checksum that a frame of this beginning carries; '' = none known."""
    for beginning, name in _BEGINNINGS:
        if frame.startswith(beginning):
            return name
    return ''


def holds(name: str, frame: bytes) -> bool:
    """`name` is one of CHECKSUMS."""
    return len(frame) >= 4 and CHECKSUMS[name](frame)
