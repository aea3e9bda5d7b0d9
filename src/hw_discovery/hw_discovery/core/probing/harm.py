# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether an operation could harm a device that is still possible at its place.

Owns: the refusals of the planner. Hazards of the catalogue come first; two rules follow from the
entries themselves and hold even where no hazard was written down: a 16-bit index is a write to
a chip with 8-bit registers, and the address byte of an SPI read is a write to chips that mark
reads the other way round.
"""

from collections.abc import Sequence
from typing import Protocol

from hw_discovery.core.catalogue.entry import BlindSend, DeviceEntry
from hw_discovery.core.probing.operation import I2cRead, Operation, SerialAsk, SpiExchange


class KnownHazard(Protocol):
    """What is used of a hazard of the catalogue."""

    @property
    def effect(self) -> str:
        """What happens to the victim."""

    @property
    def severity(self) -> object:
        """How bad it is."""


class HazardBook(Protocol):
    """What is used of the catalogue to judge an operation."""

    def harms(self, operation: Operation,
              entries: Sequence[DeviceEntry]) -> Sequence[KnownHazard]:
        """Return the hazards of an operation for these entries."""


# Below it a hazard is undone by itself (catalogue/hazards.py: NOTE, DISTURBS).
REFUSED_FROM = ('STATE', 'MOTION', 'DAMAGE')


def is_write_only(entry: DeviceEntry) -> bool:
    """Tell whether any byte sent to the port acts and no answer ever comes."""
    serial = entry.serial
    return (serial is not None and serial.moves_hardware and not serial.requests
            and serial.blind_send is BlindSend.NEVER)


def writes_by_wide_index(operation: Operation, entry: DeviceEntry) -> bool:
    """Tell whether the second byte of a 16-bit index lands in a register of this chip."""
    return (isinstance(operation, I2cRead) and operation.index_bits == 16
            and entry.i2c is not None and entry.i2c.register_index_bits == 8)


def writes_by_read_bit(operation: Operation, entry: DeviceEntry) -> bool:
    """Tell whether the address byte of an SPI read is a write to this chip."""
    if not isinstance(operation, SpiExchange) or entry.spi is None or not operation.tx:
        return False
    if entry.spi.write_bit:
        return bool(operation.tx[0] & entry.spi.write_bit)
    return bool(entry.spi.read_bit) and not operation.tx[0] & (entry.spi.read_bit or 0)


def _structural(operation: Operation, entry: DeviceEntry) -> str:
    if writes_by_wide_index(operation, entry):
        return 'a 16-bit index writes its second byte into a register'
    if writes_by_read_bit(operation, entry):
        return 'the address byte of this read is a write'
    if isinstance(operation, SerialAsk) and is_write_only(entry):
        return 'any byte moves it'
    return ''


def refusal(operation: Operation, possible: Sequence[DeviceEntry], book: HazardBook) -> str:
    """Return who among the possible would be harmed and how; '' = nobody."""
    for entry in possible:
        effect = _structural(operation, entry)
        if effect:
            return f'{entry.id} is not ruled out and would be harmed: {effect}'
    for hazard in book.harms(operation, possible):
        if getattr(hazard.severity, 'name', '') in REFUSED_FROM:
            victims = [entry.id for entry in possible if hazard in book.harms(operation, (entry,))]
            return (f'{", ".join(victims) or "something on the bus"} is not ruled out and would '
                    f'be harmed: {hazard.effect}')
    return ''
