# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""USB devices that umockdev pretends: what is seen at once, and what follows plug and unplug.

Not collected by name: every misuse of umockdev aborts the process, so test_umockdev.py starts
this file in a process of its own, under libumockdev-preload and with a Python that has gi.
"""

import gc
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gi
import pytest

gi.require_version('UMockdev', '1.0')
from gi.repository import UMockdev  # noqa: E402

from hw_discovery.buses.host_scan import HostScanner  # noqa: E402
from hw_discovery.buses.sysfs import SysfsTree  # noqa: E402
from hw_discovery.buses.worker import DiscoveryWorker  # noqa: E402
from hw_discovery.core.device import (  # noqa: E402
    Capability,
    DevicePhase,
    HardwareDevice,
    Verdict,
)
from hw_discovery.core.discovery import (  # noqa: E402
    Discovery,
    Effect,
    TellChange,
    TellInventory,
)
from hw_discovery.core.inventory import ChangeKind, Snapshot  # noqa: E402
from hw_discovery.core.recognition import recognise  # noqa: E402

WAIT_S = 5.0
CONTROLLER = '/devices/pci0000:00/0000:00:14.0/usb1'
LIDAR = f'{CONTROLLER}/1-2'
BUSES = ('usb', 'serial', 'video', 'input', 'pci', 'network', 'iio')


def usb_device(path: str, ids: str, devnum: int, product: str, serial: str = '') -> str:
    vendor, _, number = ids.partition(':')
    text = (f'P: {path}\nN: bus/usb/001/{devnum:03d}\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\n'
            f'E: DEVNAME=/dev/bus/usb/001/{devnum:03d}\nA: idVendor={vendor}\\n\n'
            f'A: idProduct={number}\\n\nA: product={product}\\n\nA: busnum=1\\n\n'
            f'A: devnum={devnum}\\n\nA: bNumInterfaces= 1\\n\n')
    return text + (f'A: serial={serial}\\n\n' if serial else '') + '\n'


def interface(path: str, class_: str, driver: str) -> str:
    return (f'P: {path}\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\nE: DRIVER={driver}\n'
            f'A: bInterfaceNumber=00\\n\nA: bInterfaceClass={class_}\\n\n'
            f'L: driver=../../../../../bus/usb/drivers/{driver}\n\n')


def usb_serial(
    path: str = LIDAR, ids: str = '10c4:ea60', devnum: int = 5, serial: str = 'LIDAR17',
    tty: str = 'ttyUSB0',
) -> list[str]:
    """Return the records of a bridge, parents first."""
    at = f'{path}/{path.rpartition("/")[2]}:1.0'
    minor = tty[len('ttyUSB'):]
    return [
        usb_device(path, ids, devnum, 'CP2102', serial), interface(at, 'ff', 'cp210x'),
        f'P: {at}/{tty}\nE: SUBSYSTEM=usb-serial\n\n',
        # The content after '=' makes it a plain file: a pty of the library could not be
        # plugged again under the same name.
        f'P: {at}/{tty}/tty/{tty}\nN: {tty}=00\nE: DEVNAME=/dev/{tty}\nE: SUBSYSTEM=tty\n'
        f'E: MAJOR=188\nE: MINOR={minor}\nA: dev=188:{minor}\\n\nL: device=../../../{tty}\n\n']


def camera(path: str = f'{CONTROLLER}/1-4') -> list[str]:
    at = f'{path}/{path.rpartition("/")[2]}:1.0'
    return [
        usb_device(path, '32e4:9230', 9, 'HD Camera'), interface(at, '0e', 'uvcvideo'),
        *[f'P: {at}/video4linux/video{n}\nN: video{n}=00\nE: DEVNAME=/dev/video{n}\n'
          f'E: SUBSYSTEM=video4linux\nE: MAJOR=81\nE: MINOR={n}\nA: name=HD Camera\\n\n'
          f'A: index={n}\\n\n\n' for n in (0, 1)]]


@pytest.fixture
def testbed() -> Iterator[Any]:
    made = UMockdev.Testbed.new()
    yield made
    made.clear()
    made.disable()
    del made
    gc.collect()


class Follower:
    """A worker on the testbed, and what it told so far."""

    def __init__(self) -> None:
        scanner = HostScanner(BUSES)
        # umockdev speaks udev's protocol whether or not a daemon runs on this host.
        uevents = scanner.follow(source='udev')
        assert uevents is not None, scanner.notices
        self._effects: queue.Queue[Effect] = queue.Queue()
        self._discovery = Discovery(50_000_000, 500_000_000, 16)
        self.worker = DiscoveryWorker(
            self._discovery, scanner.scan, uevents, self._effects.put)
        self.worker.start()

    def until_told(self) -> tuple[list[tuple[ChangeKind, HardwareDevice]], Snapshot]:
        """Return the changes up to the next inventory, and that."""
        changes = []
        while True:
            effect = self._effects.get(timeout=WAIT_S)
            if isinstance(effect, TellChange):
                changes.append((effect.change.kind, effect.change.device))
            elif isinstance(effect, TellInventory):
                return changes, effect.snapshot

    def until_present(self, count: int) -> list[tuple[ChangeKind, HardwareDevice]]:
        """Return the changes until so many devices are present: a slow testbed takes longer to
        send the events than the debounce waits."""
        changes, snapshot = self.until_told()
        while sum(device.is_present for device in snapshot.devices) != count:
            more, snapshot = self.until_told()
            changes += more
        return changes

    def close(self) -> None:
        assert self.worker.close(WAIT_S)
        self._discovery.check_invariants()


@pytest.fixture
def follow() -> Iterator[Callable[[], Follower]]:
    made: list[Follower] = []

    def start() -> Follower:
        made.append(Follower())
        return made[-1]

    yield start
    for follower in made:
        follower.close()


def plug(testbed: Any, records: list[str]) -> None:
    for record in records:
        assert testbed.add_from_string(record)


def unplug(testbed: Any, records: list[str]) -> None:
    for record in reversed(records):
        path = record.splitlines()[0].removeprefix('P: ')
        testbed.uevent(f'/sys{path}', 'remove')
        testbed.remove_device(f'/sys{path}')


def test_a_bridge_and_its_port_are_seen_and_stay_ambiguous(testbed: Any) -> None:
    plug(testbed, usb_serial())
    device, port = recognise(HostScanner(BUSES).scan().nodes)
    assert (device.strong_id, device.verdict) == ('usb:10c4:ea60:LIDAR17', Verdict.AMBIGUOUS)
    assert (port.device_path, port.verdict) == ('/dev/ttyUSB0', Verdict.AMBIGUOUS)
    assert device.driver == 'cp210x'


def test_plain_sysfs_sees_the_same_devices_as_udev(testbed: Any) -> None:
    plug(testbed, usb_serial() + camera())
    through_udev = HostScanner(BUSES)
    plain = HostScanner(BUSES)
    plain._source = plain._sysfs
    assert isinstance(plain._sysfs, SysfsTree)
    seen = [(f.sysfs_path, f.device_path, f.verdict) for f in recognise(plain.scan().nodes)]
    assert seen == [(f.sysfs_path, f.device_path, f.verdict)
                    for f in recognise(through_udev.scan().nodes)]
    assert len(seen) == 5


def test_a_composite_camera_has_one_camera_and_one_doubtful_node(testbed: Any) -> None:
    plug(testbed, camera())
    _, first, second = recognise(HostScanner(BUSES).scan().nodes)
    assert first.capabilities == (Capability('sensor:camera'),)
    assert (second.verdict, second.capabilities) == (Verdict.AMBIGUOUS, ())


def test_plugging_tells_the_device_before_its_port(
    testbed: Any, follow: Callable[[], Follower],
) -> None:
    follower = follow()
    assert follower.until_told()[0] == []
    plug(testbed, usb_serial())
    changes, snapshot = follower.until_told()
    assert [kind for kind, _ in changes] == [ChangeKind.APPEARED] * 2
    assert changes[1][1].parent_id == changes[0][1].device_id
    assert snapshot.revision == 2


def test_unplug_and_replug_in_another_port_is_the_same_device_again(
    testbed: Any, follow: Callable[[], Follower],
) -> None:
    plug(testbed, usb_serial())
    follower = follow()
    follower.until_told()
    unplug(testbed, usb_serial())
    gone, snapshot = follower.until_told()
    assert [kind for kind, _ in gone] == [ChangeKind.VANISHED] * 2
    assert {d.phase for d in snapshot.devices} == {DevicePhase.LOST}
    plug(testbed, usb_serial(f'{CONTROLLER}/1-3', devnum=6, tty='ttyUSB1'))
    back, snapshot = follower.until_told()
    assert [(kind, d.generation) for kind, d in back] == [(ChangeKind.RETURNED, 2)] * 2
    assert back[1][1].device_path == '/dev/ttyUSB1'
    assert len(snapshot.devices) == 2


def test_a_replug_faster_than_the_debounce_is_a_new_generation(
    testbed: Any, follow: Callable[[], Follower],
) -> None:
    plug(testbed, usb_serial())
    follower = follow()
    follower.until_told()
    unplug(testbed, usb_serial())
    plug(testbed, usb_serial())
    generations: dict[str, int] = {}
    while set(generations.values()) != {2}:
        _, snapshot = follower.until_told()
        generations = {d.device_id: d.generation for d in snapshot.devices}
    assert all(device.is_present for device in snapshot.devices)


HOTPLUGS = 100


def test_a_hundred_plugs_are_each_told_once_and_leave_nothing_open(
    testbed: Any, follow: Callable[[], Follower],
) -> None:
    follower = follow()
    follower.until_told()
    latencies_s = []
    told: list[tuple[ChangeKind, str, int]] = []
    for number in range(1, HOTPLUGS + 1):
        records = usb_serial(devnum=number % 100 + 2)
        begun = time.monotonic()
        plug(testbed, records)
        came = follower.until_present(2)
        latencies_s.append(time.monotonic() - begun)
        unplug(testbed, records)
        went = follower.until_present(0)
        # Who was told before its interface had come is told to have changed by it.
        told += [(kind, device.device_id, device.generation) for kind, device in came + went
                 if kind is not ChangeKind.CHANGED]
        if number == 1:
            descriptors, threads = len(os.listdir('/proc/self/fd')), threading.active_count()
    for device_id in sorted({device_id for _, device_id, _ in told}):
        events = [(kind, generation) for kind, of, generation in told if of == device_id]
        assert events == [
            (kind, number) for number in range(1, HOTPLUGS + 1)
            for kind in (ChangeKind.APPEARED if number == 1 else ChangeKind.RETURNED,
                         ChangeKind.VANISHED)]
    assert len(told) == 4 * HOTPLUGS
    assert len(os.listdir('/proc/self/fd')) <= descriptors
    assert threading.active_count() == threads
    latencies_s.sort()
    print(f'plug to inventory with 50 ms of debounce: median {latencies_s[50] * 1e3:.0f} ms, '
          f'99th of 100 {latencies_s[98] * 1e3:.0f} ms')


def test_pyudev_and_pyserial_see_the_port_as_the_inventory_does(testbed: Any) -> None:
    serial_ports = pytest.importorskip('serial.tools.list_ports')
    plug(testbed, usb_serial())
    (listed,) = [p for p in serial_ports.comports() if p.device == '/dev/ttyUSB0']
    device, port = recognise(HostScanner(BUSES).scan().nodes)
    assert (f'{listed.vid:04x}', f'{listed.pid:04x}', listed.serial_number) == (
        device.vendor_id, device.product_id, device.serial)
    assert port.device_path == listed.device


def test_twins_without_serial_numbers_are_two_devices(testbed: Any) -> None:
    plug(testbed, usb_serial(ids='1a86:7523', serial='')
         + usb_serial(f'{CONTROLLER}/1-3', '1a86:7523', 6, '', 'ttyUSB1'))
    ids = {f.port_id for f in recognise(HostScanner(BUSES).scan().nodes) if f.vendor_id}
    assert ids == {'usb:1a86:7523@0000:00:14.0-2', 'usb:1a86:7523@0000:00:14.0-3'}
