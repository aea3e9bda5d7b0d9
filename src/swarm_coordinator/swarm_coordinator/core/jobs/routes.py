# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Routes: a kind of work on a compute unit of a robot. Owns what the log knows of how it went on
each, and what is kept of a choice among them.

Everything is an integer, because it is replicated. Refuses to know how a route is chosen.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId

# A route takes some 600 bytes on every robot. Chosen without data: 200 robots with 20 kinds of
# work each. Then the one that was used least recently is forgotten.
ROUTES_MAX = 4096
RECENT_MAX = 32  # run times and outcomes that are remembered of a route: enough for a 95th
P_MIN_PERMILLE = 20  # below it a cost says nothing any more (LEARNING: p >= 0.02)
UINT32_MAX = 2**32 - 1  # what messages hold


@dataclass(frozen=True, slots=True)
class RouteCandidate:
    """What a job would cost on one route: (backlog + work + transfer) / success. `lost`: why it
    was not chosen; '' = it was. Fields as in swarm_msgs/msg/RouteCandidate."""

    robot_id: RobotId
    unit: str
    backlog_ms: int
    work_ms: int
    transfer_ms: int
    success_permille: int
    cost_ms: int
    lost: str


@dataclass(slots=True)
class Route:
    """How one kind of work went on one compute unit of one robot.

    done, failed, lost, stolen   attempts that ended so, ever
    recent   the last outcomes as bits, the latest lowest: 1 = done, 0 = failed or lost
    runs     run times in ms of the last RECENT_MAX attempts that were done, oldest first
    changed_ns   stamp of the last end: what was learnt long ago counts for less
    """

    done: int = 0
    failed: int = 0
    lost: int = 0
    stolen: int = 0
    recent: int = 0
    runs: 'array[int]' = field(default_factory=lambda: array('I'))
    changed_ns: int = 0

    @property
    def samples(self) -> int:
        """Run times that mean_ms and p95_ms rest on."""
        return len(self.runs)

    def mean_ms(self) -> int:
        """Mean of the last run times, rounded down; 0 = none is known."""
        return sum(self.runs) // len(self.runs) if self.runs else 0

    def p95_ms(self) -> int:
        """The run time that 95 of 100 do not exceed (nearest rank); 0 = none is known."""
        if not self.runs:
            return 0
        rank = (95 * len(self.runs) + 99) // 100
        return sorted(self.runs)[rank - 1]

    def success_permille(self) -> int:
        """Predicted share of attempts that are done: (s + 2) / (s + f + 2.2) over the last
        RECENT_MAX outcomes. 909 where nothing is known."""
        known = min(RECENT_MAX, self.done + self.failed + self.lost)
        good = self.recent.bit_count()
        return max(P_MIN_PERMILLE, (good * 10 + 20) * 1000 // (known * 10 + 22))

    def note(self, outcome: str, run_ms: int, stamp_ns: int = 0) -> None:
        """`outcome` as in AttemptEnded; one that says nothing of the route is left out."""
        if outcome == 'done':
            self.done += 1
            self.runs.append(max(0, min(run_ms, UINT32_MAX)))
            del self.runs[:-RECENT_MAX]
        elif outcome in ('failed', 'timed_out'):
            self.failed += 1
        elif outcome == 'lease_expired':
            self.lost += 1
        elif outcome == 'stolen':
            self.stolen += 1
            return  # it says that another one was idle
        self.changed_ns = stamp_ns
        self.recent = (self.recent << 1 | (outcome == 'done')) & (1 << RECENT_MAX) - 1

    def check_invariants(self) -> None:
        counts = (self.done, self.failed, self.lost, self.stolen)
        assert min(counts) >= 0 and len(self.runs) == min(self.done, RECENT_MAX), self
        assert 0 <= self.recent < 1 << min(RECENT_MAX, sum(counts[:3])), self


OUTCOMES_OF_ROUTES = frozenset({'done', 'failed', 'timed_out', 'lease_expired', 'stolen'})
RouteKey = tuple[str, RobotId, str]  # task, robot, compute unit; '' = the robot as a whole


class RouteBook:
    """All routes that were used, the one that was used last at the end. Written by the rules of
    the log only."""

    __slots__ = ('_of_task', '_routes')

    def __init__(self, routes: Iterable[tuple[RouteKey, Route]] = ()) -> None:
        self._routes: dict[RouteKey, Route] = {}
        self._of_task: dict[str, dict[tuple[RobotId, str], Route]] = {}
        for key, route in routes:
            self._enter(key, route)

    def __len__(self) -> int:
        return len(self._routes)

    def __eq__(self, other: object) -> bool:
        """Equal as replicas are: also in what would be forgotten first."""
        if not isinstance(other, RouteBook):
            return NotImplemented
        return list(self.items()) == list(other.items())

    __hash__ = None  # type: ignore[assignment]

    def items(self) -> Iterator[tuple[RouteKey, Route]]:
        """Least recently used first."""
        return iter(self._routes.items())

    def get(self, task: str, robot_id: RobotId, unit: str = '') -> Route | None:
        """None: it was never used, or is forgotten."""
        return self._routes.get((task, robot_id, unit))

    def of_task(self, task: str) -> list[tuple[RobotId, str, Route]]:
        """Robot, unit and route, in order of the names."""
        known = self._of_task.get(task, {})
        return [(*key, known[key]) for key in sorted(known)]

    def of_robot(self, robot_id: RobotId) -> list[tuple[str, str, Route]]:
        """Task, unit and route, in order of the names. Looks at all routes."""
        return sorted(
            ((task, unit, route) for (task, robot, unit), route in self.items()
             if robot == robot_id),
            key=lambda one: one[:2],
        )

    def record(self, key: RouteKey, outcome: str, run_ms: int, stamp_ns: int = 0) -> None:
        """An attempt ended on this route."""
        if outcome not in OUTCOMES_OF_ROUTES:
            return
        route = self._routes.pop(key, None) or Route()
        route.note(outcome, run_ms, stamp_ns)
        self._enter(key, route)
        if len(self._routes) > ROUTES_MAX:
            self._forget(next(iter(self._routes)))

    def _enter(self, key: RouteKey, route: Route) -> None:
        task, robot_id, unit = key
        self._routes[key] = route
        self._of_task.setdefault(task, {})[robot_id, unit] = route

    def _forget(self, key: RouteKey) -> None:
        task, robot_id, unit = key
        del self._routes[key]
        of_task = self._of_task[task]
        del of_task[robot_id, unit]
        if not of_task:
            del self._of_task[task]

    def check_invariants(self) -> None:
        assert len(self._routes) <= ROUTES_MAX
        assert sum(map(len, self._of_task.values())) == len(self._routes)
        for (task, robot_id, unit), route in self._routes.items():
            assert self._of_task[task][robot_id, unit] is route
            route.check_invariants()
