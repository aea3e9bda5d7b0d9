# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which robot hears which, as far as robots say so. Owns what counts as hearing.

The leader tells how long each member has been silent for it; a follower that names a leader has
heard it within its election timeout. What followers hear of each other nobody tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swarm_tower.core.facts import Told
from swarm_tower.core.section import Section

NS_PER_MS = 1_000_000
HEARD_WITHIN_MS = 1500  # as with the tower's own ear: a few lost datagrams do not show
TOLD_WITHIN_NS = 10_000 * NS_PER_MS  # a leader repeats it every 2 s


@dataclass(frozen=True)
class Heard(Told):
    """One robot's ear: milliseconds since it heard each other; None = never."""

    hearer: str
    silence_ms: tuple[tuple[str, int | None], ...]


class HearingSection(Section):
    """A row for the robot that told: a sorted list of those that it hears."""

    name = 'hearing'
    takes = (Heard,)
    rows_max = 8  # leaders that followed one another within TOLD_WITHIN_NS

    def __init__(self) -> None:
        super().__init__()
        self._told_ns: dict[str, int] = {}

    def fold(self, fact: Told, now_ns: int) -> None:
        assert isinstance(fact, Heard)
        self._told_ns[fact.hearer] = now_ns
        self.put(fact.hearer, sorted(
            robot_id for robot_id, silence in fact.silence_ms
            if silence is not None and silence <= HEARD_WITHIN_MS and robot_id != fact.hearer
        ))

    def age(self, now_ns: int) -> None:
        """What was told long ago is not known any more."""
        for hearer, told_ns in list(self._told_ns.items()):
            if now_ns - told_ns >= TOLD_WITHIN_NS:
                del self._told_ns[hearer]
                self.drop(hearer)


def who_hears_whom(
    robots: Mapping[str, Mapping[str, Any]], told: Mapping[str, list[str]]
) -> dict[str, frozenset[str]]:
    """Return for each robot that is heard now those that it hears."""
    found: dict[str, set[str]] = {}
    for robot_id, row in robots.items():
        if row['presence'] != 'fresh':
            continue
        found[robot_id] = set(told.get(robot_id, ()))
        leader = row.get('leader')
        if leader and leader != robot_id:
            found[robot_id].add(leader)
    return {robot_id: frozenset(heard) for robot_id, heard in found.items()}
