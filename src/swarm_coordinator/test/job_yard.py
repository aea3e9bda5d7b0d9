# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A swarm of robots that do jobs in simulated time, for measuring how well jobs are routed.

Owns robots that are slow or fail as a scenario says, and a clairvoyant to compare with. Rules of
the log, allocation, predictions and stealing are those of the product; consensus, questions and
processes are left out: what is decided is in the log at once, or `commit_ms` later.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.allocation import QUEUED_AHEAD, Allocator, Field
from swarm_coordinator.core.jobs.costs import Estimates, cost_ms
from swarm_coordinator.core.jobs.eligibility import Robot
from swarm_coordinator.core.jobs.job import Job, JobPhase
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.jobs.slots import occupied
from swarm_coordinator.core.jobs.spec import JobSpec
from swarm_coordinator.core.jobs.stealing import Thief
from swarm_coordinator.core.replicated.apply import apply_command
from swarm_coordinator.core.replicated.command import (
    CapabilitySpec,
    Command,
    CompleteJob,
    ExpireDue,
    FailJob,
    Grant,
    GrantJobs,
    HandBackJob,
    Issued,
    RegisterRobot,
    ReportJobs,
    StartJob,
    StealJobs,
    SubmitJob,
)
from swarm_coordinator.core.replicated.state import ReplicatedState

MS = 1_000_000
TASKS = {'short': 300, 'middle': 1000, 'long': 3000}  # mean run time in ms
SHARES = (0.5, 0.35, 0.15)
SIGMA = 0.5  # of the logarithm of a run time
START_TOLD_MS = 100
TTL_MS = 10**9  # nobody is lost here
START_NS = 10**15


@dataclass(frozen=True)
class Condition:
    """How a robot is for a while: run times are `slow` times as long, a share of jobs fails."""

    slow: float = 1.0
    fails: float = 0.02


@dataclass(frozen=True)
class Order:
    at_ms: int
    task: str


@dataclass(frozen=True)
class Scenario:
    """Everything that does not depend on decisions: the same for every policy."""

    seed: int
    robots: tuple[RobotId, ...]
    orders: tuple[Order, ...]
    period_ms: int
    conditions: tuple[tuple[Condition, ...], ...]  # by period, by robot

    def condition(self, robot: RobotId, at_ms: int) -> Condition:
        row = self.conditions[min(at_ms // self.period_ms, len(self.conditions) - 1)]
        return row[self.robots.index(robot)]

    def draw(self, job_id: str, attempt: int) -> tuple[float, float]:
        """Factor of the run time (mean 1), and luck in [0..1)."""
        rng = random.Random(f'{self.seed} {job_id} {attempt}')
        return math.exp(rng.gauss(-SIGMA * SIGMA / 2, SIGMA)), rng.random()


def stream(seed: int, load: float, period_s: int = 300, duration_s: int = 600) -> Scenario:
    """The evaluation of the predictive routing: 8 robots; in each period each is 2 to 6 times
    slower (15 %) or fails 30 to 80 % (10 %). `load` 1 is three quarters of what healthy robots
    can do."""
    rng = random.Random(seed)
    robots = tuple(RobotId(f'r{number}') for number in range(1, 9))
    periods = -(-duration_s // period_s)
    conditions = tuple(tuple(_condition(rng) for _ in robots) for _ in range(periods))
    mean_ms = sum(s * ms for s, ms in zip(SHARES, TASKS.values(), strict=True))
    rate = load * 0.75 * len(robots) / mean_ms
    orders, at = [], 0.0
    while (at := at + rng.expovariate(rate)) < duration_s * 1000:
        orders.append(Order(round(at), rng.choices(list(TASKS), SHARES)[0]))
    return Scenario(seed, robots, tuple(orders), period_s * 1000, conditions)


def _condition(rng: random.Random) -> Condition:
    kind = rng.random()
    if kind < 0.15:
        return Condition(slow=rng.uniform(2, 6))
    return Condition(fails=rng.uniform(0.3, 0.8)) if kind < 0.25 else Condition()


def batch(seed: int, jobs: int, *conditions: Condition) -> Scenario:
    """Jobs of all lengths at once, on robots that stay as they are."""
    rng = random.Random(seed)
    robots = tuple(RobotId(f'r{number}') for number in range(1, len(conditions) + 1))
    orders = tuple(Order(0, rng.choices(list(TASKS), SHARES)[0]) for _ in range(jobs))
    return Scenario(seed, robots, orders, 10**9, (conditions,))


@dataclass
class _Run:
    """A process: `ends_ms` by itself, unless it is stopped before."""

    token: int
    began_ms: int
    ends_ms: int
    good: bool


@dataclass
class Yard:
    """`policy`: one of the allocator's, or 'clairvoyant': every job goes at once to where it will
    be done first, run times, failures and queues known."""

    scenario: Scenario
    policy: str = 'cost'
    stealing: bool = False
    commit_ms: int = 0
    slots: int = 1
    ahead: int = QUEUED_AHEAD
    now_ms: int = 0
    state: ReplicatedState = field(default_factory=ReplicatedState)
    done_ms: dict[str, int] = field(default_factory=dict)
    born_ms: dict[str, int] = field(default_factory=dict)
    moves: int = 0

    def __post_init__(self) -> None:
        self._counter = itertools.count()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self._estimates = Estimates()
        policy = 'cost' if self.policy == 'clairvoyant' else self.policy
        self._allocator = Allocator(policy, self.ahead)
        self._running: dict[RobotId, dict[str, _Run]] = {r: {} for r in self.scenario.robots}
        self._thieves = {robot: Thief(robot) for robot in self.scenario.robots}
        self._granting = False
        names = [f'exec:{task}' for task in TASKS]
        capabilities = tuple(CapabilitySpec(name) for name in names)
        for robot in self.scenario.robots:
            self._do(RegisterRobot(robot, 1, True, 'h', 'v', self.slots, capabilities), robot)

    def run(self) -> Yard:
        for number, order in enumerate(self.scenario.orders):
            self._at(order.at_ms, self._submission(f'j{number:05}', order.task))
        self._at(100, self._tick)
        while self._events and len(self.done_ms) < len(self.scenario.orders):
            self.now_ms, _, action = heapq.heappop(self._events)
            action()
        return self

    def mean_ms(self, skip: float = 0.05) -> float:
        """Time from submission to done, without the first jobs."""
        times = [self.done_ms[job_id] - born for job_id, born in self.born_ms.items()]
        kept = times[int(len(times) * skip) :]
        return sum(kept) / len(kept)

    def quantile_ms(self, share: float, skip: float = 0.05) -> int:
        times = [self.done_ms[job_id] - born for job_id, born in self.born_ms.items()]
        kept = sorted(times[int(len(times) * skip) :])
        return kept[min(int(len(kept) * share), len(kept) - 1)]

    @property
    def makespan_ms(self) -> int:
        return max(self.done_ms.values())

    # ---- time and log

    def _at(self, at_ms: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_ms, next(self._counter), action))

    @property
    def _stamp_ns(self) -> int:
        return START_NS + self.now_ms * MS

    def _do(self, command: Command, by: RobotId) -> str:
        self._serial += 1
        issued = Issued(by, 1, self._serial, self._serial, command)
        index = self.state.applied_index + 1
        return apply_command(self.state, index, 1, self._stamp_ns, issued).refused

    def _submission(self, job_id: str, task: str) -> Callable[[], None]:
        def submit() -> None:
            self.born_ms[job_id] = self.now_ms
            what = JobSpec(ExecWork((task,)), retries=255, retry_delay_ms=0)
            origin = self.scenario.robots[0]
            assert not self._do(SubmitJob(job_id, origin, what, '', ''), origin)
            self._decide()

        return submit

    def _tick(self) -> None:
        self._do(ExpireDue(0), self.scenario.robots[0])
        for robot, running in self._running.items():
            for job_id, run in running.items():
                job = self.state.jobs[job_id]
                if job.phase is JobPhase.LEASED and self.now_ms - run.began_ms >= START_TOLD_MS:
                    self._do(ReportJobs((StartJob(job_id, run.token),)), robot)
        if self.stealing:
            self._steal()
        self._decide()
        self._at(self.now_ms + 100, self._tick)

    # ---- decisions

    def _decide(self) -> None:
        if not self._granting:
            grants = self._grants()
            if grants and self.commit_ms:
                self._granting = True
                self._at(self.now_ms + self.commit_ms, lambda: self._grant(grants))
            elif grants:
                self._grant(grants)
        self._work()

    def _grant(self, grants: tuple[Grant, ...]) -> None:
        self._granting = False
        self._do(GrantJobs(grants), self.scenario.robots[0])
        self._decide()

    def _grants(self) -> tuple[Grant, ...]:
        if not self.state.waiting:
            return ()
        if self.policy == 'clairvoyant':
            return tuple(self._foreseen(job) for job in itertools.islice(
                self.state.ready_jobs(), 1))
        self._estimates.begin(self.state.routes, self._stamp_ns, 0)
        members = self.state.members
        slots = {
            robot: occupied(
                self.slots, self.state.held_by(robot), self._estimates, self._stamp_ns
            )[0]
            for robot in self.scenario.robots
        }
        at = Field(
            [Robot(member) for member in members.values()], slots, self.scenario.robots,
            self._estimates, self._stamp_ns, queued=len(self.state.waiting),
        )
        return self._allocator.allocate(self.state.ready_jobs(), at, TTL_MS, 64).grants

    def _foreseen(self, job: Job) -> Grant:
        """(true backlog + true mean) / true success."""
        def cost(robot: RobotId) -> int:
            now = self.scenario.condition(robot, self.now_ms)
            work_ms = TASKS[job.spec.task.partition(':')[2]] * now.slow
            return cost_ms(
                self._true_backlog(robot), round(work_ms), 0, round(1000 * (1 - now.fails))
            )

        best = min(self.scenario.robots, key=lambda robot: (cost(robot), robot))
        return Grant(job.job_id, best, 1, job.attempt + 1, TTL_MS, 'foreseen')

    def _true_backlog(self, robot: RobotId) -> int:
        running, slow = self._running[robot], self.scenario.condition(robot, self.now_ms).slow
        total = 0.0
        for job in self.state.held_by(robot):
            run = running.get(job.job_id)
            if run is not None:
                total += run.ends_ms - self.now_ms
            else:
                mean_ms = TASKS[job.spec.task.partition(':')[2]]
                total += self.scenario.draw(job.job_id, job.attempt)[0] * mean_ms * slow
        return round(total / self.slots)

    def _steal(self) -> None:
        if self.state.waiting:
            return
        for robot, thief in self._thieves.items():
            mine = self.state.held_by(robot)
            if len(mine) > len(self._running[robot]):
                continue
            self._estimates.begin(self.state.routes, self._stamp_ns, 0)
            free = self.slots - len(mine)
            me = Robot(self.state.members[robot])
            steals = thief.look(me, free, self.state, self._estimates, self._stamp_ns)
            if steals is not None:
                at_ms = self.now_ms + self.commit_ms
                self._at(at_ms, self._theft(thief, steals))

    def _theft(self, thief: Thief, steals: StealJobs) -> Callable[[], None]:
        def steal() -> None:
            refused = self._do(steals, thief.robot_id)
            self.moves += len(steals.steals) if not refused else 0
            thief.settled(refused, self._stamp_ns)
            self._work()

        return steal

    # ---- work

    def _work(self) -> None:
        """Every robot does what the log says."""
        for robot, running in self._running.items():
            held = sorted(self.state.held_by(robot), key=lambda job: job.token)
            tokens = {job.job_id: job.token for job in held}
            for job_id in [one for one, run in running.items() if tokens.get(one) != run.token]:
                del running[job_id]
            for job in held:
                if job.revoked_for is not None and job.job_id in running:
                    del running[job.job_id]
                    back = HandBackJob(job.job_id, job.token, 'revoked', True)
                    self._do(ReportJobs((back,)), robot)
                    self._at(self.now_ms, self._work)
                elif len(running) < self.slots and job.job_id not in running:
                    self._begin(robot, job)

    def _begin(self, robot: RobotId, job: Job) -> None:
        now = self.scenario.condition(robot, self.now_ms)
        factor, luck = self.scenario.draw(job.job_id, job.attempt)
        run_ms = max(1, round(TASKS[job.spec.task.partition(':')[2]] * now.slow * factor))
        run = _Run(job.token, self.now_ms, self.now_ms + run_ms, luck >= now.fails)
        self._running[robot][job.job_id] = run
        self._at(run.ends_ms, lambda: self._ended(robot, job.job_id, run))

    def _ended(self, robot: RobotId, job_id: str, run: _Run) -> None:
        if self._running[robot].get(job_id) is not run:
            return
        del self._running[robot][job_id]
        run_ms = run.ends_ms - run.began_ms
        if run.good:
            self.done_ms[job_id] = self.now_ms
            self._do(ReportJobs((CompleteJob(job_id, run.token, run_ms, (), robot),)), robot)
        else:
            self._do(ReportJobs((FailJob(job_id, run.token, run_ms, 1, 'bad luck'),)), robot)
        self._decide()
