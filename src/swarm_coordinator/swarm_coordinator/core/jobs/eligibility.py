# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which routes a job may take at all: owns the hard filters that come before any cost.

Every route that is left out has its reason as a text. A capability `<name>@<unit>` says that this
compute unit of the robot can do it; `<name>` is offered beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import failed_in_a_row
from swarm_coordinator.core.jobs.routes import RouteBook
from swarm_coordinator.core.jobs.spec import COMPUTE_KINDS, JobSpec
from swarm_coordinator.core.replicated.state import Member

MS = 1_000_000
MEMORY = 'memory:bytes'  # capability whose amount is the robot's memory
# The breaker: so many failures of a task in a row, and a robot is not asked for it for a while,
# longer with each further one; but never more than a third of those who could do it.
FAILURES_IN_A_ROW_MAX = 5
EJECTED_NS = 30_000 * MS
EJECTED_SHARE = 3

_LETTERS = re.compile(r'[a-z]+')


def unit_kind(unit: str) -> str:
    """'gpu' of 'gpu:card0', 'cpu' of 'cpu0'."""
    found = _LETTERS.match(unit)
    return found.group() if found else ''


@dataclass(frozen=True, slots=True)
class Robot:
    """A robot as the filters see it. `barred`: why it takes no job at all; '' = it does."""

    member: Member
    barred: str = ''
    battery_permille: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One robot and one of its compute units, '' = the robot as a whole."""

    robot_id: RobotId
    unit: str


@dataclass(frozen=True, slots=True)
class Turned:
    """A place that the job cannot go to, and why."""

    place: Place
    why: str


@dataclass(frozen=True)
class Eligible:
    """`ejected`: how many of `turned` failed too often, though they could."""

    places: tuple[Place, ...]
    turned: tuple[Turned, ...]
    ejected: int = 0


@dataclass(frozen=True, slots=True)
class Needs:
    """What jobs of one kind have in common; the filters look at nothing else of them."""

    task: str
    required: tuple[str, ...]
    compute_unit: str
    memory_bytes: int
    battery_permille: int


def needs_of(spec: JobSpec) -> Needs:
    return Needs(
        spec.task, spec.required, spec.compute_unit, spec.memory_bytes, spec.battery_permille
    )


def eligible(
    needs: Needs, robots: Sequence[Robot], book: RouteBook, stamp_ns: int, breaker: bool = True
) -> Eligible:
    """Where such a job could go, by robot and unit; `robots` in any order. `breaker`: leave out
    who failed at it again and again."""
    places: list[Place] = []
    turned: list[Turned] = []
    for robot in sorted(robots, key=lambda one: one.member.robot_id):
        why = robot.barred or missing(needs, robot)
        units = () if why else units_for(needs, robot.member)
        if units:
            places += [Place(robot.member.robot_id, unit) for unit in units]
        else:
            why = why or f'has no {needs.compute_unit} for it'
            turned.append(Turned(Place(robot.member.robot_id, ''), why))
    ejected = _ejected(needs.task, places, book, stamp_ns) if breaker else {}
    kept = tuple(place for place in places if place not in ejected)
    return Eligible(kept, (*ejected.values(), *turned), len(ejected))


def missing(needs: Needs, robot: Robot) -> str:
    """Why this robot cannot do it; '' = it can."""
    member = robot.member
    offered = {one.name: one.amount_milli for one in member.capabilities}
    lacks = [name for name in needs.required if name not in offered]
    if lacks:
        return f'does not offer {", ".join(lacks)}'
    if needs.memory_bytes and needs.memory_bytes * 1000 > offered.get(
        MEMORY, needs.memory_bytes * 1000
    ):
        return f'has {offered[MEMORY] // 1000} bytes of memory, needs {needs.memory_bytes}'
    battery = robot.battery_permille
    if battery is not None and battery < needs.battery_permille:
        return f'battery at {battery / 10:.0f} %, needs {needs.battery_permille / 10:.0f} %'
    return ''


def units_for(needs: Needs, member: Member) -> tuple[str, ...]:
    """Compute units of the robot that can do it; ('',) where none is named."""
    wanted = needs.compute_unit
    found: set[str] | None = None
    named = [one.name for one in member.capabilities if '@' in one.name]
    for required in needs.required:
        units = {name.partition('@')[2] for name in named if name.startswith(f'{required}@')}
        if units:
            found = units if found is None else found & units
    if found is not None:
        fitting = (unit for unit in found if wanted in ('', unit, unit_kind(unit)))
        return tuple(sorted(fitting))
    if wanted in ('', 'cpu'):
        return (wanted,)
    prefix = f'compute:{unit_kind(wanted)}'
    units = {name.partition('@')[2] for name in named if name.startswith(f'{prefix}@')}
    if wanted in COMPUTE_KINDS:
        return tuple(sorted(units)) or ((wanted,) if member.offers((prefix,)) else ())
    return (wanted,) if wanted in units else ()


def _ejected(
    task: str, places: Sequence[Place], book: RouteBook, stamp_ns: int
) -> dict[Place, Turned]:
    """Those who failed at it too often, the worst first, a third of all at most."""
    broken: list[tuple[int, RobotId, str, Place]] = []
    for place in places:
        known = book.get(task, place.robot_id, place.unit)
        failures = 0 if known is None else failed_in_a_row(known)
        over = failures - FAILURES_IN_A_ROW_MAX + 1
        if known is not None and over > 0 and stamp_ns < known.changed_ns + over * EJECTED_NS:
            broken.append((-failures, place.robot_id, place.unit, place))
    return {
        place: Turned(place, f'failed {-failures} times in a row at it')
        for failures, _, _, place in sorted(broken)[: len(places) // EJECTED_SHARE]
    }
