# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a valid record, call or encode job is, and what a robot must offer for it."""

from __future__ import annotations

import pytest

from swarm_coordinator.core.jobs.kinds.call_kind import CallWork
from swarm_coordinator.core.jobs.kinds.encode_kind import SUFFIXES, EncodeWork
from swarm_coordinator.core.jobs.kinds.record_kind import TOPICS_MAX, RecordWork
from swarm_coordinator.core.jobs.spec import FileRef, JobSpec
from swarm_coordinator.core.jobs.work import Work
from swarm_coordinator.core.replicated.codec import Malformed, build, plain

CLIP = FileRef('in.mkv', 10, 'a' * 64)
TRIGGER = 'std_srvs/srv/Trigger'


def refusal(work: Work, outputs: tuple[str, ...], inputs: tuple[FileRef, ...] = ()) -> str:
    with pytest.raises(ValueError) as refused:
        JobSpec(work, inputs, outputs).check()
    return str(refused.value)


def test_recording_by_time_and_by_count_is_valid() -> None:
    JobSpec(RecordWork(('scan', '/tf'), duration_ms=10), outputs=('bags/a.mcap',)).check()
    JobSpec(RecordWork(('scan',), messages_max=1), outputs=('a.mcap',)).check()


@pytest.mark.parametrize(('work', 'outputs', 'said'), [
    (RecordWork((), 5), ('a.mcap',), '0 topics: expected 1 to'),
    (RecordWork(tuple(f't{i}' for i in range(TOPICS_MAX + 1)), 5), ('a.mcap',), '65 topics'),
    (RecordWork(('scan', 'scan'), 5), ('a.mcap',), 'named twice'),
    (RecordWork(('scan',)), ('a.mcap',), 'needs an end'),
    (RecordWork(('scan',), -1), ('a.mcap',), 'duration_ms=-1: expected 0 to'),
    (RecordWork(('scan',), 5), ('a.bag',), "ends in '.mcap'"),
    (RecordWork(('scan',), 5), (), 'expected one name'),
    (RecordWork(('scan',), 5), ('../a.mcap',), 'relative path'),
])
def test_recording_that_cannot_be_made_is_refused(
    work: RecordWork, outputs: tuple[str, ...], said: str
) -> None:
    assert said in refusal(work, outputs)


@pytest.mark.parametrize('topic', ['', 'a b', '~/x', '/a//b', 'a/', '1a', 'a__b', 'x' * 300, 'ä'])
def test_name_that_no_topic_can_have_is_refused(topic: str) -> None:
    assert 'expected a ROS name' in refusal(RecordWork((topic,), 5), ('a.mcap',))


@pytest.mark.parametrize(('work', 'outputs', 'said'), [
    (CallWork('go', 'std_srvs/msg/Empty'), (), 'package/srv/Type'),
    (CallWork('go', '../srv/Trigger'), (), 'package/srv/Type'),
    (CallWork('go now', TRIGGER), (), 'expected a ROS name'),
    (CallWork('go', TRIGGER, '{'), (), 'not JSON'),
    (CallWork('go', TRIGGER, '[]'), (), 'expected a JSON object'),
    (CallWork('go', TRIGGER, '{"x": NaN}'), (), 'NaN is not JSON'),
    (CallWork('go', TRIGGER, '[' * 60_000), (), 'nested too deeply'),
    (CallWork('go', TRIGGER, '{"x": "' + 'y' * 70_000 + '"}'), (), 'too long'),
    (CallWork('go', TRIGGER), ('a.txt',), "ends in '.json'"),
    (CallWork('go', TRIGGER), ('a.json', 'b.json'), 'expected none, or one'),
])
def test_call_that_cannot_be_made_is_refused(
    work: CallWork, outputs: tuple[str, ...], said: str
) -> None:
    assert said in refusal(work, outputs)


@pytest.mark.parametrize(('work', 'output', 'said'), [
    (EncodeWork('h263'), 'a.mp4', 'expected one of h264'),
    (EncodeWork('h264'), 'a.webm', 'h264 needs a name that ends in .mp4'),
    (EncodeWork('h264', width=641), 'a.mp4', 'expected even numbers'),
    (EncodeWork('h264', width=-2), 'a.mp4', 'width=-2'),
    (EncodeWork('h264', bitrate_kbps=10**7), 'a.mp4', 'bitrate_kbps=10000000'),
    (EncodeWork('flac', bitrate_kbps=5), 'a.flac', 'keeps everything'),
    (EncodeWork('opus', height=4), 'a.opus', 'is for sound'),
    (EncodeWork('h264'), 'in.mkv', 'same name'),
])
def test_encoding_that_cannot_be_done_is_refused(
    work: EncodeWork, output: str, said: str
) -> None:
    assert said in refusal(work, (output,), (CLIP,))


@pytest.mark.parametrize('codec', SUFFIXES)
def test_every_codec_fits_each_of_its_containers(codec: str) -> None:
    for suffix in SUFFIXES[codec]:
        JobSpec(EncodeWork(codec), (CLIP,), (f'out{suffix}',)).check()


def test_files_that_a_kind_has_no_use_for_are_refused() -> None:
    assert 'has none' in refusal(RecordWork(('scan',), 5), ('a.mcap',), (CLIP,))
    assert 'has none' in refusal(CallWork('go', TRIGGER), (), (CLIP,))
    assert '0 inputs and 1 outputs' in refusal(EncodeWork('h264'), ('a.mp4',))


@pytest.mark.parametrize(('work', 'capability'), [
    (RecordWork(('scan',), 5), 'record'),
    (CallWork('go', TRIGGER), f'call:{TRIGGER}'),
    (EncodeWork('av1'), 'encode:av1'),
])
def test_robot_must_offer_what_the_kind_needs(work: Work, capability: str) -> None:
    assert JobSpec(work).required == (capability,)
    assert work.task() == capability


@pytest.mark.parametrize('work', [
    RecordWork(('scan', '/tf'), 5, 7), CallWork('go', TRIGGER, '{}'), EncodeWork('av1', 1, 2, 4),
])
def test_work_comes_back_from_the_log_as_it_was(work: Work) -> None:
    assert build(JobSpec, plain(JobSpec(work)), 'spec').work == work
    with pytest.raises(Malformed):
        build(JobSpec, plain(JobSpec(work)) | {'work': {work.kind: {}}}, 'spec')
