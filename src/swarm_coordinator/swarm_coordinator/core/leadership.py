# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the leader does beyond replication: owns which commands the state of things calls for.

Every duty is a pure look at (replicated state, who is heard) that yields commands; the log
decides whether they happen. A duty whose last command has not been applied yet is not repeated.
"""

from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.allocation import REACHABLE, allocate, candidates
from swarm_coordinator.core.modes.mode import Activity, allows
from swarm_coordinator.core.modes.policy import ModeAdvice, ModeSituation, choose_mode
from swarm_coordinator.core.registry.suspicion import Liveness, Suspicion
from swarm_coordinator.core.replicated.command import (
    Command,
    ExpireDue,
    ExtendLeases,
    GrantJobs,
    MarkRobot,
    SetMode,
)
from swarm_coordinator.core.replicated.state import ReplicatedState

MS = 1_000_000
GRANTS_PER_ENTRY_MAX = 64


@dataclass(frozen=True)
class Duty:
    """A command with the key that keeps it from being proposed twice at a time."""

    key: str
    command: Command


@dataclass
class Leadership:
    """Duties of one term as leader; made anew at each election."""

    voters: int  # configured; before all of them have been seen there is nothing to spare yet
    job_ttl_ms: int
    grace_ms: int
    pending: set[str] = field(default_factory=set)
    blocked: dict[str, str] = field(default_factory=dict)  # job -> why it waits
    extended: bool = False

    def duties(
        self,
        state: ReplicatedState,
        suspicion: Suspicion,
        stamp_ns: int,
        now_ns: int,
        advice: ModeAdvice | None,
    ) -> list[Duty]:
        """What to propose now. Call only when the leader has applied an entry of its own term."""
        if not self.extended:
            self.extended = True
            suspicion.begin(list(state.members), now_ns)
            return [Duty('extend', ExtendLeases())]
        duties = self._verdicts(state, suspicion, now_ns)
        duties += self._expiry(state, stamp_ns)
        duties += self._mode(state, stamp_ns, now_ns, advice)
        duties += self._grants(state)
        fresh = [duty for duty in duties if duty.key not in self.pending]
        self.pending.update(duty.key for duty in fresh)
        return fresh

    def settled(self, key: str) -> None:
        self.pending.discard(key)

    def _verdicts(
        self, state: ReplicatedState, suspicion: Suspicion, now_ns: int
    ) -> list[Duty]:
        duties = []
        for robot_id, member in state.members.items():
            phase = suspicion.phase_of(robot_id, now_ns)
            if phase is Liveness.SLOW:
                phase = Liveness.HEALTHY  # a lost beacon or two is not worth a log entry
            if phase is None or phase is member.phase:
                continue
            command = MarkRobot(robot_id, member.incarnation, phase)
            duties.append(Duty(f'mark {robot_id}', command))
        return duties

    def _expiry(self, state: ReplicatedState, stamp_ns: int) -> list[Duty]:
        ends = [job.lease_expires_ns + self.grace_ms * MS for job in state.held_jobs()]
        if state.override is not None:
            ends.append(state.override.expires_ns)
        if ends and min(ends) <= stamp_ns:
            return [Duty('expire', ExpireDue(self.grace_ms))]
        return []

    def _mode(
        self, state: ReplicatedState, stamp_ns: int, now_ns: int, advice: ModeAdvice | None
    ) -> list[Duty]:
        voters = [member for member in state.members.values() if member.voter]
        choice = choose_mode(
            ModeSituation(
                mode=state.policy_mode,
                since_ns=state.mode_since_ns,
                stamp_ns=stamp_ns,
                now_ns=now_ns,
                voters=self.voters,
                voters_alive=self.voters - len(voters)
                + sum(1 for member in voters if member.phase in REACHABLE),
                slots=sum(m.job_slots for m in state.members.values() if m.phase in REACHABLE),
                jobs_waiting=len(state.waiting),
                advice=advice,
            )
        )
        if choice.mode is state.policy_mode:
            return []
        return [Duty('mode', SetMode(choice.mode, choice.reason))]

    def _grants(self, state: ReplicatedState) -> list[Duty]:
        if not state.waiting:
            self.blocked = {}
            return []
        if 'grant' in self.pending:
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
        members = list(state.members.values())
        robots = candidates(members, held)
        if all(robot.room <= 0 for robot in robots) and robots:
            return []
        reachable = frozenset(m.robot_id for m in members if m.phase in REACHABLE)
        chosen = allocate(
            state.waiting_jobs(), robots, reachable, self.job_ttl_ms, GRANTS_PER_ENTRY_MAX
        )
        self.blocked = chosen.blocked
        if not chosen.grants:
            return []
        return [Duty('grant', GrantJobs(chosen.grants))]
