# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a video node says of itself, from a driver that is played here."""

import errno
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_discovery.buses import v4l2_ioctl as call
from hw_discovery.buses.v4l2 import (
    FORMATS_MAX,
    SIZES_MAX,
    FrameSize,
    MediaEntity,
    V4l2Kind,
    V4l2Node,
    VideoFormat,
    VideoUnreadable,
    offers,
    query_entities,
    query_node,
)
from hw_discovery.core.catalogue.entry import OfferedCapability

YUYV, MJPG = 0x56595559, 0x47504A4D
CAPTURE = call.CAP_VIDEO_CAPTURE


class Driver:
    """Plays a camera: {format: {size: [(numerator, denominator)]}}."""

    def __init__(self, caps: int = CAPTURE, own: int | None = None, **tables: Any) -> None:
        self.caps = caps if own is None else caps | call.CAP_DEVICE_CAPS
        self.own = own or 0
        self.formats: dict[int, dict[tuple[int, int], list[tuple[int, int]]]] = tables.get(
            'formats', {})
        self.stepwise: tuple[int, ...] = tables.get('stepwise', ())
        self.faults: dict[int, int] = tables.get('faults', {})
        self.calls: list[int] = []

    def __call__(self, descriptor: int, number: int, argument: bytearray) -> None:
        self.calls.append(number)
        if number in self.faults:
            raise OSError(self.faults[number], os.strerror(self.faults[number]))
        try:
            argument[:] = self._answer(number, argument)
        except (IndexError, KeyError):
            raise OSError(errno.EINVAL, 'Invalid argument') from None

    def _answer(self, number: int, argument: bytearray) -> bytes:
        if number == call.QUERYCAP:
            return call.CAPABILITY.pack(
                b'uvcvideo', b'HD Camera: HD\n', b'usb-1', 0x60100, self.caps, self.own)
        if number == call.ENUM_FMT:
            index, plane, *_ = call.FORMAT.unpack(argument)
            code = list(self.formats)[index]
            flags = call.FORMAT_COMPRESSED if code == MJPG else 0
            return call.FORMAT.pack(index, plane, flags, b'some text', code, 0)
        if number == call.ENUM_FRAMESIZES:
            index, code, *_ = call.FRAME_SIZE.unpack(argument)
            if self.stepwise:
                return call.FRAME_SIZE.pack(index, code, 3, *self.stepwise)
            size = list(self.formats[code])[index]
            return call.FRAME_SIZE.pack(index, code, 1, *size, 0, 0, 0, 0)
        index, code, width, height, *_ = call.FRAME_INTERVAL.unpack(argument)
        rates = self.formats[code].get((width, height)) or list(self.formats[code].values())[0]
        return call.FRAME_INTERVAL.pack(
            index, code, width, height, 1, *rates[index], 0, 0, 0, 0)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    node = tmp_path / 'video0'
    node.touch()
    return node


def test_the_numbers_of_the_calls_are_those_of_the_kernel() -> None:
    # As printed from videodev2.h and media.h by a C compiler on x86-64.
    assert (call.QUERYCAP, call.ENUM_FMT) == (0x80685600, 0xC0405602)
    assert (call.ENUM_FRAMESIZES, call.ENUM_FRAMEINTERVALS) == (0xC02C564A, 0xC034564B)
    assert (call.MEDIA_DEVICE_INFO, call.MEDIA_ENUM_ENTITIES) == (0xC1007C00, 0xC1007C01)


def test_a_camera_tells_formats_sizes_and_rates(video: Path) -> None:
    driver = Driver(formats={
        MJPG: {(1280, 720): [(1, 30), (1, 15)], (640, 480): [(1, 60)]},
        YUYV: {(640, 480): [(1001, 30000)]}})
    node = query_node(video, driver)
    assert (node.driver, node.card, node.kind) == (
        'uvcvideo', 'HD Camera: HD', V4l2Kind.CAPTURE)
    assert node.formats == (
        VideoFormat('MJPG', 'some text', True, (
            FrameSize(1280, 720, (30.0, 15.0)), FrameSize(640, 480, (60.0,)))),
        VideoFormat('YUYV', 'some text', False, (FrameSize(640, 480, (29.97,)),)))
    assert node.notices == ()


def test_offers_name_the_whole_and_each_frame_with_its_message() -> None:
    node = V4l2Node('d', 'c', 'b', V4l2Kind.CAPTURE, (
        VideoFormat('MJPG', '', True, (FrameSize(1280, 720, (30.0, 15.0)),)),
        VideoFormat('YUYV', '', False, (FrameSize(640, 480),))))
    assert offers(node) == (
        OfferedCapability('sensor:camera', rate_hz=30.0, ros_type='sensor_msgs/msg/Image'),
        OfferedCapability('image_width', 'px', 640, 1280),
        OfferedCapability('image_height', 'px', 480, 720),
        OfferedCapability('frame_rate', 'Hz', 15.0, 30.0),
        OfferedCapability('frame:MJPG:1280x720', 'px', 921600.0, 921600.0, rate_hz=30.0,
                          ros_type='sensor_msgs/msg/CompressedImage'),
        OfferedCapability('frame:YUYV:640x480', 'px', 307200.0, 307200.0,
                          ros_type='sensor_msgs/msg/Image'))


@pytest.mark.parametrize(('caps', 'own', 'kind'), [
    (CAPTURE, None, V4l2Kind.CAPTURE),
    (call.CAP_VIDEO_CAPTURE_MPLANE, None, V4l2Kind.CAPTURE),
    (CAPTURE | call.CAP_META_CAPTURE, call.CAP_META_CAPTURE, V4l2Kind.METADATA),
    (CAPTURE | call.CAP_META_CAPTURE, CAPTURE, V4l2Kind.CAPTURE),
    (call.CAP_VIDEO_OUTPUT, None, V4l2Kind.OUTPUT),
    (call.CAP_VIDEO_M2M_MPLANE, None, V4l2Kind.MEMORY_TO_MEMORY),
    (0x0004_0000, None, V4l2Kind.OTHER)])
def test_only_capture_nodes_are_cameras_whatever_their_device_can_do(
    video: Path, caps: int, own: int | None, kind: V4l2Kind,
) -> None:
    driver = Driver(caps, own, formats={YUYV: {(640, 480): [(1, 30)]}})
    node = query_node(video, driver)
    assert node.kind is kind
    assert bool(offers(node)) is (kind is V4l2Kind.CAPTURE)
    if kind is not V4l2Kind.CAPTURE:
        assert driver.calls == [call.QUERYCAP]


def test_a_range_of_sizes_is_one_size_with_a_maximum(video: Path) -> None:
    driver = Driver(formats={YUYV: {(0, 0): [(1, 30)]}}, stepwise=(32, 4096, 2, 16, 2160, 2))
    (form,) = query_node(video, driver).formats
    assert form.sizes == (FrameSize(32, 16, (30.0,), 4096, 2160),)
    (frame,) = [o for o in offers(query_node(video, driver)) if o.name.startswith('frame:')]
    assert (frame.name, frame.minimum) == ('frame:YUYV:4096x2160', 512.0)


def test_a_node_of_a_media_pipeline_says_so_and_may_have_no_sizes(video: Path) -> None:
    node = query_node(video, Driver(
        CAPTURE, CAPTURE | call.CAP_IO_MC, formats={YUYV: {}},
        faults={call.ENUM_FRAMESIZES: errno.ENOTTY}))
    assert node.needs_media_controller
    assert node.formats == (VideoFormat('YUYV', 'some text', False),)
    assert node.notices == ()


def test_a_driver_that_lists_for_ever_is_left(video: Path) -> None:
    def endless(descriptor: int, number: int, argument: bytearray) -> None:
        if number == call.QUERYCAP:
            Driver()(descriptor, number, argument)
        elif number == call.ENUM_FMT:
            index, plane, *_ = call.FORMAT.unpack(argument)
            argument[:] = call.FORMAT.pack(index, plane, 0, b'', YUYV + index, 0)
        elif number == call.ENUM_FRAMESIZES:
            index, code, *_ = call.FRAME_SIZE.unpack(argument)
            argument[:] = call.FRAME_SIZE.pack(index, code, 1, 2, 2, 0, 0, 0, 0)
        else:
            raise OSError(errno.EINVAL, 'end')

    node = query_node(video, endless)
    assert len(node.formats) == FORMATS_MAX
    assert {len(form.sizes) for form in node.formats} == {SIZES_MAX}
    assert 'only the first 32 formats were asked' in node.notices


def test_a_driver_that_answers_slowly_is_left_with_a_notice(video: Path) -> None:
    clock = [0]

    def now_ns() -> int:
        clock[0] += 700_000_000
        return clock[0]

    driver = Driver(formats={YUYV: {(640, 480): [(1, 30)]}, MJPG: {(640, 480): [(1, 30)]}})
    node = query_node(video, driver, now_ns)
    assert any('too slowly' in notice for notice in node.notices)


@pytest.mark.parametrize(('number', 'error'), [
    (errno.ENOTTY, 'failed'), (errno.ENODEV, 'gone')])
def test_what_is_no_video_node_is_refused(video: Path, number: int, error: str) -> None:
    with pytest.raises(VideoUnreadable) as raised:
        query_node(video, Driver(faults={call.QUERYCAP: number}))
    assert raised.value.error == error


def test_a_missing_node_is_gone(tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadable) as raised:
        query_node(tmp_path / 'video7')
    assert raised.value.error == 'gone'


def test_an_ordinary_file_is_no_video_node_to_the_real_kernel(video: Path) -> None:
    before = len(os.listdir('/proc/self/fd'))
    with pytest.raises(VideoUnreadable, match='is no video node'):
        query_node(video)
    with pytest.raises(VideoUnreadable, match='no media device'):
        query_entities(video)
    assert len(os.listdir('/proc/self/fd')) == before


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_a_driver_answers_the_query_ends(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject,
) -> None:
    node = tmp_path_factory.getbasetemp() / 'random_video'
    node.touch()
    seed = data.draw(st.binary(min_size=1, max_size=64))
    count = [0]

    def noise(descriptor: int, number: int, argument: bytearray) -> None:
        count[0] += 1
        if (seed[count[0] % len(seed)] + count[0]) % 3 == 0:
            raise OSError(errno.EINVAL, 'end')
        argument[:] = (seed * len(argument))[:len(argument)]
        if number == call.QUERYCAP:
            argument[:] = call.CAPABILITY.pack(seed[:16], seed, b'', 0, CAPTURE, 0)

    try:
        offers(query_node(node, noise))
    except VideoUnreadable as error:
        assert error.reason


def test_the_sensor_of_a_pipeline_is_found_by_its_entity(video: Path) -> None:
    names = [(3, b'unicam-image', 0x10001), (7, b'imx219 10-0010', call.ENTITY_CAMERA_SENSOR)]

    def pipeline(descriptor: int, number: int, argument: bytearray) -> None:
        last = struct.unpack_from('=I', argument)[0] & ~call.ENTITY_NEXT
        for identity, name, kind in names:
            if identity > last:
                argument[:] = call.MEDIA_ENTITY.pack(identity, name, kind, *[0] * 7)
                return
        raise OSError(errno.EINVAL, 'end')

    assert query_entities(video, pipeline) == (
        MediaEntity('unicam-image', False), MediaEntity('imx219 10-0010', True))


def test_a_media_driver_that_repeats_itself_is_left(video: Path) -> None:
    def stuck(descriptor: int, number: int, argument: bytearray) -> None:
        argument[:] = call.MEDIA_ENTITY.pack(1, b'again', *[0] * 8)

    assert len(query_entities(video, stuck)) == 1


@pytest.mark.parametrize(('code', 'text'), [
    (YUYV, 'YUYV'), (0x20303159, 'Y10'), (0, '0x00000000'), (0x80000000 | YUYV, 'YUYV')])
def test_pixel_formats_have_four_characters_or_are_hex(code: int, text: str) -> None:
    assert call.fourcc(code) == text
