# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The batch of makespan.py in simulated time: the real allocation, stealing and rules of the log,
on robots that are only a speed and a share of failures.

A command is applied COMMIT_MS after it was proposed, on all robots at once; one allocation is
under way at a time, as with a real leader, which here asks nobody before it grants. Robots report
as real ones do: a start only of what has run for a while, an end at once. Deterministic by seed.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench import _job_work
from bench._makespan_bound import Speed
from bench._policies import POLICIES, rule_of
from bench.makespan import (
    BATCHES,
    CALLABLES,
    CORE_MS,
    FAILS_PERMILLE,
    RETRIES,
    RETRY_DELAY_MS,
    SPEEDS,
    WARM,
    Span,
    Spans,
    as_json,
    rows_of,
    shuffled,
    span_of,
)
from bench.run import write_samples
from bench.table import Row
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.allocation import Allocator, Field
from swarm_coordinator.core.jobs.costs import Estimates
from swarm_coordinator.core.jobs.eligibility import Robot
from swarm_coordinator.core.jobs.job import Job, JobPhase
from swarm_coordinator.core.jobs.kinds.python_kind import PythonWork
from swarm_coordinator.core.jobs.slots import occupied, order_of
from swarm_coordinator.core.jobs.spec import JobSpec
from swarm_coordinator.core.jobs.stealing import Thief
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.apply import apply_command
from swarm_coordinator.core.replicated.command import (
    CapabilitySpec,
    Command,
    CompleteJob,
    ExpireDue,
    FailJob,
    GrantJobs,
    HandBackJob,
    Issued,
    RegisterRobot,
    ReportJobs,
    StartJob,
    SubmitJob,
    SubmitJobs,
)
from swarm_coordinator.core.replicated.state import ReplicatedState, earliest_due_ns

MS = 1_000_000
COMMIT_MS = 5  # of an entry, on a fast disk and wire; see `make bench NAME=commit`
START_TOLD_MS = 100
LOOK_MS = 100  # of an idle thief, and of the leader when nothing changes
TTL_MS = 3_600_000  # nobody is lost here
GRANTS_MAX = 64
JITTER = 0.1  # of run times, either way
SEEDS, SEEDS_QUICK = 30, 5
EVENTS_MAX = 200_000
NEVER_NS = 2**63


@dataclass
class Running:
    job_id: str
    token: int


@dataclass
class SimRobot:
    name: RobotId
    speed: float
    fails_permille: int
    thief: Thief
    running: Running | None = None
    told: set[tuple[str, int]] = field(default_factory=set)  # ended here; the log is to hear of it
    estimates: Estimates = field(default_factory=Estimates)


class Simulation:
    """`policy` as in makespan.POLICIES; only `cost` steals."""

    def __init__(self, policy: str, seed: int) -> None:
        self._rng = random.Random(seed)
        self._state = ReplicatedState()
        self._allocator = Allocator(*rule_of(policy))
        self._estimates = Estimates()
        self._steals = policy == 'cost'
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count(1)
        self._serials: dict[str, int] = defaultdict(int)
        self._granting = False
        self._expires_ns = NEVER_NS
        self.now_ns = 1000 * MS
        self.robots = [
            SimRobot(RobotId(name), speed, FAILS_PERMILLE[name], Thief(RobotId(name)))
            for name, speed in SPEEDS.items()
        ]
        for robot in self.robots:
            self._propose(robot.name, _registration(robot.name))

    def run(self, names: Sequence[str], label: str) -> tuple[float, list[Job]]:
        """Milliseconds from submission to the last result of these jobs."""
        origin = self.robots[0].name
        jobs = tuple(
            SubmitJob(f'{label}-{at}', origin, _spec(name, at), '', '')
            for at, name in enumerate(names)
        )
        began_ns = self.now_ns
        self._propose(origin, SubmitJobs(jobs))
        ids = [one.job_id for one in jobs]
        for _ in range(EVENTS_MAX):
            if all((job := self._state.jobs.get(one)) and job.ended for one in ids):
                ended = [self._state.jobs[one] for one in ids]
                assert all(job.phase is JobPhase.DONE for job in ended), 'a job gave up'
                return (self.now_ns - began_ns) / MS, ended
            self.now_ns, _, act = heapq.heappop(self._events)
            act()
        raise RuntimeError(f'{label}: not done after {EVENTS_MAX} events')

    # ---- the log

    def _after(self, ms: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now_ns + round(ms * MS), next(self._numbers), act))

    def _propose(
        self, robot: RobotId, command: Command,
        settled: Callable[[Applied], None] = lambda done: None,
    ) -> None:
        self._serials[robot] += 1
        serial = self._serials[robot]

        def apply() -> None:
            index = self._state.applied_index + 1
            issued = Issued(robot, 1, serial, serial, command)
            settled(apply_command(self._state, index, 1, self.now_ns, issued))
            self._react()

        self._after(COMMIT_MS, apply)

    def _react(self) -> None:
        self._expire()
        self._grant()
        for robot in self.robots:
            self._work(robot)

    def _expire(self) -> None:
        due_ns = earliest_due_ns(self._state, 0)
        if due_ns is None or self._expires_ns <= max(due_ns, self.now_ns):
            return  # will be seen to then
        expires_ns = self._expires_ns = max(due_ns, self.now_ns)

        def expire() -> None:
            if self._expires_ns == expires_ns:
                self._expires_ns = NEVER_NS
                self._propose(self.robots[0].name, ExpireDue(0))

        self._after((expires_ns - self.now_ns) / MS, expire)

    # ---- the leader

    def _grant(self) -> None:
        if self._granting:
            return
        state = self._state
        self._estimates.begin(state.routes, state.stamp_ns, self.now_ns)
        chosen = self._allocator.allocate(state.ready_jobs(), self._field(), TTL_MS, GRANTS_MAX)
        if not chosen.grants:
            return
        self._granting = True

        def granted(done: Applied) -> None:
            self._granting = False

        self._propose(self.robots[0].name, GrantJobs(chosen.grants), granted)

    def _field(self) -> Field:
        held = self._held()
        members = self._state.members
        return Field(
            robots=[Robot(member) for member in members.values()],
            slots={
                name: occupied(member.job_slots, held[name], self._estimates,
                               self._state.stamp_ns)[0]
                for name, member in members.items()
            },
            reachable=frozenset(members),
            estimates=self._estimates,
            stamp_ns=self._state.stamp_ns,
        )

    def _held(self) -> dict[RobotId, list[Job]]:
        held: dict[RobotId, list[Job]] = defaultdict(list)
        for job in self._state.held_jobs():
            assert job.robot_id is not None
            held[job.robot_id].append(job)
        return held

    # ---- the robots

    def _work(self, robot: SimRobot) -> None:
        self._follow(robot)
        if robot.running is not None:
            return
        if mine := self._to_start(robot):
            self._start(robot, mine[0])
        elif self._steals and robot.name in self._state.members:
            self._steal(robot)

    def _to_start(self, robot: SimRobot) -> list[Job]:
        held = self._held()[robot.name]
        robot.told &= {(job.job_id, job.token) for job in held}
        mine = [
            job for job in held
            if (job.job_id, job.token) not in robot.told and job.revoked_for is None
        ]
        return sorted(mine, key=order_of)

    def _follow(self, robot: SimRobot) -> None:
        """What runs here and is another's by now is ended; what is revoked is handed back."""
        if robot.running is None:
            return
        job = self._state.jobs[robot.running.job_id]
        if job.token != robot.running.token or not job.held:
            robot.running = None
        elif job.revoked_for is not None:
            robot.running = None
            self._tell(robot, HandBackJob(job.job_id, job.token, 'revoked', able=True))

    def _start(self, robot: SimRobot, job: Job) -> None:
        running = robot.running = Running(job.job_id, job.token)
        core_ms = CORE_MS[job.spec.labels[0]]
        run_ms = core_ms / robot.speed * (1 + self._rng.uniform(-JITTER, JITTER))

        def is_here() -> bool:
            return robot.running is running

        def told() -> None:
            if is_here():
                start = StartJob(running.job_id, running.token)
                self._propose(robot.name, ReportJobs((start,)))

        def ended() -> None:
            if is_here():
                robot.running = None
                self._report(robot, running, round(run_ms))

        if run_ms > START_TOLD_MS:
            self._after(START_TOLD_MS, told)
        self._after(run_ms, ended)

    def _report(self, robot: SimRobot, ran: Running, run_ms: int) -> None:
        failed = _job_work.fails(
            ran.job_id, f'{ran.token} {self._rng.random()}', robot.name, robot.fails_permille
        )
        report = (
            FailJob(ran.job_id, ran.token, run_ms, 1, 'failed here, as planned') if failed
            else CompleteJob(ran.job_id, ran.token, run_ms, (), robot.name)
        )
        self._tell(robot, report)
        self._work(robot)  # the slot is free at once

    def _tell(self, robot: SimRobot, report: CompleteJob | FailJob | HandBackJob) -> None:
        robot.told.add((report.job_id, report.token))
        self._propose(robot.name, ReportJobs((report,)))

    def _steal(self, robot: SimRobot) -> None:
        state = self._state
        robot.estimates.begin(state.routes, state.stamp_ns, self.now_ns)
        me = Robot(state.members[robot.name])
        proposal = robot.thief.look(me, 1, state, robot.estimates, self.now_ns)
        if proposal is not None:
            self._propose(
                robot.name, proposal,
                lambda done: robot.thief.settled(done.refused or '', self.now_ns),
            )
        elif state.held:
            self._after(LOOK_MS, lambda: self._look_again(robot))

    def _look_again(self, robot: SimRobot) -> None:
        if robot.running is None and not self._to_start(robot):
            self._steal(robot)


def _registration(name: RobotId) -> RegisterRobot:
    return RegisterRobot(
        robot_id=name, incarnation=1, voter=True, host='', software_version='', job_slots=1,
        capabilities=tuple(CapabilitySpec(f'python:{one}') for one in CALLABLES),
    )


def _spec(name: str, at: int) -> JobSpec:
    return JobSpec(
        PythonWork(f'{_job_work.__name__}:{name}', f'["{name}-{at}", {CORE_MS[name]}]'),
        retries=RETRIES, retry_delay_ms=RETRY_DELAY_MS, labels=(name,),
    )


def one_span(policy: str, name: str, seed: int) -> Span:
    simulation = Simulation(policy, seed)
    simulation.run(shuffled(WARM, seed=0), 'warm')
    batch = shuffled(BATCHES[name], seed)
    took_ms, jobs = simulation.run(batch, 'batch')
    speeds = {
        str(robot.name): Speed(robot.speed, 1 - robot.fails_permille / 1000)
        for robot in simulation.robots
    }
    return span_of(took_ms, batch, speeds, [job.robot_id or '' for job in jobs])


def simulate(quick: bool, runs: int = 0) -> list[Row]:
    seeds = range(runs or (SEEDS_QUICK if quick else SEEDS))
    spans: dict[str, Spans] = {
        name: {policy: [one_span(policy, name, seed) for seed in seeds] for policy in POLICIES}
        for name in BATCHES
    }
    write_samples('makespan_simulated', as_json(spans))
    return [one for name, of in spans.items() for one in rows_of(of, f'simulated, {name}')]
