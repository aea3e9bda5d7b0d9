# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What this robot offers to jobs: owns the sum of what its parts say, and when it is told.

Programs and calls stand in the configuration; functions are known when a python worker has
imported them, encoders when each has been tried, devices when hw_discovery has found them.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from swarm_msgs import msg

from swarm_coordinator.core.jobs.eligibility import MEMORY
from swarm_coordinator.core.replicated.command import CapabilitySpec
from swarm_coordinator.ros.conversions import amount_milli
from swarm_coordinator.ros.jobs import offers

CAPABILITIES_MAX = 256  # of the hardware
Capabilities = tuple[CapabilitySpec, ...]


@dataclass
class Abilities:
    """`tell` is called from any thread with all there is, whenever it changed."""

    robot_id: str
    tell: Callable[[Capabilities], None]
    log: logging.Logger
    _parts: dict[str, Capabilities] = field(default_factory=dict)  # in the order of their names
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self) -> Capabilities:
        with self._lock:
            return tuple(one for name in sorted(self._parts) for one in self._parts[name])

    def configured(self, programs: Capabilities, call_allow: tuple[str, ...]) -> None:
        """What is known at once."""
        for why in (offers.record_absence(), *offers.call_absences(call_allow)):
            if why:
                self.log.warning('not offered: %s', why)
        with self._lock:
            self._parts['exec'] = programs
            self._parts['call'] = offers.call_offers(call_allow)
            self._parts['record'] = offers.record_offers()
            self._parts['memory'] = _memory()
            # A job that requires it runs on this robot and on no other.
            self._parts['robot'] = (CapabilitySpec(f'robot:{self.robot_id}', source='config'),)
        self.tell(self.all())

    def find_encoders(self) -> None:
        """In a thread: trying them takes seconds; what was found is kept for the next start, and
        for other robots of this user."""

        def find() -> None:
            cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
            found = offers.encode_offers(
                offers.probed_encoders(str(cache / 'swarm_coordinator'))
            )
            if found:
                self.set('encode', found)

        threading.Thread(target=find, name='encoders', daemon=True).start()

    def functions(self, names: tuple[str, ...], problems: dict[str, str]) -> None:
        """Of the python worker that has imported what it may call."""
        for name, why in sorted(problems.items()):
            self.log.warning('not offered: python:%s: %s', name, why)
        self.set('python', tuple(CapabilitySpec(f'python:{n}', source='config') for n in names))

    def hardware(self, message: msg.HardwareInventory) -> None:
        self.set('hardware', hardware_capabilities(message))

    def set(self, part: str, capabilities: Capabilities) -> None:
        with self._lock:
            if self._parts.get(part) == capabilities:
                return
            self._parts[part] = capabilities
        self.tell(self.all())


def _memory() -> Capabilities:
    """How much this robot has, which jobs may require."""
    total = psutil.virtual_memory().total
    return (CapabilitySpec(MEMORY, total * 1000, 'B', 'psutil'),)


def hardware_capabilities(message: msg.HardwareInventory) -> tuple[CapabilitySpec, ...]:
    """What the inventory lets a robot offer: the sum of what its devices are good for. Amounts
    that cannot be are left out: anybody can publish an inventory."""
    amounts: dict[tuple[str, str], float] = {}
    for device in message.devices:
        if device.phase in (msg.HardwareDevice.PHASE_LOST, msg.HardwareDevice.PHASE_FAULTY):
            continue
        for one in device.capabilities:
            key = (one.name[:64], one.unit[:16])
            amounts[key] = amounts.get(key, 0.0) + one.amount
    found: list[CapabilitySpec] = []
    for (name, unit), amount in sorted(amounts.items()):
        with contextlib.suppress(ValueError):
            found.append(CapabilitySpec(name, amount_milli(amount), unit, 'hw_discovery'))
    return tuple(found[:CAPABILITIES_MAX])


def device_nodes(message: msg.HardwareInventory) -> dict[str, tuple[str, ...]]:
    """For each capability the nodes of the devices that give it: a job that requires it gets
    them."""
    found: dict[str, set[str]] = {}
    for device in message.devices:
        if device.device_path.startswith('/dev/') and '/..' not in device.device_path:
            for one in device.capabilities:
                found.setdefault(one.name, set()).add(device.device_path)
    return {name: tuple(sorted(paths)) for name, paths in found.items()}
