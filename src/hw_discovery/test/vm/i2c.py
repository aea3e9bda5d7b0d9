# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Chips on i2c-stub and the computer's own SMBus, through the kernel's I2C core."""

import fcntl
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import smbus2
from vm.machine import Machine, output
from vm.robot import Robot, i2c_probe

from hw_discovery.catalogue_files import bundled
from hw_discovery.core.device import BusKind, Verdict
from hw_discovery.core.places import PlaceSeen
from hw_discovery.core.probing.operation import I2cBareRead, I2cPlace
from hw_discovery.core.probing.verdict import ProbeVerdict

ADAPTERS = Path('/sys/class/i2c-dev')
# Values of identity registers as the makers' data sheets give them, word registers most
# significant byte first.
BYTES = {0x68: {0x75: 0x68},                                    # MPU-6050
         0x76: {0xD0: 0x58},                                    # BMP280
         0x29: {0xC0: 0xEE, 0xC1: 0xAA, 0xC2: 0x10}}            # VL53L0X
WORDS = {0x40: {0xFE: 0x5449, 0xFF: 0x2260}}                    # INA226
EXPECTED = {0x68: 'imu_mpu6050', 0x76: 'baro_bmp280', 0x29: 'range_vl53l0x', 0x40: 'pwr_ina226'}
OWNED = 0x48
_SLAVE, _SLAVE_FORCE = 0x703, 0x706                             # linux/i2c-dev.h


def adapter(name: str) -> int:
    """Return the number of an adapter by its name."""
    return next(int(path.name[4:]) for path in ADAPTERS.iterdir()
                if name in (path / 'name').read_text())


@contextmanager
def chips(machine: Machine) -> Iterator[int]:
    """Give a bus with four chips and a fifth that a kernel driver owns; yield its number."""
    machine.load('i2c_dev')
    machine.load('i2c_stub', 'chip_addr=' + ','.join(
        f'0x{address:02x}' for address in (*EXPECTED, OWNED)))
    number = adapter('SMBus stub')
    with smbus2.SMBus(number) as bus:
        for address, registers in BYTES.items():
            for register, value in registers.items():
                bus.write_byte_data(address, register, value)
        for address, registers in WORDS.items():
            for register, value in registers.items():
                bus.write_word_data(address, register, value >> 8 | (value & 0xFF) << 8)
        bus.write_word_data(OWNED, 0, 0x0019)                   # 25 degrees Celsius
    machine.load('lm75')
    Path(f'/sys/bus/i2c/devices/i2c-{number}/new_device').write_text(f'lm75 0x{OWNED:02x}\n')
    machine.settle()
    try:
        yield number
    finally:
        Path(f'/sys/bus/i2c/devices/i2c-{number}/delete_device').write_text(f'0x{OWNED:02x}\n')
        machine.unload('i2c_stub')


@contextmanager
def recorded_ioctls() -> Iterator[list[int]]:
    """Yield the numbers of all ioctls that this process makes."""
    made: list[int] = []
    real = fcntl.ioctl

    def ioctl(fd: Any, request: int, *rest: Any) -> Any:
        made.append(request)
        return real(fd, request, *rest)

    fcntl.ioctl = smbus2.smbus2.ioctl = ioctl
    try:
        yield made
    finally:
        fcntl.ioctl = smbus2.smbus2.ioctl = real


def on_bus(robot: Robot, number: int) -> dict[int, ProbeVerdict]:
    """Return what was said of the addresses of an adapter."""
    return {v.place.address: v for verdicts in robot.heard.places.verdicts.values()
            for v in verdicts if isinstance(v.place, I2cPlace) and v.place.bus == number}


def refused_on(robot: Robot, number: int) -> dict[int, PlaceSeen]:
    """Return the places of an adapter that are not asked."""
    return {seen.place.address: seen for seen in robot.heard.places.refused
            if isinstance(seen.place, I2cPlace) and seen.place.bus == number}


def test_a_scan_finds_whom_i2cdetect_finds_and_an_owned_address_is_busy(
    machine: Machine,
) -> None:
    with chips(machine) as number:
        table = output('i2cdetect', '-y', '-r', str(number))
        cells = re.findall(r'\b([0-9a-f]{2})\b(?!:)', table.split('\n', 1)[1])
        theirs = {int(cell, 16) for cell in cells}
        assert 'UU' in table
        probe = i2c_probe(bundled())
        begun = time.monotonic()
        outcomes = probe.scan(I2cBareRead(I2cPlace(number, a)) for a in range(0x08, 0x78))
        machine.figures['scan_ms'] = round((time.monotonic() - begun) * 1000, 1)
        ours = {o.operation.place.address for o in outcomes if not o.error}
        assert ours == theirs == set(EXPECTED), (ours, theirs)
        owned = {o.operation.place.address: o for o in outcomes if o.error == 'busy'}
        assert list(owned) == [OWNED] and 'lm75' in owned[OWNED].detail
        others = {o.error for o in outcomes if o.operation.place.address not in
                  (*EXPECTED, OWNED)}
        assert others == {'absent'}, others


def test_the_planner_names_the_chips_and_leaves_the_drivers_address_alone(
    machine: Machine,
) -> None:
    with chips(machine) as number, recorded_ioctls() as ioctls:
        begun = time.monotonic()
        with Robot() as robot:
            robot.until(lambda heard: set(EXPECTED) <= {
                a for a, v in on_bus(robot, number).items() if v.entry_id}, 'four chips')
            machine.figures['asked_s'] = round(time.monotonic() - begun, 2)
            said = on_bus(robot, number)
            assert {a: said[a].entry_id for a in EXPECTED} == EXPECTED
            machine.figures.update({f'0x{a:02x}': f'{said[a].verdict.value} '
                                    f'{said[a].confidence:.2f}' for a in EXPECTED})
            for address in (0x76, 0x29, 0x40):
                assert said[address].verdict is Verdict.IDENTIFIED, said[address]
            assert said[0x68].confidence > 0.5
            assert 'lm75' in refused_on(robot, number)[OWNED].refusal
            # An identified chip is a device of its own; an ambiguous one may be.
            robot.until(lambda heard: {'baro_bmp280', 'range_vl53l0x', 'pwr_ina226'} <= {
                d.catalogue_id for d in heard.snapshot.devices if d.bus is BusKind.I2C},
                'the chips in the inventory')
            asked = {o.operation.place.address for o in robot.heard.outcomes}
            assert OWNED not in asked
        assert _SLAVE in ioctls and _SLAVE_FORCE not in ioctls
        (hwmon,) = Path(f'/sys/bus/i2c/devices/{number}-{OWNED:04x}').glob('hwmon/hwmon*')
        assert (hwmon / 'temp1_input').read_text().strip() == '25000'


def test_the_computers_own_smbus_is_denied_and_never_asked(machine: Machine) -> None:
    machine.load('i2c_dev')
    machine.load('i2c_i801')
    number = adapter('I801')
    try:
        outcome = i2c_probe(bundled()).perform(I2cBareRead(I2cPlace(number, 0x50)))
        assert outcome.error == 'denied' and 'never asked' in outcome.detail, outcome
        with chips(machine) as stub, Robot() as robot:
            robot.until(lambda heard: set(EXPECTED) <= {
                a for a, v in on_bus(robot, stub).items() if v.entry_id}, 'the stub is asked')
            assert {o.operation.place.bus for o in robot.heard.outcomes} == {stub}
            refused = refused_on(robot, number)
            machine.figures['refused_places'] = len(refused)
            assert refused and not on_bus(robot, number)
    finally:
        machine.unload('i2c_i801')
