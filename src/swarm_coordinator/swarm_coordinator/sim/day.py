# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A long life in a short time: a day of a swarm that works, loses leaders and is cut apart.

Owns what such a day is made of and that nothing grows by it: the memory of each core, looked at
every hour from outside, and its log. Refuses to know what the swarm promises besides; that is
checked as in every other run (run.py).

So many jobs come in the first two hours that the swarm remembers as many as it ever does
(JOBS_ENDED_KEPT_MAX); from then on it has to forget one for each that ends.
"""

from __future__ import annotations

import gc
import random
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field

from swarm_coordinator.core.replica import ENTRIES_KEPT, ENTRIES_PER_SNAPSHOT
from swarm_coordinator.core.replicated.state import JOBS_ENDED_KEPT_MAX
from swarm_coordinator.sim.cluster import Cluster
from swarm_coordinator.sim.job_healing import JobHealing
from swarm_coordinator.sim.job_orders import JobOrder
from swarm_coordinator.sim.promises import PromiseBroken
from swarm_coordinator.sim.schedule import Settings, Step
from swarm_coordinator.sim.whole_robot import ENTRIES_FACTOR, WholeRobot

HOUR_MS = 3_600_000
FILLING_MS = 2 * HOUR_MS
FILLING_MEAN_MS = FILLING_MS // (JOBS_ENDED_KEPT_MAX * 11 // 10)
JOB_MEAN_MS = 15_000
FILED = 0.1
FAULT_MEAN_MS = 300_000
# Of the largest of the second third to the largest of the last one. What is remembered has its
# bound by then; queues and what is under way differ from hour to hour.
GROWTH_MAX = 0.10
# Entries that come while a snapshot is due and not made yet.
ENTRIES_MAX = ENTRIES_PER_SNAPSHOT + ENTRIES_KEPT + 500
# Not what a core holds, but what it is made of, or what holds it.
FOREIGN = (
    type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType,
    types.CodeType, types.FrameType,
)


def settings_of_day(seed: int, hours: float, voters: int, non_voters: int) -> Settings:
    """With the slowest of the shipped timings: a day has fewer heartbeats then."""
    return Settings(
        seed=seed, voters=voters, non_voters=non_voters, profile='congested', workload='jobs',
        length_ms=round(hours * HOUR_MS), compact_after=ENTRIES_PER_SNAPSHOT // ENTRIES_FACTOR,
        keep_entries=ENTRIES_KEPT,
    )


class DayScenario:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rng = random.Random(f'{settings.seed}/day')
        self._robots = settings.robots

    def steps(self) -> tuple[Step, ...]:
        steps = [*self._jobs(), *self._faults()]
        return tuple(sorted(steps, key=lambda step: step.at_ms))

    def _times(self, begin_ms: int, end_ms: int, mean_ms: int) -> Iterator[int]:
        at_ms = float(begin_ms)
        while (at_ms := at_ms + 1 + self._rng.random() * 2 * mean_ms) < end_ms:
            yield int(at_ms)

    def _jobs(self) -> Iterator[Step]:
        rng, end_ms = self._rng, self._settings.length_ms
        times = [
            *self._times(0, min(FILLING_MS, end_ms), FILLING_MEAN_MS),
            *self._times(FILLING_MS, end_ms, JOB_MEAN_MS),
        ]
        for number, at_ms in enumerate(times, 1):
            files = int(rng.random() < FILED)
            order = JobOrder(
                does=rng.choices(('ok', 'fail', 'stubborn', 'poison'), (96, 2, 1.9, 0.1))[0],
                run=rng.choice((5, 50, 500)), inputs=files, outputs=files, folder=files,
                key=f'k{number}', effects=rng.choice(('none', 'idempotent')),
            )
            words = (rng.choice(self._robots), 'submit', f'j{number}', *order.words)
            yield Step(at_ms, 'job', words)

    def _faults(self) -> Iterator[Step]:
        rng = self._rng
        for at_ms in self._times(60_000, self._settings.length_ms, FAULT_MEAN_MS):
            who = rng.choice(('@leader', *self._robots))
            far = str(rng.choice((2_000, 20_000, 120_000)))
            yield rng.choices((
                Step(at_ms, 'crash', (who, far, 'lost')),
                Step(at_ms, 'pause', (who, str(rng.randint(500, 20_000)))),
                Step(at_ms, 'split', (f'{who}|*', far)),
                Step(at_ms, 'oneway', (f'{who}>*', far)),
                Step(at_ms, 'oneway', (f'*>{who}', far)),
                Step(at_ms, 'radio', (f'*>{",".join(self._robots)}', 'poor', far)),
                Step(at_ms, 'stall', (who, '20', far)),
                Step(at_ms, 'clock', (who, str(rng.randint(-5_000, 5_000)))),
                Step(at_ms, 'transfer', (rng.choice(self._robots),)),
                Step(at_ms, 'crash-all', ('2000', 'lost')),
            ), (6, 3, 4, 2, 2, 2, 1, 1, 2, 1))[0]


@dataclass(frozen=True)
class Size:
    """Of one robot at the end of an hour."""

    hour: int
    memory_bytes: int
    log_entries: int
    log_bytes: int
    snapshot_bytes: int
    jobs: int


@dataclass
class DayReport:
    sizes: dict[str, list[Size]] = field(default_factory=dict)
    performed: dict[str, int] = field(default_factory=dict)
    completions: int = 0
    commits: int = 0
    elections: int = 0
    virtual_ms: int = 0
    complaints: list[str] = field(default_factory=list)


def memory_of(root: object) -> int:
    """Bytes of all objects that can be reached from it, without code and what is shared by code.
    What the collector does not see into (numbers, texts) counts as well."""
    seen = {id(root)}
    todo, total = [root], 0
    while todo:
        one = todo.pop()
        total += sys.getsizeof(one)
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, FOREIGN):
                seen.add(id(other))
                todo.append(other)
    return total


def size_of(robot: WholeRobot, hour: int) -> Size:
    disk = robot.disk
    return Size(
        hour, memory_of(robot.coordinator), len(disk.entries),
        sum(len(entry.data) for entry in disk.entries),
        len(disk.snapshot.data) if disk.snapshot else 0, len(robot.coordinator.state.jobs),
    )


def flat(sizes: dict[str, list[Size]]) -> list[str]:
    """The second third of the hours against the last one; before, it fills up."""
    complaints = []
    for name, each in sizes.items():
        third = len(each) // 3
        if third:
            before = max(one.memory_bytes for one in each[third:2 * third])
            after = max(one.memory_bytes for one in each[-third:])
            if after > before * (1 + GROWTH_MAX):
                complaints.append(f'{name}: the memory of its core grew from {before} to {after} '
                                  f'bytes, by more than {GROWTH_MAX:.0%}')
        most = max((one.log_entries for one in each), default=0)
        if most > ENTRIES_MAX:
            complaints.append(f'{name}: {most} entries in its log, {ENTRIES_MAX} are in order')
    return complaints


def hour_line(report: DayReport) -> str:
    """The state of things at the last hour that was looked at."""
    last = [each[-1] for each in report.sizes.values() if each]
    if not last:
        return 'nobody is up'
    return (
        f'hour {max(one.hour for one in last):>3}: {report.completions} jobs done, '
        f'{report.commits} entries committed; the largest core '
        f'{max(one.memory_bytes for one in last) / 2**20:.1f} MiB with '
        f'{max(one.jobs for one in last)} jobs, log {max(one.log_entries for one in last)} '
        f'entries, {max(one.log_bytes for one in last) / 2**20:.1f} MiB, snapshot '
        f'{max(one.snapshot_bytes for one in last) / 2**20:.1f} MiB'
    )


def day_summary(report: DayReport) -> str:
    faults = ', '.join(f'{n} {verb}' for verb, n in report.performed.items() if verb != 'job')
    return (
        f'{report.virtual_ms / HOUR_MS:.1f} hours of {len(report.sizes)} robots: '
        f'{report.completions} jobs done, '
        f'{report.commits} entries, {report.elections} elections; {faults}; '
        f'{"in order" if not report.complaints else "not in order"}'
    )


def live(settings: Settings) -> Iterator[DayReport]:
    """The report so far after each hour, and once more after healing; it is the same object."""
    report = DayReport()
    cluster = Cluster(settings)
    assert cluster.jobs is not None
    cluster.plan(DayScenario(settings).steps())
    report.sizes = {str(name): [] for name in cluster.jobs.robots}
    try:
        hours = -(-settings.length_ms // HOUR_MS)
        for hour in range(1, hours + 1):
            cluster.run_ms(min(HOUR_MS, settings.length_ms - (hour - 1) * HOUR_MS))
            for name, robot in cluster.jobs.robots.items():
                if robot.is_up:
                    report.sizes[str(name)].append(size_of(robot, hour))
            _count(report, cluster)
            yield report
        cluster.faults.heal()
        JobHealing(cluster, cluster.jobs).require()
    except PromiseBroken as error:
        report.complaints.append(str(error))
    report.complaints += flat(report.sizes)
    _count(report, cluster)
    yield report


def _count(report: DayReport, cluster: Cluster) -> None:
    assert cluster.jobs is not None
    report.performed = dict(sorted(cluster.performed.items()))
    report.completions = sum(1 for one in cluster.jobs.ledger.tracks.values() if one.accepted)
    report.commits = len(cluster.observer.promises.committed)
    report.elections = cluster.observer.promises.elections
    report.virtual_ms = cluster.timeline.now_us // 1000
