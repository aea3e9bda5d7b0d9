# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A GPS receiver on a pty becomes a topic, falls away, and comes back as another attachment."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
pytest.importorskip('pynmeagps', reason='the driver of GPS receivers needs it')

from fakes.gps import FakeGps  # noqa: E402
from fakes.pty_line import PtyLine  # noqa: E402
from robot_process import LATCHED, Robot  # noqa: E402
from sensor_msgs.msg import NavSatFix  # noqa: E402
from std_msgs.msg import Bool  # noqa: E402
from swarm_msgs.msg import (  # noqa: E402
    Capability,
    CapabilityProperty,
    HardwareDevice,
    HardwareEvent,
    HardwareInventory,
    SensorReport,
)
from swarm_msgs.srv import (  # noqa: E402
    AllowProbe,
    ClaimDevice,
    ExplainDevice,
    ListDevices,
    Negotiate,
    ReleaseDevice,
)

from hw_discovery.buses.serial_probe import CANCELLED, SerialProbe  # noqa: E402
from hw_discovery.config import Config  # noqa: E402
from hw_discovery.replay import main  # noqa: E402


class PluggedGps:
    """A link that leads to a pty while the receiver is plugged in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line: PtyLine | None = None

    def plug(self) -> None:
        self.line = PtyLine(FakeGps(period_ms=100))
        self.path.symlink_to(self.line.path)

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        if self.line is not None:
            self.line.unplug()
            self.line = None


@pytest.fixture
def gps(tmp_path: Path) -> Iterator[PluggedGps]:
    made = PluggedGps(tmp_path / 'ttyGPS')
    made.plug()
    yield made
    made.unplug()


@pytest.fixture
def start(gps: PluggedGps, tmp_path: Path) -> Iterator[Callable[..., Robot]]:
    robots: list[Robot] = []
    (tmp_path / 'sys/devices').mkdir(parents=True)

    def begin(**fields: Any) -> Robot:
        fields = {'declared_devices': (f'{gps.path}=gps',), **fields}
        robots.append(Robot(Config(
            robot_id='r1', serial_ports=(str(gps.path),), sysfs_root=str(tmp_path / 'sys'),
            **fields)))
        robots[-1].inventories = robots[-1].collect(  # type: ignore[attr-defined]
            HardwareInventory, 'hardware/inventory', LATCHED)
        return robots[-1]

    yield begin
    for robot in robots:
        robot.close()


def receiver(robot: Robot) -> Any:
    message = robot.last.get('hardware/inventory')
    return next((d for d in message.devices if d.kind == 'gps'), None) if message else None


def is_in(robot: Robot, phase: int) -> bool:
    found = receiver(robot)
    return found is not None and found.phase == phase


def test_a_receiver_is_identified_published_lost_and_back_with_a_higher_generation(
    start: Callable[..., Robot], gps: PluggedGps,
) -> None:
    robot = start()
    events = robot.collect(HardwareEvent, 'hardware/events', 50)
    reports = robot.collect(SensorReport, 'hardware/sensor_health', LATCHED)
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_CLAIMED))
    found = receiver(robot)
    assert found.verdict == HardwareDevice.VERDICT_IDENTIFIED and found.generation == 1
    assert found.claimed_by.startswith('driver:gps') and found.device_path == str(gps.path)
    assert 'sensor:gps' in [c.name for c in found.capabilities]
    (topic,) = [name for name in found.topics if name.endswith('/fix')]
    fixes = robot.collect(NavSatFix, topic)
    robot.wait_for(lambda: bool(fixes))
    assert fixes[0].latitude == pytest.approx(48.1173, abs=1e-4)
    assert fixes[0].header.frame_id == found.frame_id

    gps.unplug()
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_LOST))
    robot.wait_for(lambda: any(
        s.device_id == found.device_id and s.state == s.STATE_FAULTY
        for s in (reports[-1].sensors if reports else ())))
    assert receiver(robot).claimed_by == '' and receiver(robot).topics == []

    gps.plug()
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_CLAIMED))
    again = receiver(robot)
    assert (again.device_id, again.generation) == (found.device_id, 2)
    fixes.clear()
    robot.wait_for(lambda: bool(fixes))
    kinds = [e.kind for e in events if e.device.device_id == found.device_id]
    assert [k for k in kinds if k != HardwareEvent.KIND_CHANGED][-2:] == [
        HardwareEvent.KIND_VANISHED, HardwareEvent.KIND_RETURNED]


def test_a_client_takes_a_device_from_its_driver_and_gives_it_back(
    start: Callable[..., Robot],
) -> None:
    robot = start()
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_CLAIMED))
    device_id = receiver(robot).device_id
    claim = robot.call(ClaimDevice, 'claim_device', device=device_id, claimant='mapper',
                       ttl_ms=60_000)
    assert (claim.code, claim.generation, claim.token) == (claim.GRANTED, 1, 0), claim.reason
    assert 'the driver gps' in claim.reason and '/fix' in claim.reason
    robot.wait_for(lambda: receiver(robot).claimed_by == 'mapper'
                   and receiver(robot).topics == [])
    other = robot.call(ClaimDevice, 'claim_device', device=device_id, claimant='other',
                       ttl_ms=60_000)
    assert other.code == other.REFUSED and 'held by mapper' in other.reason
    needs = robot.call(Negotiate, 'negotiate', requirements=[
        Capability(name='sensor:gps', amount=1.0)])
    assert not needs.satisfied and 'claimed by mapper' in needs.misses[0]
    wrong = robot.call(ReleaseDevice, 'release_device', device=device_id, claimant='other')
    assert wrong.code == wrong.REFUSED
    right = robot.call(ReleaseDevice, 'release_device', device=device_id, claimant='mapper')
    assert right.code == right.RELEASED
    robot.wait_for(lambda: receiver(robot).claimed_by.startswith('driver:'))


def test_the_driver_publishes_again_after_a_claim_has_expired(
    start: Callable[..., Robot],
) -> None:
    robot = start()
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_CLAIMED))
    (topic,) = [name for name in receiver(robot).topics if name.endswith('/fix')]
    claim = robot.call(ClaimDevice, 'claim_device', device=receiver(robot).device_id,
                       claimant='mapper', ttl_ms=5000)
    assert claim.code == claim.GRANTED, claim.reason
    robot.wait_for(lambda: receiver(robot).claimed_by == 'mapper'
                   and receiver(robot).topics == [])
    robot.wait_for(lambda: receiver(robot).claimed_by.startswith('driver:'))
    fixes = robot.collect(NavSatFix, topic)
    robot.wait_for(lambda: bool(fixes))


def test_a_need_with_a_constraint_is_met_or_the_shortfall_is_said(
    start: Callable[..., Robot],
) -> None:
    robot = start()
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_CLAIMED))

    def needing(*constraints: CapabilityProperty, **fields: Any) -> Any:
        return robot.call(Negotiate, 'negotiate', requirements=[Capability(
            name='sensor:gps', amount=1.0, properties=list(constraints), **fields)])

    met = needing(ros_type='sensor_msgs/msg/NavSatFix')
    assert met.chosen_ids == [receiver(robot).device_id] and met.satisfied
    miss = needing(CapabilityProperty(name='rate', has_minimum=True, minimum=5.0, unit='Hz'))
    assert miss.chosen_ids == [''] and 'does not say its rate' in miss.misses[0]


def test_explain_tells_how_it_was_identified_and_how_to_launch_it(
    start: Callable[..., Robot], gps: PluggedGps,
) -> None:
    robot = start()
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_CLAIMED))
    told = robot.call(ExplainDevice, 'explain_device', device=str(gps.path))
    assert told.code == told.FOUND, told.reason
    assert any('NMEA' in line or 'nmea' in line for line in told.lines)
    assert str(gps.path) in told.launch_fragment and '<launch>' in told.launch_fragment
    assert told.catalogue_stanza == ''
    port = next(d for d in robot.last['hardware/inventory'].devices
                if d.device_id == receiver(robot).parent_id)
    above = robot.call(ExplainDevice, 'explain_device', device=port.device_id)
    assert 'schema: 1' in above.catalogue_stanza
    none = robot.call(ExplainDevice, 'explain_device', device='tricorder')
    assert none.code == none.REFUSED and 'tricorder' in none.reason


def test_nothing_is_asked_while_the_robot_is_armed(
    start: Callable[..., Robot], gps: PluggedGps,
) -> None:
    gps.unplug()
    robot = start()
    armed = robot.client_node.create_publisher(Bool, '/r1/armed', LATCHED)
    armed.publish(Bool(data=True))
    robot.wait_for(lambda: bool(robot.last))
    robot.wait_for(lambda: robot.part.is_armed)
    gps.plug()
    robot.wait_for(lambda: any(
        d.device_path == str(gps.path) for d in robot.last['hardware/inventory'].devices))
    port = next(d for d in robot.last['hardware/inventory'].devices
                if d.device_path == str(gps.path))
    assert port.phase == HardwareDevice.PHASE_APPEARED and receiver(robot) is None
    armed.publish(Bool(data=False))
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_CLAIMED))


def test_consent_is_refused_with_what_was_expected(
    start: Callable[..., Robot], gps: PluggedGps,
) -> None:
    robot = start()
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_CLAIMED))

    def allow(**fields: Any) -> Any:
        return robot.call(AllowProbe, 'allow_probe', **{
            'place': str(gps.path), 'entry_id': 'gps_ublox_uart', 'operation': 'request',
            'expiry_ms': 1000, 'reason': 'it is mine', 'owner': 'ada', **fields})

    good = allow()
    assert good.code == good.ACCEPTED, good.reason
    for fields, said in (({'place': '/dev/nowhere'}, 'nowhere'), ({'entry_id': 'x'}, "'x'"),
                         ({'operation': 'shout'}, 'listen'), ({'owner': ''}, 'owner'),
                         ({'expiry_ms': 2**32 - 1}, 'a day')):
        bad = allow(**fields)
        assert bad.code == bad.REFUSED and said in bad.reason


def test_a_running_question_is_broken_off_by_arming(
    start: Callable[..., Robot], gps: PluggedGps, monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert gps.line is not None
    gps.line.device.period_ms = 0                   # silent: every question takes its whole time
    began, ended = threading.Event(), threading.Event()
    broken_off: list[tuple[str, float]] = []
    real = SerialProbe.perform

    def watched(probe: SerialProbe, operation: Any, stop: Any = None) -> Any:
        began.set()
        outcome = real(probe, operation, stop)
        if outcome.error == 'failed':
            broken_off.append((outcome.detail, time.monotonic()))
            ended.set()
        return outcome

    monkeypatch.setattr(SerialProbe, 'perform', watched)
    robot = start()
    armed = robot.client_node.create_publisher(Bool, '/r1/armed', LATCHED)
    heard_s: list[float] = []
    robot.client_node.create_subscription(
        Bool, '/r1/armed', lambda _: heard_s.append(time.monotonic()), LATCHED)
    assert began.wait(20.0)
    armed.publish(Bool(data=True))
    assert ended.wait(20.0)
    robot.wait_for(lambda: bool(heard_s))
    detail, ended_s = broken_off[0]
    assert detail == CANCELLED and ended_s - heard_s[0] < 1.0
    asked = len(broken_off)
    robot.call(ExplainDevice, 'explain_device', device=str(gps.path))
    assert len(broken_off) == asked, 'nothing is asked after it'


def test_what_the_node_recorded_replays_to_the_same_device(
    start: Callable[..., Robot], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    gps: PluggedGps,
) -> None:
    file = tmp_path / 'bus.jsonl'
    robot = start(record_transcript=str(file), drivers=False)
    robot.wait_for(lambda: is_in(robot, HardwareDevice.PHASE_IDENTIFIED))
    device_id = receiver(robot).device_id
    robot.close()
    assert main([str(file), '--json', '--declare', f'{gps.path}=gps']) == 0
    again = {d['device']: d for d in json.loads(capsys.readouterr().out)}
    assert again[device_id]['verdict'] == 'identified'


def test_a_port_that_another_program_holds_is_said(
    start: Callable[..., Robot], gps: PluggedGps,
) -> None:
    holder = subprocess.Popen(
        [sys.executable, '-c', 'import os,sys,time; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY);'
         'print(1, flush=True); time.sleep(60)', str(gps.path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline()
        robot = start()

        def told() -> list[str]:
            return [text for text in robot.call(ListDevices, 'list_devices').notices
                    if 'in use by' in text]

        end_s = time.monotonic() + 20.0
        while not told() and time.monotonic() < end_s:
            robot.wait_for(lambda: True)
        assert str(holder.pid) in told()[0]
    finally:
        holder.kill()
        holder.wait()
