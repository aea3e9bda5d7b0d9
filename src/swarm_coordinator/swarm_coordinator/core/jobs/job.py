# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of one job: owns its phases and what may follow what; knows nothing of who decides.

The guarantee: at-least-once execution, at most one accepted completion. It rests on `token`, the
log index of the current grant: whoever presents another one is refused.
"""

import re
from dataclasses import dataclass, field
from enum import Enum

from swarm_coordinator.core.ids import RobotId

ATTEMPTS_MAX_DEFAULT = 3
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')
HISTORY_MAX = 40  # lines kept per job; a job that is re-issued for ever must not grow for ever


class JobPhase(Enum):
    SUBMITTED = 'submitted'
    LEASED = 'leased'
    RUNNING = 'running'
    DONE = 'done'
    FAILED = 'failed'
    EXPIRED = 'expired'
    CANCELLED = 'cancelled'
    QUARANTINED = 'quarantined'


class JobEvent(Enum):
    GRANTED = 'granted'
    STARTED = 'started'
    COMPLETED = 'completed'
    BROKE_DOWN = 'broke down'
    HANDED_BACK = 'handed back'
    LEASE_ENDED = 'lease ended'
    REVOKED = 'revoked'
    GIVEN_UP = 'given up'
    LEFT_UNKNOWN = 'left unknown'
    WITHDRAWN = 'withdrawn'
    RETRIED = 'retried'


# LEASE_ENDED and HANDED_BACK return a job to the queue instead of failing it: an unreachable
# robot says nothing about the job. COMPLETED is taken from LEASED as well, because the report of
# the start may be overtaken by the report of the end. LEFT_UNKNOWN is for jobs whose effects must
# happen once: after a lost lease nobody knows whether they did, so they are not tried again.
JOB_TRANSITIONS: dict[tuple[JobPhase, JobEvent], JobPhase] = {
    (JobPhase.SUBMITTED, JobEvent.GRANTED): JobPhase.LEASED,
    (JobPhase.SUBMITTED, JobEvent.GIVEN_UP): JobPhase.QUARANTINED,
    (JobPhase.SUBMITTED, JobEvent.WITHDRAWN): JobPhase.CANCELLED,
    (JobPhase.LEASED, JobEvent.STARTED): JobPhase.RUNNING,
    (JobPhase.LEASED, JobEvent.COMPLETED): JobPhase.DONE,
    (JobPhase.LEASED, JobEvent.BROKE_DOWN): JobPhase.FAILED,
    (JobPhase.LEASED, JobEvent.HANDED_BACK): JobPhase.SUBMITTED,
    (JobPhase.LEASED, JobEvent.LEASE_ENDED): JobPhase.SUBMITTED,
    (JobPhase.LEASED, JobEvent.REVOKED): JobPhase.SUBMITTED,
    (JobPhase.LEASED, JobEvent.GIVEN_UP): JobPhase.QUARANTINED,
    (JobPhase.LEASED, JobEvent.LEFT_UNKNOWN): JobPhase.EXPIRED,
    (JobPhase.LEASED, JobEvent.WITHDRAWN): JobPhase.CANCELLED,
    (JobPhase.RUNNING, JobEvent.COMPLETED): JobPhase.DONE,
    (JobPhase.RUNNING, JobEvent.BROKE_DOWN): JobPhase.FAILED,
    (JobPhase.RUNNING, JobEvent.HANDED_BACK): JobPhase.SUBMITTED,
    (JobPhase.RUNNING, JobEvent.LEASE_ENDED): JobPhase.SUBMITTED,
    (JobPhase.RUNNING, JobEvent.REVOKED): JobPhase.SUBMITTED,
    (JobPhase.RUNNING, JobEvent.GIVEN_UP): JobPhase.QUARANTINED,
    (JobPhase.RUNNING, JobEvent.LEFT_UNKNOWN): JobPhase.EXPIRED,
    (JobPhase.RUNNING, JobEvent.WITHDRAWN): JobPhase.CANCELLED,
    (JobPhase.FAILED, JobEvent.RETRIED): JobPhase.SUBMITTED,
    (JobPhase.EXPIRED, JobEvent.RETRIED): JobPhase.SUBMITTED,
    (JobPhase.QUARANTINED, JobEvent.RETRIED): JobPhase.SUBMITTED,
}

HELD_PHASES = frozenset({JobPhase.LEASED, JobPhase.RUNNING})
ENDED_PHASES = frozenset(
    {
        JobPhase.DONE,
        JobPhase.FAILED,
        JobPhase.EXPIRED,
        JobPhase.CANCELLED,
        JobPhase.QUARANTINED,
    }
)


class InvalidTransition(Exception):
    """The lifecycle does not allow this; nothing was changed."""

    def __init__(self, phase: JobPhase, event: JobEvent) -> None:
        allowed = sorted(e.value for p, e in JOB_TRANSITIONS if p is phase)
        super().__init__(
            f'a {phase.value} job does not accept "{event.value}"; '
            f'it accepts: {", ".join(allowed) or "nothing"}'
        )
        self.phase = phase
        self.event = event


def next_phase(phase: JobPhase, event: JobEvent) -> JobPhase:
    """Raises InvalidTransition where the table has no row."""
    try:
        return JOB_TRANSITIONS[phase, event]
    except KeyError:
        raise InvalidTransition(phase, event) from None


class Effects(Enum):
    """What running a job twice would do; decides whether a lost attempt is repeated."""

    NONE = 'none'
    IDEMPOTENT = 'idempotent'
    FENCED = 'fenced'
    ONCE = 'once'


@dataclass(frozen=True)
class FileRef:
    """A file by content. `sha256` is lower-case hex; `name` a relative path with '/'.

    Raises ValueError for another hash: it becomes the name of a file on the disk.
    """

    name: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not _SHA256.match(self.sha256) or self.size_bytes < 0:
            raise ValueError(
                f'file {self.name[:80]!r}: {self.size_bytes} bytes, sha256={self.sha256[:80]!r}: '
                'expected a size and 64 lower-case hexadecimal digits'
            )


@dataclass(frozen=True)
class JobSpec:
    """What is to be done; never changes. Fields as in swarm_msgs/msg/JobSpec."""

    kind: str
    argv: tuple[str, ...] = ()
    inputs: tuple[FileRef, ...] = ()
    outputs: tuple[str, ...] = ()
    timeout_ms: int = 0
    attempts_max: int = ATTEMPTS_MAX_DEFAULT
    effects: Effects = Effects.IDEMPOTENT
    priority: int = 0
    requires: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoryLine:
    """One line of a job's story: log index, stamp (Unix ns), sentence."""

    index: int
    stamp_ns: int
    what: str


@dataclass
class Job:
    """One job as the log has it. Every field changes by log entries only."""

    job_id: str
    origin: RobotId
    spec: JobSpec
    output_dir: str
    idempotency_key: str
    submitted_ns: int
    changed_ns: int
    queued_ns: int  # when it last began to wait: submission or re-issue
    changed_index: int
    phase: JobPhase = JobPhase.SUBMITTED
    attempt: int = 0
    token: int = 0
    robot_id: RobotId | None = None
    incarnation: int = 0  # life of the robot that the current grant is for
    lease_expires_ns: int = 0
    ttl_ms: int = 0
    progress_permille: int = 0
    exit_code: int | None = None
    run_ms: int = 0
    outputs: tuple[FileRef, ...] = ()
    outputs_at: RobotId | None = None
    delivered: bool = False
    reason: str = ''
    avoid: tuple[RobotId, ...] = ()  # robots that handed it back
    story: list[StoryLine] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return self.phase in HELD_PHASES

    @property
    def ended(self) -> bool:
        return self.phase in ENDED_PHASES

    def move(self, event: JobEvent, index: int, stamp_ns: int, what: str) -> None:
        """Take `event`; raises InvalidTransition and changes nothing if it is not allowed."""
        self.phase = next_phase(self.phase, event)
        self.changed_ns = stamp_ns
        self.changed_index = index
        if self.phase is JobPhase.SUBMITTED:
            self.queued_ns = stamp_ns
            self.progress_permille = 0
        self.note(index, stamp_ns, what)

    def note(self, index: int, stamp_ns: int, what: str) -> None:
        self.story.append(StoryLine(index, stamp_ns, what))
        if len(self.story) > HISTORY_MAX:
            # The first line (the submission) stays: it is what the story starts from.
            del self.story[1]

    def check_invariants(self) -> None:
        assert not self.held or (self.robot_id and self.token > 0), self
        assert self.phase is not JobPhase.DONE or self.exit_code == 0, self
        assert self.token <= self.changed_index, self
        assert self.attempt >= 0 and 0 <= self.progress_permille <= 1000, self
