# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""An RPLIDAR behind a CP2102: the real cp210x driver, its DTR line, and the serial planner."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakes.lidar import FakeRplidar
from vm.cp2102 import Cp2102
from vm.machine import Machine, udev_properties, until
from vm.robot import Robot

from hw_discovery.buses.serial_probe import SerialProbe
from hw_discovery.buses.tty_port import LineFormat, TtyPort
from hw_discovery.config import Config
from hw_discovery.core.device import BusKind, Verdict
from hw_discovery.core.probing.operation import SerialAsk, SerialListen, SerialPlace

SERIAL = '0001'
LINK = Path('/dev/serial/by-id/usb-Silicon_Labs_CP2102_USB_to_UART_Bridge_Controller_'
            f'{SERIAL}-if00-port0')


@contextmanager
def lidar(machine: Machine) -> Iterator[Cp2102]:
    """Plug a bridge with a lidar behind it; yield when udev has made its port."""
    machine.load('vhci_hcd')
    machine.load('cp210x')
    bridge = Cp2102(FakeRplidar(), SERIAL)
    try:
        until('the link by id', LINK.exists)
        machine.settle()
        yield bridge
    finally:
        bridge.unplug()
        until('the link is taken away', lambda: not LINK.exists())


def test_the_port_has_its_link_and_answers_a_question(machine: Machine) -> None:
    with lidar(machine) as bridge:
        device = str(LINK.resolve())
        assert re.fullmatch('/dev/ttyUSB[0-9]', device)
        properties = udev_properties(device)
        assert properties['ID_USB_DRIVER'] == 'cp210x'
        assert properties['ID_SERIAL_SHORT'] == SERIAL
        outcome = SerialProbe().perform(SerialAsk(
            SerialPlace(device), 115200, '8N1', b'\xa5\x50', 1000, 27))
        assert outcome.error == '' and outcome.data[:7].hex() == 'a55a1400000004', outcome
        machine.figures['asked_ms'] = round(outcome.took_ns / 1e6, 1)
        assert 115200 in bridge.bauds and bytes(bridge.device.received) == b'\xa5\x50'


def test_only_the_first_opening_moves_dtr(machine: Machine) -> None:
    """DTR is the motor of an RPLIDAR and the reset of an Arduino."""
    with lidar(machine) as bridge:
        def opened() -> list[tuple[bool | None, bool | None]]:
            before = len(bridge.lines)
            port = TtyPort(str(LINK))
            try:
                port.configure(115200, LineFormat(8, 'N', 1))
            finally:
                port.close()
            return [(dtr, rts) for _, dtr, rts in bridge.lines[before:]]
        first, second, third = opened(), opened(), opened()
        machine.figures.update(first=str(first), second=str(second))
        assert all(dtr is not False for dtr, _ in (*first, *second, *third)), 'closing drops it'
        assert [dtr for dtr, _ in first if dtr] and len(first) <= 2
        # The kernel raises the lines at every opening; they are up already, so nothing moves.
        assert all(dtr in (True, None) for dtr, _ in (*second, *third))


def test_the_planner_identifies_the_lidar_behind_an_id_that_many_share(
    machine: Machine,
) -> None:
    config = Config(serial_ports_to_ask=('/dev/ttyUSB*',))
    with Robot(config) as robot, lidar(machine) as bridge:
        begun = time.monotonic()
        bridged = robot.until_present(
            lambda d: d.bus is BusKind.USB and d.vendor_id == '10c4', 'the bridge')
        assert bridged.verdict is Verdict.AMBIGUOUS
        found = robot.until_present(
            lambda d: d.catalogue_id == 'lidar_rplidar' and d.verdict is Verdict.IDENTIFIED,
            'the lidar')
        machine.figures.update(identified_s=round(time.monotonic() - begun, 2),
                               confidence=found.confidence, device=found.device_id,
                               bytes_sent=len(bridge.device.received))
        assert found.confidence >= 0.9 and found.kind == 'lidar'
        assert bridge.device.harms == [] and not bridge.device.is_scanning
        dropped = [at for at, dtr, _ in bridge.lines if dtr is False]
        machine.figures['dtr_drops'] = len(dropped)
        bridge.unplug()
        robot.until_gone(found.device_id)


def test_without_the_operators_word_a_shared_port_is_only_listened_to(machine: Machine) -> None:
    with Robot() as robot, lidar(machine) as bridge:
        robot.until(lambda heard: len(heard.outcomes) >= 4, 'four rounds of listening')
        assert {type(o.operation) for o in robot.heard.outcomes} == {SerialListen}
        assert bytes(bridge.device.received) == b''
