# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Chips on I2C and SPI behind the kernel's own ioctls, as umockdev lets one answer them.

They note what was written to them beyond a register's index: a probe must write nothing.
"""

import errno
import struct
from typing import Any

import gi

gi.require_version('UMockdev', '1.0')
from gi.repository import UMockdev  # noqa: E402

# linux/i2c-dev.h, linux/i2c.h
_I2C_SLAVE, _I2C_SLAVE_FORCE, _I2C_FUNCS, _I2C_RDWR, _I2C_SMBUS = (
    0x703, 0x706, 0x705, 0x707, 0x720)
_QUICK, _BYTE, _BYTE_DATA, _WORD_DATA, _I2C_BLOCK = 0, 1, 2, 3, 8
PLAIN_I2C = 0x0EFF0009
SMBUS_ONLY = 0x0EFF0008
_SPI_MAGIC = 0x6B


class I2cChips(UMockdev.IoctlBase):  # type: ignore[misc]
    """Chips of one adapter: {address: {register: bytes}}."""

    def __init__(self, chips: dict[int, dict[int, bytes]], functions: int = PLAIN_I2C) -> None:
        super().__init__()
        self.chips, self.functions = chips, functions
        self.owned: set[int] = set()
        self.absent_errno = errno.ENXIO
        self.written: list[tuple[int, bytes]] = []
        self.quick_writes = self.forced = self.calls = 0
        self._slave = 0

    def do_handle_ioctl(self, client: Any) -> bool:
        request, argument = client.get_request(), client.get_arg()
        self.calls += 1
        if request in (_I2C_SLAVE, _I2C_SLAVE_FORCE):
            self.forced += request == _I2C_SLAVE_FORCE
            self._slave = struct.unpack('Q', bytes(argument.retrieve()))[0]
            is_owned = self._slave in self.owned and request == _I2C_SLAVE
            client.complete(-1 if is_owned else 0, errno.EBUSY if is_owned else 0)
        elif request == _I2C_FUNCS:
            argument.resolve(0, 8).update(0, struct.pack('Q', self.functions))
            client.complete(0, 0)
        elif request == _I2C_SMBUS:
            self._finish(client, self._smbus(argument.resolve(0, 16)))
        elif request == _I2C_RDWR:
            self._finish(client, self._rdwr(argument.resolve(0, 16)))
        else:
            return False
        return True

    def _finish(self, client: Any, result: int) -> None:
        client.complete(*((-1, -result) if result < 0 else (result, 0)))

    def _register(self, address: int, index: int, size: int) -> bytes:
        return self.chips[address].get(index, b'').ljust(size, b'\0')[:size]

    def _smbus(self, argument: Any) -> int:
        is_read, index, size, _ = struct.unpack('<BBxxIQ', bytes(argument.retrieve()))
        if self._slave not in self.chips:
            return -self.absent_errno
        if size == _QUICK:
            self.quick_writes += not is_read
            return 0
        block = argument.resolve(8, 34)
        if not is_read:
            self.written.append((self._slave, bytes((index,))))
        elif size == _BYTE:
            block.update(0, self._register(self._slave, 0, 1))
        elif size in (_BYTE_DATA, _WORD_DATA):
            block.update(0, self._register(self._slave, index, size - 1))
        elif size == _I2C_BLOCK:
            count = bytes(block.retrieve())[0]
            block.update(1, self._register(self._slave, index, count))
        else:
            return -errno.EOPNOTSUPP
        return 0

    def _rdwr(self, argument: Any) -> int:
        if not self.functions & 1:
            return -errno.EOPNOTSUPP
        _, count = struct.unpack('<QI4x', bytes(argument.retrieve()))
        messages = argument.resolve(0, 16 * count)
        raw = bytes(messages.retrieve())
        index = 0
        for number in range(count):
            address, flags, length = struct.unpack_from('<HHH', raw, 16 * number)
            if address not in self.chips:
                return -self.absent_errno
            data = messages.resolve(16 * number + 8, length)
            if flags & 1:
                data.update(0, self._register(address, index, length))
            else:
                sent = bytes(data.retrieve())
                index = int.from_bytes(sent[:2], 'big') if len(sent) == 2 else sent[0]
                if len(sent) > 2:
                    self.written.append((address, sent))
        return count


class SpiChip(UMockdev.IoctlBase):  # type: ignore[misc]
    """A chip that answers register reads with 0x80 set, in one mode; otherwise 0xff."""

    def __init__(self, registers: dict[int, int], mode: int) -> None:
        super().__init__()
        self.registers, self.chip_mode = registers, mode
        self.mode, self.bits, self.speed_hz = 0, 8, 500_000
        self.writes: list[bytes] = []

    def do_handle_ioctl(self, client: Any) -> bool:
        request, argument = client.get_request(), client.get_arg()
        if request >> 8 & 0xFF != _SPI_MAGIC:
            return False
        number, size, is_read = request & 0xFF, request >> 16 & 0x3FFF, bool(request >> 31)
        if number == 0:
            self._transfer(client, argument, size)
            return True
        name = {1: 'mode', 3: 'bits', 4: 'speed_hz', 5: 'mode'}.get(number)
        if name is None:
            cell = argument.resolve(0, size)
            if is_read:
                cell.update(0, bytes(size))
        else:
            cell = argument.resolve(0, size)
            if is_read:
                cell.update(0, int(getattr(self, name)).to_bytes(size, 'little'))
            else:
                setattr(self, name, int.from_bytes(bytes(cell.retrieve()), 'little'))
        client.complete(0, 0)
        return True

    def _transfer(self, client: Any, argument: Any, size: int) -> None:
        total = 0
        transfers = argument.resolve(0, size)
        raw = bytes(transfers.retrieve())
        for at in range(0, size, 32):
            length = struct.unpack_from('<I', raw, at + 16)[0]
            tx = bytes(transfers.resolve(at, length).retrieve())
            transfers.resolve(at + 8, length).update(0, self._answer(tx))
            total += length
        client.complete(total, 0)

    def _answer(self, tx: bytes) -> bytes:
        if self.mode & 3 != self.chip_mode:
            return b'\xff' * len(tx)
        if not tx[0] & 0x80:
            self.writes.append(tx)
            return bytes(len(tx))
        register = tx[0] & 0x7F
        return bytes([0] + [self.registers.get(register + i, 0) for i in range(len(tx) - 1)])


def i2c_adapter(number: int, name: str = 'bcm2835 (i2c@7e804000)') -> list[str]:
    """Return the records of an adapter, parents first."""
    path = f'/devices/platform/soc/{number}.i2c/i2c-{number}'
    return [
        f'P: {path}\nE: SUBSYSTEM=i2c\nA: name={name}\\n\n\n',
        f'P: {path}/i2c-dev/i2c-{number}\nN: i2c-{number}\nE: DEVNAME=/dev/i2c-{number}\n'
        f'E: SUBSYSTEM=i2c-dev\nE: MAJOR=89\nE: MINOR={number}\nA: name={name}\\n\n\n']


def i2c_client(number: int, address: int, driver: str) -> str:
    """Return the record of a client that a kernel driver owns."""
    path = f'/devices/platform/soc/{number}.i2c/i2c-{number}/{number}-{address:04x}'
    return (f'P: {path}\nE: SUBSYSTEM=i2c\nE: DRIVER={driver}\nA: name={driver}\\n\n'
            f'L: driver=../../../../../../bus/i2c/drivers/{driver}\n\n')


def spi_chip_select(bus: int, select: int) -> list[str]:
    """Return the records of a chip select that programs can open."""
    path = f'/devices/platform/soc/{bus}.spi/spi_master/spi{bus}/spi{bus}.{select}'
    name = f'spidev{bus}.{select}'
    return [
        f'P: {path}\nE: SUBSYSTEM=spi\nE: DRIVER=spidev\nA: modalias=spi:icm20948\\n\n'
        'L: driver=../../../../../../../bus/spi/drivers/spidev\n\n',
        f'P: {path}/spidev/{name}\nN: {name}\nE: DEVNAME=/dev/{name}\nE: SUBSYSTEM=spidev\n'
        f'E: MAJOR=153\nE: MINOR={8 * bus + select}\n\n']
