# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Servos on a PCA9685: pulses only while armed and commanded."""

from collections.abc import Callable
from typing import Any

import pytest

from hw_discovery.drivers.servo import pca9685

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('trajectory_msgs', reason='needs trajectory_msgs')
pytest.importorskip('smbus2', reason='pip: smbus2')

from builtin_interfaces.msg import Duration, Time  # noqa: E402
from drivers.actuator_bench import TOPIC, Bench  # noqa: E402
from drivers.fake_i2c import FakeChip, FakeI2c  # noqa: E402
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint  # noqa: E402

from hw_discovery.core.probing.operation import I2cPlace  # noqa: E402
from hw_discovery.drivers.manager import Drivable  # noqa: E402
from hw_discovery.drivers.servo.pca9685_driver import Pca9685Driver  # noqa: E402

OFF = pca9685.NO_PULSE
ID = 'i2c:1:0x40'
PARAMETERS = {'name': 'arm', 'channels': [0, 3], 'joints': ['pan', 'tilt'],
              'velocity_max': 1000.0, 'acceleration_max': 100000.0}


def test_the_divider_and_the_counts_are_those_of_the_data_sheet() -> None:
    # 7.3.5, example: 200 Hz with 25 MHz is 0x1E; 1.5 of 20 ms are 307 of 4096 counts.
    assert pca9685.prescale(200.0) == 0x1E and pca9685.prescale(50.0) == 0x79
    assert pca9685.pulse_bytes(1500.0, 50.0) == bytes((0, 0, 307 & 0xFF, 307 >> 8))
    assert pca9685.channel_register(15) == 0x42
    assert pca9685.PulseRange(1000, 2000).width_us(0.0, -1.0, 1.0) == 1500


class FakePca(FakeChip):
    """With the registers after power-up, where ALL_LED writes to every channel."""

    def __init__(self) -> None:
        super().__init__({0x00: 0x11, 0x02: 0xE2, 0x03: 0xE4, 0x04: 0xE8, 0x05: 0xE0, 0xFE: 0x1E})
        self.banks[0][0x06:0x0A] = pca9685.pulse_bytes(1500.0, 50.0)

    def write(self, register: int, data: bytes) -> None:
        super().write(register, data)
        if register == 0xFD:
            for channel in range(16):
                self.registers[pca9685.channel_register(channel) + 3] = data[0]

    def pulse(self, channel: int) -> bytes:
        at = pca9685.channel_register(channel)
        return bytes(self.banks[0][at:at + 4])

    def is_off(self, channel: int) -> bool:
        return bool(self.pulse(channel)[3] & 0x10)


class PcaBench(Bench):
    """A driven board and a commander, of trajectories too."""

    def __init__(self, robot: Any, make_device: Callable[..., Any],
                 monkeypatch: pytest.MonkeyPatch) -> None:
        self.chip = FakePca()
        self.bus = FakeI2c({0x40: self.chip})
        monkeypatch.setattr(Pca9685Driver, 'OPEN', self.bus.open)
        super().__init__(robot, make_device, 'servo_pca9685', I2cPlace(1, 0x40), PARAMETERS)
        self.trajectory_out = robot.asker.create_publisher(
            JointTrajectory, f'{TOPIC}/joint_trajectory', 1)

    def device(self, generation: int) -> Any:
        return self.make_device(ID, generation=generation)

    def drive(self, generation: int = 1, **parameters: Any) -> None:
        super().drive(generation, **parameters)
        self.until(lambda: self.chip.registers[0] == 0x20)


@pytest.fixture
def bench(
    robot: Any, make_device: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
) -> PcaBench:
    return PcaBench(robot, make_device, monkeypatch)


def middle(chip: FakePca) -> bool:
    return chip.pulse(0) == pca9685.pulse_bytes(1500.0, 50.0)


def test_a_board_loses_its_pulses_when_taken_over_and_ignores_commands_until_armed(
    bench: PcaBench,
) -> None:
    bench.drive()
    assert bench.chip.is_off(0) and bench.chip.registers[0xFE] == 0x79
    bench.send(0.0, 0.0)
    bench.armed_for_good()
    bench.robot.do(lambda: None)
    assert bench.chip.is_off(0), 'what was sent before arming is not done afterwards'
    bench.until(lambda: bench.send(0.0, 0.0) or middle(bench.chip))
    assert bench.chip.is_off(1), 'a channel that nobody named is left alone'


def test_silence_takes_the_pulses_away(bench: PcaBench) -> None:
    bench.drive(command_timeout_ms=1500)
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.0, 0.0) or middle(bench.chip))
    bench.until(lambda: bench.chip.is_off(0) and bench.chip.is_off(3))
    bench.send(0.0, 0.0)
    bench.robot.do(lambda: None)
    assert bench.chip.is_off(0)


def test_the_emergency_stop_takes_the_pulses_away_and_forbids_arming(bench: PcaBench) -> None:
    bench.drive(command_timeout_ms=60000)
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.0, 0.0) or middle(bench.chip))
    bench.robot.do(lambda: bench.robot.host.set_emergency(True))
    bench.until(lambda: bench.chip.is_off(0))
    answer = bench.arm()
    assert not answer.success and answer.message == 'the emergency stop is on'
    bench.robot.do(lambda: bench.robot.host.set_emergency(False))
    assert bench.chip.is_off(0)
    bench.armed_for_good()


def test_unplugging_and_plugging_in_again_leaves_it_disarmed(bench: PcaBench) -> None:
    bench.drive(command_timeout_ms=60000)
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.0, 0.0) or middle(bench.chip))
    bench.bus.is_plugged = False
    bench.until(lambda: bool(bench.robot.faults))
    assert 'nobody answers' in bench.robot.faults[0][1]
    bench.robot.update()
    bench.chip.__init__()  # type: ignore[misc]
    bench.bus.is_plugged = True
    bench.drive(generation=2, command_timeout_ms=60000)
    bench.send(0.0, 0.0)
    bench.robot.do(lambda: None)
    assert bench.chip.is_off(0) and bench.armed[-1].data is False


def test_closing_takes_the_pulses_away(bench: PcaBench) -> None:
    bench.drive(command_timeout_ms=60000)
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.0, 0.0) or middle(bench.chip))
    bench.robot.do(bench.robot.host.close)
    assert bench.chip.is_off(0) and bench.bus.closed == bench.bus.opened


def test_a_trajectory_is_followed_and_a_late_one_is_not(bench: PcaBench) -> None:
    bench.drive(command_timeout_ms=60000)
    bench.armed_for_good()
    late = JointTrajectory(joint_names=['tilt'], points=[JointTrajectoryPoint(
        positions=[-0.785], time_from_start=Duration())])
    late.header.stamp = Time(sec=1)
    good = JointTrajectory(joint_names=['tilt'], points=[JointTrajectoryPoint(
        positions=[0.785], time_from_start=Duration(nanosec=50_000_000))])
    bench.until(lambda: bench.trajectory_out.get_subscription_count() == 1)
    bench.trajectory_out.publish(late)
    bench.until(lambda: bench.trajectory_out.publish(good)
                or bench.chip.pulse(3) == pca9685.pulse_bytes(2000.0, 50.0))
    assert bench.chip.is_off(0)
    assert all(value != pca9685.pulse_bytes(1000.0, 50.0)[2]
               for _, register, value in bench.chip.written if register == 0x14)


def test_a_stranger_at_the_address_is_not_written_to(
    robot: Any, make_device: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
) -> None:
    meter = FakeChip({0x02: 0x11})         # an INA219
    monkeypatch.setattr(Pca9685Driver, 'OPEN', FakeI2c({0x40: meter}).open)
    robot.make_host()
    robot.update(Drivable(make_device(ID), 'servo_pca9685', I2cPlace(1, 0x40), PARAMETERS))
    robot.wait_for(lambda: bool(robot.faults))
    assert 'sub-addresses' in robot.faults[0][1] and meter.written == []


def test_a_board_that_lost_power_meanwhile_is_disarmed_with_a_fault(
    bench: PcaBench, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('hw_discovery.drivers.servo.pca9685_driver.CHECK_S', 0.02)
    bench.drive(command_timeout_ms=60000)
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.0, 0.0) or middle(bench.chip))
    bench.chip.registers[0x00] = 0x11
    bench.until(lambda: bool(bench.robot.faults))
    assert 'was reset' in bench.robot.faults[0][1] and bench.chip.is_off(0)
