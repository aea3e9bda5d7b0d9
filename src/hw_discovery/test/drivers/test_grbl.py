# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A grbl controller: what it says, and jogs only while armed."""

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hw_discovery.drivers.stepper.grbl import (
    Accepted,
    Alarmed,
    GrblStream,
    Refused,
    Restarted,
    Status,
    jog,
)

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('serial', reason='pip: pyserial')
pytest.importorskip('trajectory_msgs', reason='needs trajectory_msgs')

from drivers.actuator_bench import TOPIC, Bench, PtyDevice  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402


def test_the_reports_of_the_documentation_are_read() -> None:
    said = GrblStream().feed(
        b"\r\nGrbl 1.1f ['$' for help]\r\n<Idle|MPos:5.000,0.000,-1.500|FS:0,0|Pn:XYZ>\r\nok\r\n"
        b'<Hold:0|MPos:0.000,0.000,0.000|FS:0,0>\r\nerror:15\r\nALARM:1\r\n[MSG:Reset]\r\n')
    assert said == [Restarted("Grbl 1.1f ['$' for help]"), Status('Idle', (5.0, 0.0, -1.5)),
                    Accepted(), Status('Hold', (0.0, 0.0, 0.0)), Refused(15), Alarmed(1)]


def test_work_positions_count_only_with_their_offset() -> None:
    stream = GrblStream()
    assert stream.feed(b'<Idle|WPos:1.000,2.000,3.000>\n') == [Status('Idle', ())]
    stream.feed(b'<Idle|WPos:1.000,2.000,3.000|WCO:10.0,0.0,0.0>\n')
    assert stream.feed(b'<Idle|WPos:1.000,2.000,3.000>\n') == [Status('Idle', (11.0, 2.0, 3.0))]


def test_a_jog_goes_to_machine_coordinates_in_millimetres() -> None:
    assert jog(['x', 'z'], [1.5, -2.0], 600.0) == b'$J=G53G90G21X1.500Z-2.000F600.0\n'
    assert jog(['x'], [1.5], 0.001).endswith(b'F1.0\n')


@pytest.mark.parametrize('seed', range(5))
def test_noise_says_nothing_and_fills_no_memory(seed: int) -> None:
    rng, stream = random.Random(seed), GrblStream()
    for _ in range(100):
        stream.feed(rng.randbytes(300))
        assert len(stream._buffer) <= 256
    assert stream.feed(b'\n<Idle|MPos:nan,0,0>\nerror:x\n<|||>\n') == [Status('Idle', ())]


class FakeGrbl(PtyDevice):
    """Jogs along, some mm each look; `lines` holds every line, `bytes_heard` everything."""

    def __init__(self, port: Any) -> None:
        self.position, self.target = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        self.phase, self.refusal, self.is_alarmed = 'Idle', b'', False
        self.bytes_heard = b''
        self.lines: list[bytes] = []
        self._line = b''
        super().__init__(port)
        port.say(b"\r\nGrbl 1.1h ['$' for help]\r\n")

    def answer(self, data: bytes) -> None:
        self.bytes_heard += data
        for byte in data:
            one = bytes((byte,))
            if one == b'?':
                self.port.say(b'<%s|MPos:%.3f,%.3f,%.3f|FS:0,0>\r\n' % (
                    b'Alarm' if self.is_alarmed else self.phase.encode(), *self.position))
            elif one == b'\x85':
                self.target, self.phase = list(self.position), 'Idle'
            elif one == b'\n':
                self.on_line(self._line)
                self._line = b''
            else:
                self._line += one

    def on_line(self, line: bytes) -> None:
        self.lines.append(line)
        if self.refusal:
            self.port.say(self.refusal)
            return
        for axis, value in re.findall(rb'([XYZ])(-?[\d.]+)', line):
            self.target[b'XYZ'.index(axis)] = float(value)
        self.port.say(b'ok\r\n')

    def idle(self) -> None:
        for at, target in enumerate(self.target):
            left = target - self.position[at]
            self.position[at] += max(-0.2, min(0.2, left))
        self.phase = 'Jog' if self.position != self.target else 'Idle'


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a thread may take long to answer."""
    monkeypatch.setattr('hw_discovery.drivers.stepper.grbl_driver.ANSWER_S', 10.0)


@pytest.fixture
def fake(port: Any) -> Iterator[FakeGrbl]:
    made = FakeGrbl(port)
    yield made
    made.stop()


@pytest.fixture
def bench(robot: Any, port: Any, make_device: Callable[..., Any]) -> Bench:
    return Bench(robot, make_device, 'stepper_grbl', str(port.path), {
        'joints': ['x', 'y', 'z'], 'velocity_max': 0.1, 'acceleration_max': 5.0,
        'cycle_hz': 50.0, 'command_timeout_ms': 60000})


def test_it_jogs_to_where_it_is_commanded_and_tells_where_it_is(
    bench: Bench, fake: FakeGrbl,
) -> None:
    states = bench.robot.listen(JointState, f'{TOPIC}/joint_states')
    bench.drive()
    bench.until(lambda: states)
    bench.send(0.005, 0.0, -0.002)
    bench.armed_for_good()
    bench.robot.do(lambda: None)
    assert fake.lines == [], 'what came before arming is not done afterwards'
    bench.until(lambda: bench.send(0.005, 0.0, -0.002)
                or fake.position == pytest.approx([5.0, 0.0, -2.0], abs=0.01))
    bench.until(lambda: states[-1].position[0] == pytest.approx(0.005, abs=1e-5))
    assert all(line.startswith(b'$J=G53') for line in fake.lines)
    # Soft reset, resume and unlock are the operator's.
    assert not re.search(rb'[\x18~]|\$X|\$H', fake.bytes_heard)


@pytest.mark.parametrize('how', ['disarm', 'emergency', 'close', 'silence'])
def test_every_stop_cancels_the_jog(bench: Bench, fake: FakeGrbl, how: str) -> None:
    # 50 mm take 5 s: it is stopped on its way, also on a busy machine.
    bench.drive(velocity_max=0.01, command_timeout_ms=1500 if how == 'silence' else 60000)
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.05, 0.0, 0.0) or fake.position[0] > 0.5)
    if how == 'disarm':
        bench.arm(False)
    elif how == 'emergency':
        bench.robot.do(lambda: bench.robot.host.set_emergency(True))
    elif how == 'close':
        bench.robot.do(bench.robot.host.close)
    bench.until(lambda: b'\x85' in fake.bytes_heard)
    if how != 'close':
        bench.until(lambda: fake.phase == 'Idle')
        lines = len(fake.lines)
        bench.send(0.05, 0.0, 0.0)
        bench.robot.do(lambda: None)
        assert len(fake.lines) == lines and fake.position[0] < 50.0


@pytest.mark.parametrize(('said', 'phase'), [
    (b'error:15\r\n', 'Idle'), (b'ALARM:1\r\n', 'Alarm'),
    (b"\r\nGrbl 1.1h ['$' for help]\r\n", 'Idle')])
def test_a_refusal_an_alarm_and_a_restart_disarm_it(
    bench: Bench, fake: FakeGrbl, said: bytes, phase: str,
) -> None:
    bench.drive()
    bench.armed_for_good()
    bench.until(lambda: bench.armed and bench.armed[-1].data)
    fake.refusal = said
    bench.send(0.01, 0.0, 0.0)
    bench.until(lambda: bench.send(0.01, 0.0, 0.0) or not bench.armed[-1].data)
    fake.is_alarmed = phase == 'Alarm'
    if fake.is_alarmed:
        bench.until(lambda: 'Alarm' in bench.arm().message)
    assert not bench.robot.faults, 'a refusal is no broken device: the port stays open'


def test_unplugging_is_a_fault_and_the_next_generation_is_disarmed(
    bench: Bench, fake: FakeGrbl, port: Any,
) -> None:
    bench.drive()
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.05, 0.0, 0.0) or fake.position[0] > 0.5)
    fake.stop()
    port.unplug()
    bench.until(lambda: bool(bench.robot.faults))
    bench.robot.update()
    bench.until(lambda: bench.robot.claims[-1] == frozenset())
    port.plug()
    again = FakeGrbl(port)
    try:
        bench.drive(generation=2)
        bench.until(lambda: b'?' in again.bytes_heard)
        bench.send(0.05, 0.0, 0.0)
        bench.until(lambda: again.bytes_heard.count(b'?') > 5)
        assert again.lines == []
    finally:
        again.stop()


def test_a_port_without_grbl_is_a_fault(
    bench: Bench, port: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('hw_discovery.drivers.stepper.grbl_driver.START_S', 0.1)
    monkeypatch.setattr('hw_discovery.drivers.stepper.grbl_driver.ANSWER_S', 0.05)
    bench.drive()
    bench.until(lambda: bool(bench.robot.faults))
    assert 'expected a status report' in bench.robot.faults[0][1]
    assert set(port.hear()) == set(b'?')
