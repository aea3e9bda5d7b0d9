# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What /diagnostics says, by robot and task, and the tree of it. Owns levels, the worst of them,
and when something has gone stale; knows no ROS and no clock.

STALE stays STALE in the parents: that nothing is heard is not an error that somebody reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from swarm_tower.core.facts import Told
from swarm_tower.core.section import Section

NS_PER_MS = 1_000_000
OK, WARN, ERROR, STALE = 'ok', 'warn', 'error', 'stale'
RANK = {OK: 0, WARN: 1, STALE: 2, ERROR: 3}
STALE_AFTER_NS = 5_000 * NS_PER_MS  # they come once a second (REP-107)
FORGET_AFTER_NS = 3_600_000 * NS_PER_MS
REFRESH_NS = 10_000 * NS_PER_MS  # figures of an unchanged level go to the page this often
ROOT = 'Swarm'
OTHER = 'other'
MAIN_NODE = 'coordinator'  # its tasks need no further name


@dataclass(frozen=True)
class Diagnosed:
    """One status. robot = '' where neither its name nor its hardware_id is of a known one."""

    robot: str
    name: str
    hardware_id: str
    level: str
    message: str
    values: tuple[tuple[str, str], ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> Diagnosed:
        return self  # nothing in it changes: copies of a picture share it


@dataclass(frozen=True)
class Diagnoses(Told):
    """What one message told."""

    found: tuple[Diagnosed, ...]


@dataclass(frozen=True)
class Branch:
    """A line of the tree; path as on /diagnostics_agg."""

    path: str
    level: str
    message: str
    hardware_id: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Diagnosis:
    """A row: one task. level is as it counts now: stale, if silent; said is the sender's last."""

    robot: str
    task: str
    name: str
    hardware_id: str
    level: str
    said: str
    silent: bool
    message: str
    values: tuple[tuple[str, str], ...]
    since_ms: int


@dataclass(frozen=True)
class _Held:
    fact: Diagnosed
    silent: bool
    heard_ns: int
    since_ns: int
    shown_ns: int

    @property
    def level(self) -> str:
        return STALE if self.silent else self.fact.level

    def __deepcopy__(self, memo: dict[int, Any]) -> _Held:
        return self


def task_of(robot: str, name: str) -> str:
    """Return what a status is about: '/r1/coordinator: jobs' is 'jobs', '/r1/tower: page' is
    'tower: page', 'r1: lidar' is 'lidar'."""
    rest = name.removeprefix(f'/{robot}/').removeprefix(f'{robot}: ') if robot else name
    rest = rest.lstrip('/')
    return rest.removeprefix(f'{MAIN_NODE}: ').replace('/', ' ') or name


def worst(levels: Iterable[str]) -> str:
    """Return the worst level; OK for none."""
    return max(levels, key=RANK.__getitem__, default=OK)


class HealthTree(Section):
    """A row for each task, by '<robot>/<task>'."""

    name = 'diagnostics'
    takes = (Diagnoses,)
    rows_max = 2048

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, _Held] = {}

    def fold(self, fact: Told, now_ns: int) -> None:
        assert isinstance(fact, Diagnoses)
        for one in fact.found:
            self._fold_one(one, now_ns)

    def _fold_one(self, fact: Diagnosed, now_ns: int) -> None:
        key = self._key_of(fact)
        held = self._held.get(key)
        if held is None and len(self._held) >= self.rows_max:
            return
        if held is None or held.level != fact.level:
            self._show(key, _Held(fact, False, now_ns, now_ns, now_ns))
            return
        fresh = _Held(fact, False, now_ns, held.since_ns, now_ns)
        if not held.silent and now_ns - held.shown_ns < REFRESH_NS:
            self._held[key] = replace(fresh, shown_ns=held.shown_ns)
            return
        self._show(key, fresh)

    def _key_of(self, fact: Diagnosed) -> str:
        if not fact.robot:
            return f'{OTHER}/{task_of("", fact.name)}'
        self._forget(f'{OTHER}/{task_of("", fact.name)}')  # heard before the robot itself was
        key = f'{fact.robot}/{task_of(fact.robot, fact.name)}'
        taken = key in self._held and self._held[key].fact.name != fact.name
        return f'{fact.robot}/{task_of("", fact.name)}' if taken else key

    def _forget(self, key: str) -> None:
        if self._held.pop(key, None) is not None:
            self.drop(key)

    def age(self, now_ns: int) -> None:
        """What has not been heard for a while is stale, and in the end forgotten."""
        for key, held in list(self._held.items()):
            silence = now_ns - held.heard_ns
            if silence >= FORGET_AFTER_NS:
                self._forget(key)
            elif silence >= STALE_AFTER_NS and not held.silent:
                since_ns = held.since_ns if held.level == STALE else now_ns
                self._show(key, replace(held, silent=True, since_ns=since_ns))

    def _show(self, key: str, held: _Held) -> None:
        self._held[key] = held
        robot, _, task = key.partition('/')
        fact, since_ms = held.fact, held.since_ns // NS_PER_MS
        self.put(key, asdict(Diagnosis(
            robot, task, fact.name, fact.hardware_id, held.level, fact.level, held.silent,
            fact.message, fact.values, since_ms,
        )))

    # -- for those that read it

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many tasks of a robot are at a level."""
        found: dict[tuple[str, str], int] = {}
        for key, held in self._held.items():
            at = (key.partition('/')[0], held.level)
            found[at] = found.get(at, 0) + 1
        return found

    def tree(self) -> tuple[Branch, ...]:
        """Return every line, parents before their children; parents have the worst level."""
        by_robot: dict[str, list[Branch]] = {}
        for key in sorted(self._held):
            robot, _, task = key.partition('/')
            leaf = _leaf(f'/{ROOT}/{robot}/{task}', self._held[key])
            by_robot.setdefault(robot, []).append(leaf)
        robots = [_parent(f'/{ROOT}/{robot}', leaves) for robot, leaves in by_robot.items()]
        lines = [_parent(f'/{ROOT}', robots)]
        for parent, leaves in zip(robots, by_robot.values(), strict=True):
            lines += [parent, *leaves]
        return tuple(lines)


def _leaf(path: str, held: _Held) -> Branch:
    fact = held.fact
    message = f'no longer heard; last: {fact.message}' if held.silent else fact.message
    return Branch(path, held.level, message, fact.hardware_id, fact.values)


def _parent(path: str, children: list[Branch]) -> Branch:
    level = worst(child.level for child in children)
    bad = [child for child in children if child.level != OK]
    bad.sort(key=lambda child: (-RANK[child.level], child.path))
    values = tuple((child.path.rpartition('/')[2], child.level) for child in children)
    if not children:
        return Branch(path, STALE, 'no diagnostics heard', '', ())
    if not bad:
        return Branch(path, level, f'{len(children)} ok', '', values)
    named = ', '.join(f'{one.path.rpartition("/")[2]} {one.level}' for one in bad[:5])
    return Branch(path, level, f'{len(bad)} of {len(children)} not ok: {named}', '', values)
