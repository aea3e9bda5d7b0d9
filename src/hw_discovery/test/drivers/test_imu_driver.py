# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""An inertial chip as a register map on a bus, as topics."""

import struct
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('smbus2', reason='pip: smbus2')

from drivers.fake_i2c import FakeChip, FakeI2c  # noqa: E402
from sensor_msgs.msg import Imu, MagneticField, Temperature  # noqa: E402

from hw_discovery.core.probing.operation import I2cPlace  # noqa: E402
from hw_discovery.drivers.imu.driver import ImuDriver  # noqa: E402
from hw_discovery.drivers.manager import Drivable  # noqa: E402
from hw_discovery.drivers.naming import device_name  # noqa: E402

ID = 'i2c:1:0x68'
TOPIC = f'/r1/sensors/{device_name(ID, "imu")}'


def moving(chip: FakeChip, register: int) -> None:
    """Let the last bit of the first axis change with every reading, as noise does."""
    if register == 0x3B:
        chip.registers[0x3C] ^= 1


@pytest.fixture
def mpu() -> FakeChip:
    chip = FakeChip({0x75: 0x71})
    # At the 8 g and 1000 deg/s of the driver: 4096 counts are 1 g, 32.8 are 1 deg/s.
    chip.banks[0][0x3B:0x49] = struct.pack('>7h', 0, 0, 4096, 0, 328, 0, 0)
    chip.on_read = moving
    return chip


@pytest.fixture
def compass() -> FakeChip:
    chip = FakeChip({0x00: 0x48, 0x02: 1, 0x10: 128, 0x11: 128, 0x12: 128})
    chip.banks[0][0x03:0x09] = struct.pack('<3h', 100, 200, 300)
    return chip


def drivable(make_device: Callable[..., Any], generation: int = 1, **parameters: Any) -> Drivable:
    return Drivable(make_device(ID, generation=generation), 'imu', I2cPlace(1, 0x68), parameters)


def test_a_chip_is_topics_in_si_units_with_a_field_from_its_inner_compass(
    robot: Any, make_device: Callable[..., Any], mpu: FakeChip, compass: FakeChip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = FakeI2c({0x68: mpu, 0x0C: compass})
    bus.hidden = lambda address: address == 0x0C and not mpu.registers[0x37] & 2
    monkeypatch.setattr(ImuDriver, 'OPEN', bus.open)
    robot.make_host()
    readings = robot.listen(Imu, f'{TOPIC}/data_raw')
    fields = robot.listen(MagneticField, f'{TOPIC}/mag')
    warmth = robot.listen(Temperature, f'{TOPIC}/temperature')
    robot.update(drivable(make_device))
    robot.wait_for(lambda: bool(readings and fields and warmth))
    imu = readings[0]
    assert imu.linear_acceleration.z == pytest.approx(9.80665)
    assert imu.angular_velocity.x == pytest.approx(0.17453, rel=1e-3)
    assert imu.orientation_covariance[0] == -1.0
    assert imu.linear_acceleration_covariance[0] > 0 and imu.angular_velocity_covariance[8] > 0
    assert imu.header.frame_id == TOPIC.replace('/r1/sensors/', 'r1/')
    assert fields[0].magnetic_field.x == pytest.approx(30e-6)
    assert warmth[0].temperature == pytest.approx(21.0)
    assert compass.registers[0x0A] == 0x16


def test_a_stranger_at_the_address_is_a_fault_and_is_not_written_to(
    robot: Any, make_device: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeChip({0x00: 0x42, 0x75: 0x00})       # a DS3231 at 42 seconds
    monkeypatch.setattr(ImuDriver, 'OPEN', FakeI2c({0x68: clock}).open)
    robot.make_host()
    robot.update(drivable(make_device))
    robot.wait_for(lambda: bool(robot.faults))
    assert '0x75 reads 0x00' in robot.faults[0][1] and clock.written == []


def test_pulling_the_cable_is_a_fault_and_plugging_it_in_starts_anew(
    robot: Any, make_device: Callable[..., Any], mpu: FakeChip, monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = FakeI2c({0x68: mpu})
    monkeypatch.setattr(ImuDriver, 'OPEN', bus.open)
    robot.make_host()
    readings = robot.listen(Imu, f'{TOPIC}/data_raw')
    robot.update(drivable(make_device))
    robot.wait_for(lambda: bool(readings))
    bus.is_plugged = False
    robot.wait_for(lambda: bool(robot.faults) and robot.claims[-1] == frozenset())
    assert 'nobody answers' in robot.faults[0][1] and bus.closed == bus.opened
    bus.is_plugged = True
    readings.clear()
    robot.update(drivable(make_device, generation=2))
    robot.wait_for(lambda: bool(readings))
    robot.wait_for(lambda: robot.recovered == [ID])


def test_a_chip_that_was_reset_meanwhile_gives_no_wrong_numbers(
    robot: Any, make_device: Callable[..., Any], mpu: FakeChip, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImuDriver, 'OPEN', FakeI2c({0x68: mpu}).open)
    monkeypatch.setattr('hw_discovery.drivers.imu.driver.CHECK_S', 0.05)
    robot.make_host()
    readings = robot.listen(Imu, f'{TOPIC}/data_raw')
    robot.update(drivable(make_device))
    robot.wait_for(lambda: bool(readings))
    mpu.registers[0x1C] = 0
    robot.wait_for(lambda: bool(robot.faults))
    assert 'was reset: register 0x1c' in robot.faults[0][1]


def test_a_frozen_chip_is_a_fault(
    robot: Any, make_device: Callable[..., Any], mpu: FakeChip, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImuDriver, 'OPEN', FakeI2c({0x68: mpu}).open)
    mpu.on_read = lambda chip, register: None
    robot.make_host()
    robot.update(drivable(make_device, rate_hz=200.0))
    robot.wait_for(lambda: bool(robot.faults))
    assert 'frozen' in robot.faults[0][1]


def test_the_banks_of_an_icm_20948_are_left_as_they_are_needed(
    robot: Any, make_device: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
) -> None:
    chip = FakeChip({0x00: 0xEA}, bank_register=0x7F)
    chip.banks[0][0x2D:0x3B] = struct.pack('>7h', 0, 0, 4096, 328, 0, 0, 0)

    def moved(chip: FakeChip, register: int) -> None:
        if register == 0x2D:
            chip.registers[0x2E] ^= 1

    chip.on_read = moved
    monkeypatch.setattr(ImuDriver, 'OPEN', FakeI2c({0x68: chip}).open)
    monkeypatch.setattr('hw_discovery.drivers.imu.driver.CHECK_S', 0.05)
    robot.make_host()
    readings = robot.listen(Imu, f'{TOPIC}/data_raw')
    warmth = robot.listen(Temperature, f'{TOPIC}/temperature')
    robot.update(drivable(make_device))
    robot.wait_for(lambda: len(readings) > 10 and len(warmth) > 1)
    assert readings[-1].linear_acceleration.z == pytest.approx(9.80665)
    assert chip.banks[2][0x14] == 0x1D and not robot.faults
