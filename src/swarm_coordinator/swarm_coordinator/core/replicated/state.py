# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The replicated state: members, mode, jobs, leases, services, models, events, as the applied
log makes them.

Only the rules (apply.py and the *_rules.py) change it. Everything is an integer, a string or an
enum; dicts keep insertion order, which is the order of the log and therefore the same everywhere.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Job, JobPhase
from swarm_coordinator.core.jobs.queue import JobQueue
from swarm_coordinator.core.jobs.routes import RouteBook
from swarm_coordinator.core.leases.lease_book import LeaseBook
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.models import MODELS_MAX, Model
from swarm_coordinator.core.registry.services import ServiceBook
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import CapabilitySpec, MemberChange
from swarm_coordinator.core.replicated.deadlines import Deadlines
from swarm_coordinator.core.replicated.event_log import EventLog

MS = 1_000_000
JOBS_WAITING_MAX = 20_000  # more is refused: the log must not grow without bound
JOBS_ENDED_KEPT_MAX = 10_000  # older ended jobs are forgotten
# Each may bring 64 stages into the queue. Chosen without data.
PIPELINES_MAX = 256
MEMBERS_MAX = 20_000  # then the one that left first is forgotten, and without one it is refused
SESSIONS_MAX = 20_000  # then the session that was used least recently is forgotten
# A robot has at most 4096 commands on their way, but one that waits for its deadline holds the
# memory of all later ones: some ten seconds at 3000 commands a second.
SERIALS_KEPT_MAX = 65_536

# By so much an override may last too long after a leader that nothing else made write. Chosen
# without data: an entry each ten seconds costs nothing.
OVERRIDE_WITNESS_MS = 10_000
WISHES_MAX = 256  # robots that operators have said something about

GONE = frozenset({Liveness.DEAD, Liveness.LEFT})


@dataclass(slots=True)
class Member:
    """A robot as the swarm has agreed on it."""

    robot_id: RobotId
    incarnation: int
    voter: bool
    host: str
    software_version: str
    job_slots: int
    capabilities: tuple[CapabilitySpec, ...]
    phase: Liveness = Liveness.HEALTHY
    changed_index: int = 0

    def offers(self, required: tuple[str, ...]) -> bool:
        return {capability.name for capability in self.capabilities}.issuperset(required)


@dataclass(frozen=True)
class Override:
    """An operator decides the mode until `expires_ns` (stamp of the log). Only time in which
    somebody leads counts: a new term moves it by the jump of the stamps."""

    mode: Mode
    owner: str
    reason: str
    expires_ns: int


@dataclass(slots=True)
class ClientSession:
    """Which commands of one life of a robot have been applied."""

    incarnation: int
    acked_below: int = 0
    applied: set[int] = field(default_factory=set)

    def admit(self, serial: int, acked_below: int) -> bool:
        """False if this serial was applied before."""
        if serial < self.acked_below or serial in self.applied:
            return False
        self.applied.add(serial)
        if acked_below > self.acked_below:
            self.acked_below = acked_below
            self.applied = {known for known in self.applied if known >= acked_below}
        elif len(self.applied) > SERIALS_KEPT_MAX:
            # A robot that never says what it knows: its oldest serials count as applied, because
            # a command that is not applied does less harm than one that is applied twice.
            self.acked_below = sorted(self.applied)[SERIALS_KEPT_MAX // 2]
            self.applied = {known for known in self.applied if known >= self.acked_below}
        return True


@dataclass
class ReplicatedState:
    """`applied_index`, `term` and `stamp_ns` are those of the last applied entry."""

    applied_index: int = 0
    term: int = 0
    term_index: int = 0  # of the entry that opened `term`
    stamp_ns: int = 0
    members: dict[RobotId, Member] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    job_by_key: dict[str, str] = field(default_factory=dict)
    mode: Mode = Mode.NORMAL  # in force: the override's while there is one
    mode_reason: str = 'built-in default'
    mode_epoch: int = 0
    mode_since_ns: int = 0
    policy_mode: Mode = Mode.NORMAL
    override: Override | None = None
    timing_profile: str = ''  # that all voters must have; '' until the first one says it
    wishes: dict[RobotId, MemberChange] = field(default_factory=dict)  # of operators
    emergency_cleared_epoch: int = 0  # emergencies up to this epoch are over
    emergency_cleared_by: str = ''  # whose raise that was, as far as the operator said
    leases: LeaseBook = field(default_factory=LeaseBook)
    services: ServiceBook = field(default_factory=ServiceBook)
    models: dict[str, Model] = field(default_factory=dict)
    events: EventLog = field(default_factory=EventLog)
    sessions: dict[RobotId, ClientSession] = field(default_factory=dict)  # last used comes last
    routes: RouteBook = field(default_factory=RouteBook)
    # Indexes over jobs, so that nothing has to walk ten thousand ended ones. A job is in one.
    waiting: JobQueue = field(default_factory=JobQueue)
    held: dict[str, None] = field(default_factory=dict)
    pipelines: dict[str, None] = field(default_factory=dict)  # that have not ended
    ended: dict[str, None] = field(default_factory=dict)
    counts: dict[JobPhase, int] = field(
        default_factory=lambda: {phase: 0 for phase in JobPhase}
    )
    # When leases of jobs end, jobs are overdue, jobs have rested.
    job_ends: Deadlines[str] = field(init=False, repr=False, compare=False)
    job_deadlines: Deadlines[str] = field(init=False, repr=False, compare=False)
    job_rests: Deadlines[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.job_ends = Deadlines(self._job_due)
        self.job_deadlines = Deadlines(self._job_overdue)
        self.job_rests = Deadlines(self._job_rested)
        for job in self.held_jobs():
            self.job_ends.add(job.lease_expires_ns, job.token, job.job_id)
        for job_id in (*self.waiting, *self.held, *self.pipelines):
            job = self.jobs[job_id]
            if job.deadline_ns:
                self.job_deadlines.add(job.deadline_ns, job.submitted_ns, job_id)
        for job_id in self.waiting.resting:
            job = self.jobs[job_id]
            self.job_rests.add(job.not_before_ns, job.token, job_id)

    def _job_due(self, token: int, job_id: str) -> int | None:
        job = self.jobs.get(job_id)
        if job is None or job.token != token or not job.held:
            return None
        return job.lease_expires_ns

    def _job_overdue(self, submitted_ns: int, job_id: str) -> int | None:
        job = self.jobs.get(job_id)
        if job is None or job.submitted_ns != submitted_ns or job.ended:
            return None
        return job.deadline_ns or None

    def _job_rested(self, token: int, job_id: str) -> int | None:
        job = self.jobs.get(job_id)
        if job is None or job.token != token:
            return None
        return job.not_before_ns or None

    def index_of(self, job: Job) -> JobQueue | dict[str, None]:
        """Where a job belongs in its phase."""
        if job.ended:
            return self.ended
        if job.phase is JobPhase.SUBMITTED:
            return self.waiting
        return self.held if job.held else self.pipelines

    def present(self, robot_id: RobotId, incarnation: int) -> bool:
        """Whether this life of the robot is the one that is known, and neither dead nor left."""
        member = self.members.get(robot_id)
        return (
            member is not None
            and member.incarnation == incarnation
            and member.phase not in GONE
        )

    def held_by(self, robot: RobotId) -> list[Job]:
        return [job for job in self.held_jobs() if job.robot_id == robot]

    def held_jobs(self) -> list[Job]:
        return [self.jobs[job_id] for job_id in self.held]

    def ready_jobs(self) -> Iterator[Job]:
        """What can be granted, in the order in which it is to be: priority, then age in the
        queue. Whoever takes the first few of them looks at no others."""
        return (self.jobs[job_id] for job_id in self.waiting.ready())

    def waiting_jobs(self) -> list[Job]:
        """All that wait, also for a time; those that can be granted come first, in order."""
        return [self.jobs[job_id] for job_id in self.waiting]

    def check_invariants(self) -> None:
        self._check_jobs()
        if self.override is None:
            assert self.mode is self.policy_mode
        else:
            assert self.mode is self.override.mode
        assert self.term_index <= self.applied_index
        assert self.emergency_cleared_epoch > 0 or not self.emergency_cleared_by
        assert set(self.job_by_key.values()) <= set(self.jobs)
        assert list(self.members) == sorted(self.members)
        self._check_holders()
        self.leases.check_invariants()
        self.services.check_invariants()
        self.events.check_invariants()
        assert len(self.models) <= MODELS_MAX
        for name, model in self.models.items():
            assert model.name == name and model.version >= 1, model
            assert model.log_index <= self.applied_index, model

    def _check_jobs(self) -> None:
        for job_id, job in self.jobs.items():
            assert job.job_id == job_id
            job.check_invariants()
            assert job_id in self.index_of(job), (job_id, job.phase)
            if job.phase is JobPhase.SUBMITTED:
                assert (job_id in self.waiting.resting) == (job.not_before_ns > 0), job
        indexes: list[Collection[str]] = [self.waiting, self.held, self.pipelines, self.ended]
        assert sum(map(len, indexes)) == len(self.jobs)
        assert sum(self.counts.values()) == len(self.jobs)
        for phase, count in self.counts.items():
            assert count == sum(1 for job in self.jobs.values() if job.phase is phase), phase
        self._check_queue()
        self.routes.check_invariants()
        for job_id in self.pipelines:
            assert self.jobs[job_id].pipeline, job_id

    def _check_queue(self) -> None:
        self.waiting.check_invariants()
        ready = [job.spec.priority for job in self.ready_jobs()]
        assert ready == sorted(ready, reverse=True), ready
        live = [self.jobs[one] for one in (*self.waiting, *self.held, *self.pipelines)]
        assert len(self.job_ends) >= len(self.held)
        assert len(self.job_rests) >= len(self.waiting.resting)
        assert len(self.job_deadlines) >= sum(1 for job in live if job.deadline_ns)

    def _check_holders(self) -> None:
        """Who waits or offers something is there, in this life; who holds a lease need not be."""
        for lease in self.leases.held.values():
            assert lease.token <= self.applied_index, lease
            for waiter in lease.waiters:
                assert self.present(waiter.robot_id, waiter.incarnation), waiter
                assert waiter.asked_index <= self.applied_index, waiter
        for service in self.services.all():
            assert self.present(service.robot_id, service.incarnation), service


def earliest_due_ns(state: ReplicatedState, grace_ms: int) -> int | None:
    """The stamp at which the leader must next propose `ExpireDue(grace_ms)`; None: nothing ends
    by itself. Cheap enough for every tick: it looks at the heads of heaps only.

    `grace_ms` is for job leases; deadlines and rests of jobs, resource leases, waits, services
    and the override end sharply.
    While there is an override, the log must say from time to time that somebody still leads: what
    no stamp has witnessed when leadership passes on does not count for it.
    """
    job_ns, override = state.job_ends.earliest_ns(), state.override
    dues = [
        None if job_ns is None else job_ns + grace_ms * MS,
        None if override is None else min(
            override.expires_ns, state.stamp_ns + OVERRIDE_WITNESS_MS * MS
        ),
        state.job_deadlines.earliest_ns(),
        state.job_rests.earliest_ns(),
        state.leases.earliest_due_ns(),
        state.services.earliest_due_ns(),
    ]
    return min((due for due in dues if due is not None), default=None)
