# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which places of a scan may be probed, and which device of the inventory each belongs to.

Owns what an operator allows and forbids as a whole. Refuses to know what is asked there. A
place that is left out has its reason: nobody should wonder why a port stays unknown.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.device import BusKind, HardwareDevice
from hw_discovery.core.kernel_node import KernelNode, NodeTree
from hw_discovery.core.probing.consent import place_key
from hw_discovery.core.probing.operation import I2cPlace, Place, SerialPlace, SpiPlace

PLACES_MAX = 4096        # 32 adapters with every address
_I2C_DEV = re.compile(r'/dev/i2c-(\d{1,5})$')
_SPIDEV = re.compile(r'/dev/spidev(\d{1,5})\.(\d{1,3})$')
_CLIENT = re.compile(r'\d+-00([0-7][0-9a-f])$')


@dataclass(frozen=True)
class ProbePolicy:
    """What the operator lets discovery ask on its own. Shell patterns; () = nothing.

    serial   device paths; i2c: 'i2c-1', the adapter's name or its path in sysfs; spi: device
             paths of declared chip selects
    never    device paths, names and keys of places that are never asked
    no_loose_actuators   serial ports behind which the operator knows of no servo, stepper or
                         motor controller, so that requests may be sent that would move one
    declared what the operator says is at a place: its key or device path -> entries or kinds
    """

    serial: tuple[str, ...] = ()
    i2c: tuple[str, ...] = ()
    spi: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    no_loose_actuators: tuple[str, ...] = ()
    declared: Mapping[str, tuple[str, ...]] | None = None

    def rules_out_actuators(self, place: Place) -> bool:
        """Tell whether the operator says that nothing behind this port can be moved by it."""
        return _fits(names_of(place), self.no_loose_actuators)

    def declared_at(self, place: Place) -> tuple[str, ...]:
        """Return what the operator says of a place."""
        declared = self.declared or {}
        for name in names_of(place):
            if name in declared:
                return declared[name]
        return ()


@dataclass(frozen=True)
class PlaceSeen:
    """A place and the present device it belongs to; `refusal`: why it is not asked; '' = it is."""

    place: Place
    device_id: str
    generation: int
    refusal: str = ''


def names_of(place: Place) -> tuple[str, ...]:
    """Return the names by which people call a place, the stable one first."""
    if isinstance(place, I2cPlace):
        return place_key(place), f'i2c-{place.bus}@0x{place.address:02x}'
    if isinstance(place, SerialPlace):
        return place_key(place), place.device
    short = f'spidev{place.bus}.{place.chip_select}'
    return place_key(place), short, f'/dev/{short}'


def places_of(
    devices: Sequence[HardwareDevice], nodes: Sequence[KernelNode], catalogue: Catalogue,
    policy: ProbePolicy,
) -> tuple[PlaceSeen, ...]:
    """Return the places of the present devices, in the order of the devices."""
    tree = NodeTree(nodes)
    by_path = {node.sysfs_path: node for node in nodes if node.subsystem == 'tty'}
    found: list[PlaceSeen] = []
    for device in devices:
        if not device.is_present or device.catalogue_id:
            continue
        if device.bus is BusKind.SERIAL and device.device_path:
            node = by_path.get(device.sysfs_path)
            found.append(_serial(device, node, tree, policy))
        elif device.bus is BusKind.I2C and (match := _I2C_DEV.match(device.device_path)):
            found += _i2c(device, int(match.group(1)), devices, catalogue, policy)
        elif device.bus is BusKind.SPI and (match := _SPIDEV.match(device.device_path)):
            place = SpiPlace(int(match.group(1)), int(match.group(2)), device.sysfs_path)
            found.append(_seen(place, device, policy, (device.device_path,), policy.spi))
    return tuple(found[:PLACES_MAX])


def _serial(
    device: HardwareDevice, node: KernelNode | None, tree: NodeTree, policy: ProbePolicy,
) -> PlaceSeen:
    usb = tree.nearest_above(node, 'usb', 'usb_device') if node is not None else None
    place = SerialPlace(device.device_path, device.sysfs_path)
    if usb is not None:
        place = SerialPlace(
            device.device_path, device.sysfs_path, usb.attribute('idVendor').lower(),
            usb.attribute('idProduct').lower(), usb.attribute('manufacturer'),
            usb.attribute('product'), usb.attribute('serial'))
    return _seen(place, device, policy, (device.device_path,), policy.serial)


def _i2c(
    device: HardwareDevice, bus: int, devices: Sequence[HardwareDevice], catalogue: Catalogue,
    policy: ProbePolicy,
) -> list[PlaceSeen]:
    """Every address at which the catalogue knows somebody; others could not be told anyway."""
    owned = _owned(device, devices)
    name = device.name.removeprefix('I2C adapter ')
    names = (f'i2c-{bus}', device.device_path, name, device.sysfs_path)
    found = []
    rules = catalogue.bus_rules.i2c
    for address in range(0x08, 0x78):
        if not catalogue.of_i2c_address(address):
            continue
        place = I2cPlace(bus, address, device.sysfs_path)
        seen = _seen(place, device, policy, names, policy.i2c)
        if rules.adapter_denied(name):
            seen = PlaceSeen(place, device.device_id, device.generation,
                             'memory modules, displays and supplies are never asked')
        elif seen.refusal.endswith('(probe_i2c)') and rules.adapter_allowed(name):
            seen = PlaceSeen(place, device.device_id, device.generation)
        if address in owned and not seen.refusal:
            seen = PlaceSeen(place, device.device_id, device.generation,
                             f'the kernel driver {owned[address]} owns it')
        found.append(seen)
    return found


def _owned(adapter: HardwareDevice, devices: Sequence[HardwareDevice]) -> dict[int, str]:
    owned = {}
    for device in devices:
        match = _CLIENT.search(device.sysfs_path)
        if match and device.driver and device.parent_id == adapter.device_id:
            owned[int(match.group(1), 16)] = device.driver
    return owned


def _seen(
    place: Place, device: HardwareDevice, policy: ProbePolicy, names: tuple[str, ...],
    allowed: tuple[str, ...],
) -> PlaceSeen:
    refusal = ''
    if _fits((*names, *names_of(place)), policy.never):
        refusal = 'the configuration says never (never_probe)'
    elif not _fits(names, allowed) and not policy.declared_at(place):
        kind = {SerialPlace: 'probe_serial', I2cPlace: 'probe_i2c', SpiPlace: 'probe_spi'}
        refusal = f'the configuration does not allow it ({kind[type(place)]})'
    return PlaceSeen(place, device.device_id, device.generation, refusal)


def _fits(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
