# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""This very computer: whatever it has, looking at it must work and must not lie."""

import pytest

from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.sysfs import SysfsTree
from hw_discovery.config import BUS_NAMES
from hw_discovery.core.discovery import Discovery, RescanAsked, ScanFinished
from hw_discovery.core.recognition import recognise


def test_this_host_has_a_processor_and_memory() -> None:
    pytest.importorskip('pyudev')
    discovery = Discovery(1, 1, 1)
    discovery.handle(RescanAsked(1), 0)
    discovery.handle(ScanFinished(HostScanner(BUS_NAMES).scan()), 0)
    snapshot = discovery.snapshot
    assert snapshot.host.cpu_cores >= 1
    assert snapshot.host.memory_bytes > 1 << 20
    assert snapshot.host.machine
    assert {'platform:cpu', 'platform:memory'} <= {d.device_id for d in snapshot.devices}
    assert all(device.evidence for device in snapshot.devices)
    discovery.check_invariants()


def test_two_looks_at_this_host_agree() -> None:
    scanner = HostScanner(BUS_NAMES)
    assert recognise(scanner.scan().nodes) == recognise(scanner.scan().nodes)


def test_udev_and_plain_sysfs_list_the_same_paths() -> None:
    pytest.importorskip('pyudev')
    from pathlib import Path
    plain = SysfsTree(Path('/sys'))
    through_udev = HostScanner(BUS_NAMES)._source
    for subsystem in ('pci', 'tty', 'net'):
        assert {n.sysfs_path for n in plain.nodes(subsystem, ())} == {
            n.sysfs_path for n in through_udev.nodes(subsystem, ())}


def test_following_hotplug_either_works_or_says_why_not() -> None:
    scanner = HostScanner(BUS_NAMES)
    before = len(scanner.notices)
    assert scanner.follow() is not None or len(scanner.notices) > before
