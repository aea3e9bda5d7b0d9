# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Sensor topics of others, found on the graph and listened to."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy.serialization import serialize_message  # noqa: E402
from sensor_msgs.msg import CameraInfo, Imu, Range  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from hw_discovery.drivers.sensor_topics import SensorTopics, frame_of  # noqa: E402
from hw_discovery.drivers.watch import Claim, Health, SensorState, WatchLimits  # noqa: E402

LIMITS = WatchLimits(stale_min_ns=300_000_000, stale_max_ns=1_000_000_000, frozen=30)


class Firmware:
    """Publishes a reading again and again as outside firmware does."""

    def __init__(self, robot: Any, topic: str, frame: str) -> None:
        self.publisher = robot.asker.create_publisher(Imu, topic, 5)
        self.frame, self.is_frozen = frame, False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        count = 0
        while not self._stop.wait(0.02):
            count += not self.is_frozen
            message = Imu(header=Header(frame_id=self.frame))
            message.header.stamp.nanosec = count
            message.angular_velocity.x = float(count)
            self.publisher.publish(message)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5.0)


@pytest.fixture
def firmware(robot: Any) -> Iterator[Firmware]:
    made = Firmware(robot, '/r1/micro/imu', 'r1/my_imu')
    yield made
    made.stop()


class Told:
    def __init__(self, robot: Any) -> None:
        self.robot = robot
        self.healths: list[tuple[Health, ...]] = []
        self.topics: SensorTopics | None = None
        robot.do(self.make)

    def make(self) -> None:
        self.topics = SensorTopics(
            self.robot.node, ('/r1/',), lambda told: self.robot._note(self.healths, told),
            lambda *told: self.robot._note(self.robot.faults, told),
            lambda told: self.robot._note(self.robot.recovered, told), LIMITS, look_s=0.05)
        self.topics.set_claims([Claim('i2c:imu', ('my_imu',))])

    def latest(self, topic: str) -> Health | None:
        return next((h for h in (self.healths[-1] if self.healths else ())
                     if h.watched.topic == topic), None)

    def is_in(self, state: SensorState) -> bool:
        health = self.latest('/r1/micro/imu')
        return health is not None and health.state is state

    def reason(self) -> str:
        health = self.latest('/r1/micro/imu')
        return '' if health is None else health.reason

    def close(self) -> None:
        assert self.topics is not None
        self.robot.do(self.topics.close)


@pytest.fixture
def told(robot: Any) -> Iterator[Told]:
    made = Told(robot)
    yield made
    made.close()


def test_firmware_is_found_by_its_frame_and_its_silence_is_a_fault_of_the_device(
    robot: Any, firmware: Firmware, told: Told,
) -> None:
    robot.wait_for(lambda: told.is_in(SensorState.FRESH)
                   and told.latest('/r1/micro/imu').watched.device_id == 'i2c:imu')
    robot.wait_for(lambda: (told.latest('/r1/micro/imu').rate_hz or 0) > 10)
    firmware.stop()
    robot.wait_for(lambda: bool(robot.faults))
    assert robot.faults[0][0] == 'i2c:imu' and 'nothing came for' in robot.faults[0][1]


def test_a_frozen_sensor_is_a_fault_that_ends_when_it_thaws(
    robot: Any, firmware: Firmware, told: Told,
) -> None:
    robot.wait_for(lambda: told.is_in(SensorState.FRESH))
    firmware.is_frozen = True
    robot.wait_for(lambda: 'frozen' in told.reason())
    robot.wait_for(lambda: bool(robot.faults))
    assert robot.faults[-1][0] == 'i2c:imu'
    robot.recovered.clear()
    firmware.is_frozen = False
    robot.wait_for(lambda: 'i2c:imu' in robot.recovered)


def test_other_robots_and_other_types_are_left_alone(robot: Any, told: Told) -> None:
    robot.asker.create_publisher(Imu, '/r2/imu', 5)
    robot.asker.create_publisher(CameraInfo, '/r1/camera_info', 5)
    robot.asker.create_publisher(Range, '/r1/range', 5)
    robot.wait_for(lambda: bool(told.healths) and bool(told.healths[-1]))
    assert {health.watched.topic for health in told.healths[-1]} == {'/r1/range'}


def test_the_frame_is_read_without_parsing_the_message() -> None:
    assert frame_of(serialize_message(Imu(header=Header(frame_id='r1/my_imu')))) == 'r1/my_imu'
    assert frame_of(serialize_message(Imu())) == ''
    for raw in (b'', bytes(16), b'\0\1\0\0' + bytes(8) + b'\xff\xff\xff\xff', b'\0\7' + bytes(40)):
        assert frame_of(raw) == ''
