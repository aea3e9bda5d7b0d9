# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Drivers meet fake devices that other clients accept too (gpsd, rplidar-roboticia, the SDK)."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('trajectory_msgs', reason='needs trajectory_msgs')
for library in ('serial', 'pynmeagps', 'pyubx2', 'dynamixel_sdk'):
    pytest.importorskip(library, reason=f'pip: {library}')
pty_line = pytest.importorskip('fakes.pty_line', reason='needs the fake devices')

from fakes.dynamixel import FakeDynamixelBus  # noqa: E402
from fakes.gps import FakeGps  # noqa: E402
from fakes.lidar import FakeLd06, FakeRplidar  # noqa: E402
from fakes.stepper import FakeGrbl  # noqa: E402
from sensor_msgs.msg import JointState, LaserScan, NavSatFix  # noqa: E402

from hw_discovery.drivers.manager import Drivable  # noqa: E402
from hw_discovery.drivers.servo.dynamixel import OPERATING_MODE, POSITION_MODE  # noqa: E402


def position_servo() -> FakeDynamixelBus:
    """Return one XL430 in position mode, as it leaves the factory."""
    bus = FakeDynamixelBus({1: 1060})
    bus.tables[1][OPERATING_MODE] = POSITION_MODE
    return bus


@pytest.mark.parametrize(('driver', 'fake', 'kind', 'topic', 'parameters'), [
    ('gps', FakeGps, NavSatFix, 'fix', {}),
    ('lidar_ld', FakeLd06, LaserScan, 'scan', {}),
    ('lidar_rplidar', FakeRplidar, LaserScan, 'scan', {}),
    ('servo_dynamixel', position_servo, JointState, 'joint_states', {'ids': [1]}),
    ('stepper_grbl', FakeGrbl, JointState, 'joint_states', {})])
def test_a_driver_gets_on_with_a_fake_that_it_does_not_know(
    robot: Any, make_device: Callable[..., Any], driver: str, fake: Callable[[], Any], kind: type,
    topic: str, parameters: dict[str, Any],
) -> None:
    robot.make_host()
    messages = robot.listen(kind, f'/r1/sensors/it/{topic}')
    with pty_line.on_pty(fake()) as line:
        robot.update(Drivable(make_device(device_path=str(line.path)), driver,
                              parameters={'name': 'it', **parameters}))
        robot.wait_for(lambda: bool(messages), driver)
        robot.update()
        robot.wait_for(lambda: robot.claims[-1] == frozenset())
        assert not line.device.harms, 'nothing was done that a real one would not forgive'
        assert not robot.faults
