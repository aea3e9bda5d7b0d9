# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Checksums of requests, on frames that others published, and on every bit of them."""

import pytest

from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.catalogue.checksums import CHECKSUMS, expected_of, holds

# u-blox protocol description; ROBOTIS e-manual (ping of id 1); MicroStrain manual; Xsens MT
# manual (GoToConfig); Betaflight MSP wiki; SkyTraq AN0003; TMC2209 datasheet; Modbus over
# serial line specification (read 10 registers of slave 1).
KNOWN = [
    ('ubx', 'B5 62 0A 04 00 00 0E 34'),
    ('dynamixel2', 'FF FF FD 00 01 03 00 01 19 4E'),
    ('dynamixel1', 'FF FF 01 02 01 FB'),
    ('mip', '75 65 01 02 02 01 E0 C6'),
    ('xbus', 'FA FF 30 00 D1'),
    ('msp', '24 4D 3C 00 01 01'),
    ('skytraq', 'A0 A1 00 02 02 01 03 0D 0A'),
    ('lx16a', '55 55 FE 03 0E F0'),
    ('ping', '42 52 02 00 06 00 00 00 05 00 A1 00'),
    ('vesc', '02 01 00 00 00 03'),
    ('tmc_uart', '05 00 06 6F'),
    ('tmcl', '01 88 01 00 00 00 00 00 8A'),
    ('tfmini', '5A 04 01 5F'),
    ('klipper', '08 10 01 00 28 5E 9F 7E'),
    ('nmea', '24 56 4E 52 52 47 2C 30 31 2A 37 32 0D 0A'),
    ('modbus', '01 03 00 00 00 0A C5 CD'),
]


@pytest.mark.parametrize(('name', 'text'), KNOWN)
def test_a_published_frame_holds_and_none_with_a_flipped_bit(name: str, text: str) -> None:
    frame = bytes.fromhex(text)
    assert holds(name, frame)
    for place in range(len(frame) * 8):
        flipped = bytearray(frame)
        flipped[place // 8] ^= 1 << place % 8
        # The synchronising bytes are not part of every sum.
        if place // 8 >= len(frame) - 2 and name not in ('klipper', 'vesc', 'skytraq', 'nmea'):
            assert not holds(name, bytes(flipped)), flipped.hex(' ')


@pytest.mark.parametrize('name', sorted(CHECKSUMS))
def test_short_or_empty_frames_never_hold(name: str) -> None:
    assert not holds(name, b'')
    assert not holds(name, b'\x01\x02\x03')
    for size in range(4, 12):
        assert not holds(name, bytes([0xA7] * size))


def test_ld06_packets_are_checked_with_polynomial_4d() -> None:
    body = bytes([0x54, 0x2C]) + bytes(range(44))
    value = 0
    for byte in body:
        value ^= byte
        for _ in range(8):
            value = ((value << 1) ^ 0x4D) & 0xFF if value & 0x80 else value << 1
    assert holds('ld06', body + bytes([value]))
    assert not holds('ld06', body + bytes([value ^ 1]))


def test_every_request_that_carries_a_checksum_names_it_and_holds(catalogue: Catalogue) -> None:
    checked = 0
    for entry in catalogue.entries:
        for request in entry.serial.requests if entry.serial else ():
            assert not expected_of(request.tx) or request.checksum, (entry.id, request.name)
            if request.checksum:
                assert holds(request.checksum, request.tx), (entry.id, request.name)
                checked += 1
    assert checked >= 28
