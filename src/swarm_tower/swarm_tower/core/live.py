# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Single robots from close by, only while somebody looks: sensors, what the robot knows of itself,
its learner. Owns who is looked at and that everything of a robot that nobody
looks at any more is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from swarm_tower.core.facts import Told
from swarm_tower.core.section import Section

NS_PER_MS = 1_000_000
LOOK_NS = 12_000 * NS_PER_MS  # a page that is open says so every few seconds
LOOKED_AT_MAX = 4
LIVE_ROWS_MAX = 1024


@dataclass(frozen=True)
class Looked(Told):
    """Somebody looks at a robot just now."""

    robot_id: str


@dataclass(frozen=True)
class TopicHeard(Told):
    """A topic of a robot: how often it comes and the last values that were looked into.
    note = why there are none."""

    robot_id: str
    topic: str
    kind: str
    rate_hz: float
    size_bytes: int
    count: int
    fields: tuple[tuple[str, Any], ...]
    note: str


@dataclass(frozen=True)
class OwnMind(Told):
    """The control signals of one robot and why they are as they are."""

    robot_id: str
    figures: Mapping[str, float | None]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class OwnState(Told):
    """What a robot knows of itself: plain figures by name, and its sensors as it judges them."""

    robot_id: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class OwnLearning(Told):
    """How the learner of a robot is doing."""

    robot_id: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class OwnSensors(Told):
    """The sensors of a robot as its discovery judges them: (device, state, age_ms, rate, why)."""

    robot_id: str
    sensors: tuple[tuple[str, str, int | None, float | None, str], ...]


class LiveSection(Section):
    """Rows '<robot>/mind', '/state', '/learning', '/sensors' and '/topic/<topic>'."""

    name = 'live'
    takes = (Looked, TopicHeard, OwnMind, OwnState, OwnLearning, OwnSensors)
    rows_max = LIVE_ROWS_MAX

    def __init__(self) -> None:
        super().__init__()
        self._looked_ns: dict[str, int] = {}

    def wanted(self, now_ns: int) -> list[str]:
        """Return the robots that somebody looks at."""
        return [r for r, ns in self._looked_ns.items() if now_ns - ns < LOOK_NS]

    def fold(self, fact: Told, now_ns: int) -> None:
        robot_id = getattr(fact, 'robot_id', '')
        if isinstance(fact, Looked):
            self._look(robot_id, now_ns)
        elif robot_id not in self._looked_ns:
            return  # the last word of a subscription that ends
        elif isinstance(fact, TopicHeard):
            self._tell(f'{robot_id}/topic/{fact.topic}', asdict(fact), now_ns)
        else:
            names = {OwnMind: 'mind', OwnState: 'state', OwnLearning: 'learning'}
            name = names.get(type(fact), 'sensors')
            self._tell(f'{robot_id}/{name}', asdict(fact), now_ns)  # type: ignore[call-overload]

    def age(self, now_ns: int) -> None:
        """Forget robots that nobody looks at."""
        wanted = set(self.wanted(now_ns))
        for robot_id in [r for r in self._looked_ns if r not in wanted]:
            self._look_away(robot_id)

    def _look(self, robot_id: str, now_ns: int) -> None:
        self._looked_ns.pop(robot_id, None)
        self._looked_ns[robot_id] = now_ns
        while len(self._looked_ns) > LOOKED_AT_MAX:
            self._look_away(next(iter(self._looked_ns)))

    def _look_away(self, robot_id: str) -> None:
        del self._looked_ns[robot_id]
        for key in self.keys():
            if key.startswith(f'{robot_id}/'):
                self.drop(key)

    def _tell(self, key: str, row: dict[str, Any], now_ns: int) -> None:
        self.put(key, {**row, 'heard_ms': now_ns // NS_PER_MS})
