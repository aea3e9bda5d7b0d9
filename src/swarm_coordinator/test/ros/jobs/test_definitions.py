# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Texts of message types as recordings hold them, and what a robot offers to such jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
from job_programs import RECORD

from swarm_coordinator.core.jobs.kinds.record_kind import RecordWork
from swarm_coordinator.ros.jobs import recording_file
from swarm_coordinator.ros.jobs.definitions import RULE, DefinitionMissing, definition_of
from swarm_coordinator.ros.jobs.offers import (
    call_absences,
    call_offers,
    encode_offers,
    record_absence,
    record_offers,
)
from swarm_coordinator.runner.jobs.encoders import Probe


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def share(tmp_path: Path) -> Path:
    write(tmp_path, 'a_msgs/msg/Top.msg', '\n'.join([
        '# no Type in a comment', 'int32 LIMIT=5', 'string<=10 name "x"', 'Own[<=3] own',
        'b_msgs/Far far  # b_msgs/Nothing here', 'b_msgs/Far[4] more', 'float64[] numbers',
    ]))
    write(tmp_path, 'a_msgs/msg/Own.msg', 'b_msgs/msg/Far far\n')
    write(tmp_path, 'b_msgs/msg/Far.msg', 'uint8 x\n')
    write(tmp_path, 'c_msgs/msg/Round.msg', 'c_msgs/Round round\n')
    write(tmp_path, 'c_msgs/msg/Idl.idl', '#include "b_msgs/msg/Part.idl"\nmodule c_msgs {};\n')
    write(tmp_path, 'b_msgs/msg/Part.idl', 'module b_msgs {};\n')
    write(tmp_path, 'c_msgs/msg/Huge.msg', '# ' + 'x' * 300_000)
    return tmp_path


def test_used_types_follow_once_each(share: Path) -> None:
    made = definition_of('a_msgs/msg/Top', lambda package: str(share / package))
    assert made.encoding == 'ros2msg'
    top, *others = made.text.split(f'\n{RULE}\n')
    assert top == (share / 'a_msgs/msg/Top.msg').read_text()
    assert others == ['MSG: a_msgs/Own\nb_msgs/msg/Far far\n', 'MSG: b_msgs/Far\nuint8 x\n']


def test_type_that_is_only_idl_has_its_idl(share: Path) -> None:
    made = definition_of('c_msgs/msg/Idl', lambda package: str(share / package))
    assert made.encoding == 'ros2idl'
    assert made.text.startswith(f'{RULE}\nIDL: c_msgs/msg/Idl\n')
    assert f'{RULE}\nIDL: b_msgs/msg/Part\n' in made.text


def test_type_that_uses_itself_ends(share: Path) -> None:
    assert definition_of('c_msgs/msg/Round', lambda package: str(share / package))


@pytest.mark.parametrize('kind', [
    'c_msgs/msg/None', 'd_msgs/msg/Top', 'a_msgs/srv/Top', '../msg/Top', 'c_msgs/msg/Huge', '',
])
def test_definition_that_is_not_there_is_named(kind: str, share: Path) -> None:
    with pytest.raises(DefinitionMissing):
        definition_of(kind, lambda package: str(share / package))


def test_robot_offers_recording_only_where_a_writer_is_installed(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_file, '_installed', lambda name: name == 'mcap')
    assert [one.name for one in record_offers()] == list(RecordWork(('x',), 1).required())
    assert record_absence() == ''
    monkeypatch.setattr(recording_file, '_installed', lambda name: False)
    assert record_offers() == () and 'pip install mcap' in record_absence()
    with pytest.raises(RuntimeError, match='pip install mcap'):
        recording_file.open_recording('x.mcap')
    assert RECORD.startswith('swarm_coordinator.')


def test_robot_offers_the_allowed_calls_that_it_can_make() -> None:
    allowed = ('swarm_msgs/action/RunJob', 'rcl_interfaces/srv/GetParameters', 'no_such/srv/Go')
    assert [one.name for one in call_offers(allowed)] == [
        'call:rcl_interfaces/srv/GetParameters', 'call:swarm_msgs/action/RunJob',
    ]
    (why,) = call_absences(allowed)
    assert 'no_such is not installed' in why
    with pytest.raises(ValueError, match='package/srv/Type'):
        call_offers(('rm -rf /',))


def test_robot_offers_a_codec_and_each_unit_that_has_it() -> None:
    probe = Probe('5.1', {'h264': {'gpu': 'h264_vaapi', 'cpu': 'libx264'}, 'opus': {'cpu': 'x'}})
    assert [(one.name, one.source) for one in encode_offers(probe)] == [
        ('encode:h264', 'ffmpeg 5.1'), ('encode:h264@cpu', 'libx264'),
        ('encode:h264@gpu', 'h264_vaapi'), ('encode:opus', 'ffmpeg 5.1'), ('encode:opus@cpu', 'x'),
    ]
    assert encode_offers(Probe()) == ()
