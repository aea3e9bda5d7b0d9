# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Registers of inertial chips and what their counts mean. Sensitivities are the data sheets'."""

import math
import struct

import pytest

from hw_discovery.catalogue_files import bundled
from hw_discovery.drivers.imu.chip import (
    BMI160,
    CHIPS,
    FROZEN_BURSTS,
    ICM20948,
    LSM6DS3,
    LSM6DSO,
    LSM6DSO32,
    MPU6050,
    MPU9250,
    Chip,
    Sample,
    candidates,
    judge,
    setting_of,
    weighs_half,
)
from hw_discovery.drivers.imu.magnetometer import MAGNETOMETERS, adjustment

G = 9.80665


# PS-MPU-6000A-00 6.1/6.2: 16384 counts are 1 g at 2 g, 131 are 1 deg/s at 250 deg/s.
@pytest.mark.parametrize(('chip', 'burst'), [
    (MPU6050, struct.pack('>7h', 0, 0, 16384, 0, 131, 0, -131)),
    (ICM20948, struct.pack('>7h', 0, 0, 16384, 131, 0, -131, 0)),
    (BMI160, struct.pack('<6h', 131, 0, -131, 0, 0, 16384)),
    (LSM6DS3, struct.pack('<6h', 114, 0, -114, 0, 0, 16393))])
def test_one_g_upwards_and_one_degree_a_second_are_read_as_such(chip: Chip, burst: bytes) -> None:
    sample = setting_of(chip, 2, 250).decode(burst)
    assert sample.acceleration_mps2 == pytest.approx((0.0, 0.0, G), abs=2e-3)
    assert sample.rate_rps == pytest.approx(
        (math.radians(1), 0.0, -math.radians(1)), rel=3e-3, abs=1e-9)


@pytest.mark.parametrize('chip', CHIPS, ids=lambda chip: chip.name)
def test_full_scale_is_what_the_range_says(chip: Chip) -> None:
    for accel in chip.accel_scales:
        for gyro in chip.gyro_scales:
            setting = setting_of(chip, accel.full, gyro.full)
            sign = '>' if chip.big_endian else '<'
            burst = bytearray(chip.burst[1])
            struct.pack_into(f'{sign}3h', burst, chip.accel_offset, 32767, -32768, 0)
            struct.pack_into(f'{sign}3h', burst, chip.gyro_offset, 32767, -32768, 0)
            sample = setting.decode(bytes(burst))
            assert sample.acceleration_mps2[0] == pytest.approx(accel.full * G, rel=0.03)
            # ST's 250 deg/s is 245 full scale of 8.75 mdps counts: 286 fit into 16 bits.
            assert gyro.full * 0.99 <= math.degrees(sample.rate_rps[0]) <= gyro.full * 1.15


def test_an_unknown_range_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match='2, 4, 8, 16 g'):
        setting_of(MPU6050, 3, 250)


def test_temperatures_follow_the_data_sheets() -> None:
    assert setting_of(MPU6050, 2, 250).temperature_c(b'\x00\x00') == pytest.approx(36.53)
    assert setting_of(MPU6050, 2, 250).temperature_c(struct.pack('>h', -340)) == pytest.approx(
        35.53)
    assert setting_of(BMI160, 2, 250).temperature_c(b'\x00\x02') == pytest.approx(24.0)
    assert setting_of(LSM6DS3, 2, 250).temperature_c(struct.pack('<h', 16)) == pytest.approx(26.0)


def test_the_ranges_are_written_after_the_reset_and_in_their_bank() -> None:
    writes = [(w.register, w.value) for w in setting_of(MPU6050, 8, 1000).writes()]
    assert writes[0] == (0x6B, 0x80) and writes[1] == (0x6B, 0x01)
    assert writes[-2:] == [(0x1C, 0x10), (0x1B, 0x10)]
    icm = [(w.register, w.value) for w in setting_of(ICM20948, 8, 1000).writes()]
    assert icm[0] == (0x7F, 0x00) and icm[-1] == (0x7F, 0x00)
    assert icm.index((0x7F, 0x20)) < icm.index((0x14, 0x1D)) < icm.index((0x01, 0x1D))


def test_noise_is_the_density_times_the_bandwidth() -> None:
    accel, gyro = setting_of(MPU9250, 2, 250).variances()
    assert math.sqrt(accel) == pytest.approx(300e-6 * G * math.sqrt(44 * 1.57))
    assert 0 < gyro < math.radians(0.1) ** 2


def test_no_register_is_read_at_an_address_where_no_chip_can_be() -> None:
    assert candidates(0x40) == ()
    assert {c.identity_register for c in candidates(0x6A)} == {0x0F}
    assert {c.identity_register for c in candidates(0x68)} == {0x75, 0x00}
    assert [c.name for c in candidates(0x69, 'bmi160')] == ['bmi160']


def test_a_chip_whose_twin_reads_twice_as_much_is_meant_only_when_it_is_named() -> None:
    assert 'lsm6dso' not in [c.name for c in candidates(0x6A)]
    assert [c.name for c in candidates(0x6A, 'lsm6dso')] == ['lsm6dso']
    assert [c.name for c in candidates(0x6A, 'lsm6dso32')] == ['lsm6dso32']


def test_a_resting_chip_that_weighs_half_is_its_twin() -> None:
    burst = struct.pack('<6h', 5, -3, 2, 100, 0, round(G / 244e-6 / 2 / G))
    taken_for = setting_of(LSM6DSO, 8, 1000)
    half = [taken_for.decode(burst)] * FROZEN_BURSTS
    assert weighs_half(LSM6DSO, half)
    assert not weighs_half(LSM6DSO, half[1:]), 'too few to tell'
    assert not weighs_half(LSM6DS3, half), 'it has no twin'
    assert not weighs_half(LSM6DSO, [*half[1:], Sample((0.0, 0.0, G / 2), (0.2, 0.0, 0.0))])
    assert not weighs_half(LSM6DSO, [Sample((0.0, 0.0, G), (0.0, 0.0, 0.0))] * FROZEN_BURSTS)
    right = setting_of(LSM6DSO32, 16, 1000).decode(burst)
    assert right.acceleration_mps2[2] == pytest.approx(G, rel=1e-3)


def test_the_named_chips_of_the_catalogue_are_chips_of_the_driver() -> None:
    named = {entry.id: entry.fact('chip') for entry in bundled().entries
             if entry.own_driver == 'imu' and entry.fact('chip')}
    assert named == {'imu_lsm6dso': 'lsm6dso'}
    assert set(named.values()) <= {chip.name for chip in CHIPS}


def test_readings_that_no_living_chip_gives_are_told_apart() -> None:
    living = [struct.pack('>7h', n, 0, 0, 0, 0, 0, 1) for n in range(60)]
    assert judge(living) == ''
    assert 'zeros' in judge([*living, bytes(14)])
    assert 'ones' in judge([*living, b'\xff' * 14])
    assert judge([living[0]] * (FROZEN_BURSTS - 1)) == ''
    assert 'frozen' in judge([living[0]] * FROZEN_BURSTS)


def test_the_compass_is_turned_into_the_axes_of_the_accelerometer() -> None:
    old = MAGNETOMETERS['ak8963']
    block = b'\x01' + struct.pack('<3h', 100, 200, 300) + b'\x10'
    assert old.decode(block) == pytest.approx((30e-6, 15e-6, -45e-6))
    new = MAGNETOMETERS['ak09916']
    block = b'\x01' + struct.pack('<3h', 100, 200, 300) + b'\x00\x00'
    assert new.decode(block) == pytest.approx((15e-6, -30e-6, -45e-6))


def test_a_field_that_is_too_strong_or_old_is_no_reading() -> None:
    chip = MAGNETOMETERS['ak8963']
    assert chip.decode(b'\x00' + bytes(6) + b'\x10') is None
    assert chip.decode(b'\x01' + bytes(6) + b'\x18') is None


def test_the_factory_adjustment_is_centred_at_128() -> None:
    # MS1356-E-02 8.3.11: Hadj = H * ((ASA - 128) * 0.5 / 128 + 1).
    assert adjustment(bytes((128, 0, 255))) == pytest.approx((1.0, 0.5, 1.49609375))
