# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Seconds of what devices send, given to all decoders: only the right one may be sure."""

import math
import random
import struct
from collections.abc import Callable

import pytest
from fakes.gps import FakeGps
from fakes.known_bytes import bitwise_crc, rplidar_nodes
from fakes.lidar import FakeLd06
from fakes.vehicle import FakeAutopilot

from hw_discovery.core.protocols import frames_needed, match, match_all

_HEARD_BYTES = 8192
_SURE = 1e-6


def _summed(body: bytes) -> bytes:
    return body + bytes((sum(body) & 0xFF,))


def _ld06(rng: random.Random) -> bytes:
    lidar, made = FakeLd06(), b''
    for _ in range(180):
        lidar.distance_mm = rng.randrange(100, 12000)
        made += lidar.says()
    return made


def _many(frame: Callable[[random.Random], bytes]) -> Callable[[random.Random], bytes]:
    return lambda rng: b''.join(frame(rng) for _ in range(400))


def _tfmini(rng: random.Random) -> bytes:
    return _summed(b'\x59\x59' + struct.pack('<3H', rng.randrange(20, 1200), 900, 2208))


def _tofsense(rng: random.Random) -> bytes:
    return _summed(b'\x57\x00\xff\x00' + struct.pack('<I', rng.randrange(1 << 20))
                   + rng.randrange(1 << 14).to_bytes(3, 'little') + b'\0\x30\0\xff')


def _witmotion(rng: random.Random) -> bytes:
    return b''.join(
        _summed(bytes((0x55, kind)) + struct.pack(
            '<4h', *(rng.randrange(-2000, 2000) for _ in range(4))))
        for kind in (0x51, 0x52, 0x53))


def _ydlidar(rng: random.Random) -> bytes:
    samples = [rng.randrange(400, 40000) & ~3 for _ in range(40)]
    angle = rng.randrange(21000)
    words = [0x55AA, 40 << 8, angle << 1 | 1, angle + 1800 << 1 | 1]
    check = 0
    for word in words + samples:
        check ^= word
    return struct.pack('<5H', *words, check) + struct.pack('<40H', *samples)


def _xbus(rng: random.Random) -> bytes:
    body = b'\xff\x36\x24' + struct.pack('>9f', *(rng.gauss(0, 5) for _ in range(9)))
    return b'\xfa' + body + bytes((-sum(body) & 0xFF,))


def _sbp(rng: random.Random) -> bytes:
    body = struct.pack('<HHB', 0x020A, 0x42, 34) + rng.randbytes(34)
    return b'\x55' + body + bitwise_crc(body, 0x1021, 16).to_bytes(2, 'little')


def _capsule(rng: random.Random) -> bytes:
    body, check = rng.randbytes(82), 0
    for byte in body:
        check ^= byte
    return bytes((0xA0 | check & 15, 0x50 | check >> 4)) + body


_STREAMS: dict[str, tuple[Callable[[random.Random], bytes], set[str]]] = {
    'LD06': (_ld06, {'ld06'}),
    'GPS': (lambda rng: b''.join(map(lambda gps: gps.says(), [FakeGps()] * 30)), {'nmea', 'ubx'}),
    'MAVLink 1': (lambda rng: b''.join(
        map(lambda vehicle: vehicle.says(), [FakeAutopilot(version=1)] * 300)), {'mavlink'}),
    'MAVLink 2': (lambda rng: b''.join(
        map(lambda vehicle: vehicle.says(), [FakeAutopilot()] * 300)), {'mavlink'}),
    'TFmini': (_many(_tfmini), {'tfmini'}),
    'TOFSense': (_many(_tofsense), {'tofsense'}),
    'WitMotion': (_many(_witmotion), {'witmotion'}),
    'YDLIDAR': (_many(_ydlidar), {'ydlidar'}),
    'Xsens': (_many(_xbus), {'xbus'}),
    'SBP': (_many(_sbp), {'sbp'}),
    'RPLIDAR, standard': (lambda rng: rplidar_nodes(1600), {'rplidar'}),
    'RPLIDAR, express': (_many(_capsule), {'rplidar'}),
    'text': (_many(lambda rng: f'heap={rng.randrange(1 << 20)} ok\r\n'.encode()), set()),
    'a sine': (lambda rng: b''.join(
        struct.pack('<h', int(9000 * math.sin(n / 50))) for n in range(4096)), set()),
    'a counter': (lambda rng: bytes(n & 255 for n in range(8192)), set()),
    'a speed that is wrong': (lambda rng: bytes(rng.choices(
        b'\x00\x66\x7e\x80\xe6\xf8\xfe\x98', k=8192)), set()),
}


@pytest.mark.parametrize('name', sorted(_STREAMS))
def test_only_the_right_protocol_is_sure_of_a_stream(name: str) -> None:
    made, right = _STREAMS[name]
    heard = made(random.Random(name))[:_HEARD_BYTES]
    sure = [found.protocol for found in match_all(heard) if found.false_probability < _SURE]
    assert set(sure) == right


@pytest.mark.parametrize('name', sorted(name for name in _STREAMS if _STREAMS[name][1]))
def test_stream_joined_in_the_middle_is_recognised_and_covered(name: str) -> None:
    made, right = _STREAMS[name]
    heard = made(random.Random(name))[37:_HEARD_BYTES]
    found = [match(protocol, heard) for protocol in sorted(right)]
    assert sum(part.coverage for part in found) > 0.9
    for part in found:
        assert part.distinct_frames >= frames_needed(part.protocol, len(heard), _SURE)
