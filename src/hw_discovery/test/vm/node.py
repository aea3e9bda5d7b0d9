# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The whole part on ROS 2: a plugged device becomes topics, falls away and comes back."""

import time
from typing import Any

from vm.gadget import FAR, receiver
from vm.lidar import lidar
from vm.live_line import on_port
from vm.machine import Machine, NotHere, until

WAIT_S = 60.0


def started() -> Any:
    """Return a robot process with the part, and its latched inventory; it is closed by hand."""
    try:
        import rclpy  # noqa: F401
    except ImportError as error:
        raise NotHere(f'no ROS 2 in this machine ({error})') from error
    from robot_process import LATCHED, Robot
    from swarm_msgs.msg import HardwareInventory

    from hw_discovery.config import Config
    robot = Robot(Config(robot_id='r1', serial_ports_to_ask=('/dev/ttyUSB*',)))
    robot.collect(HardwareInventory, 'hardware/inventory', LATCHED)
    return robot


def device(robot: Any, kind: str, phase: int) -> Any:
    """Return a device of the last inventory; None if there is none so far."""
    message = robot.last.get('hardware/inventory')
    return next((d for d in message.devices if d.kind == kind and d.phase == phase),
                None) if message else None


def test_a_receiver_becomes_topics_is_lost_and_comes_back(machine: Machine) -> None:
    begun = time.monotonic()
    robot = started()
    from fakes.gps import FakeGps
    from sensor_msgs.msg import NavSatFix
    from swarm_msgs.msg import HardwareDevice
    claimed, lost = HardwareDevice.PHASE_CLAIMED, HardwareDevice.PHASE_LOST
    try:
        robot.wait_for(lambda: 'hardware/inventory' in robot.last, WAIT_S)
        machine.figures['started_s'] = round(time.monotonic() - begun, 2)
        with receiver(machine) as gps:
            begun = time.monotonic()
            gps.plug()
            until('the far end', FAR.exists)
            with on_port(FakeGps(period_ms=100), FAR):
                robot.wait_for(lambda: device(robot, 'gps', claimed) is not None, WAIT_S)
                found = device(robot, 'gps', claimed)
                (topic,) = [name for name in found.topics if name.endswith('/fix')]
                fixes = robot.collect(NavSatFix, topic)
                robot.wait_for(lambda: bool(fixes), WAIT_S)
                machine.figures['plug_to_fix_s'] = round(time.monotonic() - begun, 2)
                assert abs(fixes[0].latitude - 48.1173) < 1e-4
                assert found.claimed_by.startswith('driver:gps') and found.generation == 1
            gps.unplug()
            robot.wait_for(lambda: device(robot, 'gps', lost) is not None, WAIT_S)
            gps.plug()
            # The far end hangs up with the plug and is opened anew.
            with on_port(FakeGps(period_ms=100), FAR):
                robot.wait_for(lambda: device(robot, 'gps', claimed) is not None, WAIT_S)
                assert device(robot, 'gps', claimed).generation == 2
                fixes.clear()
                robot.wait_for(lambda: bool(fixes), WAIT_S)
    finally:
        robot.close()


def test_a_lidar_is_identified_started_by_dtr_and_publishes_scans(machine: Machine) -> None:
    robot = started()
    from sensor_msgs.msg import LaserScan
    from swarm_msgs.msg import HardwareDevice
    try:
        with lidar(machine) as bridge:
            begun = time.monotonic()
            robot.wait_for(lambda: device(
                robot, 'lidar', HardwareDevice.PHASE_CLAIMED) is not None, WAIT_S)
            found = device(robot, 'lidar', HardwareDevice.PHASE_CLAIMED)
            machine.figures['claimed_s'] = round(time.monotonic() - begun, 2)
            (topic,) = [name for name in found.topics if name.endswith('/scan')]
            scans = robot.collect(LaserScan, topic)
            robot.wait_for(lambda: bool(scans), WAIT_S)
            machine.figures.update(
                scan_s=round(time.monotonic() - begun, 2), points=len(scans[0].ranges),
                dtr=str([dtr for _, dtr, _ in bridge.lines if dtr is not None][-3:]))
            # DTR low turns the motor of the A series: the driver takes it down to scan.
            assert False in [dtr for _, dtr, _ in bridge.lines]
    finally:
        robot.close()
