# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Chips as register maps on a bus that is not there."""

import threading
from collections.abc import Callable

from hw_discovery.drivers.fault import DriverFault


class FakeChip:
    """256 registers, or one such page for each bank; `on_read` may change them first."""

    def __init__(
        self, registers: dict[int, int] | None = None, bank_register: int | None = None,
    ) -> None:
        self.banks: dict[int, bytearray] = {0: bytearray(256)}
        self.bank = 0
        self.bank_register = bank_register
        self.written: list[tuple[int, int, int]] = []    # bank, register, value
        self.on_read: Callable[[FakeChip, int], None] = lambda chip, register: None
        for register, value in (registers or {}).items():
            self.banks[0][register] = value

    @property
    def registers(self) -> bytearray:
        return self.banks.setdefault(self.bank, bytearray(256))

    def read(self, register: int, size: int) -> bytes:
        self.on_read(self, register)
        return bytes(self.registers[register:register + size])

    def write(self, register: int, data: bytes) -> None:
        for offset, value in enumerate(data):
            at = register + offset
            if at == self.bank_register:
                self.bank = value >> 4
            else:
                self.written.append((self.bank, at, value))
                self.registers[at] = value


class FakeI2c:
    """One bus. `chips` by address; unplugged = a bus where nobody answers."""

    def __init__(self, chips: dict[int, FakeChip]) -> None:
        self.chips = chips
        self.is_plugged = True
        self.opened = self.closed = 0
        self.hidden: Callable[[int], bool] = lambda address: False
        self.lock = threading.Lock()

    def open(self, bus: int) -> 'FakeI2c':
        self.opened += 1
        return self

    def _chip(self, address: int) -> FakeChip:
        if not self.is_plugged or address not in self.chips or self.hidden(address):
            raise DriverFault(f'i2c bus 1, address 0x{address:02x}: nobody answers')
        return self.chips[address]

    def read(self, address: int, register: int, size: int) -> bytes:
        with self.lock:
            return self._chip(address).read(register, size)

    def write(self, address: int, register: int, data: bytes) -> None:
        with self.lock:
            self._chip(address).write(register, data)

    def close(self) -> None:
        self.closed += 1
