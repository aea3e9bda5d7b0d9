# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A sysfs in a temporary directory, and nodes of well-known devices. Opens no real device."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hw_discovery.core.device import BusKind, Verdict
from hw_discovery.core.discovery import Discovery
from hw_discovery.core.finding import Finding
from hw_discovery.core.inventory import Inventory
from hw_discovery.core.kernel_node import KernelNode

USB_ROOT = '/devices/pci0000:00/0000:00:14.0/usb1'


class FakeSysfs:
    """Writes directories, files and links as the kernel lays them out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / 'devices').mkdir(parents=True)

    def add(
        self, path: str, subsystem: str, *, kind: str = 'class',
        uevent: dict[str, str] | None = None, attributes: dict[str, str] | None = None,
        driver: str = '',
    ) -> Path:
        """Create one node below /devices and its link in the subsystem's listing."""
        here = self.root / path.lstrip('/')
        here.mkdir(parents=True, exist_ok=True)
        lines = ''.join(f'{key}={value}\n' for key, value in (uevent or {}).items())
        (here / 'uevent').write_text(lines)
        for name, text in (attributes or {}).items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(f'{text}\n')
        if driver:
            (here / 'driver').symlink_to(f'/nowhere/drivers/{driver}')
        listing = self.root / (f'bus/{subsystem}/devices' if kind == 'bus'
                               else f'class/{subsystem}')
        listing.mkdir(parents=True, exist_ok=True)
        (listing / here.name).symlink_to(here)
        return here

    def add_usb_serial(
        self, port: str = '1-2', tty: str = 'ttyUSB0', serial: str = 'LIDAR17',
        ids: tuple[str, str] = ('10c4', 'ea60'),
    ) -> str:
        """Create a USB serial bridge with one port; return the device's path."""
        path = f'{USB_ROOT}/{port}'
        self.add(path, 'usb', kind='bus', driver='usb', attributes={
            'idVendor': ids[0], 'idProduct': ids[1], 'product': 'CP2102', 'serial': serial,
            'busnum': '1', 'devnum': '5', 'bDeviceClass': '00'},
            uevent={'DEVTYPE': 'usb_device', 'DEVNAME': 'bus/usb/001/005'})
        self.add(f'{path}/{port}:1.0', 'usb', kind='bus', driver='cp210x', attributes={
            'bInterfaceNumber': '00', 'bInterfaceClass': 'ff'},
            uevent={'DEVTYPE': 'usb_interface'})
        self.add(f'{path}/{port}:1.0/{tty}/tty/{tty}', 'tty', uevent={'DEVNAME': tty})
        return path


def usb_nodes(
    port: str = '1-2', ids: tuple[str, str] = ('10c4', 'ea60'), serial: str = 'LIDAR17',
    product: str = 'CP2102', tty: str = 'ttyUSB0', devnum: str = '5',
    interface_class: str = 'ff',
) -> list[KernelNode]:
    """Return a USB device with one interface and, unless tty is '', a serial port."""
    path = f'{USB_ROOT}/{port}'
    attributes = {
        'idVendor': ids[0], 'idProduct': ids[1], 'product': product, 'serial': serial,
        'busnum': '1', 'devnum': devnum}
    nodes = [
        KernelNode('usb', path, driver='usb', properties={'DEVTYPE': 'usb_device'},
                   attributes=attributes),
        KernelNode('usb', f'{path}/{port}:1.0', driver='some_driver',
                   properties={'DEVTYPE': 'usb_interface'},
                   attributes={'bInterfaceNumber': '00', 'bInterfaceClass': interface_class})]
    if tty:
        nodes.append(KernelNode(
            'tty', f'{path}/{port}:1.0/{tty}/tty/{tty}', device_path=f'/dev/{tty}'))
    return nodes


def finding(path: str = '/devices/x/a', **fields: object) -> Finding:
    """Return a finding that claims nothing, with some fields replaced."""
    values: dict[str, object] = {
        'bus': BusKind.USB, 'sysfs_path': path, 'name': 'thing', 'verdict': Verdict.UNKNOWN,
        'confidence': 0.0, 'port_id': f'usb:@{path}'}
    return Finding(**{**values, **fields})  # type: ignore[arg-type]


@pytest.fixture
def fake_sysfs(tmp_path: Path) -> FakeSysfs:
    """Return an empty sysfs."""
    return FakeSysfs(tmp_path / 'sys')


@pytest.fixture
def make_usb_nodes() -> Callable[..., list[KernelNode]]:
    """Return the builder of a USB device's nodes."""
    return usb_nodes


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    """Return the builder of findings."""
    return finding


@pytest.fixture
def inventory() -> Iterator[Inventory]:
    """Return an empty inventory; its invariants are checked after the test."""
    made = Inventory(lost_devices_max=3)
    yield made
    made.check_invariants()


@pytest.fixture
def discovery() -> Iterator[Discovery]:
    """Return a discovery with 300 ms of debounce; its invariants are checked after the test."""
    made = Discovery(300_000_000, 2_000_000_000, lost_devices_max=8)
    yield made
    made.check_invariants()
