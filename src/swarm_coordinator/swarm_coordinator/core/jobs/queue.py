# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The jobs that wait: owns their order, priority first and then age in the queue.

Age counts from when a job last began to wait: one that comes back goes behind its equals, so
that a job which nobody can finish does not hold up the others. Jobs that wait for a time (a
failure may be repeated only later) rest outside the order until a rule of the log wakes them.
Finding the next jobs looks at nothing else. Follows from the jobs; refuses to know them.
"""

from bisect import insort
from collections.abc import Iterator

COMPACT_ABOVE = 64  # holes in a dict that cost less than making it anew


class _Lane:
    """Jobs of one priority, oldest first. A dict that is emptied from its front is walked through
    all its holes each time, so it is made anew when half of it are holes."""

    __slots__ = ('gone', 'ids')

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}
        self.gone = 0

    def remove(self, job_id: str) -> None:
        del self.ids[job_id]
        self.gone += 1
        if self.gone > COMPACT_ABOVE + len(self.ids):
            self.ids, self.gone = dict(self.ids), 0


class JobQueue:
    """Ids of jobs. `len` counts those that rest as well."""

    __slots__ = ('_count', '_lanes', '_order', 'resting')

    def __init__(self) -> None:
        self._lanes: dict[int, _Lane] = {}
        self._order: list[int] = []  # negated priorities of the lanes, so the highest is first
        self._count = 0
        self.resting: dict[str, None] = {}

    def enter(self, job_id: str, priority: int) -> None:
        """At the end of its priority."""
        lane = self._lanes.get(priority)
        if lane is None:
            lane = self._lanes[priority] = _Lane()
            insort(self._order, -priority)
        assert job_id not in lane.ids, job_id
        lane.ids[job_id] = None
        self._count += 1

    def rest(self, job_id: str) -> None:
        self.resting[job_id] = None

    def wake(self, job_id: str, priority: int) -> None:
        """It has rested; now it begins to be old."""
        del self.resting[job_id]
        self.enter(job_id, priority)

    def leave(self, job_id: str, priority: int) -> None:
        if job_id in self.resting:
            del self.resting[job_id]
            return
        lane = self._lanes[priority]
        lane.remove(job_id)
        self._count -= 1
        if not lane.ids:
            del self._lanes[priority]
            self._order.remove(-priority)

    def ready(self) -> Iterator[str]:
        """What can be granted, in order. Must not change while it is walked through."""
        for negated in self._order:
            yield from self._lanes[-negated].ids

    def __iter__(self) -> Iterator[str]:
        yield from self.ready()
        yield from self.resting

    def __len__(self) -> int:
        return self._count + len(self.resting)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self.resting or any(job_id in one.ids for one in self._lanes.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JobQueue):
            return NotImplemented
        return list(self) == list(other) and list(self.resting) == list(other.resting)

    __hash__ = None  # type: ignore[assignment]

    def check_invariants(self) -> None:
        assert self._order == sorted(-priority for priority in self._lanes)
        assert all(lane.ids for lane in self._lanes.values())
        ready = list(self.ready())
        assert len(ready) == len(set(ready)) == self._count
        assert not self.resting.keys() & set(ready)
