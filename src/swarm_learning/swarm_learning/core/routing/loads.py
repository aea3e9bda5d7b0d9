# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How long a job that comes now would wait on each robot: owns jobs under way and reported queues.

A robot without reports holds what we sent there. One that reports its queue holds that, less the
time since, and what we sent after the report. Refuses to know how long jobs take: predictions are
arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .config import RoutingConfig
from .routes import RouteKey
from .sizes import Sizes

MS = 1_000_000
ROBOTS_MAX = 1024
WORK_LEFT_SHARE = 0.25  # of the estimate, of a run that is about to be over
LOAD_MS_MAX = 2.0**32


@dataclass(slots=True)
class UnderWay:
    """One job that we sent. `began_ns` 0: it waits there."""

    key: RouteKey
    sent_ns: int
    estimate_ms: float
    began_ns: int = 0

    def remaining_ms(
        self, work_ms: float, stamp_ns: int, overtime_factor: float, sizes: Sizes | None
    ) -> float:
        """Of a run that has begun, as such runs were seen to go on; where too few were, and it is
        past its estimate by the factor, as much again as it took so far."""
        elapsed_ms = (stamp_ns - self.began_ns) / MS if stamp_ns > self.began_ns else 0.0
        if elapsed_ms > overtime_factor * self.estimate_ms and work_ms > self.estimate_ms:
            work_ms = self.estimate_ms  # not one that grew by this very run
        if sizes is not None:
            left = sizes.residual(elapsed_ms / work_ms if work_ms > 1.0 else elapsed_ms)
            if left is not None:
                return left * work_ms
        if elapsed_ms > overtime_factor * work_ms:
            return elapsed_ms
        return max(work_ms - elapsed_ms, work_ms * WORK_LEFT_SHARE)


@dataclass
class Load:
    """Of one robot. `jobs`: ours, in the order in which they were sent. `since_ms`: expected
    work that was sent after the report."""

    slots: int = 1
    reported_ms: float | None = None
    reported_ns: int = 0
    since_ms: float = 0.0
    jobs: dict[str, UnderWay] = field(default_factory=dict)
    overtime_ns: float = math.inf  # before it no run lasts too long

    def begin_next(self, stamp_ns: int, factor: float) -> None:
        """The oldest jobs run, as many as there are slots."""
        for _, job in zip(range(self.slots), self.jobs.values(), strict=False):
            if not job.began_ns:
                job.began_ns = max(stamp_ns, 1)
        self.watch(factor)

    def watch(self, factor: float) -> None:
        """Note from when on a run lasts too long."""
        self.overtime_ns = min(
            (job.began_ns + factor * job.estimate_ms * MS
             for job in self.jobs.values() if job.began_ns),
            default=math.inf,
        )


class Loads:
    """Of all robots that something was sent to or heard of."""

    def __init__(self, config: RoutingConfig) -> None:
        self._config = config
        self.robots: dict[str, Load] = {}
        self.robot_of: dict[str, str] = {}  # job -> robot

    def heard(self, robot_id: str, queued_ms: float, slots: int, stamp_ns: int) -> None:
        """The robot says how much work it holds that is not done yet."""
        if not 0 <= queued_ms <= LOAD_MS_MAX or slots < 1:
            raise ValueError(f'{robot_id}: queued_ms={queued_ms}, slots={slots}: expected 0 to '
                             f'{LOAD_MS_MAX:.0f} ms and at least one slot')
        load = self._load(robot_id)
        if load is None:
            return
        load.slots = slots
        if load.reported_ms is None or stamp_ns >= load.reported_ns:
            load.reported_ms, load.reported_ns, load.since_ms = queued_ms, stamp_ns, 0.0

    def sent(self, job_id: str, key: RouteKey, estimate_ms: float, stamp_ns: int) -> None:
        self.ended(job_id, stamp_ns)  # it was elsewhere before
        load = self._load(key.robot_id)
        if load is None or len(self.robot_of) >= self._config.outstanding_max:
            return
        load.jobs[job_id] = UnderWay(key, stamp_ns, estimate_ms)
        load.since_ms += estimate_ms
        self.robot_of[job_id] = key.robot_id
        load.begin_next(stamp_ns, self._config.overtime_factor)

    def began(self, job_id: str, stamp_ns: int) -> None:
        robot_id = self.robot_of.get(job_id)
        if robot_id is not None:
            load = self.robots[robot_id]
            load.jobs[job_id].began_ns = max(stamp_ns, 1)
            load.watch(self._config.overtime_factor)

    def ended(self, job_id: str, stamp_ns: int) -> None:
        robot_id = self.robot_of.pop(job_id, None)
        if robot_id is not None:
            load = self.robots[robot_id]
            del load.jobs[job_id]
            load.begin_next(stamp_ns, self._config.overtime_factor)

    def forget(self, robot_id: str) -> None:
        """It is gone, and what it held is elsewhere."""
        for job_id in self.robots.pop(robot_id, Load()).jobs:
            del self.robot_of[job_id]

    def overtime(
        self, stamp_ns: int, sizes_of: Mapping[str, Sizes]
    ) -> Iterator[tuple[RouteKey, float, float]]:
        """Runs that last longer than all but few do, with ms so far and expected."""
        factor = self._config.overtime_factor
        for load in self.robots.values():
            if stamp_ns <= load.overtime_ns:
                continue
            for job in load.jobs.values():
                if not job.began_ns:
                    continue
                elapsed_ms = (stamp_ns - job.began_ns) / MS
                if elapsed_ms > factor * job.estimate_ms:
                    sizes = sizes_of.get(job.key.task)
                    if sizes is None or elapsed_ms > sizes.overtime() * job.estimate_ms:
                        yield job.key, elapsed_ms, job.estimate_ms

    def backlogs_ms(
        self, robots: Iterable[str], row_of: Mapping[RouteKey, int],
        work_ms: Callable[[int], float], stamp_ns: int, sizes_of: Mapping[str, Sizes],
    ) -> dict[str, float]:
        """Until a job that comes now can start on each. `work_ms`: the run time of a row as
        predicted now; of a route without a row the estimate counts from when the job was sent."""
        get, row_get, factor = self.robots.get, row_of.get, self._config.overtime_factor
        found = {}
        for robot in robots:  # one loop, and no calls: this is most of a decision
            load, own_ms = get(robot), 0.0
            if load is None:
                found[robot] = own_ms
                continue
            jobs, slots = load.jobs, load.slots
            if len(jobs) >= slots:
                for job in jobs.values():
                    row = row_get(job.key)
                    job_ms = job.estimate_ms if row is None else work_ms(row)
                    if job.began_ns:
                        sizes = sizes_of.get(job.key[0])
                        job_ms = job.remaining_ms(job_ms, stamp_ns, factor, sizes)
                    own_ms += job_ms
            if load.reported_ms is not None:
                gone_ms = max(0, stamp_ns - load.reported_ns) / MS * slots
                own_ms = max(own_ms, load.reported_ms + load.since_ms - gone_ms)
            found[robot] = own_ms / slots
        return found

    def _load(self, robot_id: str) -> Load | None:
        """None: there are more robots than are followed."""
        load = self.robots.get(robot_id)
        if load is None and len(self.robots) < ROBOTS_MAX:
            load = self.robots[robot_id] = Load()
        return load

    def check_invariants(self) -> None:
        assert len(self.robots) <= ROBOTS_MAX
        assert len(self.robot_of) <= self._config.outstanding_max
        held = {job: robot for robot, load in self.robots.items() for job in load.jobs}
        assert held == self.robot_of
