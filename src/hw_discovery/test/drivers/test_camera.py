# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A camera behind system calls that are not the kernel's, as topics."""

import errno
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hw_discovery.drivers.camera import v4l2

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('yaml', reason='pip: PyYAML')

from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402

from hw_discovery.drivers.camera.calibration import (  # noqa: E402
    CalibrationFault,
    calibration_in,
    calibration_of,
)
from hw_discovery.drivers.camera.capture import Kernel  # noqa: E402
from hw_discovery.drivers.camera.driver import CameraDriver  # noqa: E402
from hw_discovery.drivers.manager import Drivable  # noqa: E402
from hw_discovery.drivers.naming import device_name  # noqa: E402

ID = 'usb:cam'
TOPIC = f'/r1/sensors/{device_name(ID, "camera")}'
JPEG = b'\xff\xd8' + b'picture' * 20 + b'\xff\xd9'
CALIBRATION = """
image_width: 4
image_height: 2
camera_name: cam
camera_matrix: {rows: 3, cols: 3, data: [5, 0, 2, 0, 5, 1, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [5, 0, 2, 0, 0, 5, 1, 0, 0, 0, 1, 0]}
"""


def test_the_layouts_are_those_of_the_kernels_header() -> None:
    # sizeof and offsetof of linux/videodev2.h on x86-64.
    assert (v4l2.CAPABILITY.size, v4l2.FORMAT.size, v4l2.REQUEST.size, v4l2.BUFFER.size,
            v4l2.PARM.size) == (104, 208, 20, 88, 204)
    raw = bytearray(88)
    raw[0:4], raw[8:12], raw[56:60] = (b'\1\0\0\0', b'\2\0\0\0', b'\3\0\0\0')
    raw[64:68], raw[72:76], raw[12] = b'\4\0\0\0', b'\5\0\0\0', 0x40
    assert v4l2.buffer_of(bytes(raw)) == v4l2.Buffer(1, 2, True, 3, 4, 5)
    request = v4l2.format_request(640, 480, 'MJPG')
    assert request[8:20] == b'\x80\2\0\0\xe0\1\0\0MJPG'
    assert v4l2.rate_request(15.0)[12:20] == b'\xe8\3\0\0\x98\x3a\0\0'


def test_a_metadata_node_is_no_camera() -> None:
    raw = v4l2.CAPABILITY.pack(b'uvcvideo', b'Cam', b'', 0, 0x84A00001, 0x04A00000)
    assert 'captures no video' in v4l2.capability_of(raw).refusal()


@pytest.mark.parametrize(('form', 'words'), [
    (v4l2.PixelFormat(4, 2, 'H264', 0, 100), "'H264'"),
    (v4l2.PixelFormat(4, 2, 'MJPG', 0, 0), '0 bytes'),
    (v4l2.PixelFormat(4, 2, 'YUYV', 7, 100), 'lines of 7'),
    (v4l2.PixelFormat(4, 2, 'YUYV', 80, 100), 'lines of 80'),
    (v4l2.PixelFormat(4, 2, 'YUYV', 8, 16), '')])
def test_what_a_driver_says_of_its_pictures_is_checked(form: v4l2.PixelFormat, words: str) -> None:
    refusal = v4l2.format_refusal(form)
    assert words in refusal and bool(refusal) == bool(words)


def test_a_cut_picture_is_not_whole() -> None:
    form = v4l2.PixelFormat(4, 2, 'MJPG', 0, 1000)
    assert v4l2.is_whole(JPEG, form) and v4l2.is_whole(JPEG + bytes(500), form)
    assert not v4l2.is_whole(JPEG[:-2], form) and not v4l2.is_whole(b'', form)
    assert not v4l2.is_whole(bytes(15), v4l2.PixelFormat(4, 2, 'YUYV', 8, 16))


def test_a_calibration_is_read_and_a_broken_one_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / 'cam.yaml'
    path.write_text(CALIBRATION)
    known = calibration_in(str(path))
    assert (known.width, known.height, known.k[0], known.p[5]) == (4, 2, 5.0, 5.0)
    for bad in ('[', 'image_width: 4', '!!python/object/apply:os.system [ls]', '- 1', 'a: ' * 99,
                CALIBRATION.replace('[0.1, 0, 0, 0, 0]', '[0.1]'),
                CALIBRATION.replace('0.1', '.nan'), '#' * 70000,
                CALIBRATION.replace('0.1', '1' + '0' * 400), 'a: 2001-13-45', '? [1]\n: 2',
                'distortion_model: [fish]', 'a: !!binary =', '=: 1'):
        path.write_text(bad)
        with pytest.raises(CalibrationFault, match=r'cam\.yaml'):
            calibration_in(str(path))
    with pytest.raises(CalibrationFault, match='No such file'):
        calibration_in(str(tmp_path / 'none'))
    with pytest.raises(CalibrationFault, match='distortion_model'):
        calibration_of({'distortion_model': 'fish'})


class FakeKernel(Kernel):
    """A driver with buffers, or only read(). `pictures` come one after the other, again and
    again. One for the class: the driver makes its own kernel each time it starts."""

    pictures: tuple[bytes, ...] = (JPEG,)
    fourcc = 'MJPG'
    flags = v4l2.CAP_VIDEO_CAPTURE | v4l2.CAP_STREAMING
    is_plugged = True
    log: list[int] = []      # noqa: RUF012

    def open(self, path: str) -> int:
        if not self.is_plugged:
            raise OSError(errno.ENOENT, 'No such file or directory')
        self.count = 0
        self.queue: list[int] = []
        self.buffers: list[bytearray] = []
        self.is_on = False
        return os.open(os.devnull, os.O_RDWR)

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        self.log.append(request)
        if not self.is_plugged:
            raise OSError(errno.ENODEV, 'No such device')
        if request == v4l2.QUERYCAP:
            argument[:] = v4l2.CAPABILITY.pack(b'fake', b'Fake', b'', 0, self.flags, 0)
        elif request == v4l2.S_FMT:
            line = 8 if self.fourcc == 'YUYV' else 0
            argument[:] = v4l2.FORMAT.pack(1, 4, 2, self.fourcc.encode(), 1, line, 1000)
        elif request == v4l2.REQBUFS:
            argument[0] = 3
        elif request == v4l2.QUERYBUF:
            argument[:] = v4l2.BUFFER.pack(argument[0], 1, 0, 0, 0, 0, 1, argument[0] * 4096, 4096)
        elif request == v4l2.QBUF:
            self.queue.append(argument[0])
        elif request == v4l2.DQBUF:
            index = self.queue.pop(0)
            picture = self._next()
            self.buffers[index][:len(picture)] = picture
            argument[:] = v4l2.BUFFER.pack(index, 1, len(picture), 0, 0, 0, 1, 0, 4096)
        elif request in (v4l2.STREAMON, v4l2.STREAMOFF):
            self.is_on = request == v4l2.STREAMON

    def _next(self) -> bytes:
        self.count += 1
        return self.pictures[self.count % len(self.pictures)]

    def map(self, fd: int, length: int, offset: int) -> Any:
        class Mapped(bytearray):
            def close(self) -> None:
                pass
        self.buffers.append(Mapped(length))
        return self.buffers[-1]

    def read(self, fd: int, size: int) -> bytes:
        return self._next()

    def wait(self, fd: int, wake: int, timeout_s: float) -> bool:
        if not self.is_plugged:
            raise OSError(errno.ENODEV, 'No such device')
        return not select.select([wake], [], [], 0.01)[0]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> type[FakeKernel]:
    made = type('ThisKernel', (FakeKernel,), {'log': []})
    monkeypatch.setattr(CameraDriver, 'KERNEL', made)
    return made


def drivable(make_device: Callable[..., Any], generation: int = 1, **parameters: Any) -> Drivable:
    return Drivable(make_device(ID, generation=generation, device_path='/dev/video0'), 'camera',
                    parameters=parameters)


def test_jpeg_is_passed_on_as_it_came_with_the_calibration(
    robot: Any, make_device: Callable[..., Any], kernel: type[FakeKernel], tmp_path: Path,
) -> None:
    (tmp_path / 'cam.yaml').write_text(CALIBRATION)
    kernel.pictures = (JPEG, JPEG[:-9])
    robot.make_host()
    pictures = robot.listen(CompressedImage, f'{TOPIC}/image_raw/compressed')
    infos = robot.listen(CameraInfo, f'{TOPIC}/camera_info')
    robot.update(drivable(make_device, calibration_file=str(tmp_path / 'cam.yaml')))
    robot.wait_for(lambda: len(pictures) > 5 and bool(infos))
    assert {bytes(picture.data) for picture in pictures} == {JPEG}, 'cut ones are left out'
    assert pictures[0].format == 'jpeg' and infos[0].k[0] == 5.0
    assert infos[0].header.frame_id == TOPIC.replace('/r1/sensors/', 'r1/')
    robot.update()
    robot.wait_for(lambda: robot.claims[-1] == frozenset())
    assert kernel.log[-1] == v4l2.STREAMOFF and not robot.faults


def test_raw_pictures_are_images_also_from_a_driver_without_buffers(
    robot: Any, make_device: Callable[..., Any], kernel: type[FakeKernel],
) -> None:
    kernel.fourcc, kernel.pictures = 'YUYV', (bytes(range(16)),)
    kernel.flags = v4l2.CAP_VIDEO_CAPTURE | v4l2.CAP_READWRITE
    robot.make_host()
    pictures = robot.listen(Image, f'{TOPIC}/image_raw')
    robot.update(drivable(make_device, format='YUYV'))
    robot.wait_for(lambda: bool(pictures))
    picture = pictures[0]
    assert (picture.width, picture.height, picture.step) == (4, 2, 8)
    assert picture.encoding == 'yuv422_yuy2' and bytes(picture.data) == bytes(range(16))
    assert v4l2.REQBUFS not in kernel.log


def test_unplugging_is_a_fault_and_plugging_in_starts_anew(
    robot: Any, make_device: Callable[..., Any], kernel: type[FakeKernel],
) -> None:
    robot.make_host()
    pictures = robot.listen(CompressedImage, f'{TOPIC}/image_raw/compressed')
    robot.update(drivable(make_device))
    robot.wait_for(lambda: bool(pictures))
    kernel.is_plugged = False
    robot.wait_for(lambda: bool(robot.faults) and robot.claims[-1] == frozenset())
    assert 'gone' in robot.faults[0][1]
    robot.update()
    kernel.is_plugged = True
    pictures.clear()
    robot.update(drivable(make_device, 2))
    robot.wait_for(lambda: bool(pictures))


def test_a_calibration_of_another_size_is_a_fault(
    robot: Any, make_device: Callable[..., Any], kernel: type[FakeKernel], tmp_path: Path,
) -> None:
    (tmp_path / 'cam.yaml').write_text(CALIBRATION.replace('image_width: 4', 'image_width: 8'))
    robot.make_host()
    robot.update(drivable(make_device, calibration_file=str(tmp_path / 'cam.yaml')))
    robot.wait_for(lambda: bool(robot.faults))
    assert 'for 8x2, the camera gives 4x2' in robot.faults[0][1]
