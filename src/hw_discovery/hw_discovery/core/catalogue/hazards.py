# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What an operation that is harmless to one device does to another at the same place.

A hazard is a condition on operations and the devices that it concerns. Owns whether the condition
holds. Refuses to decide what may be asked: that is the planner's.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from hw_discovery.core.catalogue.entry import DeviceEntry, Source
from hw_discovery.core.device import BusKind
from hw_discovery.core.probing.operation import (
    I2cBareRead,
    I2cRead,
    Operation,
    SerialAsk,
    SerialListen,
    SpiExchange,
)


class Severity(IntEnum):
    """From STATE up an operation must not be done while such a device may be there."""

    NOTE = 0  # said to people
    DISTURBS = 1  # over by itself, or undone by one harmless operation
    STATE = 2  # a setting, a mode, a job or stored data changes
    MOTION = 3  # something moves, an output switches
    DAMAGE = 4  # beyond repair by software


@dataclass(frozen=True, slots=True)
class Condition:
    """Of the given parts all have to hold; a part that is not given holds.

    Serial parts look at what is sent, without the frames of `outside_frames`, which the device
    takes for its own."""

    bus: BusKind
    any_tx: bool = False  # anything is sent at all
    bytes_any: frozenset[int] = frozenset()  # one of these is sent
    sequences: tuple[bytes, ...] = ()  # one of these is sent
    first_bytes: frozenset[int] = frozenset()
    last_bytes: frozenset[int] = frozenset()  # then silence
    pattern: re.Pattern[bytes] | None = None  # searched in what is sent
    length_multiple: int = 0  # the length is no multiple of this
    outside_frames: str = ''  # 'msp'
    bauds: frozenset[int] = frozenset()
    opens_port: bool = False  # the port is opened, which raises DTR and RTS on most systems
    addresses: tuple[tuple[int, int], ...] = ()  # ranges, ends included
    pointer_write: bool = False  # a register index is written
    pointers: frozenset[int] = frozenset()  # its first byte is one of these
    index_bits: int = 0  # the index has this width
    address_bit_set: int = 0  # SPI: this bit of a datagram's first byte is set
    address_bit_clear: int = 0


@dataclass(frozen=True, slots=True)
class Targets:
    """Which devices it concerns: any of these. `always`: one may be there or elsewhere on the
    bus without an entry saying so."""

    entries: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    register_index_bits: int | None = None
    spi_read_bit: int | None = None
    spi_write_bit: int | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class Hazard:
    """`recovery_ms`: until the device answers again; `undo_pointer`: an I2C index to write last
    that brings back the state of reset."""

    id: str
    when: Condition
    targets: Targets
    effect: str
    severity: Severity
    sources: tuple[Source, ...] = ()
    recovery_ms: int = 0
    undo_pointer: int | None = None
    note: str = ''

    def concerns(self, entry: DeviceEntry) -> bool:
        """Tell whether this device is one that is harmed."""
        of, i2c, spi = self.targets, entry.i2c, entry.spi
        return (
            entry.id in of.entries or entry.kind in of.kinds
            or (of.register_index_bits is not None and i2c is not None
                and i2c.register_index_bits == of.register_index_bits)
            or (of.spi_read_bit is not None and spi is not None
                and spi.read_bit == of.spi_read_bit and spi.write_bit is None)
            or (of.spi_write_bit is not None and spi is not None
                and spi.write_bit == of.spi_write_bit))

    def happens(self, operation: Operation) -> bool:
        """Tell whether the operation meets the condition. False for opening hazards."""
        return not self.when.opens_port and holds(self.when, operation)


def holds(when: Condition, operation: Operation) -> bool:
    """Tell whether every given part holds."""
    if isinstance(operation, SerialAsk | SerialListen):
        return when.bus is BusKind.SERIAL and _serial(when, operation)
    if isinstance(operation, I2cBareRead | I2cRead):
        return when.bus is BusKind.I2C and _i2c(when, operation)
    return when.bus is BusKind.SPI and _spi(when, operation)


def _serial(when: Condition, operation: SerialAsk | SerialListen) -> bool:
    if when.bauds and operation.baud not in when.bauds:
        return False
    of_sending = (when.any_tx, when.bytes_any, when.sequences, when.first_bytes,
                  when.last_bytes, when.pattern, when.length_multiple)
    if not any(of_sending):
        return True
    tx = operation.tx if isinstance(operation, SerialAsk) else b''
    if when.outside_frames == 'msp':
        tx = _without_msp(tx)
    if not tx:
        return False
    return (
        (not when.bytes_any or not when.bytes_any.isdisjoint(tx))
        and (not when.sequences or any(sequence in tx for sequence in when.sequences))
        and (not when.first_bytes or tx[0] in when.first_bytes)
        and (not when.last_bytes or tx[-1] in when.last_bytes)
        and (when.pattern is None or when.pattern.search(tx) is not None)
        and (not when.length_multiple or len(tx) % when.length_multiple != 0))


def _without_msp(tx: bytes) -> bytes:
    """What is left after whole MSP version 1 frames: '$M<', size, command, data, checksum."""
    while tx.startswith(b'$M<') and len(tx) >= 6 and len(tx) >= tx[3] + 6:
        tx = tx[tx[3] + 6:]
    return tx


def _i2c(when: Condition, operation: I2cBareRead | I2cRead) -> bool:
    address = operation.place.address
    if when.addresses and not any(low <= address <= high for low, high in when.addresses):
        return False
    if not (when.pointer_write or when.pointers or when.index_bits):
        return True
    if isinstance(operation, I2cBareRead):
        return False
    if when.index_bits and operation.index_bits != when.index_bits:
        return False
    first = operation.register >> 8 if operation.index_bits == 16 else operation.register
    return not when.pointers or first in when.pointers


def _spi(when: Condition, operation: SpiExchange) -> bool:
    if not operation.tx:
        return False
    return ((not when.address_bit_set or bool(operation.tx[0] & when.address_bit_set))
            and (not when.address_bit_clear or not operation.tx[0] & when.address_bit_clear))
