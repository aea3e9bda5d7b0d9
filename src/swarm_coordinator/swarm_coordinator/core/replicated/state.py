# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The replicated state: members, mode, override and jobs, as the applied log makes them.

Only apply.py changes it. Everything is an integer, a string or an enum; dicts keep insertion
order, which is the order of the log and therefore the same everywhere.
"""

from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import HELD_PHASES, Job, JobPhase
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import CapabilitySpec

JOBS_WAITING_MAX = 20_000  # more is refused: the log must not grow without bound
JOBS_ENDED_KEPT_MAX = 10_000  # older ended jobs are forgotten


@dataclass
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
    """An operator decides the mode until `expires_ns` (stamp of the log)."""

    mode: Mode
    owner: str
    reason: str
    expires_ns: int


@dataclass
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
        return True


@dataclass
class ReplicatedState:
    """`applied_index` and `stamp_ns` are those of the last applied entry."""

    applied_index: int = 0
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
    sessions: dict[RobotId, ClientSession] = field(default_factory=dict)
    # Indexes over jobs, so that nothing has to walk ten thousand ended ones.
    waiting: dict[str, None] = field(default_factory=dict)
    held: dict[str, None] = field(default_factory=dict)
    ended: dict[str, None] = field(default_factory=dict)
    counts: dict[JobPhase, int] = field(
        default_factory=lambda: {phase: 0 for phase in JobPhase}
    )

    def held_by(self, robot: RobotId) -> list[Job]:
        return [job for job in self.held_jobs() if job.robot_id == robot]

    def held_jobs(self) -> list[Job]:
        return [self.jobs[job_id] for job_id in self.held]

    def waiting_jobs(self) -> list[Job]:
        """In the order in which they are to be granted: priority, then age in the log."""
        jobs = [self.jobs[job_id] for job_id in self.waiting]
        return sorted(jobs, key=lambda job: -job.spec.priority)

    def check_invariants(self) -> None:
        for job_id, job in self.jobs.items():
            assert job.job_id == job_id
            job.check_invariants()
            expected = (
                self.waiting
                if job.phase is JobPhase.SUBMITTED
                else self.held
                if job.phase in HELD_PHASES
                else self.ended
            )
            assert job_id in expected, (job_id, job.phase)
        assert len(self.waiting) + len(self.held) + len(self.ended) == len(self.jobs)
        assert sum(self.counts.values()) == len(self.jobs)
        for phase, count in self.counts.items():
            assert count == sum(1 for job in self.jobs.values() if job.phase is phase), phase
        if self.override is None:
            assert self.mode is self.policy_mode
        else:
            assert self.mode is self.override.mode
        assert set(self.job_by_key.values()) <= set(self.jobs)
