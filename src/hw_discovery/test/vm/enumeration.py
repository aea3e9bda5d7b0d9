# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is listed under the real udev with its own rules: names, links, ids."""

from pathlib import Path

from vm.machine import Machine, udev_properties, until

from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.udev import udev_is_running
from hw_discovery.core.device import BusKind, Verdict
from hw_discovery.core.recognition import recognise

BY_ID = Path('/dev/serial/by-id')


def port() -> Path | None:
    """Return the bridge's port once udev has linked it."""
    links = sorted(BY_ID.iterdir()) if BY_ID.exists() else []
    return links[0] if links else None


def test_a_bridge_has_a_port_a_link_by_id_and_an_id_by_its_serial_number(
    machine: Machine,
) -> None:
    assert udev_is_running()
    with machine.bridge(serial='LIDAR17'):
        link = until('a link below /dev/serial/by-id', port)
        machine.settle()
        scan = HostScanner(('usb', 'serial', 'pci')).scan()
        assert not scan.blind_spots, scan.blind_spots
        found = recognise(scan.nodes)
        (tty,) = [f for f in found if f.bus is BusKind.SERIAL and 'ttyUSB' in f.device_path]
        (bridge,) = [f for f in found if 'LIDAR17' in f.strong_id and f.bus is BusKind.USB]
        assert link.name == 'usb-QEMU_QEMU_USB_SERIAL_LIDAR17-if00-port0'
        assert str(link.resolve()) == tty.device_path == '/dev/ttyUSB0'
        assert (bridge.strong_id, bridge.driver) == ('usb:0403:6001:LIDAR17', 'ftdi_sio')
        assert bridge.verdict is Verdict.AMBIGUOUS, 'many products have this chip'
        assert udev_properties(tty.device_path)['ID_USB_DRIVER'] == 'ftdi_sio'
    until('the link is taken away', lambda: not port())


def test_nothing_is_blind_and_nodes_are_read_from_udevs_database(machine: Machine) -> None:
    machine.settle()
    scanner = HostScanner(('usb', 'serial', 'video', 'i2c', 'spi', 'input', 'network', 'pci',
                           'iio', 'platform'))
    scan = scanner.scan()
    assert (scan.blind_spots, scanner.notices) == ((), [])
    from_udev = [node for node in scan.nodes if node.source == 'udev']
    machine.figures.update(
        nodes=len(scan.nodes), from_udev=len(from_udev),
        others=[node.sysfs_path for node in scan.nodes if node.source != 'udev'])
    assert len(from_udev) >= 0.9 * len(scan.nodes) > 20
    assert scan.host.machine == 'x86_64' and scan.host.cpu_cores == 2
