# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What an operator allowed or said of a place, and when nothing may be asked at all.

Owns: grants with their expiry, the interlock, hints about a place. Refuses to know what is
asked: the planner brings the operation and the entry it is for.
"""

from dataclasses import dataclass
from enum import Enum

from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.probing.operation import (
    I2cBareRead,
    I2cPlace,
    I2cRead,
    Operation,
    Place,
    SerialListen,
    SerialPlace,
    SpiExchange,
)


class OperationClass(Enum):
    """What a grant is about, from the most harmless on."""

    LISTEN = 'listen'
    BARE_READ = 'bare_read'
    REGISTER_READ = 'register_read'
    WIDE_REGISTER_READ = 'wide_register_read'  # 16-bit index: a write to 8-bit chips
    EXCHANGE = 'exchange'
    REQUEST = 'request'


def class_of(operation: Operation) -> OperationClass:
    """Return the class that a grant must name for this operation."""
    if isinstance(operation, SerialListen):
        return OperationClass.LISTEN
    if isinstance(operation, I2cBareRead):
        return OperationClass.BARE_READ
    if isinstance(operation, I2cRead):
        if operation.index_bits == 16:
            return OperationClass.WIDE_REGISTER_READ
        return OperationClass.REGISTER_READ
    if isinstance(operation, SpiExchange):
        return OperationClass.EXCHANGE
    return OperationClass.REQUEST


def place_key(place: Place) -> str:
    """Return the name of a place: its physical path where known, so that it survives reboots."""
    if isinstance(place, I2cPlace):
        return f'{place.path or f"i2c-{place.bus}"}@0x{place.address:02x}'
    if isinstance(place, SerialPlace):
        return place.path or place.device
    return f'{place.path or f"spi{place.bus}"}.{place.chip_select}'


def memory_key(place: Place) -> str:
    """Return under what the result of a place is remembered: path and serial number."""
    serial = place.serial if isinstance(place, SerialPlace) else ''
    return f'{place_key(place)}#{serial}'


@dataclass(frozen=True, slots=True)
class Grant:
    """An operator lets one entry be asked for at one place. `until_ns`: monotonic, exclusive."""

    place: str  # as place_key() names it
    entry_id: str
    operation: OperationClass
    until_ns: int


@dataclass(frozen=True, slots=True)
class Consent:
    """All grants. Consent opens what a rule of caution closes; it never overrides a hazard to a
    device that is still possible: for that, the operator declares what is there (Hints)."""

    grants: tuple[Grant, ...] = ()

    def allows(self, place: Place, entry_id: str, operation: OperationClass,
               now_ns: int) -> bool:
        """Tell whether a grant that has not expired names exactly this."""
        return any(
            grant.place == place_key(place) and grant.entry_id == entry_id
            and grant.operation is operation and now_ns < grant.until_ns
            for grant in self.grants)


@dataclass(frozen=True, slots=True)
class Interlock:
    """Nothing but enumeration while either is true."""

    armed: bool = False
    emergency: bool = False

    @property
    def reason(self) -> str:
        """Return why nothing may be asked; '' = it may."""
        if self.emergency:
            return 'emergency stop is active'
        return 'the robot is armed' if self.armed else ''


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of a place before it is asked.

    declared              entry ids or kinds; the operator or the device tree says that one of
                          these is there: all others are taken for ruled out
    remembered            entry id found here before, under the same memory_key()
    no_loose_actuators    the operator says that no servo, stepper or motor controller hangs on
                          this port, but those whose entry names the port's USB id
    allowed_bus           the operator says that this I2C bus holds no memory modules, monitors
                          or batteries of the computer itself
    bauds                 tried first
    """

    declared: tuple[str, ...] = ()
    remembered: str = ''
    no_loose_actuators: bool = False
    allowed_bus: bool = False
    bauds: tuple[int, ...] = ()


def fits(entry: DeviceEntry, declared: tuple[str, ...]) -> bool:
    """Tell whether the operator's word (ids or kinds) covers the entry."""
    return entry.id in declared or entry.kind in declared
