# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One address on an I2C bus for a driver; every error of the bus a DriverFault."""

import errno
from collections.abc import Callable
from typing import Protocol, TypeVar

from smbus2 import SMBus

from hw_discovery.core.probing.operation import I2cPlace, Place
from hw_discovery.drivers.fault import DeviceGone, DriverFault

BLOCK_BYTES_MAX = 32         # of an SMBus block transfer
ATTEMPTS_MAX = 3             # a disturbed transfer is worth repeating, a missing chip is not
_GONE = (errno.ENODEV, errno.ENOENT)
_Result = TypeVar('_Result')


class I2cTransport(Protocol):
    """What an I2C driver needs of a bus. Addresses are 7 bits, registers 8."""

    def read(self, address: int, register: int, size: int) -> bytes:
        """Return `size` bytes from `register` on; raise DriverFault."""
        ...

    def write(self, address: int, register: int, data: bytes) -> None:
        """Write from `register` on; raise DriverFault."""
        ...

    def close(self) -> None:
        """Give the bus back."""
        ...


class I2cLine:
    """The real bus /dev/i2c-<bus>; addresses that a kernel driver owns are refused by it."""

    def __init__(self, bus: int) -> None:
        self._bus_number = bus
        try:
            self._bus = SMBus(bus)
        except OSError as error:
            kind = DeviceGone if error.errno in _GONE else DriverFault
            raise kind(f'/dev/i2c-{bus} cannot be opened: {error}') from error

    def read(self, address: int, register: int, size: int) -> bytes:
        """Return `size` bytes; raise DriverFault after some attempts."""
        assert 1 <= size <= BLOCK_BYTES_MAX
        return bytes(self._tried(address, lambda: self._bus.read_i2c_block_data(
            address, register, size)))

    def write(self, address: int, register: int, data: bytes) -> None:
        """Write the bytes; raise DriverFault after some attempts."""
        assert 1 <= len(data) <= BLOCK_BYTES_MAX
        self._tried(address, lambda: self._bus.write_i2c_block_data(
            address, register, list(data)))

    def close(self) -> None:
        """Close the bus. Never raises."""
        self._bus.close()

    def _tried(self, address: int, transfer: Callable[[], _Result]) -> _Result:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return transfer()
            except OSError as error:
                if error.errno in _GONE:
                    raise DeviceGone(f'/dev/i2c-{self._bus_number} is gone: {error}') from error
                if error.errno == errno.EBUSY or attempt == ATTEMPTS_MAX:
                    raise DriverFault(self._why(address, error)) from error
        raise AssertionError('not reached')

    def _why(self, address: int, error: OSError) -> str:
        where = f'i2c bus {self._bus_number}, address 0x{address:02x}'
        if error.errno == errno.EBUSY:
            return f'{where}: a kernel driver owns it'
        if error.errno in (errno.ENXIO, errno.EREMOTEIO):
            return f'{where}: nobody answers'
        return f'{where}: {error}'


def i2c_place(place: Place | None) -> I2cPlace:
    """Return the bus and address of a device; raise DriverFault where there are none."""
    if not isinstance(place, I2cPlace):
        raise DriverFault('expected a device on an I2C bus with its address')
    return place
