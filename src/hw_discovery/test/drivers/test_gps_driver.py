# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A receiver on a pty as topics: plug, read, unplug, plug again."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('pynmeagps', reason='pip: pynmeagps')
pytest.importorskip('serial', reason='pip: pyserial')

from geometry_msgs.msg import TwistStamped  # noqa: E402
from sensor_msgs.msg import NavSatFix, TimeReference  # noqa: E402

from hw_discovery.drivers.manager import Drivable, RestartTiming  # noqa: E402
from hw_discovery.drivers.naming import device_name  # noqa: E402

GGA = b'$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n'
RMC = b'$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n'
NAME = device_name('serial:gps17', 'gps')
TOPIC = f'/r1/sensors/{NAME}'


class Talker:
    """Says the same again and again, as a receiver does."""

    def __init__(self, port: Any, data: bytes) -> None:
        self._port, self._data = port, data
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self._port.say(self._data)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5.0)


def test_a_receiver_is_topics_a_moment_after_it_is_plugged_and_again_after_a_replug(
    robot: Any, port: Any, make_device: Callable[..., Any],
) -> None:
    robot.make_host()
    fixes, speeds = robot.listen(NavSatFix, f'{TOPIC}/fix'), robot.listen(
        TwistStamped, f'{TOPIC}/vel')
    times = robot.listen(TimeReference, f'{TOPIC}/time_reference')
    talker = Talker(port, GGA + RMC)
    robot.update(Drivable(make_device(device_path=str(port.path)), 'gps'))
    robot.wait_for(lambda: bool(fixes and speeds and times))
    assert fixes[0].header.frame_id == f'r1/{NAME}'
    assert (fixes[0].latitude, fixes[0].altitude) == pytest.approx((48.1173, 592.3))
    assert fixes[0].position_covariance_type == NavSatFix.COVARIANCE_TYPE_APPROXIMATED
    assert times[0].time_ref.sec == 764426119 and speeds[0].twist.linear.x > 11.0
    assert robot.claims[-1] == {'serial:gps17'}
    (driver,) = robot.host.drivers()
    assert driver.topics == tuple(f'{TOPIC}/{name}' for name in ('fix', 'vel', 'time_reference'))
    robot.wait_for(lambda: driver.rate_hz > 1.0)
    assert driver.last_good_ns is not None

    talker.stop()
    port.unplug()
    robot.wait_for(lambda: bool(robot.faults))
    assert 'gone' in robot.faults[0][1]
    robot.wait_for(lambda: robot.claims[-1] == frozenset(), 'it is not held for ever')
    robot.update()

    fixes.clear()
    port.plug()
    talker = Talker(port, GGA)
    robot.update(Drivable(make_device(device_path=str(port.path), generation=2), 'gps'))
    robot.wait_for(lambda: bool(fixes))
    talker.stop()


def test_a_port_that_says_nothing_becomes_a_fault_that_says_what_was_expected(
    robot: Any, port: Any, make_device: Callable[..., Any],
) -> None:
    robot.make_host()
    robot.update(Drivable(make_device(device_path=str(port.path)), 'gps',
                          parameters={'silence_ms': 100}))
    robot.wait_for(lambda: bool(robot.faults))
    assert 'expected NMEA' in robot.faults[0][1] and 'nothing at all' in robot.faults[0][1]


def test_wrong_parameters_and_missing_ports_are_faults_of_the_device(
    robot: Any, make_device: Callable[..., Any],
) -> None:
    robot.make_host()
    robot.update(
        Drivable(make_device('a', device_path='/dev/x'), 'gps', parameters={'boud': 1}),
        Drivable(make_device('b', device_path='/nowhere/tty'), 'gps'),
        Drivable(make_device('c'), 'gps'))
    robot.wait_for(lambda: {told[0] for told in robot.faults} == {'a', 'b', 'c'})
    texts = dict(robot.faults)
    assert 'boud' in texts['a'] and '/nowhere/tty' in texts['b'] and 'expected' in texts['c']


def test_a_driver_that_blocks_keeps_neither_the_robot_nor_closing(
    robot: Any, make_device: Callable[..., Any],
) -> None:
    from hw_discovery.drivers.driver import Driver
    gate = threading.Event()

    class Blocking(Driver):
        def run(self) -> None:
            gate.wait(30.0)

    robot.make_host(
        make=lambda item: Blocking(robot.node, item.device, None, {}, 'r1'),
        timing=RestartTiming(first_wait_ns=50_000_000, stop_wait_ns=50_000_000))
    robot.update(Drivable(make_device(), 'gps'))
    robot.update()
    robot.wait_for(lambda: bool(robot.faults))
    assert 'blocks' in robot.faults[0][1] and robot.claims[-1] == {'serial:gps17'}
    robot.update(Drivable(make_device(generation=2), 'gps'))
    assert len(robot.host.drivers()) == 1, 'no second driver beside the one that blocks'
    robot.update()
    gate.set()
    robot.wait_for(lambda: robot.claims[-1] == frozenset())


def test_many_replugs_leave_no_thread_no_descriptor_and_no_topic_behind(
    robot: Any, port: Any, make_device: Callable[..., Any],
) -> None:
    robot.make_host()
    fixes = robot.listen(NavSatFix, f'{TOPIC}/fix')

    def once(generation: int) -> None:
        fixes.clear()
        robot.update(Drivable(
            make_device(device_path=str(port.path), generation=generation), 'gps'))
        for _ in range(1000):
            port.say(GGA)
            with robot.news:
                if robot.news.wait_for(lambda: bool(fixes), 0.02):
                    break
        assert fixes
        port.unplug()
        robot.update()
        robot.wait_for(lambda: robot.claims[-1] == frozenset())
        for thread in threading.enumerate():
            if thread.name.startswith('driver '):
                thread.join(5.0)
        port.plug()

    def held() -> tuple[int, int, int]:
        return (len(os.listdir('/proc/self/fd')), threading.active_count(),
                len(list(robot.node.publishers)))

    for generation in range(1, 6):
        once(generation)
    robot.do(lambda: None)
    before = held()
    for generation in range(6, 36):
        once(generation)
    robot.do(lambda: None)
    after = held()
    assert after[1:] == before[1:] and after[0] <= before[0] + 2
