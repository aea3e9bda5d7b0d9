# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One opened /dev/i2c-N, through smbus2. Knows calls of the kernel, not who may be asked."""

import fcntl
from typing import Any, Protocol

_I2C_SLAVE = 0x0703                       # linux/i2c-dev.h
# I2C_FUNC_* of linux/i2c.h
FUNC_I2C, FUNC_READ_BYTE = 0x0000_0001, 0x0002_0000
FUNC_READ_BYTE_DATA, FUNC_READ_WORD_DATA = 0x0008_0000, 0x0020_0000
FUNC_READ_I2C_BLOCK = 0x0400_0000


class I2cDevice(Protocol):
    """What reading needs of an adapter. Every call may raise OSError."""

    @property
    def functions(self) -> int:
        """Return the FUNC_ bits of what the adapter can do."""

    def claim(self, address: int) -> None:
        """Raise OSError with EBUSY if a kernel driver owns the address. Sends nothing."""

    def read_byte(self, address: int) -> int:
        """Return a byte that was read without sending anything but the address."""

    def read_byte_data(self, address: int, register: int) -> int:
        """Return one byte of a register, by SMBus."""

    def read_word_data(self, address: int, register: int) -> int:
        """Return two bytes of a register, the first as the lower one, by SMBus."""

    def read_block(self, address: int, register: int, size: int) -> bytes:
        """Return up to 32 bytes, by SMBus."""

    def exchange(self, address: int, tx: bytes, size: int) -> bytes:
        """Write, repeated start, read; with tx b'' only read. Plain I2C."""

    def close(self) -> None:
        """Give the descriptor back."""


class SmbusDevice:
    """An I2cDevice on the kernel."""

    def __init__(self, path: str) -> None:
        """Open, or raise OSError; ImportError without smbus2."""
        # Here and not above: without smbus2 everything else still works.
        import smbus2  # type: ignore[import-untyped,import-not-found,unused-ignore]
        self._message: Any = smbus2.i2c_msg
        self._bus: Any = smbus2.SMBus(path)

    @property
    def functions(self) -> int:
        """Return the FUNC_ bits of what the adapter can do."""
        return int(self._bus.funcs)

    def claim(self, address: int) -> None:
        """Raise OSError with EBUSY if a kernel driver owns the address."""
        # I2C_RDWR asks nobody who owns the address, so this must be asked before.
        fcntl.ioctl(self._bus.fd, _I2C_SLAVE, address)

    def read_byte(self, address: int) -> int:
        """Return a byte that was read without sending anything but the address."""
        return int(self._bus.read_byte(address))

    def read_byte_data(self, address: int, register: int) -> int:
        """Return one byte of a register, by SMBus."""
        return int(self._bus.read_byte_data(address, register))

    def read_word_data(self, address: int, register: int) -> int:
        """Return two bytes of a register, the first as the lower one, by SMBus."""
        return int(self._bus.read_word_data(address, register))

    def read_block(self, address: int, register: int, size: int) -> bytes:
        """Return up to 32 bytes, by SMBus."""
        return bytes(self._bus.read_i2c_block_data(address, register, size))

    def exchange(self, address: int, tx: bytes, size: int) -> bytes:
        """Write, repeated start, read; with tx b'' only read."""
        read = self._message.read(address, size)
        messages = [self._message.write(address, list(tx)), read] if tx else [read]
        self._bus.i2c_rdwr(*messages)
        return bytes(read)

    def close(self) -> None:
        """Give the descriptor back."""
        self._bus.close()
