# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Laser scanners on a pty as topics."""

import math
import os
import select
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('serial', reason='pip: pyserial')

from sensor_msgs.msg import LaserScan  # noqa: E402

from hw_discovery.drivers.lidar import rplidar  # noqa: E402
from hw_discovery.drivers.lidar.ld import crc8  # noqa: E402
from hw_discovery.drivers.manager import Drivable  # noqa: E402
from hw_discovery.drivers.naming import device_name  # noqa: E402

TOPIC = f'/r1/sensors/{device_name("serial:gps17", "lidar")}/scan'


def ld_turn(range_mm: int) -> bytes:
    """One turn of 30 packets, 12 degrees each."""
    packets = b''
    for start in range(0, 36000, 1200):
        body = struct.pack('<BBHH', 0x54, 0x2C, 3600, start)
        body += struct.pack('<HB', range_mm, 200) * 12
        body += struct.pack('<HH', start + 1100, 0)
        packets += body + bytes((crc8(body),))
    return packets


class Fake:
    """Runs `step` again and again until stopped or unplugged."""

    def __init__(self, port: Any) -> None:
        self.port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
            except OSError:
                return

    def step(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5.0)


class FakeLd(Fake):
    def step(self) -> None:
        self.port.say(ld_turn(1500))
        self._stop.wait(0.02)


class FakeRplidar(Fake):
    """Answers as LR001 says; `heard` holds every request."""

    def __init__(self, port: Any, health: int = 0) -> None:
        self.heard = bytearray()
        self.health = health
        self.is_scanning = False
        super().__init__(port)

    def step(self) -> None:
        ready, _, _ = select.select([self.port.master], [], [], 0.02)
        if ready:
            self.answer(os.read(self.port.master, 100))
        if self.is_scanning:
            self.port.say(b''.join(
                bytes((0x3E if a else 0x3D, (a * 64 & 0x7F) << 1 | 1, a * 64 >> 7, 0x40, 0x1F))
                for a in range(360)))

    def answer(self, data: bytes) -> None:
        self.heard += data
        if rplidar.STOP in data:
            self.is_scanning = False
        if rplidar.GET_INFO in data:
            self.port.say(rplidar.INFO_HEAD + bytes((0x18, 29, 1, 7)) + bytes(range(16)))
        if rplidar.GET_HEALTH in data:
            self.port.say(rplidar.HEALTH_HEAD + bytes((self.health, 0x34, 0x12)))
        if rplidar.SCAN in data:
            self.port.say(rplidar.SCAN_HEAD)
            self.is_scanning = True


@pytest.fixture
def run_fake() -> Iterator[Callable[..., Any]]:
    made: list[Fake] = []

    def begin(kind: type[Fake], *given: Any) -> Fake:
        made.append(kind(*given))
        return made[-1]

    yield begin
    for fake in made:
        fake.stop()


def test_an_ld06_is_a_scan_a_moment_later_and_after_a_replug(
    robot: Any, port: Any, make_device: Callable[..., Any], run_fake: Callable[..., Any],
) -> None:
    robot.make_host()
    scans = robot.listen(LaserScan, TOPIC)
    fake = run_fake(FakeLd, port)
    robot.update(Drivable(make_device(device_path=str(port.path)), 'lidar_ld'))
    robot.wait_for(lambda: len(scans) > 2)
    scan = scans[-1]
    assert len(scan.ranges) == 360 and scan.ranges[180] == pytest.approx(1.5)
    assert scan.angle_min == pytest.approx(-math.pi) and scan.time_increment < 0 < scan.scan_time
    assert sum(math.isfinite(r) for r in scan.ranges) > 350
    fake.stop()
    port.unplug()
    robot.wait_for(lambda: bool(robot.faults) and robot.claims[-1] == frozenset())
    robot.update()
    scans.clear()
    port.plug()
    run_fake(FakeLd, port)
    robot.update(Drivable(make_device(device_path=str(port.path), generation=2), 'lidar_ld'))
    robot.wait_for(lambda: bool(scans))


def test_an_rplidar_turns_only_while_it_is_driven(
    robot: Any, port: Any, make_device: Callable[..., Any], run_fake: Callable[..., Any],
) -> None:
    robot.make_host()
    scans = robot.listen(LaserScan, TOPIC)
    fake = run_fake(FakeRplidar, port)
    robot.update(Drivable(make_device(device_path=str(port.path)), 'lidar_rplidar'))
    robot.wait_for(lambda: bool(scans))
    assert scans[0].ranges[180] == pytest.approx(2.0)
    robot.update()
    robot.wait_for(lambda: robot.claims[-1] == frozenset())
    fake.stop()
    while select.select([port.master], [], [], 0.0)[0]:
        fake.heard += port.hear()
    heard = bytes(fake.heard)
    assert heard.index(rplidar.GET_INFO) < heard.index(rplidar.SCAN)
    assert heard.endswith(rplidar.STOP + rplidar.motor_request(0)) and not robot.faults


def test_an_rplidar_that_protects_itself_is_a_fault_and_does_not_turn(
    robot: Any, port: Any, make_device: Callable[..., Any], run_fake: Callable[..., Any],
) -> None:
    robot.make_host()
    fake = run_fake(FakeRplidar, port, 2)
    robot.update(Drivable(make_device(device_path=str(port.path)), 'lidar_rplidar'))
    robot.wait_for(lambda: bool(robot.faults))
    assert 'error 0x1234' in robot.faults[0][1] and rplidar.SCAN not in fake.heard


def test_a_device_that_does_not_answer_as_an_rplidar_is_never_made_to_turn(
    robot: Any, port: Any, make_device: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('hw_discovery.drivers.lidar.rplidar_driver.ANSWER_S', 0.1)
    robot.make_host()
    robot.update(Drivable(make_device(device_path=str(port.path)), 'lidar_rplidar'))
    robot.wait_for(lambda: bool(robot.faults))
    assert 'expected an answer a5 5a 14' in robot.faults[0][1]
    assert rplidar.SCAN not in port.hear()
