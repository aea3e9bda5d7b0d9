# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What devices offer, and which of them meet stated needs. Sees a snapshot, changes nothing."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hw_discovery.core.device import BusKind, DevicePhase, HardwareDevice, Property
from hw_discovery.core.inventory import Snapshot

OWN_DRIVER = 'driver:'        # how claims of this package's drivers begin
REQUIREMENTS_MAX = 64        # more than any robot part needs; bounds the work of one request


@dataclass(frozen=True)
class Requirement:
    """A need: `amount` of `name` in `unit`; 1 and '' for mere presence.

    ros_type     of the topic that is to give it; '' = any
    properties   constraints: a range that the offer must reach into, words of which it must have
                 one. `minimum` 100 Hz of 'rate' is met by whatever can do 100 Hz or more.
    """

    name: str
    amount: float = 1.0
    unit: str = ''
    ros_type: str = ''
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """Which device meets each met need, in order, and one sentence for each that is not.

    chosen_ids: one for each need, in order; '' = a miss.
    """

    chosen: tuple[HardwareDevice, ...] = ()
    misses: tuple[str, ...] = ()
    chosen_ids: tuple[str, ...] = ()

    @property
    def satisfied(self) -> bool:
        """Every need is met."""
        return not self.misses


def select(
    snapshot: Snapshot, buses: Collection[BusKind] = (), capability: str = '',
    include_lost: bool = False,
) -> tuple[HardwareDevice, ...]:
    """Return the devices that fit; empty arguments let everything through."""
    return tuple(
        device for device in snapshot.devices
        if (include_lost or device.is_present)
        and (not buses or device.bus in buses)
        and (not capability or device.offers(capability)))


def negotiate(snapshot: Snapshot, requirements: Sequence[Requirement]) -> Agreement:
    """Match needs to devices in the order given.

    A device that is only present meets one need of each capability; cores and memory are shared
    out until they are used up.
    """
    if len(requirements) > REQUIREMENTS_MAX:
        return Agreement(misses=(
            f'expected at most {REQUIREMENTS_MAX} requirements; given: {len(requirements)}',))
    left = _Offers(snapshot)
    answers = [left.take(requirement) for requirement in requirements]
    return Agreement(
        tuple(one for one in answers if isinstance(one, HardwareDevice)),
        tuple(one for one in answers if isinstance(one, str)),
        tuple('' if isinstance(one, str) else one.device_id for one in answers))


class _Offers:
    """What is still free while one request is matched."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._devices = sorted(
            (d for d in snapshot.devices
             if d.is_present and _is_free(d)),
            key=lambda d: (-d.confidence, d.device_id))
        self._present = [d for d in snapshot.devices if d.is_present]
        self._lost = [d for d in snapshot.devices if not d.is_present]
        self._free = {(d.device_id, offered.name): (offered.amount, offered.unit)
                      for d in self._devices for offered in d.capabilities}

    def take(self, need: Requirement) -> HardwareDevice | str:
        refusal = _refusal(need)
        if refusal:
            return refusal
        fitting, unfit = [], []
        for device in self._devices:
            amount, unit = self._free.get((device.device_id, need.name), (0.0, ''))
            if amount < need.amount or not _units_agree(need.unit, unit):
                continue
            reason = unmet(need, device)
            if reason:
                unfit.append(f'{device.device_id} {reason}')
            else:
                fitting.append((amount, device))
        if not fitting and unfit:
            more = f'; and {len(unfit) - 3} more' if len(unfit) > 3 else ''
            return f'{need.name}: {"; ".join(unfit[:3])}{more}'
        if not fitting:
            return self._why_not(need)
        amount, device = min(fitting, key=lambda pair: pair[0])
        _, unit = self._free[device.device_id, need.name]
        self._free[device.device_id, need.name] = (amount - need.amount, unit)
        return device

    def _why_not(self, need: Requirement) -> str:
        held = [d for d in self._present if d.offers(need.name)]
        if not held:
            was = [d.device_id for d in self._lost if d.offers(need.name)]
            return f'{need.name}: no device offers it' + (
                f'; {", ".join(was[:4])} did and vanished' if was else '')
        free = [self._free[d.device_id, need.name] for d in held
                if (d.device_id, need.name) in self._free]
        if not free:
            first = held[0]
            by = f' by {first.claimed_by}' if first.claimed_by else ''
            why = f' ({first.fault})' if first.fault else ''
            return (f'{need.name}: {first.device_id} offers it, but is '
                    f'{first.phase.value}{by}{why}')
        most, unit = max(free)
        if not any(_units_agree(need.unit, offered) for _, offered in free):
            return f"{need.name}: asked for in '{need.unit}', but offered in '{unit or 'count'}'"
        return (f'{need.name}: needs {need.amount:g} {need.unit or unit}'.rstrip()
                + f', but at most {most:g} {unit} is free on one device'.replace('  ', ' '))


def unmet(need: Requirement, device: HardwareDevice) -> str:
    """Return in which constraint a device falls short, '' = in none."""
    offer = next((c for c in device.capabilities if c.name == need.name), None)
    if offer is None:
        return 'does not offer it'
    if need.ros_type and need.ros_type != offer.ros_type:
        return f'gives {offer.ros_type or "no topic"}, not {need.ros_type}'
    for wanted in need.properties:
        offered = [p for p in offer.properties if p.name == wanted.name]
        if not offered:
            return f'does not say its {wanted.name}'
        reasons = [_short_of(wanted, one) for one in offered]
        if all(reasons):
            return reasons[0]
    return ''


def _short_of(wanted: Property, offered: Property) -> str:
    if not _units_agree(wanted.unit, offered.unit):
        return f"has its {wanted.name} in '{offered.unit}', not '{wanted.unit}'"
    if wanted.choices and not set(wanted.choices) & set(offered.choices):
        has = ', '.join(offered.choices[:6]) or 'nothing'
        return f'has {has} as {wanted.name}, not {" or ".join(wanted.choices[:6])}'
    unit = f' {offered.unit}' if offered.unit else ''
    if wanted.minimum is not None and (
            offered.maximum is None or offered.maximum < wanted.minimum):
        most = 'at an unknown most' if offered.maximum is None else f'at most {offered.maximum:g}'
        return f'has a {wanted.name} of {most}{unit}, not {wanted.minimum:g}'
    if wanted.maximum is not None and offered.minimum is not None \
            and offered.minimum > wanted.maximum:
        return (f'has a {wanted.name} of at least {offered.minimum:g}{unit}, '
                f'not {wanted.maximum:g}')
    return ''


def _is_free(device: HardwareDevice) -> bool:
    """A driver of this package serves everybody by its topics; a client has it for itself."""
    if device.phase is DevicePhase.CLAIMED:
        return device.claimed_by.startswith(OWN_DRIVER)
    return device.phase is not DevicePhase.FAULTY


def _units_agree(needed: str, offered: str) -> bool:
    return needed in ('', offered) or {needed, offered} == {'', 'count'}


def _refusal(need: Requirement) -> str:
    if not need.name:
        return 'a requirement without a name cannot be met; expected e.g. sensor:camera'
    if not math.isfinite(need.amount) or need.amount <= 0:
        return f'{need.name}: expected an amount above 0; given: {need.amount:g}'
    for wanted in need.properties:
        limits = [x for x in (wanted.minimum, wanted.maximum) if x is not None]
        if not wanted.name or not all(math.isfinite(x) for x in limits):
            return f'{need.name}: expected constraints with a name and finite limits'
    return ''
