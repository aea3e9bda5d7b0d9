# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Dynamixel servos as ROBOTIS' SDK meets them on a pty."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hw_discovery.drivers.servo import dynamixel as table

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('trajectory_msgs', reason='needs trajectory_msgs')
pytest.importorskip('dynamixel_sdk', reason='pip: dynamixel-sdk')

from drivers.actuator_bench import TOPIC, Bench, PtyDevice  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402


def test_the_middle_is_zero_and_a_turn_has_4096_ticks() -> None:
    assert table.ticks_of(0.0) == 2048 and table.position_of(2048) == 0.0
    assert table.position_of(3072) == pytest.approx(1.5708, abs=1e-4)
    assert table.position_of(2**32 - 2048) == pytest.approx(-6.2832, abs=1e-4)
    assert table.hardware_error(0b100001) == 'input voltage, overload'
    assert table.hardware_error(0) == ''


def crc(data: bytes) -> int:
    """CRC-16 with polynomial 0x8005, as the e-Manual gives it for protocol 2.0."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x8005 if value & 0x8000 else value << 1) & 0xFFFF
    return value


class FakeServos(PtyDevice):
    """Servos with registers; goals are reached at once while torque is on."""

    def __init__(self, port: Any, ids: tuple[int, ...] = (1, 2), model: int = 1060) -> None:
        self.registers = {number: bytearray(256) for number in ids}
        self.model = model
        self.written: list[tuple[int, int, int]] = []    # id, register, first byte
        self.lost = 0                                    # of the next answers
        for registers in self.registers.values():
            registers[table.OPERATING_MODE] = table.POSITION_MODE
            registers[116:120] = registers[132:136] = struct.pack('<I', 2048)
        self._heard = b''
        super().__init__(port)

    def answer(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) >= 7:
            size = 7 + int.from_bytes(self._heard[5:7], 'little')
            if len(self._heard) < size:
                return
            packet, self._heard = self._heard[:size], self._heard[size:]
            assert packet[:4] == b'\xff\xff\xfd\0'
            assert crc(packet[:-2]) == int.from_bytes(packet[-2:], 'little')
            self.on_packet(packet[4], packet[7], packet[8:-2])

    def on_packet(self, number: int, instruction: int, body: bytes) -> None:
        if instruction == 0x83:                          # sync write
            register, size = struct.unpack_from('<HH', body)
            for at in range(4, len(body), size + 1):
                self.write(body[at], register, body[at + 1:at + 1 + size])
            return
        if number not in self.registers:
            return
        if instruction == 1:
            self.status(number, struct.pack('<HB', self.model, 45))
        elif instruction == 2:
            register, size = struct.unpack('<HH', body)
            self.status(number, bytes(self.registers[number][register:register + size]))
        elif instruction == 3:
            self.write(number, int.from_bytes(body[:2], 'little'), body[2:])
            self.status(number, b'')

    def write(self, number: int, register: int, data: bytes) -> None:
        registers = self.registers[number]
        self.written.append((number, register, data[0]))
        registers[register:register + len(data)] = data
        if registers[table.TORQUE_ENABLE]:
            registers[132:136] = registers[116:120]

    def status(self, number: int, body: bytes) -> None:
        packet = b'\xff\xff\xfd\0' + bytes((number,)) + struct.pack('<H', len(body) + 4)
        packet += b'\x55\0' + body
        if self.lost:
            self.lost -= 1
            return
        self.port.say(packet + struct.pack('<H', crc(packet)))

    def position(self, number: int) -> int:
        return int.from_bytes(self.registers[number][132:136], 'little')

    def torque(self) -> list[int]:
        return [r[table.TORQUE_ENABLE] for r in self.registers.values()]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK gives an answer 34 ms, and the servos here are a thread."""
    monkeypatch.setattr('dynamixel_sdk.port_handler.LATENCY_TIMER', 500)


@pytest.fixture
def fake(port: Any) -> Iterator[FakeServos]:
    made = FakeServos(port)
    yield made
    made.stop()


@pytest.fixture
def bench(robot: Any, port: Any, make_device: Callable[..., Any]) -> Bench:
    return Bench(robot, make_device, 'servo_dynamixel', str(port.path), {
        'ids': [1, 2], 'joints': ['pan', 'tilt'], 'command_timeout_ms': 60000,
        'velocity_max': 50.0, 'acceleration_max': 5000.0})


def test_servos_are_only_read_until_armed_and_arming_does_not_move_them(
    bench: Bench, fake: FakeServos,
) -> None:
    states = bench.robot.listen(JointState, f'{TOPIC}/joint_states')
    fake.registers[1][132:136] = struct.pack('<I', 2500)
    bench.drive()
    bench.until(lambda: states)
    assert states[0].position[0] == pytest.approx(table.position_of(2500))
    bench.send(1.0, 1.0)
    bench.until(lambda: len(states) > 2)
    assert fake.written == []
    bench.armed_for_good()
    bench.until(lambda: fake.torque() == [1, 1] and fake.registers[2][98] == 10)
    assert (fake.position(1), fake.position(2)) == (2500, 2048)
    assert (1, table.GOAL_POSITION, 2500 & 0xFF) in fake.written
    bench.until(lambda: bench.send(1.0, -1.0)
                or fake.position(1) == table.ticks_of(1.0)
                and fake.position(2) == table.ticks_of(-1.0))


@pytest.mark.parametrize('how', ['disarm', 'emergency', 'close', 'silence'])
def test_every_stop_takes_the_torque_away(bench: Bench, fake: FakeServos, how: str) -> None:
    bench.drive(command_timeout_ms=1500 if how == 'silence' else 60000)
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.5, 0.5) or fake.position(1) == table.ticks_of(0.5))
    if how == 'disarm':
        bench.arm(False)
    elif how == 'emergency':
        bench.robot.do(lambda: bench.robot.host.set_emergency(True))
    elif how == 'close':
        bench.robot.do(bench.robot.host.close)
    bench.until(lambda: fake.torque() == [0, 0])


def test_another_model_and_another_mode_are_not_written_to(
    bench: Bench, fake: FakeServos,
) -> None:
    fake.registers[1][table.OPERATING_MODE] = 16
    bench.drive()
    bench.until(lambda: bool(bench.robot.faults))
    assert 'operating mode 16' in bench.robot.faults[0][1]
    fake.model = 350
    bench.until(lambda: any('model 350' in text for _, text in bench.robot.faults))
    assert fake.written == []


def test_a_servo_that_is_missing_or_complains_is_named(bench: Bench, fake: FakeServos) -> None:
    fake.registers[2][table.HARDWARE_ERROR] = 0b100000
    bench.drive()
    bench.until(lambda: bool(bench.robot.faults))
    assert bench.robot.faults[0][1] == 'servo 2 reports overload'
    del fake.registers[2]
    bench.until(lambda: any('no status packet' in text for _, text in bench.robot.faults))


def test_answers_that_are_lost_are_asked_for_again(bench: Bench, fake: FakeServos) -> None:
    states = bench.robot.listen(JointState, f'{TOPIC}/joint_states')
    bench.drive()
    bench.armed_for_good()

    def goes_on() -> None:
        bench.until(lambda: not fake.lost)
        heard = len(states)
        bench.until(lambda: len(states) > heard + 1)

    for _ in range(2):  # while it is armed, and later
        fake.lost = 2
        goes_on()
    assert fake.torque() == [1, 1]
    fake.lost = 2
    bench.arm(False)
    bench.until(lambda: not fake.lost and fake.torque() == [0, 0])
    assert bench.robot.faults == []


def test_a_servo_that_is_silent_three_times_is_a_fault(bench: Bench, fake: FakeServos) -> None:
    states = bench.robot.listen(JointState, f'{TOPIC}/joint_states')
    bench.drive()
    bench.until(lambda: states)
    fake.lost = 3
    bench.until(lambda: bool(bench.robot.faults))
    assert bench.robot.faults[0][1].startswith('servo ') and not fake.lost


def test_unplugging_is_a_fault_and_the_next_generation_is_disarmed(
    bench: Bench, fake: FakeServos, port: Any,
) -> None:
    bench.drive()
    bench.armed_for_good()
    bench.until(lambda: bench.send(0.5, 0.5) or fake.position(1) == table.ticks_of(0.5))
    fake.stop()
    port.unplug()
    bench.until(lambda: bool(bench.robot.faults))
    bench.robot.update()
    bench.until(lambda: bench.robot.claims[-1] == frozenset())
    port.plug()
    again = FakeServos(port)
    states = bench.robot.listen(JointState, f'{TOPIC}/joint_states')
    try:
        bench.drive(generation=2)
        bench.until(lambda: states)
        bench.send(0.5, 0.5)
        bench.until(lambda: len(states) > 2)
        assert again.written == []
    finally:
        again.stop()
