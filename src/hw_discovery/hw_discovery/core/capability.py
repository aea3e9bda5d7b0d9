# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What devices offer, and which of them meet stated needs. Sees a snapshot, changes nothing."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hw_discovery.core.device import BusKind, DevicePhase, HardwareDevice
from hw_discovery.core.inventory import Snapshot

REQUIREMENTS_MAX = 64        # more than any robot part needs; bounds the work of one request


@dataclass(frozen=True)
class Requirement:
    """A need: `amount` of `name` in `unit`; 1 and '' for mere presence."""

    name: str
    amount: float = 1.0
    unit: str = ''


@dataclass(frozen=True)
class Agreement:
    """Which device meets each met need, in order, and one sentence for each that is not."""

    chosen: tuple[HardwareDevice, ...] = ()
    misses: tuple[str, ...] = ()

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
    chosen, misses = [], []
    for requirement in requirements:
        answer = left.take(requirement)
        if isinstance(answer, str):
            misses.append(answer)
        else:
            chosen.append(answer)
    return Agreement(tuple(chosen), tuple(misses))


class _Offers:
    """What is still free while one request is matched."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._devices = sorted(
            (d for d in snapshot.devices
             if d.is_present and d.phase not in (DevicePhase.FAULTY, DevicePhase.CLAIMED)),
            key=lambda d: (-d.confidence, d.device_id))
        self._present = [d for d in snapshot.devices if d.is_present]
        self._lost = [d for d in snapshot.devices if not d.is_present]
        self._free = {(d.device_id, offered.name): (offered.amount, offered.unit)
                      for d in self._devices for offered in d.capabilities}

    def take(self, need: Requirement) -> HardwareDevice | str:
        refusal = _refusal(need)
        if refusal:
            return refusal
        fitting = []
        for device in self._devices:
            amount, unit = self._free.get((device.device_id, need.name), (0.0, ''))
            if amount >= need.amount and _units_agree(need.unit, unit):
                fitting.append((amount, device))
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
            return f'{need.name}: {held[0].device_id} offers it, but is {held[0].phase.value}'
        most, unit = max(free)
        if not any(_units_agree(need.unit, offered) for _, offered in free):
            return f"{need.name}: asked for in '{need.unit}', but offered in '{unit or 'count'}'"
        return (f'{need.name}: needs {need.amount:g} {need.unit or unit}'.rstrip()
                + f', but at most {most:g} {unit} is free on one device'.replace('  ', ' '))


def _units_agree(needed: str, offered: str) -> bool:
    return needed in ('', offered) or {needed, offered} == {'', 'count'}


def _refusal(need: Requirement) -> str:
    if not need.name:
        return 'a requirement without a name cannot be met; expected e.g. sensor:camera'
    if not math.isfinite(need.amount) or need.amount <= 0:
        return f'{need.name}: expected an amount above 0; given: {need.amount:g}'
    return ''
