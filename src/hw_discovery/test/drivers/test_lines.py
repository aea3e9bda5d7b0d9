# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the operating system says of a bus or a port becomes a fault that people understand."""

import errno
import os
import threading
import time
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('smbus2', reason='pip: smbus2')
pytest.importorskip('serial', reason='pip: pyserial')

from hw_discovery.drivers import i2c_line  # noqa: E402
from hw_discovery.drivers.fault import DeviceGone, DriverFault  # noqa: E402
from hw_discovery.drivers.i2c_line import I2cLine  # noqa: E402
from hw_discovery.drivers.registry import DRIVERS, driver_class  # noqa: E402
from hw_discovery.drivers.serial_line import SerialLine  # noqa: E402


class FakeBus:
    """smbus2's SMBus; `errors` are raised one after the other."""

    errors: list[int] = []       # noqa: RUF012
    calls = 0

    def __init__(self, bus: int) -> None:
        type(self).calls = 0

    def read_i2c_block_data(self, address: int, register: int, size: int) -> list[int]:
        type(self).calls += 1
        if self.errors:
            code = type(self).errors.pop(0)
            raise OSError(code, os.strerror(code))
        return [register] * size

    def close(self) -> None:
        pass


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> I2cLine:
    monkeypatch.setattr(i2c_line, 'SMBus', FakeBus)
    return I2cLine(1)


def test_a_disturbed_transfer_is_repeated(line: I2cLine) -> None:
    FakeBus.errors = [errno.EIO, errno.ETIMEDOUT]
    assert line.read(0x68, 7, 3) == b'\7\7\7' and FakeBus.calls == 3


@pytest.mark.parametrize(('codes', 'kind', 'words', 'calls'), [
    ([errno.EREMOTEIO] * 3, DriverFault, 'address 0x68: nobody answers', 3),
    ([errno.EBUSY], DriverFault, 'a kernel driver owns it', 1),
    ([errno.ENODEV], DeviceGone, 'i2c-1 is gone', 1)])
def test_an_error_of_the_bus_says_whose_business_it_is(
    line: I2cLine, codes: list[int], kind: type[Exception], words: str, calls: int,
) -> None:
    FakeBus.errors = list(codes)
    with pytest.raises(kind, match=words):
        line.read(0x68, 0, 1)
    assert FakeBus.calls == calls


def test_a_bus_that_is_not_there_is_gone() -> None:
    with pytest.raises(DeviceGone, match='/dev/i2c-250'):
        I2cLine(250)


def test_a_port_has_one_reader_only(port: Any) -> None:
    with SerialLine(str(port.path), 9600), pytest.raises(DriverFault, match='cannot be opened'):
        SerialLine(str(port.path), 9600)


def test_a_waiting_reader_is_woken_from_another_thread(port: Any) -> None:
    with SerialLine(str(port.path), 9600) as line:
        timer = threading.Timer(0.05, line.cancel)
        timer.start()
        assert line.read(30.0) == b'' and line.read(30.0) == b'', 'and stays awake'
        timer.join()


def test_bytes_come_whole_or_as_far_as_time_lets_them(port: Any) -> None:
    with SerialLine(str(port.path), 9600) as line:
        port.say(b'abcdef')
        assert line.read_exactly(6, 5.0, time.monotonic) == b'abcdef'
        assert line.read_exactly(6, 0.01, time.monotonic) == b''


def test_lines_that_a_pty_lacks_are_left_alone(port: Any) -> None:
    with SerialLine(str(port.path), 9600) as line:
        line.set_dtr(False)


def test_every_driver_of_the_registry_is_there() -> None:
    pytest.importorskip('trajectory_msgs')
    for library in ('pynmeagps', 'pyubx2', 'dynamixel_sdk'):
        pytest.importorskip(library)
    for name in DRIVERS:
        assert driver_class(name).FAMILY in ('gps', 'imu', 'lidar', 'camera', 'servo', 'stepper')


def test_a_library_that_is_missing_is_named_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(module: str) -> Any:
        raise ModuleNotFoundError("No module named 'smbus2'", name='smbus2')

    monkeypatch.setattr('hw_discovery.drivers.registry.importlib.import_module', missing)
    with pytest.raises(DriverFault, match='install python3-smbus2'):
        driver_class('imu')
    with pytest.raises(DriverFault, match='expected one of camera, gps'):
        driver_class('warp')
