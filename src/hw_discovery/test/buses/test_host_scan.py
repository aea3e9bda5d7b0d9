# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is missing on a host is said, and the rest is still read."""

import errno
import sys
from typing import Any

import pytest

from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.sysfs import SysfsTree
from hw_discovery.config import BUS_NAMES
from hw_discovery.core.device import BusKind
from hw_discovery.core.recognition import recognise


def test_without_libudev_plain_sysfs_is_read_and_both_losses_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, 'pyudev', None)
    scanner = HostScanner(BUS_NAMES)
    assert scanner.follow() is None
    assert [text.partition(':')[0] for text in scanner.notices] == [
        'sysfs is read without udev', 'hot-plug is not followed']
    assert scanner.scan().nodes


def test_without_netlink_permission_hotplug_is_given_up_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pyudev = pytest.importorskip('pyudev')

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, 'Operation not permitted')

    monkeypatch.setattr(pyudev.Monitor, 'from_netlink', denied)
    scanner = HostScanner(BUS_NAMES)
    assert scanner.follow() is None
    assert 'Operation not permitted' in scanner.notices[-1]
    assert scanner.scan().nodes


def test_a_host_without_udev_daemon_follows_the_kernel_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pyudev = pytest.importorskip('pyudev')
    chosen: list[str] = []
    real = pyudev.Monitor.from_netlink

    def recorded(context: Any, source: str) -> Any:
        chosen.append(source)
        return real(context, source=source)

    monkeypatch.setattr(pyudev.Monitor, 'from_netlink', recorded)
    for runs, expected in ((False, 'kernel'), (True, 'udev')):
        monkeypatch.setattr('hw_discovery.buses.udev.udev_is_running', lambda runs=runs: runs)
        scanner = HostScanner(BUS_NAMES)
        scanner.follow()
        assert chosen[-1] == expected
        assert any('no udev daemon' in text for text in scanner.notices) is not runs


def test_a_bus_that_was_not_asked_for_is_not_looked_at(fake_sysfs: Any) -> None:
    fake_sysfs.add_usb_serial()
    scan = HostScanner(('serial',), fake_sysfs.root).scan()
    assert {node.subsystem for node in scan.nodes} == {'tty'}
    assert scan.host.cpu_cores == 0


def test_a_bus_that_cannot_be_listed_leaves_the_others(
    fake_sysfs: Any,
) -> None:
    fake_sysfs.add_usb_serial()
    scanner = HostScanner(('usb', 'serial', 'pci'), fake_sysfs.root)
    (fake_sysfs.root / 'bus/pci').mkdir(parents=True)
    (fake_sysfs.root / 'bus/pci/devices').symlink_to('devices')      # a loop: ELOOP
    scan = scanner.scan()
    assert scan.blind_buses == {BusKind.PCI, BusKind.PLATFORM}
    assert {node.subsystem for node in scan.nodes} == {'usb', 'tty'}


@pytest.mark.parametrize(('kinds', 'subsystems', 'with_host'), [
    ({BusKind.USB}, {'usb'}, False),
    ({BusKind.SERIAL}, {'usb', 'tty'}, False),
    ({BusKind.NETWORK}, {'usb', 'net'}, False),
    ({BusKind.PLATFORM}, {'usb'}, True),
    (set(), {'usb', 'tty', 'net'}, True),
])
def test_only_the_asked_buses_and_what_they_may_hang_on_are_looked_at(
    fake_sysfs: Any, kinds: set[BusKind], subsystems: set[str], with_host: bool,
) -> None:
    fake_sysfs.add_usb_serial()
    fake_sysfs.add('/devices/platform/eth/net/eth0', 'net')
    scan = HostScanner(BUS_NAMES, fake_sysfs.root).scan(frozenset(kinds))
    assert {node.subsystem for node in scan.nodes} == subsystems
    assert (scan.host.cpu_cores > 0) is with_host


def test_a_scanner_names_the_buses_it_looks_at() -> None:
    assert HostScanner(('network',)).kinds == {BusKind.NETWORK, BusKind.CAN}
    assert HostScanner(BUS_NAMES).kinds == set(BusKind) - {BusKind.UNKNOWN}


def test_a_bridge_that_comes_while_buses_are_listed_is_there_with_its_port(
    fake_sysfs: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    scanner = HostScanner(('usb', 'serial'), fake_sysfs.root)
    real = SysfsTree.nodes

    def nodes(tree: SysfsTree, subsystem: str, names: Any) -> Any:
        if subsystem == 'tty' and not plugged:
            plugged.append(fake_sysfs.add_usb_serial())
        return real(tree, subsystem, names)

    plugged: list[Any] = []
    monkeypatch.setattr(SysfsTree, 'nodes', nodes)
    between = recognise(scanner.scan().nodes)
    after = recognise(scanner.scan().nodes)
    assert len(plugged) == 1 and len(after) == 2
    assert {f.port_id for f in between} == {f.port_id for f in after}
