# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bytes of laser scanners, and whole turns made of points."""

import math
import random

import pytest

from hw_discovery.drivers.lidar import rplidar
from hw_discovery.drivers.lidar.ld import LdStream, crc8, decode
from hw_discovery.drivers.lidar.revolution import (
    POINTS_MAX,
    Geometry,
    Point,
    Revolutions,
    scan_of,
)

# The example packet of the LD06 development manual.
SAMPLE = bytes.fromhex(
    '54 2C 68 08 AB 7E E0 00 E4 DC 00 E2 D9 00 E5 D5 00 E3 D3 00 E4 D0 00 E9 CD 00 E4 CA 00 E2 '
    'C7 00 E9 C5 00 E5 C2 00 E5 C0 00 E5 BE 82 3A 1A 50')
CIRCLE = Geometry(360, 0.05, 12.0)


def test_the_packet_of_the_manual_is_read_as_the_manual_says() -> None:
    packet = decode(SAMPLE)
    assert packet is not None
    assert (packet.speed_deg_s, packet.time_ms) == (2152, 6714)
    first, last = packet.points[0], packet.points[-1]
    assert first == Point(324.27, 0.224, 228.0)
    assert (last.angle_deg, last.range_m) == (pytest.approx(334.70), 0.192)


def test_one_wrong_bit_is_no_packet() -> None:
    for place in range(len(SAMPLE)):
        broken = bytearray(SAMPLE)
        broken[place] ^= 0x10
        assert decode(bytes(broken)) is None


def test_packets_come_out_the_same_however_the_bytes_are_cut() -> None:
    data = b'\x54\x00\x54' + SAMPLE + b'\x54\x2c\x00' + SAMPLE + SAMPLE[:9] + SAMPLE * 3
    whole = LdStream().feed(data)
    stream = LdStream()
    assert [p for byte in data for p in stream.feed(bytes((byte,)))] == whole
    assert len(whole) == 5


def test_angles_that_pass_the_front_stay_in_the_circle() -> None:
    raw = bytearray(SAMPLE)
    raw[4:6], raw[42:44] = (35900).to_bytes(2, 'little'), (1000).to_bytes(2, 'little')
    raw[-1] = crc8(bytes(raw[:-1]))
    packet = decode(bytes(raw))
    assert packet is not None
    assert [p.angle_deg for p in packet.points][:3] == pytest.approx([359.0, 0.0, 1.0])


@pytest.mark.parametrize('seed', range(10))
def test_noise_makes_no_packet_and_fills_no_memory(seed: int) -> None:
    stream = LdStream()
    rng = random.Random(seed)
    assert stream.feed(b''.join(b'\x54\x2c' + rng.randbytes(60) for _ in range(300))) == []
    assert len(stream._buffer) < 47


def node(angle_deg: float, range_mm: float, quality: int = 15, front: bool = False) -> bytes:
    angle, distance = round(angle_deg * 64), round(range_mm * 4)
    return bytes((quality << 2 | (1 if front else 2), (angle & 0x7F) << 1 | 1, angle >> 7,
                  distance & 0xFF, distance >> 8))


def test_a_measurement_is_read_as_the_protocol_says() -> None:
    stream = rplidar.NodeStream()
    points = stream.feed(b''.join(node(n * 90, 1000 + n, front=n == 0) for n in range(4)))
    assert points[1] == Point(90.0, pytest.approx(1.001), 15.0) and len(points) == 4


def test_a_lost_byte_shifts_the_stream_only_for_a_moment() -> None:
    data = b''.join(node(n, 1000 + n) for n in range(350))
    points = rplidar.NodeStream().feed(data[:501] + data[502:])
    assert len(points) >= 345
    assert points[-1] == Point(349.0, pytest.approx(1.349), 15.0)


def test_info_and_health_are_found_behind_older_bytes() -> None:
    payload = bytes((0x18, 29, 1, 7)) + bytes(range(16))
    heard = b'\x3e\x01' + rplidar.INFO_HEAD + payload
    assert rplidar.answer_in(heard[:-1], rplidar.INFO_HEAD, 20) is None
    found = rplidar.answer_in(heard, rplidar.INFO_HEAD, 20)
    assert found is not None
    info = rplidar.info_of(found)
    assert (info.model, info.firmware, info.serial) == (
        0x18, '1.29', '000102030405060708090A0B0C0D0E0F')
    assert rplidar.health_of(b'\x02\x34\x12') == rplidar.Health(2, 0x1234)


def test_the_motor_request_is_that_of_the_protocol() -> None:
    # The request with 660 that Slamtec's own driver sends.
    assert rplidar.motor_request(660) == bytes.fromhex('a5 f0 02 94 02 c1')


def turn(step: int = 1) -> list[Point]:
    return [Point(float(a), 1.0 + a / 1000, 10.0) for a in range(0, 360, step)]


def test_only_whole_turns_are_told() -> None:
    turns = Revolutions()
    assert turns.feed(turn()[100:]) == [], 'it did not begin at the front'
    assert turns.feed(turn()) == []
    (whole,) = turns.feed(turn()[:1])
    assert len(whole) == 360


def test_a_turn_with_a_large_hole_is_not_told() -> None:
    turns = Revolutions()
    turns.feed(turn())
    turns.feed(turn()[:190])
    assert turns.feed(turn()[:1]) == []


def test_a_scanner_that_never_passes_the_front_fills_no_memory() -> None:
    turns = Revolutions()
    assert turns.feed(Point(10.0, 1.0, 1.0) for _ in range(2 * POINTS_MAX + 5)) == []
    assert len(turns._points) <= POINTS_MAX


def test_clockwise_angles_become_counter_clockwise_ones() -> None:
    scan = scan_of([Point(0.0, 1.0, 1.0), Point(90.0, 2.0, 2.0)], CIRCLE)
    assert scan.ranges_m[180] == 1.0, 'the front is in the middle'
    assert scan.ranges_m[90] == 2.0, 'the right is at -pi/2'
    assert math.isnan(scan.ranges_m[270]), 'not measured is not free'
    turned = Geometry(360, 0.05, 12.0, offset_rad=math.pi / 2, is_upside_down=True)
    assert scan_of([Point(90.0, 2.0, 2.0)], turned).ranges_m[0] == 2.0


def test_nothing_too_far_and_too_near_are_told_as_rep_117_says() -> None:
    scan = scan_of([Point(0, 0.0, 0), Point(1, 13.0, 0), Point(2, 0.01, 0)], CIRCLE)
    assert [scan.ranges_m[i] for i in (180, 179, 178)] == [math.inf, math.inf, -math.inf]


def test_of_several_points_in_one_beam_the_nearest_counts() -> None:
    scan = scan_of([Point(0.1, 3.0, 1), Point(0.2, 2.0, 2), Point(0.3, 0.0, 3)], CIRCLE)
    assert (scan.ranges_m[180], scan.intensities[180]) == (2.0, 2.0)
