# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A bridge that QEMU plugs and unplugs 20 times: each is told once, and how soon."""

import contextlib
import socket
import statistics
import threading
import time

import pyudev  # type: ignore[import-untyped]
from vm.machine import Machine
from vm.robot import Robot, Told

from hw_discovery.core.device import BusKind, HardwareDevice
from hw_discovery.core.inventory import ChangeKind

PLUGS = 20
APPEAR_MS_MAX = 10_000.0    # emulated, on a host that may be busy; a robot needs under 100
_NETLINK_KOBJECT_UEVENT = 15
_MS = 1e6


class Moments:
    """When the kernel said what, and when udev had worked on it and said it to programs."""

    def __init__(self) -> None:
        self.kernel: list[tuple[int, str, str]] = []
        self.udev: list[tuple[int, str, str]] = []
        monitor = pyudev.Monitor.from_netlink(pyudev.Context())
        monitor.filter_by('tty')
        self._observer = pyudev.MonitorObserver(monitor, callback=lambda device: self.udev.append(
            (time.monotonic_ns(), device.action, device.device_path)))
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_KOBJECT_UEVENT)
        self._socket.bind((0, 1))
        self._socket.settimeout(0.2)
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._observer.start()

    def _run(self) -> None:
        while not self._is_closing:
            with contextlib.suppress(TimeoutError):
                head = self._socket.recv(8192).split(b'\0', 1)[0].decode(errors='replace')
                action, _, path = head.partition('@')
                self.kernel.append((time.monotonic_ns(), action, path))

    def close(self) -> None:
        """Stop listening."""
        self._is_closing = True
        self._thread.join()
        self._observer.stop()
        self._socket.close()


def last(moments: list[tuple[int, str, str]], action: str) -> int:
    """Return when the port last came or went."""
    return [at for at, what, path in list(moments)
            if what == action and path.endswith('/tty/ttyUSB0')][-1]


def is_port(device: HardwareDevice) -> bool:
    """Tell whether it is the bridge's port."""
    return device.bus is BusKind.SERIAL and 'ttyUSB' in device.device_path


def test_twenty_plugs_are_twenty_appearances_and_twenty_vanishings_each_told_once(
    machine: Machine,
) -> None:
    moments = Moments()
    spans: dict[str, list[float]] = {key: [] for key in (
        'appear_ms', 'appear_after_udev_ms', 'vanish_ms', 'vanish_after_udev_ms')}

    def note(name: str, action: str, told: Told) -> None:
        spans[f'{name}_ms'].append((told.at_ns - last(moments.kernel, action)) / _MS)
        spans[f'{name}_after_udev_ms'].append((told.at_ns - last(moments.udev, action)) / _MS)

    try:
        with Robot(probe=False) as robot:
            for _ in range(PLUGS):
                before = len(robot.heard.changes)
                machine.plug('bridge', serial='TWENTY')
                port = robot.until_present(is_port, 'the port')
                note('appear', 'add', next(
                    t for t in robot.heard.changes[before:] if is_port(t.device)))
                machine.unplug('bridge')
                robot.until_gone(port.device_id)
                note('vanish', 'remove', next(
                    t for t in robot.heard.changes[before:] if is_port(t.device)
                    and t.kind is ChangeKind.VANISHED))
            kinds = [t.kind for t in robot.heard.changes if is_port(t.device)]
            generations = [t.device.generation for t in robot.heard.changes
                           if is_port(t.device) and t.kind is not ChangeKind.VANISHED]
    finally:
        moments.close()
    machine.figures.update({
        name: f'{statistics.median(values):.0f} (max {max(values):.0f})'
        for name, values in spans.items()})
    came = [kind for kind in kinds if kind in (ChangeKind.APPEARED, ChangeKind.RETURNED)]
    story = [f'{t.kind.value} {t.device.device_id} generation {t.device.generation}'
             for t in robot.heard.changes if is_port(t.device)]
    assert came == [ChangeKind.APPEARED] + [ChangeKind.RETURNED] * (PLUGS - 1), story
    assert kinds.count(ChangeKind.VANISHED) == PLUGS
    assert sorted(set(generations)) == list(range(1, PLUGS + 1))
    assert max(*spans['appear_ms'], *spans['vanish_ms']) < APPEAR_MS_MAX


def test_twins_without_serial_numbers_are_two_devices(machine: Machine) -> None:
    with Robot(probe=False) as robot, machine.bridge('one'), machine.bridge('two', 'line1'):
        robot.until(lambda heard: sum(d.is_present and is_port(d)
                                      for d in heard.snapshot.devices) == 2, 'two ports')
        first, second = robot.present(is_port)
        assert first.device_id != second.device_id
        assert {first.device_path, second.device_path} == {'/dev/ttyUSB0', '/dev/ttyUSB1'}
