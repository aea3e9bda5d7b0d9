# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SPI through the kernel's spidev, on a controller of our own (hw_vm_spi.c).

Debian's kernel has no SPI controller that answers; the module is built where the headers of the
kernel are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vm.machine import Machine, until
from vm.robot import Robot

from hw_discovery.buses.spi_probe import SpiProbe
from hw_discovery.config import Config
from hw_discovery.core.device import Verdict
from hw_discovery.core.probing.operation import SpiExchange, SpiPlace
from hw_discovery.core.probing.verdict import ProbeVerdict

NODE = Path('/dev/spidev0.0')


@contextmanager
def chip(machine: Machine) -> Iterator[None]:
    """Give a chip select with an IMU behind it."""
    machine.load('hw_vm_spi')
    machine.load('spidev')
    device = Path('/sys/bus/spi/devices/spi0.0')
    if not NODE.exists():
        (device / 'driver_override').write_text('spidev\n')
        Path('/sys/bus/spi/drivers/spidev/bind').write_text('spi0.0\n')
        machine.settle()
    until('the node', NODE.exists)
    try:
        yield
    finally:
        Path('/sys/bus/spi/drivers/spidev/unbind').write_text('spi0.0\n')
        machine.unload('hw_vm_spi')


def written() -> int:
    """Return how many bytes were written into registers of the chip."""
    return int(Path('/sys/module/hw_vm_spi/parameters/writes').read_text())


def test_registers_are_read_and_nothing_is_asked_that_was_not_allowed(machine: Machine) -> None:
    with chip(machine):
        outcome = SpiProbe().perform(SpiExchange(SpiPlace(0, 0), 3, 1_000_000, b'\xf5\x00'))
        assert (outcome.error, outcome.data[1:]) == ('', b'\x12'), outcome
        machine.figures['exchange_ms'] = round(outcome.took_ns / 1e6, 2)
        with Robot() as robot:
            robot.until(lambda heard: any('spidev0.0' in d.device_path
                                          for d in heard.snapshot.devices), 'the chip select')
            assert robot.heard.outcomes == []
        assert written() == 0


def test_the_planner_names_the_chip_among_those_that_an_operator_says_could_be_there(
    machine: Machine,
) -> None:
    config = Config(probe_spi=('/dev/spidev0.*',), declared_devices=(
        '/dev/spidev0.0=imu_icm20602,imu_icm20689,imu_mpu6500',))
    with chip(machine), Robot(config) as robot:
        def verdicts() -> list[ProbeVerdict]:
            return [v for vs in robot.heard.places.verdicts.values() for v in vs
                    if isinstance(v.place, SpiPlace) and v.entry_id]
        robot.until(lambda heard: verdicts(), 'a verdict')
        (verdict,) = verdicts()
        machine.figures.update(said=f'{verdict.entry_id} {verdict.verdict.value} '
                               f'{verdict.confidence:.2f}')
        assert written() == 0, 'a probe writes no register'
        assert verdict.entry_id == 'imu_icm20602' and verdict.verdict is Verdict.IDENTIFIED
