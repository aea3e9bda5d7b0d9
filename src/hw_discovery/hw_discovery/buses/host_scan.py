# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One passive look at everything, and how hot-plug is followed. Says what it could not see."""

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from hw_discovery.buses.announced import AnnouncedDevices
from hw_discovery.buses.bus import Bus, BusUnreadable, NodeSource
from hw_discovery.buses.camera_formats import CameraFormats
from hw_discovery.buses.can import with_can_facts
from hw_discovery.buses.declared_ports import DeclaredPorts
from hw_discovery.buses.i2c import I2C
from hw_discovery.buses.iio import IIO, with_channels
from hw_discovery.buses.input_device import INPUT
from hw_discovery.buses.network import NETWORK
from hw_discovery.buses.pci import PCI
from hw_discovery.buses.platform import host_facts
from hw_discovery.buses.serial import SERIAL
from hw_discovery.buses.spi import SPI
from hw_discovery.buses.sysfs import SysfsTree
from hw_discovery.buses.usb import USB
from hw_discovery.buses.video import VIDEO
from hw_discovery.buses.worker import UeventSource
from hw_discovery.core.device import BusKind
from hw_discovery.core.host import HostFacts
from hw_discovery.core.kernel_node import KernelNode, ancestor_paths
from hw_discovery.core.scan import BlindSpot, Scan

BUSES = (USB, SERIAL, VIDEO, I2C, SPI, INPUT, NETWORK, PCI, IIO)
# These hang on no other bus here. Every other device may hang on one of these, or on a chip on
# I2C or SPI, and takes its id and a part of its name from there.
_ROOTS = (USB, PCI)
# A USB device or its interface; I2C clients look alike but have leading zeros (1-0068).
_USB_NODE = re.compile(r'/\d+-[1-9]\d*(\.\d+)*(:\d+\.\d+)?$')
_HOLDERS = (USB, PCI, I2C, SPI)


class HostScanner:
    """Looks at the host through udev where it can, and through sysfs alone where it cannot."""

    def __init__(
        self, buses: Sequence[str], sysfs_root: Path = Path('/sys'),
        proc_root: Path = Path('/proc'), declared: DeclaredPorts | None = None,
        cameras: CameraFormats | None = None, announced: AnnouncedDevices | None = None,
    ) -> None:
        """declared: serial ports that udev does not list. cameras: asks video nodes; None =
        they are not opened. announced: devices on the network."""
        self._announced = announced
        self._declared = declared
        self._cameras = cameras
        self._buses = [bus for bus in BUSES if bus.name in buses]
        self._with_platform = 'platform' in buses
        self._sysfs_root, self._proc_root = sysfs_root, proc_root
        self._sysfs = SysfsTree(sysfs_root)
        self.notices: list[str] = []
        self._source = self._best_source()

    @property
    def kinds(self) -> frozenset[BusKind]:
        """Return the buses that this scanner was told to look at."""
        found = {kind for bus in self._buses for kind in bus.kinds}
        return frozenset(found | {BusKind.PLATFORM} if self._with_platform else found)

    def scan(self, kinds: frozenset[BusKind] = frozenset()) -> Scan:
        """Return what is there now. A bus that cannot be listed is blind, not empty.

        kinds: look only at these, and at what their devices may hang on; empty = all.
        """
        host = self._host() if not kinds or BusKind.PLATFORM in kinds else HostFacts()
        if not self._sysfs.is_mounted:
            spot = BlindSpot(frozenset(kind for bus in self._buses for kind in bus.kinds),
                             f'{self._sysfs_root} is not mounted: no device can be seen')
            return Scan((), host, (spot,))
        nodes: list[KernelNode] = []
        blind = []
        for bus in self._planned(kinds):
            try:
                nodes += bus.look(self._source)
            except BusUnreadable as error:
                blind.append(BlindSpot(frozenset(bus.kinds), f'{bus.name}: {error}'))
        nodes += self._holders_come_late(nodes)
        nodes = with_channels(nodes, self._sysfs_root)
        if self._declared is not None:
            nodes += self._declared.nodes()
        if self._announced is not None and (not kinds or BusKind.NETWORK in kinds):
            nodes += self._announced.nodes()
        if not self._is_foreign:
            nodes = with_can_facts(nodes)
            if self._cameras is not None:
                nodes = self._cameras.add_to(nodes)
        return Scan(tuple(nodes), host, tuple(blind))

    def _holders_come_late(self, nodes: Sequence[KernelNode]) -> list[KernelNode]:
        """Return USB nodes that came after USB was listed and before what hangs on them was.

        Without them a port would take its id from its place instead of its device.
        """
        listed = {node.sysfs_path for node in nodes if node.subsystem == 'usb'}
        missing = {path for node in nodes for path in ancestor_paths(node.sysfs_path)
                   if _USB_NODE.search(path) and path not in listed}
        if not missing or USB not in self._buses:
            return []
        with contextlib.suppress(BusUnreadable):
            return [node for node in USB.look(self._source) if node.sysfs_path not in listed]
        return []

    def _planned(self, kinds: frozenset[BusKind]) -> list[Bus]:
        if not kinds:
            return self._buses
        asked = [bus for bus in self._buses if kinds.intersection(bus.kinds)]
        with_holders = any(bus not in _ROOTS for bus in asked)
        return [bus for bus in self._buses
                if bus in asked or (with_holders and bus in _HOLDERS)]

    def follow(self, source: str = '') -> UeventSource | None:
        """Return the events to follow, or None with a notice why hot-plug is not seen.

        source: 'udev' or 'kernel'; '' chooses by whether a udev daemon runs.
        """
        if self._is_foreign:
            self.notices.append(
                f'hot-plug is not followed below {self._sysfs_root}: it is not this host')
            return None
        try:
            return self._open_monitor(source)
        except ImportError as error:
            self.notices.append(f'hot-plug is not followed: libudev is missing ({error})')
        except OSError as error:
            self.notices.append(
                f'hot-plug is not followed: no netlink events here ({error.strerror or error})')
        return None

    @property
    def _is_foreign(self) -> bool:
        return self._sysfs_root != Path('/sys')

    def _host(self) -> HostFacts:
        return host_facts(self._sysfs_root, self._proc_root) if self._with_platform \
            else HostFacts()

    def _best_source(self) -> NodeSource:
        if self._is_foreign:
            return self._sysfs
        try:
            # Here and not above: without libudev the import fails, and sysfs still serves.
            import pyudev  # type: ignore[import-untyped]

            from hw_discovery.buses.udev import UdevTree, udev_is_running
            context = pyudev.Context()
        except ImportError as error:
            self.notices.append(f'sysfs is read without udev: libudev is missing ({error})')
            return self._sysfs
        if not udev_is_running():
            self.notices.append(
                'no udev daemon runs here: kinds of cameras and inputs are not known')
        return UdevTree(context, self._sysfs)

    def _open_monitor(self, source: str) -> UeventSource:
        import pyudev

        from hw_discovery.buses.udev import UeventMonitor, udev_is_running
        chosen = source or ('udev' if udev_is_running() else 'kernel')
        return UeventMonitor(pyudev.Context(), _subsystems(self._buses), chosen)


def _subsystems(buses: Sequence[Bus]) -> list[str]:
    return sorted({name for bus in buses for name in bus.subsystems})
