# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Lists devices and follows hot-plug through libudev. Decides nothing about what it hears."""

import errno
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyudev  # type: ignore[import-untyped]

from hw_discovery.buses.bus import BusUnreadable
from hw_discovery.buses.sysfs import NODES_MAX, PROPERTIES_MAX, SysfsTree, printable
from hw_discovery.core.discovery import UeventSeen, UeventsLost
from hw_discovery.core.kernel_node import KernelNode

UEVENTS_MAX = 1024           # per wake; the rest waits in the socket until the next turn
_UDEV_RUNS = Path('/run/udev/control')


def udev_is_running() -> bool:
    """Tell whether a udev daemon answers on this host."""
    return _UDEV_RUNS.exists()


class UdevTree:
    """Nodes as udev knows them: sysfs, and the udev database where there is one."""

    def __init__(self, context: pyudev.Context, sysfs: SysfsTree) -> None:
        self._context = context
        self._sysfs = sysfs

    def nodes(self, subsystem: str, attributes: Sequence[str]) -> list[KernelNode]:
        """Return the nodes of a subsystem, or raise BusUnreadable."""
        found: list[KernelNode] = []
        try:
            for device in self._context.list_devices(subsystem=subsystem):
                if len(found) >= NODES_MAX:
                    raise BusUnreadable(subsystem, f'more than {NODES_MAX} entries')
                found.append(self._node(subsystem, device, attributes))
        except OSError as error:
            raise BusUnreadable(subsystem, error.strerror or str(error)) from error
        return found

    def _node(
        self, subsystem: str, device: pyudev.Device, attributes: Sequence[str],
    ) -> KernelNode:
        known = sorted(device.properties.items())[:PROPERTIES_MAX]
        return KernelNode(
            subsystem=subsystem, sysfs_path=device.device_path,
            device_path=device.device_node or '', driver=device.driver or '',
            properties={key: printable(value) for key, value in known},
            attributes=self._sysfs.attributes(Path(device.sys_path), attributes),
            source='udev' if device.is_initialized else 'sysfs')


class UeventMonitor:
    """Kernel events of some subsystems. A socket: wait for fileno, then drain."""

    def __init__(
        self, context: pyudev.Context, subsystems: Iterable[str], source: str,
    ) -> None:
        """Open the socket, or raise OSError. source: 'udev', or 'kernel' where no udev runs."""
        self._monitor = pyudev.Monitor.from_netlink(context, source=source)
        for subsystem in subsystems:
            self._monitor.filter_by(subsystem)
        self._monitor.start()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there are events."""
        return int(self._monitor.fileno())

    def drain(self) -> list[UeventSeen | UeventsLost]:
        """Return what is there without waiting."""
        seen: list[UeventSeen | UeventsLost] = []
        for _ in range(UEVENTS_MAX):
            try:
                device = self._monitor.poll(0)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                seen.append(UeventsLost())
                continue
            if device is None:
                break
            seen.append(UeventSeen(device.action or '', device.device_path))
        return seen
