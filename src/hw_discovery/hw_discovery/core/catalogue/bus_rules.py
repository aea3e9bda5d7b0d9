# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Rules of whole buses: which adapters and addresses may be asked, when an answer counts, and
in which order shared places are asked. Values and lookups only.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Unless(Enum):
    """What lifts a rule that forbids asking an address."""

    NEVER = 'never'
    DECLARED = 'declared'  # a person declared this device at this address
    ALLOWED_BUS = 'allowed_bus'  # the bus is on the allow-list


@dataclass(frozen=True, slots=True)
class ForbiddenRange:
    """`bare_read`: reading a byte without writing an index is harmless even here."""

    first: int
    last: int
    why: str
    unless: Unless
    bare_read: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """When a value counts as an answer."""

    identical_reads: int
    refused_values: tuple[int, ...]  # bytes that an idle bus gives
    second_register: bool  # where the entry has one


@dataclass(frozen=True, slots=True)
class I2cRules:
    """`retry_ms`: how long an absent address is asked again, for slow booters."""

    allow_adapters: tuple[re.Pattern[str], ...]
    deny_adapters: tuple[re.Pattern[str], ...]
    forbidden: tuple[ForbiddenRange, ...]
    acceptance: Acceptance
    probe_khz: int
    retry_ms: int
    orders: tuple[tuple[int, tuple[str, ...]], ...]  # address, entries most specific first

    def adapter_allowed(self, name: str) -> bool:
        """Tell whether the adapter of this name may be asked at all; denying wins."""
        return (any(pattern.search(name) for pattern in self.allow_adapters)
                and not self.adapter_denied(name))

    def adapter_denied(self, name: str) -> bool:
        """Tell whether it holds memory, displays or supplies, so that no person should allow
        it."""
        return any(pattern.search(name) for pattern in self.deny_adapters)

    def forbids(self, address: int) -> tuple[ForbiddenRange, ...]:
        """Every rule about the address."""
        return tuple(one for one in self.forbidden if one.first <= address <= one.last)

    def order_at(self, address: int) -> tuple[str, ...]:
        """Entries in the order of asking; () = no order is given."""
        for at, entries in self.orders:
            if at == address:
                return entries
        return ()


@dataclass(frozen=True, slots=True)
class SerialStep:
    """Listen at these rates for the frames or text of these entries, or send one's request."""

    entries: tuple[str, ...]
    bauds: tuple[int, ...]
    request: str = ''  # of the one entry; '' = only listen


@dataclass(frozen=True, slots=True)
class SerialOrder:
    """Steps for a port behind a shared USB id. `wait_ms`: for the banner of a board that
    opening the port has reset."""

    vendor: str
    product: str
    steps: tuple[SerialStep, ...]
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class SerialRules:
    """`modem_manager_ms`: how long ModemManager asks a new port, if it does."""

    listen_ms: int
    forbidden_bauds: tuple[int, ...]
    modem_manager_ms: int
    orders: tuple[SerialOrder, ...]

    def order_of(self, vendor: str, product: str) -> SerialOrder | None:
        """Exact ids before those of a whole vendor."""
        for wanted in (product, '*'):
            for order in self.orders:
                if (order.vendor, order.product) == (vendor, wanted):
                    return order
        return None


@dataclass(frozen=True, slots=True)
class SpiRules:
    """`settle_ms`: after power."""

    probe_hz: int
    settle_ms: int
    refused_values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BusRules:
    """All of them."""

    i2c: I2cRules
    spi: SpiRules
    serial: SerialRules
