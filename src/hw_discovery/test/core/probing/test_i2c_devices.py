# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every I2C device of the catalogue is found by its own signature, or said to be ambiguous."""

import pytest
from simulated_devices import SimulatedBus, SimulatedI2c
from simulated_probing import CATALOGUE, harm_to, named, probe, run

from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.device import Verdict
from hw_discovery.core.probing.consent import Hints
from hw_discovery.core.probing.i2c_plan import is_part_at
from hw_discovery.core.probing.neighbours import settle_bus
from hw_discovery.core.probing.operation import I2cPlace, Operation, Outcome
from hw_discovery.core.probing.planner import Plan
from hw_discovery.core.probing.verdict import PlaceState, ProbeVerdict

# Entries that no operation without a lasting effect tells from something else, and why.
CANNOT_BE_TOLD = {
    'baro_ms5611': 'no identity; a 4-bit checksum passes by chance once in 16',
    'cam_imx219': 'a 16-bit index on a bus with 8-bit chips; found through the kernel',
    'cam_imx477': 'see cam_imx219',
    'cam_imx708': 'see cam_imx219',
    'cam_ov5647': 'see cam_imx219; AS5600 and seesaw cannot be ruled out before',
    'cam_pixy2': 'its request is a write',
    'eeprom_24c': 'any content is possible; never probed',
    'encoder_as5600': 'three bits of a status register',
    'env_htu21d': 'commands instead of registers',
    'gpio_mcp23017': 'a register pointer would set the outputs of a PCF8574; never probed',
    'gpio_pcf8574': 'one byte without meaning; never probed',
    'gps_ublox_ddc': 'a plausible number of waiting bytes is all that can be read harmlessly',
    'imu_bno08x': 'packets instead of registers; reading takes them from a driver',
    'imu_mpu6050': 'a clone that says 0x98 says what an ICM-20689 says',
    'imu_icm20689': 'says 0x98, as clones of the MPU-6050 do',
    'mag_qmc5883l': 'its id is 0xFF, which an idle line reads too',
    'mux_tca9548a': 'one byte without meaning',
    'pwr_smart_battery': 'never probed',
    'range_lidarlite': 'a unit number, different in each',
    'range_lightware_i2c': 'a bare distance',
    'range_tfmini_i2c': 'its request is a write to the other chips of 0x10',
    'range_vl53l5cx': 'its id needs a page register written before',
    'rtc_ds1307': 'a time, but no identity',
    'servo_seesaw': 'one byte of seven accepted ones, behind a 16-bit index that others take '
                    'for a write',
    'stepper_tic_i2c': 'one byte of six accepted ones, behind a write to an IST8310',
}
I2C = [entry for entry in CATALOGUE.entries if entry.i2c is not None]
PLACES = [(entry, address) for entry in I2C if entry.i2c is not None
          for address in entry.i2c.addresses]


def choices(entry: DeviceEntry) -> range:
    """Which of the accepted values a simulated chip can show."""
    assert entry.i2c is not None
    return range(max([1, *(len(line.expected) for line in entry.i2c.identity)]))


def probe_chip(entry: DeviceEntry, address: int, choice: int,
               hints: Hints | None = None) -> tuple[ProbeVerdict, SimulatedI2c]:
    chip = SimulatedI2c(entry, address, choice)
    verdict, operations = probe(I2cPlace(1, address), chip, hints)
    assert not harm_to([entry], operations)
    assert not chip.writes
    return verdict, chip


@pytest.mark.parametrize(('entry', 'address'), PLACES,
                         ids=[f'{entry.id}-{address:02x}' for entry, address in PLACES])
def test_each_chip_is_identified_or_honestly_ambiguous(entry: DeviceEntry, address: int) -> None:
    for choice in choices(entry):
        verdict, _ = probe_chip(entry, address, choice)
        assert entry.id in named(verdict), verdict
        if verdict.verdict is Verdict.IDENTIFIED:
            assert verdict.entry_id == entry.id
            assert 0.9 <= verdict.confidence <= 0.99
            continue
        assert entry.id in CANNOT_BE_TOLD or is_part_at(entry, address) or verdict.not_tried \
            or entry.id in ('mag_lis3mdl',), verdict  # as one die of an LSM9DS1


@pytest.mark.parametrize('entry', [entry for entry in I2C if entry.id not in CANNOT_BE_TOLD],
                         ids=lambda entry: entry.id)
def test_each_chip_that_can_be_told_is_identified_where_declared(entry: DeviceEntry) -> None:
    assert entry.i2c is not None
    for address in entry.i2c.addresses:
        for choice in choices(entry):
            verdict, _ = probe_chip(entry, address, choice,
                                    Hints(declared=(entry.id,), allowed_bus=True))
            expected = Verdict.AMBIGUOUS if is_part_at(entry, address) else Verdict.IDENTIFIED
            assert (verdict.verdict, verdict.entry_id) == (expected, entry.id)


def test_the_list_of_what_cannot_be_told_holds_nothing_that_can() -> None:
    told = set()
    for entry in I2C:
        assert entry.i2c is not None
        if all(probe_chip(entry, address, choice)[0].verdict is Verdict.IDENTIFIED
               for address in entry.i2c.addresses for choice in choices(entry)):
            told.add(entry.id)
    assert sorted(told & set(CANNOT_BE_TOLD)) == []


def probe_bus(chips: dict[int, SimulatedI2c], addresses: list[int],
              declared: bool = False) -> tuple[ProbeVerdict, ...]:
    bus = SimulatedBus(dict(chips))
    verdicts = []
    for address in addresses:
        hints = Hints(allowed_bus=True)
        if declared and address in chips:
            hints = Hints(declared=(chips[address].entry.id,), allowed_bus=True)
        verdict, operations = probe(I2cPlace(1, address), bus, hints)
        verdicts.append(verdict)
        if address in chips:
            assert not harm_to([chips[address].entry], operations)
    return settle_bus(verdicts, CATALOGUE.entries)


def at(verdicts: tuple[ProbeVerdict, ...], address: int) -> ProbeVerdict:
    return next(one for one in verdicts if isinstance(one.place, I2cPlace)
                and one.place.address == address)


def chip(entry_id: str, address: int) -> SimulatedI2c:
    entry = CATALOGUE.by_id(entry_id)
    assert entry is not None
    return SimulatedI2c(entry, address)


def test_both_dies_of_a_bmi088_are_one_device() -> None:
    verdicts = probe_bus({0x18: chip('imu_bmi088', 0x18), 0x68: chip('imu_bmi088', 0x68)},
                         [0x18, 0x19, 0x68, 0x69])
    assert at(verdicts, 0x18).verdict is Verdict.IDENTIFIED
    assert at(verdicts, 0x18).entry_id == 'imu_bmi088'
    assert at(verdicts, 0x68).same_as == I2cPlace(1, 0x18)


def test_one_die_of_a_bmi088_is_not_announced_as_a_bmi088() -> None:
    verdicts = probe_bus({0x18: chip('imu_bmi088', 0x18)}, [0x18, 0x19, 0x68, 0x69])
    assert at(verdicts, 0x18).verdict is not Verdict.IDENTIFIED
    assert 'imu_bmi088' in {item.entry_id for item in at(verdicts, 0x18).ruled_out}


def test_a_compass_alone_is_a_lis3mdl_and_beside_its_gyro_an_lsm9ds1() -> None:
    alone = probe_bus({0x1C: chip('mag_lis3mdl', 0x1C)}, [0x1C, 0x1E, 0x6A, 0x6B])
    assert (at(alone, 0x1C).verdict, at(alone, 0x1C).entry_id) == (
        Verdict.IDENTIFIED, 'mag_lis3mdl')
    both = probe_bus({0x1C: chip('imu_lsm9ds1', 0x1C), 0x6A: chip('imu_lsm9ds1', 0x6A)},
                     [0x1C, 0x1E, 0x6A, 0x6B])
    assert at(both, 0x6A).entry_id == at(both, 0x1C).entry_id == 'imu_lsm9ds1'
    assert at(both, 0x6A).same_as == I2cPlace(1, 0x1C)


def test_the_all_call_address_of_a_pca9685_is_not_a_second_board() -> None:
    verdicts = probe_bus({0x40: chip('servo_pca9685', 0x40), 0x70: chip('servo_pca9685', 0x70)},
                         [0x40, 0x70])
    assert at(verdicts, 0x40).same_as is None
    assert at(verdicts, 0x70).same_as == I2cPlace(1, 0x40)


def test_a_compass_seen_through_the_bypass_belongs_to_its_imu() -> None:
    verdicts = probe_bus({0x0C: chip('mag_ak8963', 0x0C), 0x68: chip('imu_mpu9250', 0x68)},
                         [0x0C, 0x68], declared=True)
    assert at(verdicts, 0x0C).same_as == I2cPlace(1, 0x68)


@pytest.mark.parametrize('address', sorted({address for _, address in PLACES}))
def test_neighbours_on_the_bus_change_no_verdict_for_the_worse(address: int) -> None:
    full = {other: SimulatedI2c(CATALOGUE.of_i2c_address(other)[0], other)
            for other in range(0x08, 0x78) if CATALOGUE.of_i2c_address(other)}
    for entry in CATALOGUE.of_i2c_address(address):
        alone, _ = probe_chip(entry, address, 0)
        among = probe_bus({**full, address: SimulatedI2c(entry, address)}, [address])[0]
        assert entry.id in named(among)
        if alone.verdict is Verdict.IDENTIFIED:
            assert (among.verdict, among.entry_id) == (alone.verdict, alone.entry_id)


class EveryRegisterAlike:
    """An expander, a mux or a stuck line: one byte whatever is asked."""

    def __init__(self, value: int) -> None:
        self.value = value

    def perform(self, operation: Operation) -> Outcome:
        size = getattr(operation, 'size', 1)
        return Outcome(operation, bytes([self.value]) * size)


@pytest.mark.parametrize('address', [0x0E, 0x1E, 0x29, 0x40, 0x48, 0x68, 0x76])
def test_one_byte_in_all_registers_identifies_nobody(address: int) -> None:
    for value in range(256):
        verdict, _ = probe(I2cPlace(1, address), EveryRegisterAlike(value))
        assert verdict.verdict is not Verdict.IDENTIFIED, verdict


def test_a_ms5611_is_not_taken_for_a_bmp280_nor_a_bmp280_for_a_ms5611() -> None:
    entry = CATALOGUE.by_id('baro_ms5611')
    assert entry is not None
    verdict, _ = probe_chip(entry, 0x76, 0)
    assert 'baro_bmp280' in {item.entry_id for item in verdict.ruled_out}
    entry = CATALOGUE.by_id('baro_bmp280')
    assert entry is not None
    verdict, _ = probe_chip(entry, 0x76, 0)
    assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, 'baro_bmp280')


def test_nobody_at_an_address_is_absent_and_not_a_device() -> None:
    verdict, operations = probe(I2cPlace(1, 0x68), SimulatedBus({}))
    assert (verdict.state, verdict.verdict) == (PlaceState.ABSENT, Verdict.UNKNOWN)
    assert {type(operation).__name__ for operation in operations} == {'I2cBareRead'}


def test_a_chip_that_boots_late_is_found_by_asking_again() -> None:
    chip_ = chip('imu_bno055', 0x28)
    calls = 0

    class Late:
        def perform(self, operation: Operation) -> Outcome:
            nonlocal calls
            calls += 1
            if calls < 4:
                return Outcome(operation, error='absent')
            return chip_.perform(operation)

    plan = Plan(I2cPlace(1, 0x28), Hints(), CATALOGUE)
    run(plan, Late(), rounds=9)
    assert plan.verdict().entry_id == 'imu_bno055'
    assert plan.verdict().verdict is Verdict.IDENTIFIED


@pytest.mark.parametrize(('changed', 'expected'), [
    (1, Verdict.IDENTIFIED), (2, Verdict.IDENTIFIED), (3, Verdict.AMBIGUOUS)])
def test_a_pca9685_may_have_lost_two_of_its_reset_values_but_not_most(
        changed: int, expected: Verdict) -> None:
    board = chip('servo_pca9685', 0x41)

    class Used:
        def perform(self, operation: Operation) -> Outcome:
            outcome = board.perform(operation)
            if getattr(operation, 'register', 0) in (0xFE, 0x05, 0x04)[:changed]:
                return Outcome(operation, b'\x79' * len(outcome.data))
            return outcome

    verdict, _ = probe(I2cPlace(1, 0x41), Used())
    assert 'servo_pca9685' in named(verdict)
    assert verdict.verdict is expected
