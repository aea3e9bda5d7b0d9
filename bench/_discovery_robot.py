# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part hw_discovery of one robot with a listener beside it, on a host made of files.

Owns the pretended sysfs and the pipe that stands for the kernel's socket.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hw_discovery.config import Config
from hw_discovery.core.discovery import UeventSeen

USB = 'devices/pci0000:00/0000:00:14.0/usb1'
WAIT_S = 20.0


class PipedEvents:
    """A source of kernel events that a measurement writes into."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self._events: deque[UeventSeen] = deque()

    def fileno(self) -> int:
        return self._read

    def put(self, action: str, path: str) -> None:
        self._events.append(UeventSeen(action, path))
        os.write(self._write, b'.')

    def drain(self) -> list[UeventSeen]:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
        found = []
        while self._events:
            found.append(self._events.popleft())
        return found


class Sysfs:
    """USB devices as files; `others` are there all the time, as on a real robot."""

    def __init__(self, root: Path, others: int = 24) -> None:
        self.root = root
        (root / 'bus/usb/devices').mkdir(parents=True)
        (root / 'devices').mkdir()
        for number in range(others):
            self.plug(f'2-{number + 1}', '1d6b', '0104', f'S{number:04d}', number + 10)

    def plug(
        self, port: str, vendor: str, product: str, serial: str, devnum: int,
        names: tuple[str, str] = ('Example', 'Gadget'),
    ) -> str:
        """Create a device of one interface and return its path as the kernel says it."""
        path = f'{USB}/{port}'
        self._node(path, {'DEVTYPE': 'usb_device'}, {
            'idVendor': vendor, 'idProduct': product, 'manufacturer': names[0],
            'product': names[1], 'serial': serial, 'busnum': '1', 'devnum': str(devnum),
            'bDeviceClass': '00'})
        self._node(f'{path}/{port}:1.0', {'DEVTYPE': 'usb_interface'}, {
            'bInterfaceNumber': '00', 'bInterfaceClass': 'ff'})
        return f'/{path}'

    def unplug(self, port: str) -> str:
        for name in (f'{port}:1.0', port):
            (self.root / 'bus/usb/devices' / name).unlink()
        shutil.rmtree(self.root / USB / port)
        return f'/{USB}/{port}'

    def _node(self, path: str, uevent: dict[str, str], attributes: dict[str, str]) -> None:
        here = self.root / path
        here.mkdir(parents=True)
        (here / 'uevent').write_text(''.join(f'{k}={v}\n' for k, v in uevent.items()))
        for name, text in attributes.items():
            (here / name).write_text(f'{text}\n')
        (self.root / 'bus/usb/devices' / here.name).symlink_to(here)


class Robot:
    """The part on an executor thread; `last` is the newest inventory, with `stamps` of arrival."""

    def __init__(self, config: Config, events: PipedEvents | None = None) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node
        from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
        from swarm_msgs.msg import HardwareInventory

        from hw_discovery.buses.host_scan import HostScanner
        from hw_discovery.ros.part import PART
        if events is not None:
            HostScanner.follow = lambda scanner, source='': events  # type: ignore[method-assign]
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._nodes = [Node(PART.node_name, namespace='/bench', context=self._context),
                       Node('listener', context=self._context)]
        self._executor = SingleThreadedExecutor(context=self._context)
        for node in self._nodes:
            self._executor.add_node(node)
        self.last: Any = None
        self._news = threading.Condition()
        latched = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE,
                             durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._nodes[1].create_subscription(
            HardwareInventory, '/bench/hardware/inventory', self._hear, latched)
        self.part = PART.create(self._nodes[0], config)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def _hear(self, message: Any) -> None:
        with self._news:
            self.last = message
            self._news.notify_all()

    def wait_for(self, condition: Callable[[Any], bool]) -> float:
        """Return when an inventory came that fits, in monotonic seconds."""
        with self._news:
            if not self._news.wait_for(
                    lambda: self.last is not None and condition(self.last), WAIT_S):
                raise TimeoutError(f'no such inventory within {WAIT_S:.0f} s')
            return time.monotonic()

    def close(self) -> None:
        self.part.close()
        self._executor.shutdown(5.0)
        self._thread.join(5.0)
        for node in self._nodes:
            node.destroy_node()
        self._context.try_shutdown()


@contextlib.contextmanager
def running(config: Config, events: PipedEvents | None = None) -> Iterator[Robot]:
    robot = Robot(config, events)
    try:
        yield robot
    finally:
        robot.close()
