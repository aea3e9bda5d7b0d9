# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""All entries, hazards and bus rules together, and the lookups that discovery needs.

Owns how a user's files are laid over the bundled ones. Refuses to know files and YAML.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hw_discovery.core.catalogue.bus_rules import (
    Acceptance,
    BusRules,
    I2cRules,
    SerialRules,
    SpiRules,
)
from hw_discovery.core.catalogue.entry import DeviceEntry, UsbProof
from hw_discovery.core.catalogue.hazard_schema import read_bus_rules, read_hazards
from hw_discovery.core.catalogue.hazards import Hazard
from hw_discovery.core.catalogue.marked import Mapping, Problem, Problems, Value
from hw_discovery.core.catalogue.schema import ReadEntry, read_devices
from hw_discovery.core.device import BusKind
from hw_discovery.core.probing.operation import Operation

# With no rules nothing on I2C may be asked.
NO_RULES = BusRules(I2cRules((), (), (), Acceptance(2, (0x00, 0xFF), True), 100, 0, ()),
                    SpiRules(1_000_000, 100, (0x00, 0xFF)), SerialRules(1200, (1200,), 0, ()))


class Catalogue:
    """Immutable. Answers are in the order of the files."""

    def __init__(
        self, entries: Sequence[DeviceEntry] = (), hazards: Sequence[Hazard] = (),
        bus_rules: BusRules = NO_RULES,
    ) -> None:
        self.entries = tuple(entries)
        self.hazards = tuple(hazards)
        self.bus_rules = bus_rules
        self._by_id = {entry.id: entry for entry in self.entries}
        self._by_usb: dict[tuple[str, str], list[DeviceEntry]] = {}
        self._by_address: dict[int, list[DeviceEntry]] = {}
        for entry in self.entries:
            if entry.usb is not None:
                for one in (*entry.usb.ids, *entry.usb.bootloader_ids):
                    self._by_usb.setdefault((one.vendor, one.product), []).append(entry)
            if entry.i2c is not None:
                for address in entry.i2c.addresses:
                    self._by_address.setdefault(address, []).append(entry)

    def by_id(self, entry_id: str) -> DeviceEntry | None:
        """The entry of this id."""
        return self._by_id.get(entry_id)

    def of_usb(self, vendor: str, product: str) -> tuple[DeviceEntry, ...]:
        """Entries with this id or any product of the vendor, exact ones first. Entries that
        match by interface class are not among them: of_usb_class."""
        vendor, product = vendor.lower(), product.lower()
        found = (*self._by_usb.get((vendor, product), ()),
                 *self._by_usb.get((vendor, '*'), ()))
        return tuple(dict.fromkeys(found))

    def of_usb_class(self, interface_class: str) -> tuple[DeviceEntry, ...]:
        """Entries that the class of an interface proves, such as '0e'."""
        return tuple(entry for entry in self.entries
                     if entry.usb is not None and entry.usb.proof is UsbProof.CLASS
                     and entry.usb.interface_class == interface_class.lower())

    def of_i2c_address(self, address: int) -> tuple[DeviceEntry, ...]:
        """Entries that can be at the 7-bit address, in the order of the bus rules if given."""
        found = self._by_address.get(address, ())
        order = self.bus_rules.i2c.order_at(address)
        return tuple(sorted(
            found, key=lambda e: order.index(e.id) if e.id in order else len(order)))

    def of_spi(self) -> tuple[DeviceEntry, ...]:
        """Entries with an SPI signature."""
        return tuple(entry for entry in self.entries if entry.spi is not None)

    def of_serial(self) -> tuple[DeviceEntry, ...]:
        """Entries with a serial signature."""
        return tuple(entry for entry in self.entries if entry.serial is not None)

    def of_serial_hint(self, vendor: str, product: str) -> tuple[DeviceEntry, ...]:
        """Entries with a serial signature behind this USB id; without USB ('' and '') all. A
        serial-only entry (no USB signature) may be behind any bridge, and comes last."""
        if not vendor:
            return self.of_serial()
        named = tuple(e for e in self.of_usb(vendor, product) if e.serial is not None)
        loose = tuple(e for e in self.of_serial() if e.usb is None)
        return named + loose

    def harms(
        self, operation: Operation, still_possible: Iterable[DeviceEntry | str],
    ) -> list[Hazard]:
        """Hazards that the operation sets off if one of these devices is there, worst first.
        `still_possible`: entries or ids that nothing has excluded yet."""
        entries = self._entries(still_possible)
        found = [hazard for hazard in self.hazards if hazard.happens(operation)
                 and (hazard.targets.always or any(hazard.concerns(e) for e in entries))]
        return sorted(found, key=lambda hazard: (-hazard.severity, hazard.id))

    def opening_hazards(self, still_possible: Iterable[DeviceEntry | str]) -> list[Hazard]:
        """What opening the serial port can do where that raises DTR and RTS."""
        entries = self._entries(still_possible)
        found = [hazard for hazard in self.hazards if hazard.when.opens_port
                 and (hazard.targets.always or any(hazard.concerns(e) for e in entries))]
        return sorted(found, key=lambda hazard: (-hazard.severity, hazard.id))

    def _entries(self, given: Iterable[DeviceEntry | str]) -> list[DeviceEntry]:
        found = (self._by_id.get(one) if isinstance(one, str) else one for one in given)
        return [entry for entry in found if entry is not None]


@dataclass(frozen=True, slots=True)
class LoadedCatalogue:
    """`where`: 'file:line' by id of the entry. `overridden`: 'file:line: id' of a user's entries
    and hazards that take the place of earlier ones."""

    catalogue: Catalogue
    problems: tuple[Problem, ...]
    where: dict[str, str]
    overridden: tuple[str, ...] = ()


class _Layers:
    """Entries, hazards and rules as one file after the other is laid over them."""

    def __init__(self) -> None:
        self.entries: dict[str, ReadEntry] = {}
        self.hazards: dict[str, Hazard] = {}
        self.rules: BusRules | None = None
        self.overridden: list[str] = []

    def lay(self, document: Value, problems: Problems, may_override: bool) -> None:
        """A user's file with a problem changes nothing."""
        keys = ({key.text for key, _ in document.pairs} if isinstance(document, Mapping)
                else set())
        before = len(problems)
        if 'hazards' in keys:
            hazards = read_hazards(document, problems)
            if not may_override or len(problems) == before:
                self._lay_hazards(hazards, problems, may_override)
        elif 'bus_rules' in keys:
            if may_override:
                problems.add(1, 'bus_rules', "are not a user's to change: adapters are allowed "
                             'in the configuration')
                return
            self.rules = read_bus_rules(document, problems) or self.rules
        else:
            entries = read_devices(document, problems)
            if not may_override or len(problems) == before:
                self._lay_entries(entries, problems, may_override)

    def _lay_entries(
        self, entries: list[ReadEntry], problems: Problems, may_override: bool,
    ) -> None:
        for read in entries:
            earlier = self.entries.get(read.entry.id)
            if earlier is not None and not may_override:
                problems.add(read.line, read.entry.id,
                             f'this id is also at {earlier.file}:{earlier.line}')
                continue
            if earlier is not None:
                self.overridden.append(f'{read.file}:{read.line}: {read.entry.id}')
            self.entries[read.entry.id] = read

    def _lay_hazards(
        self, hazards: list[tuple[Hazard, int]], problems: Problems, may_override: bool,
    ) -> None:
        for hazard, line in hazards:
            if hazard.id in self.hazards:
                # A user's file adds hazards: taking one away is nobody's to do by accident.
                problems.add(line, hazard.id, 'this id is taken; expected a new one')
                continue
            self.hazards[hazard.id] = hazard


def build(
    bundled: Sequence[tuple[Value, Problems]], user: Sequence[tuple[Value, Problems]] = (),
    problems: Iterable[Problem] = (),
) -> LoadedCatalogue:
    """Lay the user's documents over the bundled ones, and check what one says of another."""
    layers = _Layers()
    found = list(problems)
    for documents, may_override in ((bundled, False), (user, True)):
        for document, marks in documents:
            layers.lay(document, marks, may_override)
            found.extend(marks.found)
    catalogue = Catalogue(
        [read.entry for read in layers.entries.values()], list(layers.hazards.values()),
        layers.rules or NO_RULES)
    found.extend(_dangling(catalogue))
    return LoadedCatalogue(
        catalogue, tuple(found),
        {name: f'{read.file}:{read.line}' for name, read in layers.entries.items()},
        tuple(layers.overridden))


def _dangling(catalogue: Catalogue) -> list[Problem]:
    """Names of entries and requests that do not exist."""
    found = []
    kinds = {entry.kind for entry in catalogue.entries}
    for hazard in catalogue.hazards:
        for name in sorted(hazard.targets.entries):
            if catalogue.by_id(name) is None:
                found.append(Problem('hazards', 0, hazard.id, f'there is no entry {name!r}'))
        for name in sorted(hazard.targets.kinds - kinds):
            found.append(Problem('hazards', 0, hazard.id, f'no entry is of kind {name!r}'))
    for address, order in catalogue.bus_rules.i2c.orders:
        for name in order:
            entry = catalogue.by_id(name)
            if entry is None or entry.i2c is None or address not in entry.i2c.addresses:
                found.append(Problem('bus_rules', 0, f'0x{address:02X}',
                                     f'no entry {name!r} is at this address'))
    for serial in catalogue.bus_rules.serial.orders:
        for step in serial.steps:
            found.extend(_dangling_step(catalogue, f'{serial.vendor}:{serial.product}',
                                        step.entries, step.request))
    return found


def _dangling_step(
    catalogue: Catalogue, where: str, entries: tuple[str, ...], request: str,
) -> list[Problem]:
    found = []
    for name in entries:
        entry = catalogue.by_id(name)
        if entry is None or BusKind.SERIAL not in entry.buses or entry.serial is None:
            found.append(Problem('bus_rules', 0, where, f'no serial entry {name!r}'))
        elif request and request not in [one.name for one in entry.serial.requests]:
            found.append(Problem('bus_rules', 0, where, f'{name} has no request {request!r}'))
    return found
