# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a command did, as a value: the same on every replica. Knows no rule."""

from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leases.lease import LeaseAnswer
from swarm_coordinator.core.replicated.event_log import KeptEvent, Notable


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An attempt is over; what the learners get. `outcome` as in swarm_msgs/msg/JobOutcome.

    kind, task   of the work; `task` is what run times are learnt for
    unit     compute unit of the attempt; '' = not chosen
    thief, victim   of an attempt that was stolen: who gained it and who lost it; else ''
    """

    job_id: str
    attempt: int
    robot_id: str
    outcome: str
    queue_ms: int
    run_ms: int
    kind: str
    task: str
    unit: str
    origin: str
    bytes_in: int
    bytes_out: int
    thief: str = ''
    victim: str = ''


@dataclass
class Applied:
    """What one command did. `refused` is '' where it was accepted.

    value     the answer in one word: a job id; 'granted:<token>', 'waiting'; an event's index
    lease     the lease as this entry left it, for commands about leases, also when refused
    completed, late   ids of jobs whose completion was accepted, and was refused
    jobs, leases   ids of jobs and names of resources that changed, in order; a job that is not
              in the state any more was forgotten
    created   ids of jobs that this entry made, in order
    notable   what people want to know of, in order; `events` is the part of it that is kept
              in the state and can be replayed
    """

    by: RobotId = RobotId('')  # who issued the command
    refused: str = ''
    value: str = ''
    duplicate: bool = False
    lease: LeaseAnswer | None = None
    completed: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    jobs: dict[str, None] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    leases: dict[str, None] = field(default_factory=dict)
    services: bool = False
    members: bool = False
    mode: bool = False
    emergency: bool = False
    ended: list[AttemptEnded] = field(default_factory=list)
    notable: list[Notable] = field(default_factory=list)
    events: list[KeptEvent] = field(default_factory=list)
