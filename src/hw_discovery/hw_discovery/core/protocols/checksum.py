# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checksums of the protocols, from their parameters in the public catalogue of CRCs.

CRCs with the polynomial 0x1021 run in C through binascii; the rest by tables of 256.
"""

import binascii
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate
from operator import xor

_REVERSED = bytes(int(f'{value:08b}'[::-1], 2) for value in range(256))


def sum8(data: bytes) -> int:
    """Return the sum of the bytes modulo 256."""
    return sum(data) & 0xFF


def xor8(data: bytes) -> int:
    """Return the exclusive or of the bytes."""
    return reduce(xor, data, 0)


def fletcher16(data: bytes) -> bytes:
    """Return both bytes of the 8-bit Fletcher sum modulo 256 (UBX, MIP; RFC 1145)."""
    return bytes((sum(data) & 0xFF, sum(accumulate(data)) & 0xFF))


def crc16_xmodem(data: bytes, start: int = 0) -> int:
    """Return CRC-16/XMODEM: 0x1021, not reflected (VESC, SBP, SBF, VectorNav, RoboClaw)."""
    return binascii.crc_hqx(data, start)


def crc16_mcrf4xx(data: bytes) -> int:
    """Return CRC-16/MCRF4XX: 0x1021 reflected, from 0xFFFF (MAVLink, Klipper)."""
    plain = binascii.crc_hqx(data.translate(_REVERSED), 0xFFFF)
    return _REVERSED[plain & 0xFF] << 8 | _REVERSED[plain >> 8]


def crc16_dynamixel(data: bytes) -> int:
    """Return CRC-16/UMTS: 0x8005, not reflected, from 0 (Dynamixel 2.0)."""
    return _crc16_8005(data, 0)


def crc16_modbus(data: bytes) -> int:
    """Return CRC-16/MODBUS: 0x8005 reflected, from 0xFFFF."""
    crc = _crc16_8005(data.translate(_REVERSED), 0xFFFF)
    return _REVERSED[crc & 0xFF] << 8 | _REVERSED[crc >> 8]


def crc24q(data: bytes) -> int:
    """Return CRC-24Q: 0x864CFB from 0 (RTCM 10403)."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFFFF) ^ _TABLE_24Q[crc >> 16 ^ byte]
    return crc


def crc8_ld06(data: bytes) -> int:
    """Return CRC-8 0x4D from 0 (LDROBOT LD06, LD19)."""
    return _crc8(_TABLE_4D, data)


def crc8_dvb_s2(data: bytes) -> int:
    """Return CRC-8/DVB-S2: 0xD5 from 0 (MSP version 2, CRSF)."""
    return _crc8(_TABLE_D5, data)


def crc8_tmc(data: bytes) -> int:
    """Return CRC-8 0x07 over the bits least significant first (Trinamic UART)."""
    return _crc8(_TABLE_07, data.translate(_REVERSED))


def _crc16_8005(data: bytes, start: int) -> int:
    crc = start
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _TABLE_8005[crc >> 8 ^ byte]
    return crc


def _crc8(table: Sequence[int], data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def _table(polynomial: int, width_bits: int) -> tuple[int, ...]:
    top, mask = 1 << width_bits - 1, (1 << width_bits) - 1
    made = []
    for byte in range(256):
        crc = byte << width_bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & mask
        made.append(crc)
    return tuple(made)


_TABLE_8005 = _table(0x8005, 16)
_TABLE_24Q = _table(0x864CFB, 24)
_TABLE_4D = _table(0x4D, 8)
_TABLE_D5 = _table(0xD5, 8)
_TABLE_07 = _table(0x07, 8)
