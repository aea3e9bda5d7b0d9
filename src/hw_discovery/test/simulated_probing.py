# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs a plan against simulated devices, on a clock of its own. For tests."""

from collections.abc import Sequence
from typing import Protocol

from hw_discovery.catalogue_files import bundled
from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.catalogue.hazards import Severity
from hw_discovery.core.probing.consent import Hints
from hw_discovery.core.probing.operation import (
    I2cPlace,
    Operation,
    Outcome,
    Place,
    SerialPlace,
)
from hw_discovery.core.probing.planner import Finished, Plan, Wait
from hw_discovery.core.probing.verdict import ProbeVerdict

CATALOGUE = bundled()
OPERATIONS_MAX = 2000


class Performer(Protocol):
    """Something that answers operations."""

    def perform(self, operation: Operation) -> Outcome:
        """Return what came of it."""


def run(plan: Plan, device: Performer, rounds: int = 5) -> list[Operation]:
    """Perform what the plan wants until it is finished or has gone around; return it all."""
    now_ns, done = 0, []
    while plan.rounds < rounds:
        step = plan.next(now_ns)
        if isinstance(step, Finished):
            break
        if isinstance(step, Wait):
            assert step.until_ns > now_ns, 'a wait that does not wait'
            now_ns = step.until_ns
            continue
        done.append(step)
        assert len(done) < OPERATIONS_MAX, 'the plan does not end'
        outcome = device.perform(step)
        plan.heard(Outcome(step, outcome.data, outcome.error, outcome.detail, now_ns, 1_000_000))
        now_ns += 1_000_000
    return done


def probe(place: Place, device: Performer, hints: Hints | None = None,
          rounds: int = 5) -> tuple[ProbeVerdict, list[Operation]]:
    """Probe a place of the bundled catalogue; return the verdict and what was performed."""
    plan = Plan(place, hints or default_hints(place), CATALOGUE)
    operations = run(plan, device, rounds)
    return plan.verdict(), operations


def default_hints(place: Place) -> Hints:
    """Return what a usual robot knows: its I2C adapters are on the allow-list."""
    return Hints(allowed_bus=isinstance(place, I2cPlace))


def serial_place(entry: DeviceEntry, usb: tuple[str, str] = ('10c4', 'ea60')) -> SerialPlace:
    """Return a port with the entry's own USB id, or else behind a CP2102."""
    if entry.usb is not None:
        one = entry.usb.ids[0]
        usb = one.vendor, one.product
    return SerialPlace('/dev/ttyUSB0', '/sys/bus/usb/1-1', *usb)


def harm_to(present: Sequence[DeviceEntry], operations: Sequence[Operation]) -> list[str]:
    """Return what the operations would do to devices that are really there, by the catalogue."""
    return [f'{operation}: {hazard.id}' for operation in operations
            for hazard in CATALOGUE.harms(operation, present)
            if hazard.severity >= Severity.STATE]


def named(verdict: ProbeVerdict) -> set[str]:
    """Return the likeliest entry and all alternatives."""
    return {verdict.entry_id, *(item.entry_id for item in verdict.alternatives)}
