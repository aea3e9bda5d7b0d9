# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Recordings of real publishers in other processes, read back with another program's reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_peers import peer
from job_programs import RECORD, SIGTERM, document, run, start

pytest.importorskip('mcap', reason='missing: mcap')
from mcap.reader import make_reader  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402

from swarm_coordinator.ros.jobs.interfaces import message_class  # noqa: E402

NAMES = ('/r1/chat', '/r1/pose', '/r1/map')


@pytest.fixture(scope='module', autouse=True)
def talker() -> Iterator[None]:
    with peer('talk'):
        yield


def wish(topics: list[str], output: str = 'a.mcap', **work: int) -> bytes:
    return document({'topics': topics, **work}, outputs=[output])


def read(path: Path) -> dict[str, list[Any]]:
    """Topic -> its messages, in the order of the log; checks what every recording must have."""
    found: dict[str, list[Any]] = {}
    with open(path, 'rb') as file:
        reader = make_reader(file, validate_crcs=True)
        assert reader.get_header().profile == 'ros2'
        before_ns = 0
        for schema, channel, message in reader.iter_messages():
            assert schema is not None
            assert (channel.message_encoding, schema.encoding) == ('cdr', 'ros2msg')
            assert before_ns <= message.log_time
            assert message.publish_time <= message.log_time
            before_ns = message.log_time
            made = deserialize_message(message.data, message_class(schema.name))
            found.setdefault(channel.topic, []).append(made)
    return found


def assert_whole(lines: list[str], count_min: int) -> None:
    numbers = [int(line.split()[1]) for line in lines]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) >= count_min


def test_recording_holds_each_message_whatever_the_publisher_offers(tmp_path: Path) -> None:
    ended = run(RECORD, tmp_path, wish(['chat', '/r1/pose', 'map'], duration_ms=6000))
    assert ended.code == 0
    found = read(tmp_path / 'a.mcap')
    assert tuple(found) and set(found) == set(NAMES)
    # Reliable, and so without a gap.
    assert_whole([one.data for one in found['/r1/chat']], 20)
    assert [one.data for one in found['/r1/map']] == ['the map']  # published before it began
    assert found['/r1/pose'][0].header.frame_id == 'map'
    counts = {name: one['messages'] for name, one in ended.result['topics'].items()}
    assert counts == {name: len(found[name]) for name in NAMES}
    assert ended.result['topics']['/r1/chat']['lost'] == 0
    assert ended.fractions == sorted(ended.fractions) and ended.fractions[-1] > 0.5


def test_recording_ends_at_the_number_of_messages(tmp_path: Path) -> None:
    ended = run(RECORD, tmp_path, wish(['chat'], 'deep/a.mcap', messages_max=7))
    assert ended.code == 0 and ended.result['messages'] == 7
    assert len(read(tmp_path / 'deep' / 'a.mcap')['/r1/chat']) == 7


def test_definition_of_a_recorded_type_is_complete(tmp_path: Path) -> None:
    run(RECORD, tmp_path, wish(['pose'], messages_max=1))
    with open(tmp_path / 'a.mcap', 'rb') as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    (schema,) = summary.schemas.values()
    text = schema.data.decode()
    named = [line for line in text.splitlines() if line.startswith('MSG: ')]
    assert named == [
        'MSG: std_msgs/Header', 'MSG: geometry_msgs/Pose', 'MSG: builtin_interfaces/Time',
        'MSG: geometry_msgs/Point', 'MSG: geometry_msgs/Quaternion',
    ]


def test_silent_topic_makes_an_empty_recording_that_can_be_read(tmp_path: Path) -> None:
    ended = run(RECORD, tmp_path, wish(['silent'], duration_ms=200))
    assert ended.code == 0 and ended.result['messages'] == 0
    assert read(tmp_path / 'a.mcap') == {}


def test_topic_that_never_appears_fails_and_says_what_there_is(tmp_path: Path) -> None:
    ended = run(RECORD, tmp_path, wish(['chat', 'none'], duration_ms=100))
    assert ended.code == 1 and ended.result is None
    assert 'nobody published /r1/none within 10 s' in ended.said
    assert '/r1/chat' in ended.said.partition('there are:')[2]
    assert os.listdir(tmp_path) == []


def test_recording_that_is_ended_is_closed_and_not_delivered(tmp_path: Path) -> None:
    program = start(RECORD, tmp_path, wish(['chat'], duration_ms=60_000))
    program.saw('progress')
    ended = program.end(SIGTERM)
    assert ended.code == 143 and 'ended as asked' in ended.sentence and ended.result is None
    assert read(tmp_path / 'a.mcap')['/r1/chat']
    assert os.listdir(tmp_path) == ['a.mcap']


def test_recording_is_ended_while_it_waits_for_topics(tmp_path: Path) -> None:
    program = start(RECORD, tmp_path, wish(['none'], duration_ms=100))
    program.saw('waiting')
    assert program.end(SIGTERM).code == 143
    assert os.listdir(tmp_path) == []


def test_recording_above_the_limit_of_a_file_leaves_nothing(tmp_path: Path) -> None:
    program = start(RECORD, tmp_path, wish(['blob'], duration_ms=60_000), file_bytes=3_000_000)
    ended = program.end()
    assert ended.code == 1 and 'limit' in ended.said
    assert os.listdir(tmp_path) == []


def test_two_recordings_at_once_are_both_whole(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ('one', 'two')]
    for folder in folders:
        folder.mkdir()
    programs = [start(RECORD, one, wish(['chat'], messages_max=100)) for one in folders]
    assert [one.end().code for one in programs] == [0, 0]
    for folder in folders:
        assert_whole([one.data for one in read(folder / 'a.mcap')['/r1/chat']], 100)


@pytest.mark.parametrize('stdin', [
    b'', b'garbage', b'[]', b'{"work": 5}', b'\xff\xfe', b'[' * 200_000, b'{' + b' ' * (2 << 20),
    wish(['chat'], '../a.mcap', duration_ms=1), wish(['chat']), wish([], duration_ms=1),
    document({'topics': 'chat', 'duration_ms': 1}, outputs=['a.mcap']),
    document({'topics': ['chat'], 'duration_ms': 1.5}, outputs=['a.mcap']),
    wish(['chat', '/r1/chat'], duration_ms=1),
])
def test_wrong_input_is_refused_with_one_sentence(tmp_path: Path, stdin: bytes) -> None:
    ended = run(RECORD, tmp_path, stdin)
    assert ended.code == 2 and ended.result is None
    assert ended.sentence and 'Traceback' not in ended.said
    assert os.listdir(tmp_path) == []
