# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the leader does beyond replication: owns which commands the state of things calls for.

Every duty is a pure look at (replicated state, who is heard) that yields commands; the log
decides whether they happen. A duty whose last command has not been applied yet is not repeated.
"""

from dataclasses import dataclass, field

from swarm_coordinator.core.health import Health, PeerFacts
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.allocation import REACHABLE, Allocator, Choice, Field
from swarm_coordinator.core.jobs.costs import Estimates, RouteAdvice
from swarm_coordinator.core.jobs.eligibility import Robot, Turned, eligible, needs_of
from swarm_coordinator.core.jobs.job import Job, JobPhase
from swarm_coordinator.core.jobs.offers import AskOffer, OfferHeard, Offers
from swarm_coordinator.core.jobs.slots import Slots, occupied
from swarm_coordinator.core.jobs.stuck import stuck
from swarm_coordinator.core.modes.mode import Activity, Mode, allows
from swarm_coordinator.core.modes.policy import ModeAdvice, ModeSituation, choose_mode
from swarm_coordinator.core.modes.pressure import (
    Forced,
    PressureGauge,
    RobotPressure,
    batteries_low_permille,
)
from swarm_coordinator.core.raft import RaftCore
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import (
    Command,
    ExpireDue,
    ExtendLeases,
    GrantJobs,
    MarkRobot,
    RevokeJob,
    SetMode,
)
from swarm_coordinator.core.replicated.state import (
    GONE,
    Member,
    ReplicatedState,
    earliest_due_ns,
)
from swarm_coordinator.core.succession import (
    Candidate,
    FitnessFacts,
    ReputationAdvice,
    SuccessionSituation,
    fitness,
)

MS = 1_000_000
GRANTS_PER_ENTRY_MAX = 64
LOOK_NS = 500 * MS
ALLOCATE_NS = 100 * MS  # time goes by, and figures of robots change
BLOCKED_NS = 5_000 * MS  # then jobs that could go nowhere are looked at again
ANSWER_MISSES_NS = 200 * MS  # grants so young may not have reached the robot when it answered


@dataclass(frozen=True)
class Duty:
    """A command with the key that keeps it from being proposed twice at a time."""

    key: str
    command: Command


@dataclass(frozen=True)
class Standing:
    """All that a leader looks at. `own` are its own facts, `stamp_ns` is the time by the log."""

    state: ReplicatedState
    raft: RaftCore
    health: Health
    own: PeerFacts
    emergency: bool
    stamp_ns: int
    now_ns: int
    advice: ModeAdvice | None = None
    estimates: Estimates = field(default_factory=Estimates)
    routes: RouteAdvice | None = None  # a learner's view of them
    reputations: ReputationAdvice | None = None

    def facts_of(self, robot: RobotId) -> PeerFacts:
        return self.own if robot == self.raft.robot_id else self.health.peers.get(robot, _UNKNOWN)


_UNKNOWN = PeerFacts()


def succession_of(at: Standing) -> SuccessionSituation:
    """How the leader and the other voters stand, as far as the leader knows."""
    return SuccessionSituation(
        leader=at.raft.robot_id,
        facts=_fitness_of(at.raft.robot_id, at),
        candidates=[
            Candidate(
                robot=voter,
                facts=_fitness_of(voter, at),
                phase=at.health.phase_of(voter, at.now_ns) or Liveness.DEAD,
                caught_up=_caught_up(voter, at.raft),
            )
            for voter in at.raft.voters
            if voter != at.raft.robot_id
        ],
        mode=at.state.mode,
        emergency=at.emergency,
        quorum=at.raft.quorum_active(),
    )


def fittest(at: Standing) -> RobotId | None:
    """Who should lead if this robot goes away; None: nobody can."""
    able = [
        one
        for one in succession_of(at).candidates
        if one.caught_up and one.phase in (Liveness.HEALTHY, Liveness.SLOW)
    ]
    best = max(able, key=lambda one: (fitness(one.facts), one.robot), default=None)
    return best.robot if best is not None else None


def _caught_up(voter: RobotId, raft: RaftCore) -> bool:
    progress = raft.progress_of(voter)
    return progress is not None and progress.caught_up


def _fitness_of(robot: RobotId, at: Standing) -> FitnessFacts:
    facts = at.facts_of(robot)
    return FitnessFacts(
        voters_heard=facts.voters_heard,
        voters=len(at.raft.voters),
        battery_permille=facts.battery_permille,
        cpu_load_permille=facts.cpu_load_permille,
        awareness=facts.awareness,
        reputation_permille=(
            None if at.reputations is None else at.reputations.permille_of(robot, at.now_ns)
        ),
    )


@dataclass
class Leadership:
    """Duties of one term as leader; made anew at each election."""

    robot_id: RobotId
    job_ttl_ms: int
    grace_ms: int
    pending: set[str] = field(default_factory=set)
    blocked: dict[str, str] = field(default_factory=dict)  # job -> why it waits
    extended: bool = False
    gauge: PressureGauge | None = None
    forced: Forced | None = None
    batteries_low: int = 0
    looked_ns: int = 0
    allocator: Allocator = field(default_factory=Allocator)
    offers: Offers = field(default_factory=Offers)
    questions: list[AskOffer] = field(default_factory=list)  # to be asked now
    seen: tuple[int, int, bool] | None = None  # what the last pass looked at
    allocated_ns: int = 0
    blocked_ns: int = 0
    blocked_members: tuple[tuple[RobotId, int, Liveness, Mode], ...] = ()

    def duties(self, at: Standing) -> list[Duty]:
        """What to propose now. Call only when the leader has applied an entry of its own term."""
        if not self.extended:
            self.extended = True
            at.health.suspicion.begin(list(at.state.members), at.now_ns)
            self.gauge = PressureGauge(at.state.policy_mode)
            return [Duty('extend', ExtendLeases())]
        if at.state.applied_index == at.state.term_index:
            return []  # the times in the state are still by the clock of the leader before
        self._look(at)
        self.offers.tick(at.now_ns)
        duties = self._verdicts(at)
        duties += self._expiry(at)
        duties += self._mode(at)
        duties += self._stuck(at)
        duties += self._grants(at)
        fresh = [duty for duty in duties if duty.key not in self.pending]
        self.pending.update(duty.key for duty in fresh)
        return fresh

    def settled(self, key: str) -> None:
        self.pending.discard(key)
        if key == 'grant':
            self.seen = None  # it may have been lost

    def _look(self, at: Standing) -> None:
        """At the robots' own figures, which change once a second."""
        if self.gauge is None or at.now_ns - self.looked_ns < LOOK_NS:
            return
        self.looked_ns = at.now_ns
        robots = [_pressure(robot_id, at) for robot_id in at.state.members]
        self.forced = self.gauge.see(robots, at.now_ns)
        self.batteries_low = batteries_low_permille(robots)

    def _verdicts(self, at: Standing) -> list[Duty]:
        duties = []
        for robot_id, member in at.state.members.items():
            if member.phase is Liveness.LEFT:
                continue  # only its next registration brings it back
            phase = at.health.phase_of(robot_id, at.now_ns)
            if phase is Liveness.SLOW:
                phase = Liveness.HEALTHY  # a lost beacon or two is not worth a log entry
            if phase is None or phase is Liveness.LEFT or phase is member.phase:
                continue
            command = MarkRobot(robot_id, member.incarnation, phase)
            duties.append(Duty(f'mark {robot_id}', command))
        return duties

    def _expiry(self, at: Standing) -> list[Duty]:
        due_ns = earliest_due_ns(at.state, self.grace_ms)
        if due_ns is not None and due_ns <= at.stamp_ns:
            return [Duty('expire', ExpireDue(self.grace_ms))]
        return []

    def _mode(self, at: Standing) -> list[Duty]:
        state, voters = at.state, at.raft.voters
        members = state.members.values()
        alive = sum(
            voter not in state.members or state.members[voter].phase in REACHABLE
            for voter in voters
        )
        choice = choose_mode(
            ModeSituation(
                mode=state.policy_mode,
                since_ns=state.mode_since_ns,
                stamp_ns=at.stamp_ns,
                now_ns=at.now_ns,
                voters=len(voters),
                voters_alive=alive,
                slots=sum(m.job_slots for m in members if m.phase in REACHABLE),
                jobs_waiting=len(state.waiting),
                advice=at.advice,
                forced=self.forced,
                batteries_low_permille=self.batteries_low,
            )
        )
        if choice.mode is state.policy_mode:
            return []
        return [Duty('mode', SetMode(choice.mode, choice.reason))]

    def _grants(self, at: Standing) -> list[Duty]:
        state = at.state
        if not state.waiting:
            self.blocked = {}
            return []
        if 'grant' in self.pending:
            return []
        if at.emergency:
            return self._block_all(at, 'an emergency: nothing is started')
        if not allows(state.mode, Activity.TAKE_JOBS):
            return self._block_all(at, f'mode {state.mode.label} takes no new jobs')
        if not self._worth_a_look(at):
            return []
        at.estimates.begin(state.routes, at.stamp_ns, at.now_ns, at.routes)
        self._forget(at)
        seen = self._field(at)
        waiting = (job for job in state.ready_jobs() if job.job_id not in self.blocked)
        chosen = self.allocator.allocate(waiting, seen, self.job_ttl_ms, GRANTS_PER_ENTRY_MAX)
        self.blocked.update(chosen.blocked)
        self.questions += self.offers.ask(chosen.open, at.now_ns)
        return [Duty('grant', GrantJobs(chosen.grants))] if chosen.grants else []

    def _block_all(self, at: Standing, why: str) -> list[Duty]:
        """All that waits, until the next look: when this is over nothing is left of it."""
        self.blocked = dict.fromkeys(at.state.waiting, why)
        self.blocked_members = ()
        return []

    def heard(self, event: OfferHeard, now_ns: int) -> bool:
        """A robot's answer; True: all have answered, look again."""
        return self.offers.heard(event, now_ns)

    def _worth_a_look(self, at: Standing) -> bool:
        """A pass costs milliseconds in a large swarm: only where something may have changed."""
        seen = (at.state.applied_index, self.offers.rounds, self.offers.round is None)
        if seen == self.seen and at.now_ns - self.allocated_ns < ALLOCATE_NS:
            return False
        self.seen, self.allocated_ns = seen, at.now_ns
        return True

    def _forget(self, at: Standing) -> None:
        """Look at everything anew, now and then and when robots have changed."""
        members = tuple(at.state.members.values())
        stamps = tuple(
            (one.robot_id, one.changed_index, one.phase, at.facts_of(one.robot_id).local_mode)
            for one in members
        )
        if at.now_ns - self.blocked_ns < BLOCKED_NS and stamps == self.blocked_members:
            return
        self.blocked_ns, self.blocked_members = at.now_ns, stamps
        self.blocked = {}
        self.offers.forget(at.state.waiting, at.state.members)

    def _field(self, at: Standing) -> Field:
        held: dict[RobotId, list[Job]] = {}
        for job in at.state.held_jobs():
            assert job.robot_id is not None
            held.setdefault(job.robot_id, []).append(job)
        present = [one for one in at.state.members.values() if one.phase not in GONE]
        robots = [_robot(member, at) for member in present if member.job_slots > 0]
        slots = {
            one.member.robot_id: self._slots(one.member, held.get(one.member.robot_id, []), at)
            for one in robots
            if not one.barred
        }

        def settled(choice: Choice) -> bool:
            busy = slots[choice.ranking[0].robot_id]
            return self.offers.settled(choice, busy, at.now_ns)

        return Field(
            robots=robots,
            slots=slots,
            reachable=frozenset(m.robot_id for m in present if m.phase in REACHABLE),
            estimates=at.estimates,
            stamp_ns=at.stamp_ns,
            silent=self.offers.silent(at.now_ns),
            staging=self.offers.staging,
            refused=self.offers.refused,
            settled=settled,
            queued=len(at.state.waiting),
        )

    def _slots(self, member: Member, held: list[Job], at: Standing) -> Slots:
        """What the robot said of its backlog comes before what the log lets us guess; only grants
        that may not have reached it count beside it."""
        said_ms = self.offers.backlog_ms(member.robot_id, at.now_ns)
        if said_ms is None:
            slots, _ = occupied(member.job_slots, held, at.estimates, at.stamp_ns)
            if member.robot_id in self.offers.silent(at.now_ns):
                queued_ms = at.facts_of(member.robot_id).queued_work_ms
                slots.not_before(queued_ms // member.job_slots)
            return slots
        young = [job for job in held if at.stamp_ns - job.changed_ns < ANSWER_MISSES_NS]
        slots, _ = occupied(member.job_slots, young, at.estimates, at.stamp_ns)
        slots.not_before(said_ms)
        slots.holds(len(held))
        return slots

    def _stuck(self, at: Standing) -> list[Duty]:
        """Running jobs that make no progress, where another robot could take them."""
        if at.now_ns != self.looked_ns:
            return []
        duties = []
        for job in at.state.held_jobs():
            if job.phase is not JobPhase.RUNNING or job.revoked_for is not None:
                continue
            assert job.robot_id is not None
            route = at.state.routes.get(job.spec.task, job.robot_id, job.unit)
            if stuck(job, route, at.stamp_ns) and _another_could(job, at.state):
                silent_s = (at.stamp_ns - job.progressed_ns) // (1000 * MS)
                why = f'no progress for {silent_s} s'
                command = RevokeJob(job.job_id, job.token, why)
                duties.append(Duty(f'revoke {job.job_id} {job.token}', command))
        return duties


def _another_could(job: Job, state: ReplicatedState) -> bool:
    required = job.spec.required
    return any(
        member.robot_id != job.robot_id
        and member.robot_id not in job.avoid
        and member.phase in REACHABLE
        and member.job_slots > 0
        and member.offers(required)
        for member in state.members.values()
    )


def turned_away(job: Job, at: Standing) -> tuple[Turned, ...]:
    """Why robots cannot take this job now, as this robot sees them; any robot can tell. Where one
    could, it is not among them."""
    robots = [_robot(member, at) for member in at.state.members.values()]
    return eligible(needs_of(job.spec), robots, at.state.routes, at.stamp_ns).turned


def _robot(member: Member, at: Standing) -> Robot:
    facts, barred = at.facts_of(member.robot_id), ''
    if member.phase in GONE:
        barred = f'is {member.phase.name.lower()}'
    elif member.job_slots == 0:
        barred = 'runs no jobs'
    elif member.phase not in REACHABLE:
        barred = 'cannot be reached'
    elif not allows(facts.local_mode, Activity.TAKE_JOBS):
        barred = f'is in mode {facts.local_mode.label}, which takes no new jobs'
    return Robot(member, barred, facts.battery_permille)


def _pressure(robot_id: RobotId, at: Standing) -> RobotPressure:
    facts = at.facts_of(robot_id)
    return RobotPressure(
        pressure_permille=facts.pressure_permille,
        battery_permille=facts.battery_permille,
        awareness=facts.awareness,
        phase=at.state.members[robot_id].phase,
        silence_ns=at.health.suspicion.silence_ns(robot_id, at.now_ns) or 0,
    )
