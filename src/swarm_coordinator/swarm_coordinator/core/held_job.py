# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One job that this robot holds: owns how far it is here, and until when it may be acted on.

Refuses to know what leads from one stage to the next (worker.py).
"""

from dataclasses import dataclass
from enum import Enum

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef, JobSpec
from swarm_coordinator.core.replicated.command import Report


class Stage(Enum):
    """Where a held job is on this robot; the swarm only knows leased or running."""

    FETCHING = 'fetching its inputs'
    STAGED = 'waiting for a free slot'
    STARTING = 'waiting until its start is in the log'
    RUNNING = 'running'
    STOPPING = 'its process is being ended'
    RETURNING = 'waiting until its origin has the outputs'
    REPORTING = 'reported; waiting for the log'


OCCUPYING = frozenset({Stage.STARTING, Stage.RUNNING, Stage.STOPPING})
LIVE = frozenset({Stage.RUNNING, Stage.STOPPING})
UNSTARTED = frozenset({Stage.FETCHING, Stage.STAGED, Stage.STARTING})
UNFINISHED = UNSTARTED | {Stage.RUNNING}


@dataclass
class HeldJob:
    """Under the token of one grant; nothing is done or reported under another one."""

    job_id: str
    attempt: int
    token: int
    origin: RobotId
    spec: JobSpec
    unit: str
    ttl_ns: int
    taken_ns: int
    lease_until_ns: int  # not after `taken_ns`: nothing is begun before a renewal is in the log
    stage: Stage = Stage.FETCHING
    progress_permille: int = 0
    progress_sequence: int = 0
    progress_text: str = ''
    run_ms: int = 0
    outputs: tuple[FileRef, ...] = ()
    result: str = ''
    offered_ns: int = 0
    report: Report | None = None  # how it ended; said until the log has it
    started_ns: int = 0
    start_told: bool = False
    told_sequence: int = 0  # progress that was told
    on_stopped: Report | None = None  # what to say when its process has ended
    start_logged: bool = False

    @property
    def given_up_ns(self) -> int:
        """Nothing is lost by waiting for a first renewal of what was not begun."""
        if self.stage in UNSTARTED:
            return max(self.lease_until_ns, self.taken_ns + self.ttl_ns)
        return self.lease_until_ns
