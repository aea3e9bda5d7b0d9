# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Devices that answer operations as their catalogue entry says, and nothing more.

From any DeviceEntry: a map of I2C registers, SPI registers with the framing of the chip, a
serial port with what it says unasked and its replies. They know nothing of the planner: each
also notes every write that an operation amounts to, so that tests can see harm.
"""

import random
from dataclasses import dataclass, field

from hw_discovery.core.catalogue.entry import DeviceEntry, RegisterIdentity
from hw_discovery.core.probing.i2c_heuristic import crc4_of_prom
from hw_discovery.core.probing.operation import (
    I2cBareRead,
    I2cRead,
    Operation,
    Outcome,
    SpiExchange,
)


def value_bytes(line: RegisterIdentity, value: int) -> bytes:
    """Return an accepted value as it lies in the register."""
    return (value << line.shift).to_bytes(
        line.width_bits // 8, 'little' if line.little_endian else 'big')


@dataclass
class SimulatedI2c:
    """One chip at one address. `choice`: which of several accepted values it shows."""

    entry: DeviceEntry
    address: int
    choice: int = 0
    writes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._words: dict[int, bytes] = {}
        signature = self.entry.i2c
        assert signature is not None
        for line in signature.identity:
            if not line.addresses or self.address in line.addresses:
                value = line.expected[self.choice % len(line.expected)]
                self._words[line.register] = value_bytes(line, value)
        self._stream = iter(())
        if signature.heuristic == 'ms56xx_prom_crc4':
            self._fill_prom()
        elif signature.heuristic == 'stable_unit_id':
            self._words[0x96] = b'\x3a\x51'
        elif signature.heuristic == 'ublox_ddc':
            self._words[0xFD] = b'\x00\x80'
        elif signature.heuristic == 'nmea_stream':
            self._stream = iter(b'\n\n$GNGGA,,,,,,0,,,M,,M,,*78\r\n' * 1000)
        elif signature.heuristic == 'tic_state':
            self._words[0xA100] = b'\x0a'
        elif signature.heuristic == 'seesaw_hw_id':
            self._words[0x0001] = b'\x87'

    def _fill_prom(self) -> None:
        words = [0x0040, 0xC8E5, 0xC6A1, 0x6F2B, 0x6A18, 0x81C4, 0x6E0D, 0x1230]
        words[7] |= crc4_of_prom(words)
        for index, word in enumerate(words):
            self._words[0xA0 + 2 * index] = word.to_bytes(2, 'big')

    def perform(self, operation: Operation) -> Outcome:
        """Answer as the chip would; an index of the wrong width is a write."""
        signature = self.entry.i2c
        assert signature is not None
        if isinstance(operation, I2cBareRead):
            return Outcome(operation, bytes([next(self._stream, 0x00)]))
        assert isinstance(operation, I2cRead)
        if operation.index_bits == 16 and signature.register_index_bits == 8:
            if signature.heuristic in ('tic_state', 'seesaw_hw_id'):
                return Outcome(operation, self._words[operation.register][:operation.size])
            self.writes.append(operation.register.to_bytes(2, 'big'))
        if operation.index_bits < signature.register_index_bits:
            return Outcome(operation, bytes(operation.size))
        return Outcome(operation, self._read(operation.register, operation.size))

    def _read(self, register: int, size: int) -> bytes:
        data = b''
        while len(data) < size:
            data += self._words.get(register + len(data), b'\x00')
        return data[:size]


@dataclass
class RandomI2c:
    """A chip that nobody knows: every register holds something, always the same."""

    seed: int
    noisy: bool = False  # another value at every read

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._registers = self._random.randbytes(65536 if self.seed % 8 == 0 else 256)

    def holds(self, line: RegisterIdentity) -> bool:
        """Tell, apart from the planner's own code, whether an identity lies in it by chance."""
        size = line.width_bits // 8
        return any((int.from_bytes(self.read(line.register, size), order) >> line.shift)
                   & line.mask in line.expected
                   for order in (('little',) if line.little_endian else ('big',)))

    def read(self, register: int, size: int) -> bytes:
        """Return registers from one on, wrapping."""
        if self.noisy:
            return self._random.randbytes(size)
        return bytes(self._registers[(register + step) % len(self._registers)]
                     for step in range(size))

    def perform(self, operation: Operation) -> Outcome:
        """Answer whatever is asked."""
        if isinstance(operation, I2cBareRead):
            return Outcome(operation, self.read(0, 1))
        assert isinstance(operation, I2cRead)
        return Outcome(operation, self.read(operation.register, operation.size))


@dataclass
class SimulatedBus:
    """Chips by address; nobody at the others."""

    chips: dict[int, SimulatedI2c | RandomI2c]

    def perform(self, operation: Operation) -> Outcome:
        """Hand the operation to the chip at its address."""
        assert isinstance(operation, I2cBareRead | I2cRead)
        chip = self.chips.get(operation.place.address)
        return Outcome(operation, error='absent') if chip is None else chip.perform(operation)


@dataclass
class SimulatedSpi:
    """One chip at one chip select, with the framing of its signature."""

    entry: DeviceEntry
    choice: int = 0
    writes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.entry.spi is not None
        self._values = {line.register: value_bytes(line, line.expected[
            self.choice % len(line.expected)]) for line in self.entry.spi.identity}
        self._next = b''

    def perform(self, operation: Operation) -> Outcome:
        """Answer one exchange; an address byte that means a write is noted as one."""
        assert isinstance(operation, SpiExchange)
        signature = self.entry.spi
        assert signature is not None
        first = operation.tx[0]
        if signature.write_bit:
            if first & signature.write_bit:
                self.writes.append(operation.tx)
            data, self._next = self._next, self._values.get(first & 0x7F, b'')
            head = b'\x01' if signature.frame.startswith('tmc') else b''
            return Outcome(operation, (head + data).ljust(len(operation.tx), b'\0')[
                :len(operation.tx)])
        if not first & (signature.read_bit or 0):
            self.writes.append(operation.tx)
            return Outcome(operation, bytes(len(operation.tx)))
        value = self._values.get(first, self._values.get(first & ~(signature.read_bit or 0), b''))
        data = bytes(1 + signature.dummy_bytes) + value
        return Outcome(operation, data.ljust(len(operation.tx), b'\0')[:len(operation.tx)])


@dataclass
class FloatingSpi:
    """Nobody drives the line."""

    level: int

    def perform(self, operation: Operation) -> Outcome:
        """All zeros or all ones."""
        assert isinstance(operation, SpiExchange)
        return Outcome(operation, bytes([self.level]) * len(operation.tx))
