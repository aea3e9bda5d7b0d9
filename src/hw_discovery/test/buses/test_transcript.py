# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was recorded is what is replayed; what was damaged is refused with its line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.transcript import (
    FORMAT,
    RecordingPerformer,
    RecordingUevents,
    ReplayPerformer,
    Transcript,
    TranscriptWriter,
    parse_transcript,
    read_transcript,
    recording_scan,
)
from hw_discovery.buses.transcript_json import Mask, TranscriptError
from hw_discovery.config import BUS_NAMES
from hw_discovery.core.device import BusKind
from hw_discovery.core.discovery import Event, UeventSeen, UeventsLost
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.probing.operation import (
    ERRORS,
    I2cBareRead,
    I2cPlace,
    I2cRead,
    Operation,
    Outcome,
    SerialAsk,
    SerialListen,
    SerialPlace,
    SpiExchange,
    SpiPlace,
)
from hw_discovery.core.recognition import recognise
from hw_discovery.core.scan import BlindSpot, Scan

TEXTS = st.text(max_size=40)
NUMBERS = st.integers(0, 1 << 40)
BYTES = st.binary(max_size=64)
I2C = st.builds(I2cPlace, NUMBERS, NUMBERS, TEXTS)
SPI = st.builds(SpiPlace, NUMBERS, NUMBERS, TEXTS)
SERIAL = st.builds(SerialPlace, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(I2cBareRead, I2C), st.builds(I2cRead, I2C, NUMBERS, NUMBERS, NUMBERS),
    st.builds(SpiExchange, SPI, NUMBERS, NUMBERS, BYTES),
    st.builds(SerialListen, SERIAL, NUMBERS, TEXTS, NUMBERS, NUMBERS),
    st.builds(SerialAsk, SERIAL, NUMBERS, TEXTS, BYTES, NUMBERS, NUMBERS))
OUTCOMES = st.builds(
    Outcome, OPERATIONS, BYTES, st.sampled_from(('', *ERRORS)), TEXTS, NUMBERS, NUMBERS)
TABLES = st.dictionaries(TEXTS, TEXTS, max_size=4)
NODES = st.builds(
    KernelNode, TEXTS, TEXTS.map('/devices/{}'.format), TEXTS, TEXTS, TABLES, TABLES, TEXTS)
BLIND = st.builds(BlindSpot, st.frozensets(st.sampled_from(BusKind), max_size=3), TEXTS)
SCANS = st.builds(
    lambda nodes, blind: Scan(tuple(nodes), blind_spots=tuple(blind)),
    st.lists(NODES, max_size=3), st.lists(BLIND, max_size=2))
ITEMS = st.lists(st.one_of(OUTCOMES, SCANS, st.builds(UeventSeen, TEXTS, TEXTS)), max_size=8)

READ = I2cRead(I2cPlace(1, 0x68, '/devices/platform/i2c'), 0x75, 8, 1)


def written(items: Any, mask: Mask | None = None, **options: Any) -> str:
    stream = io.StringIO()
    writer = TranscriptWriter(stream, mask, **options)
    for item in items:
        if isinstance(item, Scan):
            writer.scan(item)
        elif isinstance(item, UeventSeen):
            writer.uevent(item)
        else:
            writer.outcome(item)
    return stream.getvalue()


def parsed(text: str) -> Transcript:
    return parse_transcript(text.splitlines(keepends=True))


@settings(max_examples=150, deadline=None)
@given(ITEMS)
def test_what_is_written_is_what_is_read(items: list[Any]) -> None:
    read = parsed(written(items))
    assert read.items == tuple(items)
    assert read.is_complete


@settings(max_examples=150, deadline=None)
@given(ITEMS, st.data())
def test_a_damaged_transcript_is_refused_or_still_a_transcript(
    items: list[Any], data: st.DataObject,
) -> None:
    text = written(items)
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.sampled_from(['', '\n', '"', '{', '9', '\x00'])) + (
        text[at + data.draw(st.integers(1, 30)):])
    try:
        assert isinstance(parsed(damaged), Transcript)
    except TranscriptError as error:
        assert error.reason


@settings(max_examples=60, deadline=None)
@given(ITEMS, st.integers(1, 400))
def test_a_limit_on_the_size_holds_and_is_told(items: list[Any], bytes_max: int) -> None:
    header = written(())
    text = written(items, bytes_max=len(header) + bytes_max)
    assert len(text) <= len(header) + bytes_max + len('{"line": "cut", "bytes_max": 1000}\n')
    read = parsed(text)
    assert read.is_complete == (len(written(items)) <= len(header) + bytes_max)


@pytest.mark.parametrize(('lines', 'says'), [
    ([], 'expected a header'),
    (['{"format": "other", "version": 1}'], 'expected a header'),
    (['not json'], 'expected a header'),
    ([{'version': 0}], 'expected a version from 1'),
    ([{'version': True}], 'expected a version from 1'),
    ([{'version': 2}], 'reads up to version 1: use a newer program'),
    ([{}, 'x'], 'line 2: expected one JSON object'),
    ([{}, '[' * 5000], 'line 2: expected one JSON object'),
    ([{}, {'line': 'dance'}], "given: 'dance'"),
    ([{}, {'line': 'uevent', 'action': 'add'}], 'path: expected a value; it is missing'),
    ([{}, {'line': 'uevent', 'action': 'add', 'path': '/', 'x': 1}], 'x: expected no such key'),
    ([{}, {'line': 'uevent', 'action': 3, 'path': '/'}], 'action: expected text'),
    ([{}, {'line': 'scan', 'nodes': 2, 'blind': []}], 'the file ends after 0'),
    ([{}, {'line': 'scan', 'nodes': 1, 'blind': []}, {'line': 'cut', 'bytes_max': 1}],
     'line 3: expected a node of the scan in line 2'),
    ([{}, {'line': 'scan', 'nodes': 0, 'blind': [{'buses': [[]], 'notice': ''}]}],
     'blind.buses: expected names of'),
])
def test_a_transcript_that_cannot_be_read_says_where_and_what_was_expected(
    lines: list[Any], says: str,
) -> None:
    text = ''
    for number, line in enumerate(lines):
        if isinstance(line, dict) and number == 0:
            line = {'format': FORMAT, 'version': 1, **line}
        text += (line if isinstance(line, str) else json.dumps(line)) + '\n'
    with pytest.raises(TranscriptError, match='line 1|line 2|line 3') as raised:
        parsed(text)
    assert says in str(raised.value)


@pytest.mark.parametrize(('change', 'says'), [
    ({'data': 'f'}, 'data: expected bytes as pairs of hex digits'),
    ({'data': 'FF'}, 'data: expected bytes'),
    ({'error': 'odd'}, "error: expected '' or one of absent"),
    ({'at_ns': -1}, 'at_ns: expected a whole number'),
    ({'took_ns': True}, 'took_ns: expected a whole number'),
    ({'operation': 3}, 'operation: expected an object'),
    ({'operation': {'do': 'erase'}}, 'operation.do: expected one of i2c_bare_read'),
    ({'operation': {'do': 'i2c_bare_read', 'place': {'bus': 1}}},
     'operation.place.address: expected a value'),
])
def test_a_wrong_field_of_an_outcome_is_named(change: dict[str, Any], says: str) -> None:
    header, line = written([Outcome(READ, b'\x68')]).splitlines(keepends=True)
    with pytest.raises(TranscriptError, match='line 2') as raised:
        parse_transcript([header, json.dumps({**json.loads(line), **change}) + '\n'])
    assert says in str(raised.value)


def test_a_file_that_was_not_written_to_its_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / 'scan.jsonl'
    file.write_text(written([Outcome(READ, b'\x68')])[:-1])
    with pytest.raises(TranscriptError, match='line 2: the line is cut off'):
        read_transcript(file)


def test_a_line_or_a_file_that_is_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / 'scan.jsonl'
    file.write_text(written([]) + '{"line": "' + 'x' * 300_000 + '"}\n')
    with pytest.raises(TranscriptError, match='line 2: longer than'):
        read_transcript(file)
    monkeypatch.setattr('hw_discovery.buses.transcript.READ_BYTES_MAX', 1000)
    with pytest.raises(TranscriptError, match='larger than 1000'):
        read_transcript(file)


class Answers:
    """Answers every operation with the next byte."""

    def __init__(self) -> None:
        self.count = 0

    def perform(self, operation: Operation) -> Outcome:
        self.count += 1
        return Outcome(operation, bytes((self.count,)))


def test_a_replay_answers_in_the_recorded_order_and_repeats_the_last() -> None:
    stream = io.StringIO()
    recording = RecordingPerformer(Answers(), TranscriptWriter(stream))
    other = I2cBareRead(READ.place)
    for operation in (READ, other, READ):
        recording.perform(operation)
    replay = ReplayPerformer(parsed(stream.getvalue()))
    assert [replay.perform(READ).data for _ in range(3)] == [b'\1', b'\3', b'\3']
    assert replay.perform(other).data == b'\2'
    assert replay.unheard == []


class Uevents:
    """Has said something once."""

    def fileno(self) -> int:
        return 7

    def drain(self) -> list[Event]:
        return [UeventSeen('add', '/devices/a'), UeventsLost()]


def test_scans_and_events_are_written_on_their_way_through() -> None:
    stream = io.StringIO()
    writer = TranscriptWriter(stream)
    scan = Scan((KernelNode('tty', '/devices/a/tty/ttyUSB0'),))
    asked: list[frozenset[BusKind]] = []
    recorded = recording_scan(lambda buses: (asked.append(buses), scan)[1], writer)
    uevents = RecordingUevents(Uevents(), writer)
    assert recorded(frozenset({BusKind.SERIAL})) is scan
    assert asked == [{BusKind.SERIAL}]
    assert (uevents.fileno(), len(uevents.drain())) == (7, 2)
    assert parsed(stream.getvalue()).items == (scan, UeventSeen('add', '/devices/a'))


def test_what_was_never_asked_fails_in_a_replay_and_is_told() -> None:
    replay = ReplayPerformer(Transcript(False))
    assert replay.perform(READ) == Outcome(READ, error='failed', detail='not in the transcript')
    assert replay.unheard == [READ]


def test_masked_serial_numbers_are_nowhere_in_the_file_and_twins_stay_apart(
    make_usb_nodes: Any,
) -> None:
    secret, other = 'LIDAR17SECRET', 'LIDAR18SECRET'
    nodes = make_usb_nodes(serial=secret) + make_usb_nodes(port='1-3', serial=other, tty='')
    nodes.append(KernelNode(
        'tty', '/devices/a/tty/ttyUSB9', properties={
            'ID_SERIAL_SHORT': secret, 'ID_SERIAL': f'Silabs_{secret}',
            'DEVLINKS': f'/dev/serial/by-id/usb-Silabs_{secret}-if00', 'ID_MODEL': 'CP2102'}))
    nodes.append(KernelNode('net', '/devices/b/net/eth0', attributes={
        'address': '00:1b:44:11:3a:b7'}))
    asked = SerialListen(SerialPlace('/dev/ttyUSB0', serial=secret), 115200, '8N1', 1200)
    text = written([Scan(tuple(nodes)), Outcome(asked, detail=f'port of {secret}')], Mask(b'k'))
    assert secret not in text and other not in text and '3a:b7' not in text
    assert 'CP2102' in text
    read = parsed(text)
    assert read.masked
    strong = [f.strong_id for f in recognise(read.scans[0].nodes) if f.strong_id]
    assert len(set(strong)) == len(strong) == 2
    operation = read.outcomes[0].operation
    assert isinstance(operation, SerialListen)
    assert f'usb:10c4:ea60:{operation.place.serial}' in strong


def test_a_serial_number_that_many_share_stays_readable_since_it_is_evidence(
    make_usb_nodes: Any,
) -> None:
    scan = Scan(tuple(make_usb_nodes(serial='0001')))
    assert parsed(written([scan], Mask(b'k'))).scans == (scan,)


def test_a_scan_of_this_computer_replays_to_the_same_findings(tmp_path: Path) -> None:
    scan = HostScanner(BUS_NAMES).scan()
    file = tmp_path / 'scan.jsonl'
    with open(file, 'w', encoding='ascii') as opened:
        TranscriptWriter(opened).scan(scan)
    (replayed,) = read_transcript(file).scans
    assert recognise(replayed.nodes) == recognise(scan.nodes) and replayed.nodes == scan.nodes


def test_other_salts_give_other_masks() -> None:
    assert Mask(b'a').hidden('LIDAR17') != Mask(b'b').hidden('LIDAR17')
