# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how work of one kind usually goes on each robot: run times and failures per task, so that
a job that fails everywhere is held against nobody; refuses to know raters and receipts.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from . import document as kept
from .document import Document

TASKS_MAX = 256         # the least recently used goes first
ROBOTS_MAX = 256        # of one task
RUNS_MAX = 20           # last run times; a p90 of fewer than RUNS_P90 is no p90
RUNS_P90 = 10
MEMORY = 0.9            # what an older attempt counts beside the next: about the last ten count
OTHERS_MIN = 2          # robots that must have tried a task before it can be what is at fault


@dataclass
class Record:
    """One task on one robot: faded counts, and the last run times of those that were done."""

    done: float = 0.0
    failed: float = 0.0
    runs_ms: list[int] = field(default_factory=list)

    def note(self, good: bool, run_ms: int) -> None:
        self.done = MEMORY * self.done + good
        self.failed = MEMORY * self.failed + (not good)
        if good:
            self.runs_ms.append(run_ms)
            del self.runs_ms[:-RUNS_MAX]

    @property
    def failing_share(self) -> float:
        return self.failed / max(self.done + self.failed, 1e-9)


class TaskBook:
    """All tasks, the one that was used last at the end."""

    def __init__(self) -> None:
        self._tasks: dict[str, dict[str, Record]] = {}

    def note(self, task: str, robot: str, good: bool, run_ms: int) -> None:
        records = self._tasks.pop(task, {})
        self._tasks[task] = records
        if len(self._tasks) > TASKS_MAX:
            del self._tasks[next(iter(self._tasks))]
        if robot not in records and len(records) >= ROBOTS_MAX:
            del records[next(iter(records))]
        records.setdefault(robot, Record()).note(good, run_ms)

    def blame(self, task: str, robot: str) -> float:
        """How much of a failure the robot has to answer for: less what the task fails at the
        median other robot. The median, so that a minority that fails on purpose is no excuse."""
        others = [record.failing_share for name, record in self._tasks.get(task, {}).items()
                  if name != robot]
        return 1.0 - statistics.median(others) if len(others) >= OTHERS_MIN else 1.0

    def typical_ms(self, task: str, robot: str) -> float | None:
        """Median run time there; elsewhere if it is not known there; None if nowhere."""
        records = self._tasks.get(task, {})
        own = records.get(robot)
        if own is not None and own.runs_ms:
            return float(statistics.median(own.runs_ms))
        medians = [statistics.median(one.runs_ms) for one in records.values() if one.runs_ms]
        return float(statistics.median(medians)) if medians else None

    def overlong(self, task: str, robot: str, run_ms: int) -> bool:
        """Whether it ran for longer than 90 of 100 of the robot's own runs of the task."""
        own = self._tasks.get(task, {}).get(robot)
        if own is None or len(own.runs_ms) < RUNS_P90:
            return False
        return run_ms > sorted(own.runs_ms)[(9 * len(own.runs_ms) + 9) // 10 - 1]

    def forget(self, robots: Collection[str]) -> None:
        for records in self._tasks.values():
            for robot in sorted(records.keys() & set(robots)):
                del records[robot]

    def document(self) -> Document:
        return {'records': [
            [task, robot, record.done, record.failed, list(record.runs_ms)]
            for task, records in self._tasks.items() for robot, record in records.items()]}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> TaskBook:
        made = cls()
        for row in kept.rows(document, 'records', 5, TASKS_MAX * ROBOTS_MAX):
            task, robot = kept.text(row[0], 'task'), kept.text(row[1], 'robot')
            if not isinstance(row[4], list) or len(row[4]) > RUNS_MAX:
                raise ValueError(f'records: expected at most {RUNS_MAX} run times')
            runs = [kept.whole(value, 'run time') for value in row[4]]
            made._tasks.setdefault(task, {})[robot] = Record(
                kept.number(row[2], 'done'), kept.number(row[3], 'failed'), runs)
        if len(made._tasks) > TASKS_MAX:
            raise ValueError(f'records: expected at most {TASKS_MAX} tasks')
        return made
