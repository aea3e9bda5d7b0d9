# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every decoder against known bytes, cut streams, garbage and random bytes. No IO, no time."""

import random
from pathlib import Path

import pytest
from fakes.known_bytes import KNOWN, stream_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_discovery.core.protocols import (
    PROTOCOLS,
    Frame,
    accident_probability,
    frames_needed,
    match,
    match_all,
    without_echo,
)

NAMES = sorted(PROTOCOLS)
GARBAGE = b'\x00\x80\xff\x00'  # ends with what no protocol starts with
_CASES = [(name, *known) for name in NAMES for known in KNOWN[name]]


def _frames(name: str, pieces: list[bytes]) -> list[bytes]:
    decoder = PROTOCOLS[name]()
    found = [frame.data for piece in pieces for frame in decoder.feed(piece)]
    return found + [frame.data for frame in decoder.flush()]


def test_every_protocol_has_known_bytes() -> None:
    assert set(KNOWN) == set(PROTOCOLS)


@pytest.mark.parametrize(('name', 'raw', 'kind', 'fields'), _CASES)
def test_known_frame_is_found_whole_with_its_fields(
    name: str, raw: bytes, kind: str, fields: dict[str, str],
) -> None:
    tail = b'\x0f' if name == 'sbus' else b''     # sbus counts with the next frame's start
    frames = match(name, GARBAGE + raw + tail).frames
    assert [(frame.data, frame.kind) for frame in frames] == [(raw, kind)]
    assert fields.items() <= dict(frames[0].fields).items()


# No checksum covers every bit of these.
_UNCHECKED = ('grbl', 'marlin', 'odrive', 'cola_a', 'sbus', 'tsip', 'scip')
_CHECKED = [
    case for case in _CASES
    if case[2] not in ('nodes', 'info', 'health') and case[0] not in _UNCHECKED]


@pytest.mark.parametrize(('name', 'raw', 'kind', 'fields'), _CHECKED)
def test_frame_with_a_wrong_bit_is_not_taken_as_it_was(
    name: str, raw: bytes, kind: str, fields: dict[str, str],
) -> None:
    for at in range(len(raw) * 8):
        if name == 'msp' and at // 8 < 3:
            continue             # its checksum leaves the direction out
        broken = bytearray(raw)
        broken[at // 8] ^= 1 << at % 8
        for frame in match(name, bytes(broken)).frames:
            # The case of a hex digit and the line end carry nothing.
            same = frame.data.upper().strip() == raw.upper().strip()
            assert same or frame.data != bytes(broken), f'bit {at}'


@pytest.mark.parametrize('name', NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_split_of_a_stream_gives_the_same_frames(name: str, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(NAMES))
    noise = data.draw(st.binary(max_size=40))
    stream = noise + stream_of(name) + stream_of(other) + noise + stream_of(name)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert _frames(name, pieces) == _frames(name, [stream])


@pytest.mark.parametrize('name', NAMES)
def test_bytes_one_by_one_give_the_same_frames(name: str) -> None:
    stream = GARBAGE + stream_of(name) + GARBAGE + stream_of(name)
    assert _frames(name, [bytes((byte,)) for byte in stream]) == _frames(name, [stream])


@pytest.mark.parametrize('name', NAMES)
def test_garbage_before_and_between_frames_is_skipped(name: str) -> None:
    rng = random.Random(7)
    known = [raw for raw, _, _ in KNOWN[name]]
    tail = b'\x0f' if name == 'sbus' else b''
    stream = b''
    for raw in known * 3:
        stream += rng.randbytes(rng.randrange(200)) + GARBAGE + raw + tail
    found = _frames(name, [stream])
    # A start in the garbage can hide a frame only where its accident is accepted.
    assert sum(raw in found for raw in known) == len(known)


@pytest.mark.parametrize('name', NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=600))
def test_any_bytes_are_digested_and_accounted_for(name: str, data: bytes) -> None:
    decoder = PROTOCOLS[name]()
    frames = decoder.feed(data) + decoder.flush()
    assert sum(len(frame.data) for frame in frames) + decoder.rejected_bytes == len(data)


@pytest.mark.parametrize('name', NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_bytes_made_of_its_own_parts_are_digested(name: str, data: st.DataObject) -> None:
    stream = stream_of(name)
    parts = data.draw(st.lists(st.tuples(
        st.integers(0, len(stream)), st.integers(0, len(stream))), max_size=12))
    match(name, b''.join(stream[a:b] for a, b in parts))


@pytest.mark.parametrize('name', NAMES)
def test_unfinished_frames_hold_no_more_than_one_frame_of_memory(name: str) -> None:
    decoder = PROTOCOLS[name]()
    for start in decoder.starts:
        for _ in range(4):
            decoder.feed(bytes((start,)) * 700)
            assert len(decoder._held) <= decoder.frame_bytes_max


@pytest.mark.parametrize('name', NAMES)
def test_random_bytes_give_frames_at_most_at_the_stated_rate(name: str) -> None:
    rng = random.Random(f'random bytes for {name}')
    heard = 400_000
    decoder = PROTOCOLS[name]()
    found = sum(len(decoder.feed(rng.randbytes(20_000))) for _ in range(heard // 20_000))
    # Beyond the bound with a probability of a millionth; the seed is fixed.
    assert accident_probability(found, heard * decoder.chance) > 1e-6 or not found


# Random bytes behind the right start, so that the rare is seen: (start, probability of start).
_STARTED = {
    'ubx': (b'\xb5\x62\x01\x07\x10\x00', 2 ** -16, 2 ** -16),
    'ld06': (b'\x54\x2c', 2 ** -16, 2 ** -8 * (36001 / 65536) ** 2),
    'tfmini': (b'\x59\x59', 2 ** -16, 2 ** -8),
    'tmc_uart': (b'\x05\xff\x06', 2 ** -24, 2 ** -8),
    'xbus': (b'\xfa\xff\x36\x10', 2 ** -32, 2 ** -8),
    'witmotion': (b'\x55\x51', 2 ** -16, 2 ** -8),
    'dynamixel1': (b'\xff\xff\x01\x08', 2 ** -32, 2 ** -8),
    'msp': (b'$M>\x08\x64', 2 ** -40, 2 ** -8),
    'tofsense': (b'\x57\x00', 2 ** -16, 2 ** -8),
    'crsf': (b'\xc8\x0c\x14', 2 ** -24, 2 ** -8),
}


@pytest.mark.parametrize('name', sorted(_STARTED))
def test_checksum_passes_by_accident_as_often_as_its_bits_say(name: str) -> None:
    start, _, rate = _STARTED[name]
    rng = random.Random(f'started bytes for {name}')
    tries = 20_000
    decoder = PROTOCOLS[name]()
    accepted = 0
    for _ in range(tries):
        found = decoder.look(start + rng.randbytes(60), 0)
        accepted += isinstance(found, Frame)
    assert abs(accepted - tries * rate) <= 5 * (tries * rate) ** 0.5 + 3


def test_random_streams_prove_nothing() -> None:
    rng = random.Random(5)
    for _ in range(300):          # a sample; the long run belongs to the benchmark
        heard = rng.randbytes(256)
        for found in match_all(heard):
            assert found.false_probability > 1e-9 or found.distinct_frames < 2


@pytest.mark.parametrize('byte', [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x02, 0x59, 0x5A])
def test_a_line_that_repeats_one_byte_proves_nothing(byte: int) -> None:
    for found in match_all(bytes((byte,)) * 4096):
        assert found.distinct_frames <= 1
        assert found.false_probability > 1e-6


def test_repeated_frame_counts_once() -> None:
    frame = KNOWN['witmotion'][0][0]
    once, often = match('witmotion', frame), match('witmotion', frame * 50)
    assert often.distinct_frames == once.distinct_frames == 1
    assert often.coverage == 1.0


def test_mixed_nmea_and_ubx_are_both_found() -> None:
    stream = stream_of('nmea') + stream_of('ubx') + stream_of('nmea')
    assert len(match('nmea', stream).frames) == 6
    assert len(match('ubx', stream).frames) == 2


def test_answer_of_seven_fixed_bytes_is_judged_by_these() -> None:
    info, capsule = KNOWN['rplidar'][0][0], KNOWN['rplidar'][3][0]
    assert match('rplidar', info).false_probability < 1e-14
    assert match('rplidar', capsule).false_probability > 1e-5


def test_frames_needed_grow_as_the_checksum_weakens() -> None:
    heard = 16_384
    assert frames_needed('dynamixel2', heard, 1e-9) == 1
    assert frames_needed('tfmini', heard, 1e-9) > 1
    assert frames_needed('witmotion', heard, 1e-9) > frames_needed('tfmini', heard, 1e-9)


def test_echo_is_taken_off_once() -> None:
    asked, answer = bytes.fromhex('0500066F'), b'\x05\xff'
    assert without_echo(asked, asked + answer) == answer
    assert without_echo(asked, b'\x00' + asked + asked) == asked
    assert without_echo(asked, answer) == answer
    assert without_echo(b'', answer) == answer


def test_decoders_import_neither_time_nor_the_system() -> None:
    import hw_discovery.core.protocols as package
    for path in Path(package.__file__).parent.glob('*.py'):
        for word in ('import os', 'import time', 'import socket', 'rclpy', 'import threading'):
            assert word not in path.read_text(), path.name
