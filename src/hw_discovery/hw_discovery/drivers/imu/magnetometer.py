# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The AKM magnetometers inside MPU-9250 and ICM-20948, as data. Pure.

Sources: AK8963 MS1356-E-02 8.3 (registers, adjustment), AK09916 MS1803-E-00 (registers),
PS-MPU-9250A-01 9.1 and DS-000189 14 (how its axes lie to those of the accelerometer).
"""

import struct
from dataclasses import dataclass

from hw_discovery.drivers.imu.chip import Write

ADDRESS = 0x0C
TESLA_PER_COUNT = 0.15e-6    # both, with 16 bits


@dataclass(frozen=True, slots=True)
class Magnetometer:
    """`bypass`: written to the host chip, so that the inner bus is the outer one."""

    name: str
    identity: tuple[tuple[int, int], ...]        # register, value
    bypass: Write
    start: tuple[Write, ...]
    adjust: tuple[Write, Write] | None           # to the fuse ROM and back
    status: int                                  # one read from here holds everything
    size: int
    data_offset: int
    overflow_offset: int
    axes: tuple[tuple[int, float], ...]          # for x, y, z of the chip: which, sign

    def decode(
        self, block: bytes, factors: tuple[float, ...] = (1.0, 1.0, 1.0),
    ) -> tuple[float, float, float] | None:
        """Return the field in T in the accelerometer's axes; None = nothing new, or too strong."""
        if not block[0] & 0x01 or block[self.overflow_offset] & 0x08:
            return None
        counts = struct.unpack_from('<3h', block, self.data_offset)
        field = [n * f * TESLA_PER_COUNT for n, f in zip(counts, factors, strict=True)]
        (i, a), (j, b), (k, c) = self.axes
        return field[i] * a, field[j] * b, field[k] * c


def adjustment(fuse_rom: bytes) -> tuple[float, ...]:
    """Return the factory's factors: 1 + (ASA - 128) / 256."""
    return tuple(1.0 + (value - 128) / 256.0 for value in fuse_rom[:3])


MAGNETOMETERS = {
    'ak8963': Magnetometer(
        'ak8963', ((0x00, 0x48),), bypass=Write(0x37, 0x02, 10),
        start=(Write(0x0A, 0x16, 10),),          # 16 bits, 100 Hz
        adjust=(Write(0x0A, 0x0F, 10), Write(0x0A, 0x00, 10)),
        status=0x02, size=8, data_offset=1, overflow_offset=7,
        axes=((1, 1.0), (0, 1.0), (2, -1.0))),
    'ak09916': Magnetometer(
        'ak09916', ((0x00, 0x48), (0x01, 0x09)), bypass=Write(0x0F, 0x02, 10),
        start=(Write(0x31, 0x08, 10),), adjust=None,
        status=0x10, size=9, data_offset=1, overflow_offset=8,
        axes=((0, 1.0), (1, -1.0), (2, -1.0))),
}
FUSE_ROM = 0x10              # of the AK8963
