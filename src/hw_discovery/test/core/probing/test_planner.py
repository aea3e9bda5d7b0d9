# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The planner: pauses, waits, asks again, remembers, and opens only what was allowed."""

import random

import pytest
from simulated_devices import SimulatedBus, SimulatedI2c
from simulated_probing import CATALOGUE, probe, run, serial_place
from simulated_serial import SimulatedSerial

from hw_discovery.core.device import Verdict
from hw_discovery.core.probing.consent import (
    Consent,
    Grant,
    Hints,
    Interlock,
    OperationClass,
    memory_key,
    place_key,
)
from hw_discovery.core.probing.explain import explain
from hw_discovery.core.probing.operation import (
    I2cPlace,
    Operation,
    Outcome,
    SerialAsk,
    SerialListen,
    SerialPlace,
    SpiPlace,
)
from hw_discovery.core.probing.planner import BACK_OFF_MS, MS_NS, Finished, Plan, Wait
from hw_discovery.core.probing.serial_plan import FoundFrames
from hw_discovery.core.probing.tactics import find_frames
from hw_discovery.core.probing.verdict import PlaceState

PLACE = I2cPlace(1, 0x68, '/sys/i2c-1')


def chip(entry_id: str, address: int = 0x68) -> SimulatedI2c:
    entry = CATALOGUE.by_id(entry_id)
    assert entry is not None
    return SimulatedI2c(entry, address)


@pytest.mark.parametrize('interlock', [Interlock(armed=True), Interlock(emergency=True)])
def test_nothing_is_asked_while_armed_or_under_emergency(interlock: Interlock) -> None:
    plan = Plan(PLACE, Hints(), CATALOGUE, interlock=interlock)
    step = plan.next(0)
    assert isinstance(step, Wait)
    assert step.reason == interlock.reason


def test_a_running_plan_pauses_when_armed_and_goes_on_where_it_was() -> None:
    plan, device = Plan(PLACE, Hints(), CATALOGUE), chip('imu_mpu6500')
    first = plan.next(0)
    assert not isinstance(first, Wait | Finished)
    plan.interlocked(Interlock(armed=True))
    assert isinstance(plan.next(1), Wait)
    plan.heard(device.perform(first))  # what was under way still counts
    assert isinstance(plan.next(2), Wait)
    plan.interlocked(Interlock())
    run(plan, device)
    assert plan.verdict().entry_id == 'imu_mpu6500'


def test_the_same_operation_is_returned_until_it_was_heard() -> None:
    plan = Plan(PLACE, Hints(), CATALOGUE)
    assert plan.next(0) == plan.next(5) == plan.next(9)


def test_an_outcome_of_another_operation_is_ignored() -> None:
    plan = Plan(PLACE, Hints(), CATALOGUE)
    first = plan.next(0)
    plan.heard(chip('imu_mpu6500', 0x69).perform(
        Plan(I2cPlace(1, 0x68), Hints(), CATALOGUE).next(0)))  # type: ignore[arg-type]
    assert plan.next(1) == first


def test_absent_places_are_asked_again_with_back_off_and_then_rarely() -> None:
    plan, now_ns, waits = Plan(PLACE, Hints(), CATALOGUE), 0, []
    while plan.rounds < 10:
        step = plan.next(now_ns)
        if isinstance(step, Wait):
            waits.append((step.until_ns - now_ns) // MS_NS)
            now_ns = step.until_ns
        else:
            assert not isinstance(step, Finished)
            plan.heard(Outcome(step, error='absent', at_ns=now_ns))
    assert waits[:7] == list(BACK_OFF_MS)
    assert 25_000 <= sum(waits[:7]) <= 30_000
    assert set(waits[7:]) == {60_000}


@pytest.mark.parametrize(('error', 'state'), [
    ('busy', PlaceState.BUSY), ('denied', PlaceState.DENIED), ('gone', PlaceState.GONE)])
def test_a_place_that_is_owned_forbidden_or_gone_is_left_alone(
        error: str, state: PlaceState) -> None:
    plan = Plan(PLACE, Hints(), CATALOGUE)
    step = plan.next(0)
    plan.heard(Outcome(step, error=error, detail='why'))  # type: ignore[arg-type]
    assert plan.next(1) == Finished('why')
    assert (plan.verdict().state, plan.verdict().detail) == (state, 'why')


def test_a_register_that_is_not_acknowledged_once_is_asked_a_second_time() -> None:
    device, calls = chip('imu_mpu6500'), 0

    class Resetting:
        def perform(self, operation: Operation) -> Outcome:
            nonlocal calls
            calls += 1
            return Outcome(operation, error='absent') if calls == 2 else device.perform(operation)

    verdict, _ = probe(PLACE, Resetting(), rounds=1)
    assert verdict.entry_id == 'imu_mpu6500'


def test_a_remembered_chip_needs_one_operation() -> None:
    verdict, operations = probe(PLACE, chip('imu_mpu6500'), Hints(remembered='imu_mpu6500'))
    assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, 'imu_mpu6500')
    assert len(operations) == 1


def test_another_chip_at_a_remembered_place_is_not_taken_for_it() -> None:
    verdict, _ = probe(PLACE, chip('imu_bmi160'), Hints(remembered='imu_mpu6500'))
    assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, 'imu_bmi160')


def test_a_remembered_lidar_is_confirmed_by_one_request() -> None:
    entry = CATALOGUE.by_id('lidar_rplidar')
    assert entry is not None
    device = SimulatedSerial(entry, is_talking=False)
    verdict, operations = probe(serial_place(entry), device, Hints(
        remembered='lidar_rplidar', no_loose_actuators=True), 3)
    assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, 'lidar_rplidar')
    assert len(operations) == 1
    assert isinstance(operations[0], SerialAsk)


def test_memory_is_kept_by_path_and_serial_number() -> None:
    one = SerialPlace('/dev/ttyUSB0', '/sys/1-1', serial='A')
    assert memory_key(one) != memory_key(SerialPlace('/dev/ttyUSB0', '/sys/1-1', serial='B'))
    assert memory_key(one) == memory_key(SerialPlace('/dev/ttyUSB7', '/sys/1-1', serial='A'))


def test_consent_opens_one_entry_at_one_place_until_it_expires() -> None:
    place = I2cPlace(1, 0x53)
    grants = (Grant(place_key(place), 'imu_adxl345', OperationClass.REGISTER_READ, 50 * MS_NS),
              Grant(place_key(place), 'imu_adxl345', OperationClass.BARE_READ, 50 * MS_NS))
    consent = Consent(grants)
    assert consent.allows(place, 'imu_adxl345', OperationClass.REGISTER_READ, 0)
    assert not consent.allows(place, 'imu_adxl345', OperationClass.REGISTER_READ, 50 * MS_NS)
    assert not consent.allows(I2cPlace(1, 0x1D), 'imu_adxl345', OperationClass.BARE_READ, 0)
    assert not consent.allows(place, 'eeprom_24c', OperationClass.REGISTER_READ, 0)
    assert not consent.allows(place, 'imu_adxl345', OperationClass.WIDE_REGISTER_READ, 0)


def test_consent_opens_an_address_that_is_not_asked_blindly_and_closes_again() -> None:
    place = I2cPlace(1, 0x53)
    consent = Consent(tuple(
        Grant(place_key(place), 'imu_adxl345', one, 10**9)
        for one in (OperationClass.BARE_READ, OperationClass.REGISTER_READ)))
    plan = Plan(place, Hints(), CATALOGUE, consent)
    run(plan, chip('imu_adxl345', 0x53), 1)
    assert (plan.verdict().verdict, plan.verdict().entry_id) == (
        Verdict.IDENTIFIED, 'imu_adxl345')
    expired = Plan(place, Hints(), CATALOGUE, consent)
    assert isinstance(expired.next(10**9), Wait)


def test_consent_never_overrides_harm_to_a_device_that_is_possible() -> None:
    place = I2cPlace(1, 0x20)
    consent = Consent((Grant(place_key(place), 'gpio_mcp23017',
                             OperationClass.REGISTER_READ, 10**18),))
    plan = Plan(place, Hints(), CATALOGUE, consent)
    operations = run(plan, SimulatedBus({0x20: chip('gpio_pcf8574', 0x20)}), 2)
    assert {type(operation).__name__ for operation in operations} == {'I2cBareRead'}


def test_the_explanation_says_what_was_seen_ruled_out_and_not_tried() -> None:
    verdict, _ = probe(PLACE, chip('imu_mpu6500'))
    text = '\n'.join(explain(verdict))
    assert 'MPU-6500' in text.splitlines()[0]
    assert 'register 0x75 = 0x70: as MPU-6500 answers' in text
    assert 'imu_icm20600: register 0x75 = 0x70: not ICM-20600, which would answer 0x11' in text
    verdict, _ = probe(I2cPlace(1, 0x53), chip('imu_adxl345', 0x53), Hints())
    text = '\n'.join(explain(verdict))
    assert 'not tried:' in text
    assert 'not asked blindly' in text


class Nonsense:
    """A bus that answers anything: errors, too much, too little."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def perform(self, operation: Operation) -> Outcome:
        if self._random.random() < 0.2:
            return Outcome(operation, error=self._random.choice(['absent', 'failed', 'odd']))
        return Outcome(operation, self._random.randbytes(self._random.choice([0, 1, 2, 7, 300])))


@pytest.mark.parametrize('seed', range(60))
def test_whatever_a_bus_answers_the_plan_goes_on(seed: int) -> None:
    chance = random.Random(seed)
    chip_ids = tuple(entry.id for entry in CATALOGUE.of_spi())
    for place, hints in (
            (I2cPlace(1, chance.randrange(128)), Hints(allowed_bus=True)),
            (SpiPlace(0, 1), Hints(declared=(chance.choice(chip_ids),))),
            (SerialPlace('/dev/ttyS0', '', '1a86', '7523'), Hints(no_loose_actuators=True))):
        plan = Plan(place, hints, CATALOGUE)
        run(plan, Nonsense(seed), 2)
        assert 0.0 <= plan.verdict().confidence <= 0.99
        assert explain(plan.verdict())


def test_what_was_heard_is_decoded_once_for_all_entries() -> None:
    decoded: list[tuple[str, bytes]] = []

    def count(name: str, data: bytes) -> FoundFrames | None:
        decoded.append((name, data))
        return find_frames(name, data)

    plan = Plan(SerialPlace('/dev/ttyUSB0', '/p', '1a86', '7523'), Hints(), CATALOGUE,
                protocols=count)
    step = plan.next(0)
    assert isinstance(step, SerialListen)
    plan.heard(Outcome(step, data=b'$GPGGA,,,,,,0,,,,,,,,*66\r\n' * 3))
    names = [name for name, _ in decoded]
    assert 'nmea' in names and len(set(decoded)) == len(decoded), names
