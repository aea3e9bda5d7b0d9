# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reading a sysfs in a directory: what is found, and that every read has a limit."""

import os
from pathlib import Path
from typing import Any

import pytest

from hw_discovery.buses import sysfs
from hw_discovery.buses.bus import BusUnreadable
from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.sysfs import SysfsTree, printable, read_text
from hw_discovery.config import BUS_NAMES
from hw_discovery.core.device import BusKind
from hw_discovery.core.discovery import Discovery, RescanAsked, ScanFinished


def test_a_usb_serial_device_is_read_with_its_port(fake_sysfs: Any) -> None:
    path = fake_sysfs.add_usb_serial()
    tree = SysfsTree(fake_sysfs.root)
    device, interface = tree.nodes('usb', ('idVendor', 'idProduct', 'bInterfaceNumber'))
    assert (device.sysfs_path, device.device_path) == (path, '/dev/bus/usb/001/005')
    assert device.attributes == {'idVendor': '10c4', 'idProduct': 'ea60'}
    assert interface.driver == 'cp210x'
    port, = tree.nodes('tty', ('type',))
    assert port.device_path == '/dev/ttyUSB0'


def test_a_whole_fake_host_becomes_an_inventory(fake_sysfs: Any, tmp_path: Path) -> None:
    fake_sysfs.add_usb_serial()
    scanner = HostScanner(BUS_NAMES, fake_sysfs.root, tmp_path / 'no_proc')
    discovery = Discovery(1, 1, 1)
    discovery.handle(RescanAsked(1), 0)
    discovery.handle(ScanFinished(scanner.scan()), 0)
    assert [d.device_id for d in discovery.snapshot.devices] == [
        'usb:10c4:ea60:LIDAR17', 'usb:10c4:ea60:LIDAR17/if00/serial']
    discovery.check_invariants()


def test_a_replug_without_any_event_is_seen_by_the_device_number(fake_sysfs: Any) -> None:
    path = fake_sysfs.add_usb_serial()
    scanner = HostScanner(BUS_NAMES, fake_sysfs.root)
    discovery = Discovery(1, 1, 1)
    for ticket, devnum in enumerate(('5', '6')):
        (fake_sysfs.root / path[1:] / 'devnum').write_text(f'{devnum}\n')
        discovery.handle(RescanAsked(ticket), 0)
        discovery.handle(ScanFinished(scanner.scan()), 0)
    generations = {d.device_id: d.generation for d in discovery.snapshot.devices
                   if d.bus in (BusKind.USB, BusKind.SERIAL)}
    assert set(generations.values()) == {2}


def test_a_subsystem_the_kernel_does_not_know_is_empty(fake_sysfs: Any) -> None:
    assert SysfsTree(fake_sysfs.root).nodes('accel', ()) == []


def test_a_link_that_leads_out_of_sysfs_is_not_followed(
    fake_sysfs: Any, tmp_path: Path,
) -> None:
    (tmp_path / 'outside').mkdir()
    listing = fake_sysfs.root / 'class/tty'
    listing.mkdir(parents=True)
    (listing / 'ttyX').symlink_to(tmp_path / 'outside')
    assert SysfsTree(fake_sysfs.root).nodes('tty', ()) == []


def test_more_entries_than_the_limit_make_the_bus_blind_and_not_empty(
    fake_sysfs: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_sysfs.add_usb_serial()
    monkeypatch.setattr(sysfs, 'NODES_MAX', 1)
    with pytest.raises(BusUnreadable, match='more than 1'):
        SysfsTree(fake_sysfs.root).nodes('usb', ())
    scan = HostScanner(('usb',), fake_sysfs.root).scan()
    assert scan.blind_buses == {BusKind.USB}
    assert scan.notices == ('usb: usb could not be listed: 2 entries, more than 1',)


def test_a_sysfs_that_is_not_mounted_blinds_every_bus(tmp_path: Path) -> None:
    scan = HostScanner(BUS_NAMES, tmp_path / 'nothing', tmp_path).scan()
    assert {BusKind.USB, BusKind.SERIAL, BusKind.CAN} < scan.blind_buses
    assert 'is not mounted' in scan.notices[0]


def test_an_attribute_is_read_up_to_a_limit_and_made_printable(tmp_path: Path) -> None:
    (tmp_path / 'long').write_bytes(b'x' * 100_000)
    (tmp_path / 'odd').write_bytes(b'\xff\xfeA\x1b[31m\nB\0\n')
    assert read_text(tmp_path / 'long') == 'x' * sysfs.TEXT_CHARS_MAX
    assert read_text(tmp_path / 'odd').isprintable()
    assert read_text(tmp_path / 'absent') == ''
    assert read_text(tmp_path) == ''
    assert printable('a\tb') == 'a b'


def test_uevent_lines_are_limited_in_number(fake_sysfs: Any) -> None:
    fake_sysfs.add('/devices/x', 'tty', uevent={f'K{n}': 'v' for n in range(300)})
    node, = SysfsTree(fake_sysfs.root).nodes('tty', ())
    assert len(node.properties) == sysfs.PROPERTIES_MAX


@pytest.mark.skipif(os.geteuid() == 0, reason='not here: root may read everything')
def test_a_listing_without_permission_makes_the_bus_blind(fake_sysfs: Any) -> None:
    fake_sysfs.add_usb_serial()
    listing = fake_sysfs.root / 'bus/usb/devices'
    listing.chmod(0)
    try:
        with pytest.raises(BusUnreadable):
            SysfsTree(fake_sysfs.root).nodes('usb', ())
    finally:
        listing.chmod(0o755)


def test_hotplug_of_a_foreign_root_is_not_followed_and_that_is_said(fake_sysfs: Any) -> None:
    scanner = HostScanner(BUS_NAMES, fake_sysfs.root)
    assert scanner.follow() is None
    assert 'it is not this host' in scanner.notices[0]
