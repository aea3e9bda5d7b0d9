# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How inertial chips are told apart, set up and read, as data. Pure: no bus, no clock.

A chip is written to only after its identity register was read and is as expected. Sources:
RM-MPU-6000A-00 4.2 and RM-MPU-9250A-00 (register maps), PS-MPU-6000A-00 and PS-MPU-9250A-01
(noise), AK8963 MS1356-E-02, DS-000189 (ICM-20948 with AK09916), BST-BMI160-DS000, ST DocID026899
(LSM6DS3) and DocID028475 (LSM6DSL).
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

STANDARD_GRAVITY_MPS2 = 9.80665          # how makers define their g
RADIANS_PER_DEGREE = math.pi / 180.0
FROZEN_BURSTS = 50           # half a second at 100 Hz; two equal by chance are already rare


@dataclass(frozen=True, slots=True)
class Write:
    """Write one register, then wait."""

    register: int
    value: int
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class Scale:
    """One full-scale range: the bits that choose it and what a count means then."""

    full: int                # g or deg/s
    bits: int
    per_count: float         # g or deg/s


@dataclass(frozen=True, slots=True)
class Chip:
    """One kind of chip. `write_*` give the writes of a range; {reset} comes before all of them.

    `burst`: first register and size of one read that holds both sensors; offsets into it.
    `noise`: densities in g and deg/s per root Hz, typical values of the data sheet.
    """

    name: str
    identity_register: int
    identities: tuple[int, ...]
    reset: tuple[Write, ...]
    wake: tuple[Write, ...]
    finish: tuple[Write, ...]            # after the ranges
    accel_register: int
    accel_base: int                      # other bits of that register
    accel_scales: tuple[Scale, ...]
    gyro_register: int
    gyro_base: int
    gyro_scales: tuple[Scale, ...]
    burst: tuple[int, int]
    accel_offset: int
    gyro_offset: int
    temperature: tuple[int, int, float, float]   # register, size 2, counts per K, degC at 0
    accel_noise: float
    gyro_noise: float
    bandwidth_hz: float
    big_endian: bool
    bank_select: Write | None = None             # to where identity and data are
    setup_bank: Write | None = None              # to where ranges are
    magnetometer: str = ''


def _ranges(fulls: Sequence[int], bits: Sequence[int], counts: Sequence[float]) -> tuple[
        Scale, ...]:
    return tuple(Scale(full, bit, 1.0 / count)
                 for full, bit, count in zip(fulls, bits, counts, strict=True))


_G_FULLS = (2, 4, 8, 16)
_G_COUNTS = (16384.0, 8192.0, 4096.0, 2048.0)
_DPS_FULLS = (250, 500, 1000, 2000)
_DPS_COUNTS = (131.0, 65.5, 32.8, 16.4)
_MPU_SHIFTED = (0 << 3, 1 << 3, 2 << 3, 3 << 3)


def _mpu(name: str, identities: tuple[int, ...], temperature: tuple[float, float],
         noise: tuple[float, float], magnetometer: str = '', second_filter: bool = True) -> Chip:
    # 0x6b: reset, then the clock of the gyroscope. 0x19: 1 kHz / (1 + 4) = 200 Hz. 0x1a: low
    # pass 3, 41..44 Hz. 0x1d (6500 and later): the same for the accelerometer.
    filters = (Write(0x19, 4), Write(0x1A, 3)) + ((Write(0x1D, 3),) if second_filter else ())
    return Chip(
        name, 0x75, identities, reset=(Write(0x6B, 0x80, 100),),
        wake=(Write(0x6B, 0x01, 50), *filters), finish=(),
        accel_register=0x1C, accel_base=0,
        accel_scales=_ranges(_G_FULLS, _MPU_SHIFTED, _G_COUNTS),
        gyro_register=0x1B, gyro_base=0,
        gyro_scales=_ranges(_DPS_FULLS, _MPU_SHIFTED, _DPS_COUNTS),
        burst=(0x3B, 14), accel_offset=0, gyro_offset=8,
        temperature=(0x41, 2, *temperature), accel_noise=noise[0], gyro_noise=noise[1],
        bandwidth_hz=44.0, big_endian=True, magnetometer=magnetometer)


# 0x98 and 0x72 are clones that are sold under its name and share its map.
MPU6050 = _mpu('mpu6050', (0x68, 0x98, 0x72), (340.0, 36.53), (400e-6, 0.005), second_filter=False)
MPU6500 = _mpu('mpu6500', (0x70,), (333.87, 21.0), (300e-6, 0.01))
MPU9250 = _mpu('mpu9250', (0x71, 0x73), (333.87, 21.0), (300e-6, 0.01), 'ak8963')

ICM20948 = Chip(
    'icm20948', 0x00, (0xEA,), reset=(Write(0x06, 0x80, 100),), wake=(Write(0x06, 0x01, 50),),
    # Bank 2: both rates 1125 Hz / (1 + 4) = 225 Hz.
    finish=(Write(0x00, 4), Write(0x11, 4)),
    # Low pass 3 in bits 5:3 (51 Hz) and the bit that switches it on.
    accel_register=0x14, accel_base=0x19,
    accel_scales=_ranges(_G_FULLS, (0, 2, 4, 6), _G_COUNTS),
    gyro_register=0x01, gyro_base=0x19,
    gyro_scales=_ranges(_DPS_FULLS, (0, 2, 4, 6), _DPS_COUNTS),
    burst=(0x2D, 14), accel_offset=0, gyro_offset=6, temperature=(0x39, 2, 333.87, 21.0),
    accel_noise=230e-6, gyro_noise=0.015, bandwidth_hz=51.0, big_endian=True,
    bank_select=Write(0x7F, 0x00), setup_bank=Write(0x7F, 0x20), magnetometer='ak09916')

BMI160 = Chip(
    'bmi160', 0x00, (0xD1,), reset=(Write(0x7E, 0xB6, 100),),
    # Commands: accelerometer normal (3.8 ms), gyroscope normal (80 ms).
    wake=(Write(0x7E, 0x11, 10), Write(0x7E, 0x15, 100)),
    finish=(Write(0x40, 0x29), Write(0x42, 0x29)),       # normal filter, 200 Hz
    accel_register=0x41, accel_base=0,
    accel_scales=_ranges(_G_FULLS, (0x03, 0x05, 0x08, 0x0C), _G_COUNTS),
    gyro_register=0x43, gyro_base=0,
    gyro_scales=_ranges(_DPS_FULLS, (3, 2, 1, 0), (131.2, 65.6, 32.8, 16.4)),
    burst=(0x0C, 12), accel_offset=6, gyro_offset=0, temperature=(0x20, 2, 512.0, 23.0),
    accel_noise=180e-6, gyro_noise=0.007, bandwidth_hz=80.0, big_endian=False)


def _lsm(name: str, identity: int, counts_per_k: float, widest_g: int = 16) -> Chip:
    # 61 ug for a count of 2 g; the codes of the ranges are in order of width but for the widest.
    scales = tuple(Scale(widest_g // part, bits, 61e-6 * 8 / part * widest_g / 16)
                   for part, bits in ((8, 0x0), (4, 0x8), (2, 0xC), (1, 0x4)))
    return Chip(
        name, 0x0F, (identity,), reset=(Write(0x12, 0x01, 20),),
        wake=(Write(0x12, 0x44),),       # block data update, address counts up
        finish=(),
        accel_register=0x10, accel_base=0x50,            # 208 Hz
        accel_scales=scales,
        gyro_register=0x11, gyro_base=0x50,
        gyro_scales=tuple(Scale(*row) for row in (
            (250, 0x0, 8.75e-3), (500, 0x4, 17.5e-3), (1000, 0x8, 35e-3), (2000, 0xC, 70e-3))),
        burst=(0x22, 12), accel_offset=6, gyro_offset=0,
        temperature=(0x20, 2, counts_per_k, 25.0), accel_noise=90e-6, gyro_noise=0.007,
        bandwidth_hz=100.0, big_endian=False)


LSM6DS3 = _lsm('lsm6ds3', 0x69, 16.0)
LSM6DSL = _lsm('lsm6dsl', 0x6A, 256.0)
LSM6DSO = _lsm('lsm6dso', 0x6C, 256.0)
# The same identity, and twice the acceleration in every range (adafruit/Adafruit_LSM6DS,
# Adafruit_LSM6DSO32.cpp): a user names it; `weighs_half` finds one that was taken for the other.
LSM6DSO32 = _lsm('lsm6dso32', 0x6C, 256.0, widest_g=32)

CHIPS = (MPU6050, MPU6500, MPU9250, ICM20948, BMI160, LSM6DS3, LSM6DSL, LSM6DSO, LSM6DSO32)
_ONLY_IF_NAMED = (LSM6DSO, LSM6DSO32)
# Where each may sit, so that no register is read at an address where it means something else.
_INVENSENSE_OR_BOSCH = (0x68, 0x69)
_ST = (0x6A, 0x6B)


def candidates(address: int, name: str = '') -> tuple[Chip, ...]:
    """Return the chips that can have an address, or the named one of them.

    The LSM6DSO and its twin are never meant unless they are named.
    """
    fitting = (LSM6DS3, LSM6DSL, *_ONLY_IF_NAMED) if address in _ST else tuple(
        chip for chip in CHIPS if chip.identity_register != 0x0F) \
        if address in _INVENSENSE_OR_BOSCH else ()
    return tuple(chip for chip in fitting
                 if name == chip.name or not name and chip not in _ONLY_IF_NAMED)


@dataclass(frozen=True, slots=True)
class Sample:
    """Acceleration in m/s2 (at rest +9.81 upwards) and turn rate in rad/s, in chip axes."""

    acceleration_mps2: tuple[float, float, float]
    rate_rps: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Setting:
    """A chip with its chosen ranges: what to write, what must stay, how to read counts."""

    chip: Chip
    accel: Scale
    gyro: Scale

    def writes(self) -> tuple[Write, ...]:
        """Return everything to write, in order."""
        chip = self.chip
        first = (chip.bank_select,) if chip.bank_select else ()
        inner = (chip.setup_bank,) if chip.setup_bank else ()
        return (*first, *chip.reset, *chip.wake, *inner,
                *(Write(*pair) for pair in self.ranges()), *chip.finish, *first)

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Return the registers that hold the ranges, and their values."""
        chip = self.chip
        return ((chip.accel_register, chip.accel_base | self.accel.bits),
                (chip.gyro_register, chip.gyro_base | self.gyro.bits))

    def decode(self, burst: bytes) -> Sample:
        """Turn one burst into SI units."""
        sign = '>' if self.chip.big_endian else '<'
        accel = struct.unpack_from(f'{sign}3h', burst, self.chip.accel_offset)
        gyro = struct.unpack_from(f'{sign}3h', burst, self.chip.gyro_offset)
        g = self.accel.per_count * STANDARD_GRAVITY_MPS2
        dps = self.gyro.per_count * RADIANS_PER_DEGREE
        return Sample((accel[0] * g, accel[1] * g, accel[2] * g),
                      (gyro[0] * dps, gyro[1] * dps, gyro[2] * dps))

    def temperature_c(self, raw: bytes) -> float:
        """Turn the two bytes of the thermometer into degrees Celsius."""
        _, _, counts_per_k, at_zero = self.chip.temperature
        (counts,) = struct.unpack('>h' if self.chip.big_endian else '<h', raw)
        return float(counts) / counts_per_k + at_zero

    def variances(self) -> tuple[float, float]:
        """Return the noise: (m/s2)^2 and (rad/s)^2 of one axis. Bias is not in it."""
        width = self.chip.bandwidth_hz * 1.57     # of the noise behind a first-order low pass
        accel = self.chip.accel_noise * STANDARD_GRAVITY_MPS2
        gyro = self.chip.gyro_noise * RADIANS_PER_DEGREE
        return accel * accel * width, gyro * gyro * width


def setting_of(chip: Chip, accel_g: int, gyro_dps: int) -> Setting:
    """Return a chip with two of its ranges; raise ValueError that names what it has."""
    accel = next((s for s in chip.accel_scales if s.full == accel_g), None)
    gyro = next((s for s in chip.gyro_scales if s.full == gyro_dps), None)
    if accel is None or gyro is None:
        raise ValueError(
            f'{chip.name}: expected an accelerometer range of '
            f'{", ".join(str(s.full) for s in chip.accel_scales)} g and a gyroscope range of '
            f'{", ".join(str(s.full) for s in chip.gyro_scales)} deg/s; '
            f'given: {accel_g} and {gyro_dps}')
    return Setting(chip, accel, gyro)


def judge(bursts: Sequence[bytes]) -> str:
    """Return why these successive bursts cannot be readings of a living chip; '' = they can.

    Noise of these chips is some counts, so that equal bursts in a row mean a stuck chip or bus.
    """
    last = bursts[-1]
    if not any(last):
        return 'it reads only zeros: it sleeps or was reset'
    if all(byte == 0xFF for byte in last):
        return 'it reads only ones: nobody drives the bus'
    if len(bursts) >= FROZEN_BURSTS and all(burst == last for burst in bursts):
        return f'{FROZEN_BURSTS} readings in a row are the same: it is frozen'
    return ''


def weighs_half(chip: Chip, samples: Sequence[Sample]) -> bool:
    """Tell whether a resting LSM6DSO measures half of gravity: it is an LSM6DSO32 then.

    Needs FROZEN_BURSTS samples that turn slower than 0.1 rad/s; such chips are off
    by some 0.02 g, so that 0.4 to 0.6 g at rest is nothing that an LSM6DSO measures.
    """
    if chip is not LSM6DSO or len(samples) < FROZEN_BURSTS:
        return False
    return all(math.hypot(*one.rate_rps) < 0.1 for one in samples) and all(
        0.4 < math.hypot(*one.acceleration_mps2) / STANDARD_GRAVITY_MPS2 < 0.6
        for one in samples)
