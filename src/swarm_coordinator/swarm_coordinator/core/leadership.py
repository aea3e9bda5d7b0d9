# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the leader does beyond replication: owns which commands the state of things calls for.

Every duty is a pure look at (replicated state, who is heard) that yields commands; the log
decides whether they happen. A duty whose last command has not been applied yet is not repeated.
"""

from dataclasses import dataclass, field

from swarm_coordinator.core.health import Health, PeerFacts
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.allocation import REACHABLE, allocate, candidates
from swarm_coordinator.core.modes.mode import Activity, allows
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
    SetMode,
)
from swarm_coordinator.core.replicated.state import ReplicatedState, earliest_due_ns
from swarm_coordinator.core.succession import (
    Candidate,
    FitnessFacts,
    SuccessionSituation,
    fitness,
)

MS = 1_000_000
GRANTS_PER_ENTRY_MAX = 64
LOOK_NS = 500 * MS


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

    def duties(self, at: Standing) -> list[Duty]:
        """What to propose now. Call only when the leader has applied an entry of its own term."""
        if not self.extended:
            self.extended = True
            at.health.suspicion.begin(list(at.state.members), at.now_ns)
            self.gauge = PressureGauge(at.state.policy_mode)
            return [Duty('extend', ExtendLeases())]
        self._look(at)
        duties = self._verdicts(at)
        duties += self._expiry(at)
        duties += self._mode(at)
        duties += self._grants(at)
        fresh = [duty for duty in duties if duty.key not in self.pending]
        self.pending.update(duty.key for duty in fresh)
        return fresh

    def settled(self, key: str) -> None:
        self.pending.discard(key)

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
            self.blocked = dict.fromkeys(state.waiting, 'an emergency: nothing is started')
            return []
        if not allows(state.mode, Activity.TAKE_JOBS):
            self.blocked = dict.fromkeys(
                state.waiting, f'mode {state.mode.label} takes no new jobs'
            )
            return []
        held: dict[RobotId, int] = {}
        for job in state.held_jobs():
            assert job.robot_id is not None
            held[job.robot_id] = held.get(job.robot_id, 0) + 1
        members = [
            member
            for member in state.members.values()
            if allows(at.facts_of(member.robot_id).local_mode, Activity.TAKE_JOBS)
        ]
        robots = candidates(members, held)
        if all(robot.room <= 0 for robot in robots) and robots:
            return []
        everybody = state.members.values()
        reachable = frozenset(m.robot_id for m in everybody if m.phase in REACHABLE)
        chosen = allocate(
            state.waiting_jobs(), robots, reachable, self.job_ttl_ms, GRANTS_PER_ENTRY_MAX
        )
        self.blocked = chosen.blocked
        if not chosen.grants:
            return []
        return [Duty('grant', GrantJobs(chosen.grants))]


def _pressure(robot_id: RobotId, at: Standing) -> RobotPressure:
    facts = at.facts_of(robot_id)
    return RobotPressure(
        pressure_permille=facts.pressure_permille,
        battery_permille=facts.battery_permille,
        awareness=facts.awareness,
        phase=at.state.members[robot_id].phase,
        silence_ns=at.health.suspicion.silence_ns(robot_id, at.now_ns) or 0,
    )
