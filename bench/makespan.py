# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How long a mixed batch takes on three robots of unequal speed, beside the best possible.

Jobs of three functions, short (20 ms of a core), middle (100) and long (400), in a random order,
submitted at once: `fine`, of 88 jobs, where one job is little beside the whole, and `coarse`, of
24, where one long job on the slow robot takes as long as the best possible for all. r1 has half a
core for its jobs; r2 as well, and 30 % of its jobs fail at their end; r3 has an eighth of a core,
by its control group where one can be made, else by sleeping. Each has one slot. A failed job is
tried again (retries). Time runs from the submission to the last result.

The same robots run the same batch by cost (as they ship), round-robin and least-loaded: a switch
that only the measurement has (_policies.py). These two hold as little ahead as ours, so that
a robot is only given what it soon begins; `at once` they are as such rules are mostly met, and
give out everything on submission. Neither steals. Each in turn, in rounds, with robots started
anew that first see a few jobs of each function, so that every policy may know what there is to
know.

`best possible`: from how fast each robot really was in that run, and from the share of its runs
that fails, all work as if it could be split at will: no assignment is shorter on average, though a
run with few failures may be (_makespan_bound.py). Of an assignment of whole jobs, the best one
found is noted.

--simulated: the same allocation over many seeds, in simulated time (_makespan_sim.py).
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swarm_msgs import msg, srv

from bench import _job_work
from bench._job_client import check, taken
from bench._job_robots import robots
from bench._job_speed import throttled
from bench._job_work import Field, RobotNature
from bench._makespan_bound import Speed, best_found_ms, bound_ms
from bench._policies import POLICIES
from bench._swarm import Watched
from bench.run import write_samples
from bench.table import Row, row

RUNS = 3
SPEEDS = {'r1': 0.5, 'r2': 0.5, 'r3': 0.125}
FAILS_PERMILLE = {'r1': 0, 'r2': 300, 'r3': 0}
CORE_MS = {'short': 20.0, 'middle': 100.0, 'long': 400.0}
BATCHES = {
    'fine': {'short': 60, 'middle': 20, 'long': 8},
    'coarse': {'short': 12, 'middle': 6, 'long': 6},
}
WARM = {'short': 9, 'middle': 6, 'long': 3}
RETRIES, RETRY_DELAY_MS = 20, 1
WAIT_S = 180.0
OF_BEST = 1.25
OF_OTHERS = 0.8
SETTLE_S = 1.0
CALLABLES = [f'{_job_work.__name__}:{name}' for name in CORE_MS]


@dataclass(frozen=True)
class Span:
    """One batch: milliseconds, and what was possible with the robots as they were."""

    took_ms: float
    bound_ms: float
    best_found_ms: float
    jobs: dict[str, int]  # robot -> done

    @property
    def of_bound(self) -> float:
        return self.took_ms / self.bound_ms


Spans = dict[str, list[Span]]


def measure(quick: bool, runs: int = 0, simulated: bool = False) -> list[Row]:
    if simulated:
        from bench._makespan_sim import simulate

        return simulate(quick, runs)
    runs = runs or (1 if quick else RUNS)
    spans: dict[str, Spans] = {name: defaultdict(list) for name in BATCHES}
    pieces_per_ms = _job_work.calibrated()
    with throttled(SPEEDS) as groups:
        if not all(groups.values()):
            print('bench: no control group can be made: robots are slowed by sleeping', flush=True)
        for run in range(runs):
            for policy in turned(POLICIES[:3] if quick else POLICIES, run):
                for name, span in _one(policy, run, groups, pieces_per_ms).items():
                    spans[name][policy].append(span)
                    print(f'run {run + 1} of {runs}, {name} by {policy}: {span.took_ms:.0f} ms, '
                          f'{span.of_bound:.2f} of the bound, jobs {span.jobs}', flush=True)
    write_samples('makespan', as_json(spans))
    return [one for name, of in spans.items() for one in rows_of(of, name)]


def as_json(spans: Mapping[str, Spans]) -> object:
    return {name: {policy: [vars(one) for one in taken] for policy, taken in of.items()}
            for name, of in spans.items()}


def turned(policies: Sequence[str], run: int) -> list[str]:
    """Each run begins with another one."""
    first = run % len(policies)
    return [*policies[first:], *policies[:first]]


def shuffled(batch: Mapping[str, int], seed: int) -> list[str]:
    names = [name for name, count in batch.items() for _ in range(count)]
    random.Random(seed).shuffle(names)
    return names


def _one(
    policy: str, seed: int, groups: Mapping[str, str], pieces_per_ms: float
) -> dict[str, Span]:
    """By batch: one after the other, in turns of which is first."""
    spans = {}
    with robots(policy=policy, python_allow=CALLABLES) as swarm:
        field = swarm.watched
        Field(pieces_per_ms, {
            process.pid: RobotNature(SPEEDS[name], FAILS_PERMILLE[name], groups[name])
            for name, process in field.swarm.processes.items()
        }).write()
        field.client.spin_until(lambda: False, SETTLE_S)
        seen = _run(field, shuffled(WARM, seed=0))[1]
        for name in list(BATCHES)[:: 1 if seed % 2 else -1]:
            batch = shuffled(BATCHES[name], seed)
            took_ms, jobs = _run(field, batch)
            seen += jobs
            spans[name] = span_of(took_ms, batch, speeds_of(seen), [j.robot_id for j in jobs])
    return spans


def span_of(
    took_ms: float, batch: Sequence[str], speeds: Mapping[str, Speed], done_by: Sequence[str]
) -> Span:
    works = [CORE_MS[name] for name in batch]
    return Span(took_ms, bound_ms(works, speeds), best_found_ms(works, speeds),
                {name: done_by.count(name) for name in speeds})


def _run(field: Watched, names: Sequence[str]) -> tuple[float, list[Any]]:
    """Milliseconds until the last has ended, and how each did. Raises Refused."""
    leader = field.leader()
    requests = [msg.JobRequest(spec=_spec(name, at)) for at, name in enumerate(names)]
    began = time.monotonic()
    submit = srv.SubmitJobs.Request(jobs=requests)
    future = field.client.call_async(srv.SubmitJobs, 'submit_jobs', submit, leader)
    field.wait(future.done, 'the batch is taken', WAIT_S)
    ids = list(taken(future.result()).job_ids)
    wait = srv.WaitJobs.Request(job_ids=ids, timeout_ms=int(WAIT_S * 1000))
    future = field.client.call_async(srv.WaitJobs, 'wait_jobs', wait, leader)
    field.wait(future.done, 'the batch has ended', WAIT_S + 5)
    took_ms = (time.monotonic() - began) * 1000
    check(future.result(), ids)
    return took_ms, list(future.result().jobs)


def _spec(name: str, at: int) -> Any:
    work = msg.PythonWork(
        callable=f'{_job_work.__name__}:{name}',
        arguments=json.dumps([f'{name}-{at}', CORE_MS[name]]),
    )
    return msg.JobSpec(
        kind='python', python=[work], retries=RETRIES, retry_delay_ms=RETRY_DELAY_MS,
        labels=[name],
    )


def speeds_of(jobs: Sequence[Any]) -> dict[str, Speed]:
    """How fast each robot was: work over run time of what it got done; by design where nothing."""
    work: dict[str, float] = defaultdict(float)
    ran: dict[str, float] = defaultdict(float)
    for job in jobs:
        work[job.robot_id] += CORE_MS[job.spec.labels[0]]
        ran[job.robot_id] += job.run_ms
    return {
        name: Speed(work[name] / ran[name] if ran[name] else speed,
                    1 - FAILS_PERMILLE[name] / 1000)
        for name, speed in SPEEDS.items()
    }


def rows_of(spans: Mapping[str, Sequence[Span]], label: str) -> list[Row]:
    """Of each policy beside what was possible, and ours beside the others."""
    rows = []
    for policy, of in spans.items():
        best = [one.bound_ms for one in of]
        found = statistics.median(one.best_found_ms / one.bound_ms for one in of)
        rows += [
            row(f'{label} by {policy}: makespan', 'ms', [one.took_ms for one in of], peer=best,
                peer_name='best possible',
                note=f'best whole-job assignment found: {found:.2f} of that bound'),
            row(f'{label} by {policy}: of the best possible', '', [one.of_bound for one in of],
                target=OF_BEST if policy == 'cost' else None),
        ]
    mine = [one.took_ms for one in spans['cost']]
    for policy in POLICIES[1:]:
        if policy in spans:
            # Each run beside the run of the same batch.
            pairs = zip(mine, spans[policy], strict=True)
            rows.append(row(f'{label} by cost, of {policy}', '',
                            [a / b.took_ms for a, b in pairs], target=OF_OTHERS))
    return rows
