# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which robot gets which waiting job: the default rule, which needs no learner.

Hard filters first (alive, allowed, able, not one that handed the job back, inputs in reach), then
the robot with the least work per slot; ties go to the lowest id. Every grant says why.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Job
from swarm_coordinator.core.jobs.kinds import JOB_KINDS
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import Grant
from swarm_coordinator.core.replicated.state import Member

QUEUED_AHEAD = 1  # jobs beyond its slots that a robot may hold, so that staging overlaps work
REACHABLE = frozenset({Liveness.HEALTHY, Liveness.SLOW})


@dataclass
class Candidate:
    """A robot with room for more. `held` grows as grants are chosen in one pass."""

    member: Member
    held: int

    @property
    def room(self) -> int:
        return self.member.job_slots + QUEUED_AHEAD - self.held

    @property
    def load_milli(self) -> int:
        return self.held * 1000 // max(self.member.job_slots, 1)


@dataclass(frozen=True)
class Allocation:
    """The grants to propose, and for each job that must wait the reason why."""

    grants: tuple[Grant, ...]
    blocked: dict[str, str]


def candidates(members: Iterable[Member], held: dict[RobotId, int]) -> list[Candidate]:
    return [
        Candidate(member, held.get(member.robot_id, 0))
        for member in members
        if member.phase in REACHABLE and member.job_slots > 0
    ]


def allocate(
    waiting: Iterable[Job],
    robots: list[Candidate],
    reachable: Collection[RobotId],
    ttl_ms: int,
    grants_max: int,
) -> Allocation:
    """Choose grants for `waiting` (in queue order) until there is no room or `grants_max`."""
    grants: list[Grant] = []
    blocked: dict[str, str] = {}
    for job in waiting:
        if len(grants) >= grants_max or all(robot.room <= 0 for robot in robots):
            break
        reason = _unreachable_inputs(job, reachable)
        able = [] if reason else _able(job, robots)
        if not able:
            blocked[job.job_id] = reason or _nobody(job)
            continue
        free = [robot for robot in able if robot.room > 0]
        if not free:
            continue
        best = min(free, key=lambda robot: (robot.load_milli, robot.member.robot_id))
        grants.append(_grant(job, best, ttl_ms))
        best.held += 1
    return Allocation(tuple(grants), blocked)


def _grant(job: Job, robot: Candidate, ttl_ms: int) -> Grant:
    return Grant(
        job_id=job.job_id,
        robot_id=robot.member.robot_id,
        incarnation=robot.member.incarnation,
        attempt=job.attempt + 1,
        ttl_ms=ttl_ms,
        why=f'least work: holds {robot.held} for {robot.member.job_slots} slots',
    )


def _unreachable_inputs(job: Job, reachable: Collection[RobotId]) -> str:
    if job.spec.inputs and job.origin not in reachable:
        return f'its inputs are at {job.origin}, which cannot be reached'
    return ''


def _able(job: Job, robots: list[Candidate]) -> list[Candidate]:
    required = JOB_KINDS[job.spec.kind].required(job.spec)
    able = [robot for robot in robots if robot.member.offers(required)]
    fresh = [robot for robot in able if robot.member.robot_id not in job.avoid]
    # When every able robot has handed it back once, the next round may ask them again: the
    # number of attempts bounds it.
    return fresh or able


def _nobody(job: Job) -> str:
    required = ', '.join(JOB_KINDS[job.spec.kind].required(job.spec))
    return f'no reachable robot offers {required}'
