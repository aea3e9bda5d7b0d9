# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When a robot's slots are free: owns the arithmetic of jobs one after another on a robot.

Times are predictions in ms from now. A compute unit other than a processor's own does one job at
a time, whatever the slots.
"""

import heapq
from collections.abc import Iterable

from swarm_coordinator.core.jobs.costs import Estimates, remaining_of
from swarm_coordinator.core.jobs.job import Job, JobPhase


class Slots:
    """`held` counts jobs; `free_ms` is a heap of when each slot is free."""

    __slots__ = ('count', 'free_ms', 'held', 'load_milli', 'units')

    def __init__(self, count: int) -> None:
        self.count = count
        self.held = 0
        self.load_milli = 0  # jobs held per thousand slots
        self.free_ms = [0] * max(count, 1)
        self.units: dict[str, int] = {}  # when each busy unit is free

    def backlog_ms(self, unit: str = '') -> int:
        """Until a job that comes now can start."""
        return max(self.free_ms[0], self.units.get(unit, 0)) if unit else self.free_ms[0]

    def book(self, work_ms: int, unit: str = '') -> int:
        """One more job; returns when it will have ended."""
        end_ms = self.backlog_ms(unit) + work_ms
        if self.count > 1:
            heapq.heapreplace(self.free_ms, end_ms)
        else:
            self.free_ms[0] = end_ms
        if unit and not unit.startswith('cpu'):
            self.units[unit] = end_ms
        self.holds(self.held + 1)
        return end_ms

    def holds(self, jobs: int) -> None:
        self.held = jobs
        self.load_milli = jobs * 1000 // max(self.count, 1)

    def not_before(self, backlog_ms: int) -> None:
        """No slot is free sooner than that."""
        if backlog_ms > self.free_ms[0]:
            self.free_ms = [max(free_ms, backlog_ms) for free_ms in self.free_ms]
            heapq.heapify(self.free_ms)

    @property
    def work_ms(self) -> int:
        """All that is booked, one after another."""
        return sum(self.free_ms)


def order_of(job: Job) -> tuple[bool, int, str]:
    """In which order a robot does the jobs that it holds: those that run, then as granted."""
    return job.phase is not JobPhase.RUNNING, job.token, job.job_id


def occupied(
    count: int, held: Iterable[Job], estimates: Estimates, stamp_ns: int
) -> tuple[Slots, dict[str, int]]:
    """A robot's slots with the jobs that it holds, and when each of those will have ended."""
    slots = Slots(count)
    ends = {
        job.job_id: slots.book(remaining_of(job, estimates, stamp_ns), job.unit)
        for job in sorted(held, key=order_of)
    }
    return slots, ends
