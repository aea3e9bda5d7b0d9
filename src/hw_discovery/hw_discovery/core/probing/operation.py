# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What can be done to a place on a bus to learn who is there, and what came of it.

Values only. buses/ performs operations and makes outcomes; the planner asks and judges.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class I2cPlace:
    """`bus`: number of /dev/i2c-N. `path`: of the adapter in sysfs, stable across boots."""

    bus: int
    address: int
    path: str = ''


@dataclass(frozen=True, slots=True)
class SpiPlace:
    """/dev/spidev<bus>.<chip_select>, declared by the device tree or an operator."""

    bus: int
    chip_select: int
    path: str = ''


@dataclass(frozen=True, slots=True)
class SerialPlace:
    """`device`: e.g. /dev/ttyUSB0. `path`: its place in sysfs. USB facts of the device that the
    port belongs to; '' = not USB."""

    device: str
    path: str = ''
    vendor_id: str = ''
    product_id: str = ''
    manufacturer: str = ''
    product: str = ''
    serial: str = ''


Place = I2cPlace | SpiPlace | SerialPlace


@dataclass(frozen=True, slots=True)
class I2cBareRead:
    """Read one byte without writing a register first. Outcome data: 1 byte."""

    place: I2cPlace


@dataclass(frozen=True, slots=True)
class I2cRead:
    """Write `register` (index_bits 8 or 16), repeated start, read `size` bytes."""

    place: I2cPlace
    register: int
    index_bits: int
    size: int


@dataclass(frozen=True, slots=True)
class SpiExchange:
    """Full duplex: as many bytes come back as `tx` has."""

    place: SpiPlace
    mode: int
    speed_hz: int
    tx: bytes


@dataclass(frozen=True, slots=True)
class SerialListen:
    """Open without touching DTR and RTS where the platform lets us, send nothing."""

    place: SerialPlace
    baud: int
    line_format: str
    listen_ms: int
    bytes_max: int = 16384


@dataclass(frozen=True, slots=True)
class SerialAsk:
    """Send `tx`, then collect what comes until timeout_ms or `enough` bytes."""

    place: SerialPlace
    baud: int
    line_format: str
    tx: bytes
    timeout_ms: int
    enough: int = 16384


Operation = I2cBareRead | I2cRead | SpiExchange | SerialListen | SerialAsk


@dataclass(frozen=True, slots=True)
class Outcome:
    """`data`: what came back; b'' with an error. `error`: '' or one of ERRORS; `detail` for
    people. `at_ns`, `took_ns`: monotonic."""

    operation: Operation
    data: bytes = b''
    error: str = ''
    detail: str = ''
    at_ns: int = 0
    took_ns: int = 0


# absent: nobody acknowledged. busy: a driver or a process owns it. denied: permissions.
# gone: unplugged meanwhile. failed: anything else.
ERRORS = ('absent', 'busy', 'denied', 'gone', 'failed')
