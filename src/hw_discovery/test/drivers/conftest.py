# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A real pty with a device behind it, and a robot process with real publishers."""

import os
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hw_discovery.core.device import BusKind, DevicePhase, HardwareDevice, Verdict

WAIT_S = 15.0


def device(device_id: str = 'serial:gps17', **fields: Any) -> HardwareDevice:
    """Return an identified device."""
    values: dict[str, Any] = {
        'bus': BusKind.SERIAL, 'phase': DevicePhase.IDENTIFIED, 'generation': 1,
        'verdict': Verdict.IDENTIFIED, 'confidence': 0.99, 'name': 'thing'}
    return HardwareDevice(device_id=device_id, **{**values, **fields})


class FakePort:
    """A pty whose other end is a plugged device; `path` stays the same over a replug."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))

    def say(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._master, data):]

    def hear(self, size: int = 4096) -> bytes:
        return os.read(self._master, size)

    @property
    def master(self) -> int:
        return self._master

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        for end in (self._slave, self._master):
            if end >= 0:
                os.close(end)
        self._master = self._slave = -1


@pytest.fixture
def port(tmp_path: Path) -> Iterator[FakePort]:
    """Return a plugged port."""
    made = FakePort(tmp_path / 'ttyFAKE')
    yield made
    made.unplug()


class Robot:
    """One executor thread that spins the drivers' node and the test's own."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node('hw_discovery', namespace='/r1', context=self.context)
        self.asker = Node('asker', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.executor.add_node(self.asker)
        self.news = threading.Condition()
        self.faults: list[tuple[str, str]] = []
        self.recovered: list[str] = []
        self.claims: list[frozenset[str]] = []
        self.host: Any = None
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)
        self._thread.start()

    def make_host(self, **fields: Any) -> Any:
        from hw_discovery.drivers.host import DriverHost
        from hw_discovery.drivers.manager import RestartTiming
        fields.setdefault('timing', RestartTiming(first_wait_ns=50_000_000))
        self.do(lambda: setattr(self, 'host', DriverHost(
            self.node, 'r1', on_fault=lambda *told: self._note(self.faults, told),
            on_recovered=lambda told: self._note(self.recovered, told),
            on_claims=lambda told: self._note(self.claims, told), **fields)))
        return self.host

    def _note(self, where: list[Any], what: Any) -> None:
        with self.news:
            where.append(what)
            self.news.notify_all()

    def do(self, call: Callable[[], Any]) -> None:
        """Run on the executor's thread and wait for it."""
        assert self.executor.create_task(call) is not None
        done = threading.Event()
        self.executor.create_task(done.set)
        assert done.wait(WAIT_S), 'the executor is blocked'

    def update(self, *drivable: Any) -> None:
        self.do(lambda: self.host.update(drivable))

    def listen(self, kind: Any, topic: str) -> list[Any]:
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        seen: list[Any] = []
        self.asker.create_subscription(
            kind, topic, lambda msg: self._note(seen, msg),
            QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT))
        return seen

    def wait_for(self, condition: Callable[[], bool], what: str = '') -> None:
        with self.news:
            assert self.news.wait_for(condition, WAIT_S), (what, self.faults)

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.asker.create_client(kind, name)
        assert client.wait_for_service(WAIT_S), name
        done = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        assert done.wait(WAIT_S), f'{name} did not answer'
        return future.result()

    def close(self) -> None:
        if self.host is not None:
            self.do(self.host.close)
        self.executor.shutdown(WAIT_S)
        self._thread.join(WAIT_S)
        self.node.destroy_node()
        self.asker.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def robot() -> Iterator[Robot]:
    """Return a robot process."""
    pytest.importorskip('rclpy', reason='needs ROS 2')
    made = Robot()
    yield made
    made.close()


@pytest.fixture
def make_device() -> Callable[..., HardwareDevice]:
    """Return the builder of devices."""
    return device
