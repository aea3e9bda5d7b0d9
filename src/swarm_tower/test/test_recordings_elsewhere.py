# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Recorded files in the hands of independent readers: mcap with its ROS 2 decoder, and rosbags."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('mcap', reason='pip install mcap')
from recorded import BEGIN, NS, TEXT, cdr, schema_of, write  # noqa: E402

from swarm_tower.recorder import bag_metadata  # noqa: E402
from swarm_tower.recorder.mcap_reading import McapFile  # noqa: E402
from swarm_tower.recorder.ring import Line, Ring  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ring = Ring(tmp_path, 2_000, 10**9, schema_of, {})
    for n in range(300):
        ring.write(Line(TEXT, TEXT.name, BEGIN + n * NS, cdr(f'text {n}')))
        ring.flush()
    ring.close()
    return tmp_path


def test_mcap_reads_and_decodes(tmp_path: Path) -> None:
    decoder = pytest.importorskip('mcap_ros2.decoder', reason='pip install mcap-ros2-support')
    from mcap.reader import make_reader

    with write(tmp_path / 'a.mcap', 12).open('rb') as file:
        reader = make_reader(file, True, [decoder.DecoderFactory()])
        assert reader.get_header().profile == 'ros2'
        summary = reader.get_summary()
        assert summary is not None and summary.statistics is not None
        assert summary.statistics.message_count == 12
        found = [message.data for *_, message in reader.iter_decoded_messages()]
    assert found == [f'text {n}' for n in range(12)]


def test_rosbags_reads_a_file_and_the_whole_folder_as_a_bag(folder: Path) -> None:
    highlevel = pytest.importorskip('rosbags.highlevel', reason='pip install rosbags')
    pytest.importorskip('rosbags.rosbag2')
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_typestore

    with Reader(folder) as reader:
        assert reader.message_count == 300
        assert (reader.start_time, reader.end_time) == (BEGIN, BEGIN + 299 * NS + 1)
        assert {c.topic: c.msgtype for c in reader.connections} == {'/text': TEXT.type}
    store = get_typestore(Stores.EMPTY)
    with highlevel.AnyReader([folder], default_typestore=store) as reader:
        found = [reader.deserialize(raw, c.msgtype).data for c, _, raw in reader.messages()]
    assert found == [f'text {n}' for n in range(300)]


def test_metadata_of_no_files_and_of_odd_names_is_yaml(tmp_path: Path) -> None:
    yaml = pytest.importorskip('yaml', reason='pip install pyyaml')
    assert yaml.safe_load(bag_metadata.text_of([]))
    file = McapFile(write(tmp_path / 'a "b": c.mcap', 3)).scan()
    told = yaml.safe_load(bag_metadata.text_of([file]))['rosbag2_bagfile_information']
    assert told['relative_file_paths'] == ['a "b": c.mcap'] and told['message_count'] == 3
