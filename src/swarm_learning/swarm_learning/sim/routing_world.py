# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A swarm that does jobs, as events in simulated time: owns worlds, queues and who knows what.

A job arrives at a router, which sends it to a robot at once; a robot does its jobs one by one, in
the order in which they came; a failed job is routed anew. Robots are slow or failing for a while.
What comes, how large jobs are and how robots change is drawn from the seed alone, so that every
policy meets the same. The time of a job is from its arrival to its success.

Refuses to know how a policy decides (routing_policies.py).
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

TASK_S = (0.3, 1.0, 3.0)
TASK_SHARE = (0.5, 0.35, 0.15)
ROBOTS = 8
FAILS_HEALTHY = 0.02
LOAD_SHARE = 0.75  # a load of 1 is so much of what healthy robots can do
DROPPED_SHARE = 0.05  # of the jobs, at the beginning
OWN_GAIN = 0.1  # by which a robot follows its own run times, for what it reports
EVENTS_PER_JOB_MAX = 1000


@dataclass(frozen=True)
class Scenario:
    """What a world is drawn from. Times in s.

    spread      of ln(run time) from robot to robot
    sizes       how run times of one task spread: lognormal, pareto or bimodal, with mean 1
    period_s    how long a robot stays as it is
    slow, slow_by, failing, fails   chance of a slow spell, its factor (from, to); of a failing
                spell, and its share of failures (from, to)
    together    chance that in a period half of the robots are slow by three at once
    drift       spread of ln(speed), which wanders instead of jumping; 0 = it does not
    own_tasks   spread of ln(run time) of each task on each robot: specialists
    fails_at    part of the run time after which a failure shows
    bursts      how much faster jobs come in a fifth of the time
    """

    name: str
    sizes: str = 'lognormal'
    spread: float = 0.5
    period_s: float = 300.0
    slow: float = 0.15
    slow_by: tuple[float, float] = (2.0, 6.0)
    failing: float = 0.10
    fails: tuple[float, float] = (0.3, 0.8)
    together: float = 0.0
    drift: float = 0.0
    own_tasks: float = 0.0
    fails_at: float = 1.0
    bursts: float = 1.0


SCENARIOS = {
    one.name: one
    for one in (
        Scenario('periods'),
        Scenario('periods of 60 s', period_s=60.0),
        Scenario('pareto', sizes='pareto'),
        Scenario('bimodal', sizes='bimodal'),
        # Not what the formula was tuned on:
        Scenario('alike', spread=0.1),
        Scenario('unequal', spread=1.0),
        Scenario('specialists', own_tasks=0.7),
        Scenario('black holes', failing=0.2, fails_at=0.05),
        Scenario('drift', slow=0.0, failing=0.05, drift=0.7, period_s=20.0),
        Scenario('together', slow=0.0, together=0.3, period_s=120.0, bursts=2.0),
    )
}


@dataclass(frozen=True)
class World:
    """One draw. `slowness[robot][period]` multiplies run times, `fails[robot][period]` is the
    share of attempts that fail; `base_s[robot][task]` the mean run time when healthy."""

    scenario: Scenario
    arrive_s: list[float]
    task: list[int]
    size: list[float]
    luck: list[float]
    slowness: list[list[float]]
    fails: list[list[float]]
    base_s: list[list[float]]

    @property
    def robots(self) -> int:
        return len(self.base_s)

    def period(self, now_s: float) -> int:
        return min(int(now_s / self.scenario.period_s), len(self.slowness[0]) - 1)


def draw(
    scenario: Scenario, load: float, seed: int, jobs: int = 4000, robots: int = ROBOTS
) -> World:
    """A world with so many jobs. Raises ValueError for a load that is none."""
    if not 0 < load < 2 or jobs < 1 or robots < 1:
        raise ValueError(f'load={load}, jobs={jobs}, robots={robots}: expected a load between 0 '
                         'and 2, and at least one job and robot')
    rng = np.random.default_rng(seed)
    speed = np.exp(rng.normal(0.0, scenario.spread, robots))
    own = np.exp(rng.normal(0.0, scenario.own_tasks, (robots, len(TASK_S))))
    base = np.asarray(TASK_S) * own * speed[:, None]
    rate = load * LOAD_SHARE * float((1.0 / (base @ np.asarray(TASK_SHARE))).sum())
    arrive = _arrivals(scenario, rate, jobs, rng)
    periods = int(arrive[-1] / scenario.period_s) + 2
    slowness, fails = _conditions(scenario, robots, periods, rng)
    return World(
        scenario, arrive.tolist(), rng.choice(len(TASK_S), jobs, p=TASK_SHARE).tolist(),
        _sizes(scenario.sizes, jobs, rng).tolist(), rng.random(4 * jobs).tolist(),
        slowness.tolist(), fails.tolist(), base.tolist(),
    )


def _arrivals(
    scenario: Scenario, rate: float, jobs: int, rng: np.random.Generator
) -> np.ndarray:
    gaps = rng.exponential(1.0 / rate, jobs)
    if scenario.bursts != 1.0:
        # Of 50 jobs in a row all come faster or none; a fifth of the time belongs to bursts.
        calm = (1.0 - 0.2 * scenario.bursts) / 0.8
        share = 0.2 * scenario.bursts  # of the jobs
        fast = np.repeat(rng.random(jobs // 50 + 1) < share, 50)[:jobs]
        gaps = np.where(fast, gaps / scenario.bursts, gaps / calm)
    return np.cumsum(gaps)


def _sizes(kind: str, jobs: int, rng: np.random.Generator) -> np.ndarray:
    if kind == 'lognormal':
        return np.exp(rng.normal(-0.125, 0.5, jobs))
    if kind == 'pareto':
        return (1.0 - rng.random(jobs)) ** (-1 / 1.8) * (0.8 / 1.8)
    if kind == 'bimodal':
        return np.where(rng.random(jobs) < 0.85, 0.4, 4.4) * rng.uniform(0.9, 1.1, jobs)
    raise ValueError(f'sizes={kind!r}: expected lognormal, pareto or bimodal')


def _conditions(
    scenario: Scenario, robots: int, periods: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    shape = (robots, periods)
    slow = np.where(rng.random(shape) < scenario.slow, rng.uniform(*scenario.slow_by, shape), 1.0)
    fails = np.where(
        rng.random(shape) < scenario.failing, rng.uniform(*scenario.fails, shape), FAILS_HEALTHY
    )
    if scenario.together:
        hit = rng.random(periods) < scenario.together
        half = rng.random(shape).argsort(axis=0) < robots // 2
        slow = np.where(hit[None, :] & half, 3.0, slow)
    if scenario.drift:
        kept = math.exp(-scenario.period_s / 200.0)
        walk = np.zeros(shape)
        steps = rng.normal(0.0, scenario.drift, shape)
        walk[:, 0] = steps[:, 0]
        for at in range(1, periods):
            walk[:, at] = kept * walk[:, at - 1] + math.sqrt(1 - kept * kept) * steps[:, at]
        slow = slow * np.exp(walk)
    return slow, fails


class Policy(Protocol):
    """A router. `choose` names the robot that gets the job; `ended` says how an attempt on it
    went; `told` that a robot reported what it holds. Times in s."""

    def choose(self, now_s: float, job: int, task: int) -> int: ...

    def ended(
        self, now_s: float, job: int, task: int, robot: int, good: bool, run_s: float
    ) -> None: ...

    def told(self, now_s: float, robot: int, held: int, work_s: float) -> None: ...


@dataclass
class Simulation:
    """`make` builds a router; it may look at the simulation, and honest ones only ask
    `reported`. `gossip_s`: how often robots report to all routers; 0 = never. `shared`: every
    router hears how all jobs end, as from a log."""

    world: World
    make: Callable[[Simulation], Policy]
    routers: int = 1
    gossip_s: float = 0.0
    shared: bool = False
    now_s: float = 0.0
    attempts: int = 0
    open_jobs: int = 0  # that have arrived and are not done
    waited_s: float = 0.0  # by all jobs up to now: at the end the sum of their times
    _queue: list[deque[int]] = field(default_factory=list)
    _running: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        robots = self.world.robots
        self._queue = [deque() for _ in range(robots)]
        self._running = [-1] * robots
        self._began_s, self._ends_s = [0.0] * robots, [0.0] * robots
        self._good = [False] * robots
        self._own_s = [list(TASK_S) for _ in range(robots)]  # what a robot knows of its run times
        self._waiting_s = [0.0] * robots  # true work in the queue, when healthy
        self._tries = [0] * len(self.world.task)
        self._events: list[tuple[float, int]] = []
        self._policies = [self.make(self) for _ in range(self.routers)]

    def run(self) -> list[float]:
        """The time of each job in s, in the order of arrival."""
        decisions = self.decisions()
        task, policies, routers = self.world.task, self._policies, self.routers
        try:
            job = next(decisions)
            while True:
                robot = policies[job % routers].choose(self.now_s, job, task[job])
                job = decisions.send(robot)
        except StopIteration as end:
            return list(end.value)

    def decisions(self) -> Generator[int, int, list[float]]:
        """Jobs that are to be sent, one after another; wants the number of a robot for each.
        Returns the time of each job in s."""
        world, events, policies = self.world, self._events, self._policies
        arrive, task = world.arrive_s, world.task
        took, jobs, next_job, gossip_at = [0.0] * len(task), len(task), 0, self.gossip_s
        left_jobs, routers = jobs, self.routers
        left = jobs * EVENTS_PER_JOB_MAX
        while left_jobs:
            left -= 1
            if left < 0:
                raise RuntimeError('jobs do not end: a policy fails for ever')
            coming = arrive[next_job] if next_job < jobs else math.inf
            ending = events[0][0] if events else math.inf
            if self.gossip_s and gossip_at <= coming and gossip_at <= ending:
                self._pass(gossip_at)
                self._gossip()
                gossip_at += self.gossip_s
                continue
            if coming <= ending:
                self._pass(coming)
                self.open_jobs += 1
                self._send(next_job, (yield next_job))
                next_job += 1
                continue
            self._pass(ending)
            robot = heapq.heappop(events)[1]
            job, good = self._running[robot], self._good[robot]
            run_s = self.now_s - self._began_s[robot]
            own = self._own_s[robot]
            own[task[job]] += OWN_GAIN * (run_s - own[task[job]])
            self._running[robot] = -1
            if self._queue[robot]:
                self._start(robot)
            for policy in policies if self.shared else (policies[job % routers],):
                policy.ended(self.now_s, job, task[job], robot, good, run_s)
            if good:
                took[job] = self.now_s - arrive[job]
                left_jobs -= 1
                self.open_jobs -= 1
            else:
                self._send(job, (yield job))
        return took

    def _pass(self, until_s: float) -> None:
        """Time goes by."""
        self.waited_s += self.open_jobs * (until_s - self.now_s)
        self.now_s = until_s

    def _send(self, job: int, robot: int) -> None:
        self.attempts += 1
        task = self.world.task[job]
        self._queue[robot].append(job)
        self._waiting_s[robot] += self.world.size[job] * self.world.base_s[robot][task]
        if self._running[robot] < 0:
            self._start(robot)

    def _start(self, robot: int) -> None:
        world, job = self.world, self._queue[robot].popleft()
        period = min(int(self.now_s / world.scenario.period_s), len(world.slowness[0]) - 1)
        work_s = world.size[job] * world.base_s[robot][world.task[job]]
        self._waiting_s[robot] -= work_s
        tries = self._tries[job]
        self._tries[job] += 1
        luck = world.luck[(4 * job + tries * 7) % len(world.luck)]
        good = luck >= world.fails[robot][period]
        run_s = work_s * world.slowness[robot][period]
        if not good:
            run_s *= world.scenario.fails_at
        self._running[robot], self._good[robot] = job, good
        self._began_s[robot], self._ends_s[robot] = self.now_s, self.now_s + run_s
        heapq.heappush(self._events, (self.now_s + run_s, robot))

    def _gossip(self) -> None:
        for robot in range(self.world.robots):
            held, work_s = self.reported(robot)
            for policy in self._policies:
                policy.told(self.now_s, robot, held, work_s)

    # ---- who knows what

    def reported(self, robot: int) -> tuple[int, float]:
        """What a robot says when it is asked: how many jobs it holds, and the work in them by what
        it knows of its own run times; a run past twice its estimate is to take as long again."""
        own, task = self._own_s[robot], self.world.task
        work_s = sum(own[task[job]] for job in self._queue[robot])
        running = self._running[robot]
        if running < 0:
            return 0, work_s
        expected, gone_s = own[task[running]], self.now_s - self._began_s[robot]
        rest_s = gone_s if gone_s > 2 * expected else max(expected - gone_s, expected / 4)
        return len(self._queue[robot]) + 1, work_s + rest_s

    def true_cost_s(self, robot: int, task: int) -> float:
        """For the clairvoyant: (true backlog + true mean run time) / true share of successes."""
        world = self.world
        period = world.period(self.now_s)
        slowness, fails = world.slowness[robot][period], world.fails[robot][period]
        rest_s = self._ends_s[robot] - self.now_s if self._running[robot] >= 0 else 0.0
        work_s = (self._waiting_s[robot] + world.base_s[robot][task]) * slowness
        return (rest_s + work_s) / (1.0 - fails)


def measured(took_s: Sequence[float]) -> tuple[float, float]:
    """Mean and 99th of 100 of the times of jobs, without the first ones."""
    kept = np.sort(np.asarray(took_s)[int(len(took_s) * DROPPED_SHARE):])
    return float(kept.mean()), float(kept[min(len(kept) - 1, math.ceil(len(kept) * 0.99) - 1)])
