# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of one job: owns its phases and what may follow what; knows nothing of who decides.

The guarantee: at-least-once execution, at most one accepted completion. It rests on `token`, the
log index of the current grant: whoever presents another one is refused.
"""

from dataclasses import dataclass
from enum import Enum

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.papers import (
    ATTEMPTS_MAX_DEFAULT,
    HISTORY_MAX,
    Effects,
    FileRef,
    JobSpec,
    Papers,
    StoryLine,
    pack,
    unpack,
    unpack_text,
)

__all__ = [
    'ATTEMPTS_MAX_DEFAULT',
    'ENDED_PHASES',
    'HELD_PHASES',
    'HISTORY_MAX',
    'JOB_TRANSITIONS',
    'Effects',
    'FileRef',
    'InvalidTransition',
    'Job',
    'JobEvent',
    'JobPhase',
    'JobSpec',
    'StoryLine',
    'next_phase',
]



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


@dataclass(slots=True, init=False)
class Job:
    """One job as the log has it. Every field changes by log entries only."""

    job_id: str
    origin: RobotId
    idempotency_key: str
    submitted_ns: int
    changed_ns: int
    queued_ns: int  # when it last began to wait: submission or re-issue
    changed_index: int
    phase: JobPhase
    attempt: int
    token: int
    robot_id: RobotId | None
    incarnation: int  # life of the robot that the current grant is for
    lease_expires_ns: int
    ttl_ms: int
    progress_permille: int
    exit_code: int | None
    run_ms: int
    outputs_at: RobotId | None
    delivered: bool
    reason: str
    avoid: tuple[RobotId, ...]  # robots that handed it back
    papers: Papers | bytes  # packed once it has ended

    def __init__(
        self,
        job_id: str,
        origin: RobotId,
        spec: JobSpec,
        output_dir: str,
        idempotency_key: str,
        submitted_ns: int,
        changed_ns: int,
        queued_ns: int,
        changed_index: int,
        phase: JobPhase = JobPhase.SUBMITTED,
    ) -> None:
        self.job_id = job_id
        self.origin = origin
        self.idempotency_key = idempotency_key
        self.submitted_ns = submitted_ns
        self.changed_ns = changed_ns
        self.queued_ns = queued_ns
        self.changed_index = changed_index
        self.phase = phase
        self._write(Papers(spec, output_dir))
        self.attempt = self.token = self.incarnation = 0
        self.robot_id = self.outputs_at = None
        self.lease_expires_ns = self.ttl_ms = 0
        self.progress_permille = self.run_ms = 0
        self.exit_code = None
        self.delivered = False
        self.reason = ''
        self.avoid = ()

    # ---- papers

    def _read(self) -> Papers:
        return unpack(self.papers) if isinstance(self.papers, bytes) else self.papers

    def _write(self, papers: Papers) -> None:
        self.papers = pack(papers) if self.ended else papers

    @property
    def spec(self) -> JobSpec:
        return self._read().spec

    @property
    def output_dir(self) -> str:
        return self._read().output_dir

    @property
    def outputs(self) -> tuple[FileRef, ...]:
        return self._read().outputs

    @outputs.setter
    def outputs(self, outputs: tuple[FileRef, ...]) -> None:
        self._write(self._read().with_outputs(outputs))

    @property
    def story(self) -> list[StoryLine]:
        return self._read().story(self.submitted_ns)

    def papers_text(self) -> str:
        """For a snapshot: the same on every robot."""
        if isinstance(self.papers, bytes):
            return unpack_text(self.papers)
        return self.papers.text()

    # ---- phases

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
        if self.phase is JobPhase.SUBMITTED:
            self.queued_ns = stamp_ns
            self.progress_permille = 0
        self.note(index, stamp_ns, what)

    def note(self, index: int, stamp_ns: int, what: str) -> None:
        self.changed_index = index
        line = StoryLine(index, stamp_ns, what)
        self._write(self._read().with_line(line, self.submitted_ns))

    def check_invariants(self) -> None:
        assert not self.held or (self.robot_id and self.token > 0), self
        assert self.phase is not JobPhase.DONE or self.exit_code == 0, self
        assert self.token <= self.changed_index, self
        assert isinstance(self.papers, bytes) == self.ended, self
        assert self.attempt >= 0 and 0 <= self.progress_permille <= 1000, self
