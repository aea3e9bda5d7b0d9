# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot process with a receiver on a pty: identified, published, offered, claimed, unplugged."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('pynmeagps', reason='the driver of GPS receivers needs it')

from fakes.gps import FakeGps  # noqa: E402
from fakes.pty_line import PtyLine  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import NavSatFix  # noqa: E402
from swarm_msgs import msg  # noqa: E402

from swarm_coordinator.ros.topics import latched  # noqa: E402

WAIT_S = 40.0


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[Path, PtyLine]]:
    line = PtyLine(FakeGps(period_ms=100))
    path = tmp_path / 'ttyGPS'
    path.symlink_to(line.path)
    yield path, line
    line.unplug()


def test_a_plugged_receiver_is_a_topic_an_offer_and_a_lease(
    field: Callable[..., Any], swarmctl: Callable[..., subprocess.CompletedProcess[str]],
    receiver: tuple[Path, PtyLine],
) -> None:
    path, line = receiver
    one = field(1, parts=('coordinator', 'hw_discovery'), serial_ports=[str(path)],
                declared_devices=[f'{path}=gps'], buses=['platform', 'serial'])
    robot = one.ready()
    seen: dict[str, Any] = {}
    node = one.client.node
    node.create_subscription(
        msg.HardwareInventory, f'/{robot}/hardware/inventory',
        lambda m: seen.update(inventory=m), latched())
    node.create_subscription(
        msg.LocalState, f'/{robot}/local_state', lambda m: seen.update(local=m), latched())

    def gps(phase: int) -> Any:
        devices = seen['inventory'].devices if 'inventory' in seen else ()
        return next((d for d in devices if d.kind == 'gps' and d.phase == phase), None)

    claimed = msg.HardwareDevice.PHASE_CLAIMED
    one.until(lambda: gps(claimed), 'the receiver gets its driver', WAIT_S)
    device = gps(claimed)
    topic = next(name for name in device.topics if name.endswith('/fix'))
    node.create_subscription(NavSatFix, topic, lambda m: seen.update(fix=m), QoSProfile(
        depth=5, reliability=ReliabilityPolicy.BEST_EFFORT))
    one.until(lambda: 'fix' in seen, 'a position is published', WAIT_S)

    def offers() -> bool:
        told = swarmctl(one.swarm, '--robot', robot, '--json', 'robots')
        return told.returncode == 0 and 'sensor:gps' in json.loads(told.stdout)[0]['offers']

    one.until(offers, 'the swarm knows what the robot can', WAIT_S)
    taken = swarmctl(one.swarm, '--robot', robot, '--json', 'hardware', 'claim',
                     device.device_id, '--as', 'mapper')
    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout)['token'] > 0
    leases = swarmctl(one.swarm, '--robot', robot, '--json', 'lease', 'list')
    assert [lease['holder'] for lease in json.loads(leases.stdout)] == ['mapper']

    path.unlink()
    line.unplug()
    lost = msg.HardwareDevice.PHASE_LOST
    one.until(lambda: gps(lost), 'the receiver is lost', WAIT_S)
    one.until(lambda: any(
        s.device_id == device.device_id and s.state == s.STATE_FAULTY
        for s in getattr(seen.get('local'), 'sensors', ())), 'local state tells it', WAIT_S)
    again = PtyLine(FakeGps(period_ms=100))
    try:
        path.symlink_to(again.path)
        one.until(lambda: gps(claimed), 'it is back', WAIT_S)
        assert (gps(claimed).device_id, gps(claimed).generation) == (device.device_id, 2)
        assert gps(claimed).claimed_by.startswith('driver:'), 'the claim was of the first one'
    finally:
        again.unplug()
