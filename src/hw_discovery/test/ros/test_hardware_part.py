# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part in a process with an executor thread, as the robot process runs it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

import robot_process  # noqa: E402
from robot_process import LATCHED  # noqa: E402
from swarm_msgs.msg import (  # noqa: E402
    Capability,
    HardwareDevice,
    HardwareEvent,
    HardwareInventory,
)
from swarm_msgs.srv import ListDevices, Negotiate, Rescan  # noqa: E402

from hw_discovery.buses.host_scan import HostScanner  # noqa: E402
from hw_discovery.config import Config  # noqa: E402
from hw_discovery.ros.part import PART  # noqa: E402

WAIT_S = 10.0


class Robot(robot_process.Robot):
    """As it is, closed twice."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, WAIT_S)

    def close(self) -> None:
        self.part.close()
        super().close()


@pytest.fixture
def start() -> Iterator[Callable[..., Robot]]:
    robots: list[Robot] = []

    def begin(**fields: Any) -> Robot:
        robots.append(Robot(Config(robot_id='r1', **{'probe': False, **fields})))
        return robots[-1]

    yield begin
    for robot in robots:
        robot.close()


def test_the_real_host_is_on_the_latched_topic_for_a_late_subscriber(
    start: Callable[..., Robot],
) -> None:
    robot = start()
    robot.call(Rescan, 'rescan')
    seen = robot.collect(HardwareInventory, 'hardware/inventory', LATCHED)
    robot.wait_for(lambda: bool(seen))
    inventory = seen[-1]
    assert inventory.robot_id == 'r1'
    assert inventory.cpu_cores >= 1 and inventory.memory_bytes > 0
    unit = inventory.compute_units[0]
    assert (unit.unit_id, unit.device_id) == ('cpu0', 'platform:cpu')
    cpu = next(d for d in inventory.devices if d.device_id == unit.device_id)
    assert [(c.name, c.amount, c.unit) for c in cpu.capabilities] == [
        ('compute:cpu', float(inventory.cpu_cores), 'count')]
    assert inventory.revision >= len(inventory.devices) >= 2


def test_a_rescan_finds_a_new_device_and_answers_with_the_counts(
    start: Callable[..., Robot], fake_sysfs: Any,
) -> None:
    robot = start(sysfs_root=str(fake_sysfs.root))
    before = robot.call(Rescan, 'rescan')
    events = robot.collect(HardwareEvent, 'hardware/events', 50)
    inventories = robot.collect(HardwareInventory, 'hardware/inventory', LATCHED)
    robot.wait_for(lambda: bool(inventories))
    fake_sysfs.add_usb_serial()
    answer = robot.call(Rescan, 'rescan')
    assert (answer.appeared, answer.vanished) == (2, 0)
    assert answer.revision == before.revision + 2
    assert any('hot-plug is not followed' in text for text in answer.notices)
    robot.wait_for(lambda: len(events) >= 2)
    assert [(e.kind, e.cause) for e in events] == [(HardwareEvent.KIND_APPEARED, 'rescan')] * 2
    assert events[1].device.parent_id == events[0].device.device_id
    robot.wait_for(lambda: inventories[-1].revision == answer.revision)


def test_devices_are_listed_by_bus_and_capability(
    start: Callable[..., Robot], fake_sysfs: Any,
) -> None:
    fake_sysfs.add_usb_serial()
    robot = start(sysfs_root=str(fake_sysfs.root))
    robot.call(Rescan, 'rescan')
    by_bus = robot.call(ListDevices, 'list_devices',
        buses=[HardwareDevice.BUS_SERIAL])
    assert [d.device_path for d in by_bus.devices] == ['/dev/ttyUSB0']
    none = robot.call(ListDevices, 'list_devices',
        capability='sensor:camera')
    assert none.devices == []
    assert any('hot-plug is not followed' in text for text in none.notices)


def test_a_bus_number_that_is_unknown_lists_nothing_and_is_said(
    start: Callable[..., Robot], fake_sysfs: Any,
) -> None:
    fake_sysfs.add_usb_serial()
    robot = start(sysfs_root=str(fake_sysfs.root))
    before = robot.call(Rescan, 'rescan')
    listed = robot.call(ListDevices, 'list_devices', buses=[250])
    assert listed.devices == [] and '250' in listed.notices[0]
    again = robot.call(Rescan, 'rescan', buses=[250])
    assert again.revision == before.revision and '250' in again.notices[0]


def test_a_rescan_of_one_bus_leaves_the_devices_of_others(
    start: Callable[..., Robot], fake_sysfs: Any,
) -> None:
    robot = start(sysfs_root=str(fake_sysfs.root), buses=('usb', 'serial', 'network'))
    robot.call(Rescan, 'rescan')
    fake_sysfs.add_usb_serial()
    fake_sysfs.add('/devices/platform/eth/net/eth0', 'net', attributes={'type': '1'})
    answer = robot.call(Rescan, 'rescan',
        buses=[HardwareDevice.BUS_SERIAL, HardwareDevice.BUS_I2C])
    assert (answer.appeared, answer.vanished) == (2, 0), 'the port and what it hangs on'
    assert 'i2c' in answer.notices[0]
    rest = robot.call(Rescan, 'rescan', buses=[HardwareDevice.BUS_NETWORK])
    assert (rest.appeared, rest.vanished) == (1, 0)


def test_needs_are_matched_with_a_sentence_for_every_miss(start: Callable[..., Robot]) -> None:
    robot = start()
    robot.call(Rescan, 'rescan')
    answer = robot.call(Negotiate, 'negotiate', requirements=[
        Capability(name='compute:cpu', amount=1.0, unit='count'),
        Capability(name='sensor:tricorder', amount=1.0)])
    assert not answer.satisfied
    assert [d.device_id for d in answer.chosen] == ['platform:cpu']
    assert answer.misses == ['sensor:tricorder: no device offers it']
    listed = robot.call(ListDevices, 'list_devices')
    assert answer.notices == listed.notices


def test_a_scan_that_blocks_keeps_no_client_waiting_and_no_other_service(
    start: Callable[..., Robot], monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    real = HostScanner.scan

    def blocking(scanner: HostScanner, kinds: Any = frozenset()) -> Any:
        gate.wait(WAIT_S)
        return real(scanner, kinds)

    monkeypatch.setattr(HostScanner, 'scan', blocking)
    robot = start(rescan_answer_ms=3000)
    try:
        client = robot.client_node.create_client(Rescan, '/r1/rescan')
        assert client.wait_for_service(WAIT_S)
        rescan = client.call_async(Rescan.Request())
        listed = robot.call(ListDevices, 'list_devices')
        assert listed.notices == ['the first scan has not ended yet']
        assert not rescan.done()
        answer = robot.call(Rescan, 'rescan')
        assert answer.notices == ['the scan goes on; its findings will be published']
    finally:
        gate.set()


def test_a_part_that_is_closed_at_once_ends_its_thread(
    start: Callable[..., Robot], tmp_path: Path,
) -> None:
    others = set(threading.enumerate())  # those of a scan that was left behind, on a busy machine
    robot = start(proc_root=str(tmp_path))
    begun = [one for one in threading.enumerate() if one not in others]
    assert 'hw_discovery' in {one.name for one in begun}
    robot.part.close()
    assert not [one for one in begun if one.name == 'hw_discovery' and one.is_alive()]


def test_the_part_keeps_the_composition_contract() -> None:
    assert (PART.node_name, PART.config_type) == ('hw_discovery', Config)
    assert PART.config_type().robot_id == '' and PART.config_type().swarm_id == 'swarm'
