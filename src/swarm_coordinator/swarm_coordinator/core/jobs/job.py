# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of one job: owns its phases and what may follow what; knows nothing of who decides.

The guarantee: at-least-once execution, at most one accepted completion. It rests on `token`, the
log index of the current grant: whoever presents another one is refused.

A pipeline is a job that no robot holds: the log opens it when it is submitted, and it runs until
its stages have ended. Its `robot_id` stays None and its token is the index of the entry that
opened it, so nobody can present that token as the holder of a grant.
"""

from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.papers import (
    HISTORY_MAX,
    Papers,
    StoryLine,
    pack,
    unpack,
    unpack_text,
)
from swarm_coordinator.core.jobs.routes import RouteCandidate
from swarm_coordinator.core.jobs.spec import Effects, FileRef, JobSpec

__all__ = [
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


MS = 1_000_000


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
    OPENED = 'opened'
    STARTED = 'started'
    COMPLETED = 'completed'
    BROKE_DOWN = 'broke down'
    TRIED_AGAIN = 'tried again'
    HANDED_BACK = 'handed back'
    LEASE_ENDED = 'lease ended'
    REVOKED = 'revoked'
    STOLEN = 'stolen'
    GIVEN_UP = 'given up'
    LEFT_UNKNOWN = 'left unknown'
    OVERDUE = 'overdue'
    WITHDRAWN = 'withdrawn'
    RETRIED = 'retried'


# LEASE_ENDED and HANDED_BACK return a job to the queue instead of failing it: an unreachable
# robot says nothing about the job. TRIED_AGAIN returns one that failed and may repeat it.
# COMPLETED is taken from LEASED as well, because the report of the start may be overtaken by the
# report of the end. LEFT_UNKNOWN is for jobs whose effects must happen once and that had begun:
# nobody knows whether they did, so they are not tried again; before its start is in the log such
# a job has not begun. STOLEN is a new grant without a way through the queue. OPENED is for
# pipelines only, which are RUNNING without a robot: of their events only COMPLETED, BROKE_DOWN,
# OVERDUE, WITHDRAWN and RETRIED occur.
JOB_TRANSITIONS: dict[tuple[JobPhase, JobEvent], JobPhase] = {
    (JobPhase.SUBMITTED, JobEvent.GRANTED): JobPhase.LEASED,
    (JobPhase.SUBMITTED, JobEvent.OPENED): JobPhase.RUNNING,
    (JobPhase.SUBMITTED, JobEvent.OVERDUE): JobPhase.EXPIRED,
    (JobPhase.SUBMITTED, JobEvent.WITHDRAWN): JobPhase.CANCELLED,
    (JobPhase.LEASED, JobEvent.STARTED): JobPhase.RUNNING,
    (JobPhase.LEASED, JobEvent.COMPLETED): JobPhase.DONE,
    (JobPhase.LEASED, JobEvent.BROKE_DOWN): JobPhase.FAILED,
    (JobPhase.LEASED, JobEvent.TRIED_AGAIN): JobPhase.SUBMITTED,
    (JobPhase.LEASED, JobEvent.HANDED_BACK): JobPhase.SUBMITTED,
    (JobPhase.LEASED, JobEvent.LEASE_ENDED): JobPhase.SUBMITTED,
    (JobPhase.LEASED, JobEvent.REVOKED): JobPhase.SUBMITTED,
    (JobPhase.LEASED, JobEvent.STOLEN): JobPhase.LEASED,
    (JobPhase.LEASED, JobEvent.GIVEN_UP): JobPhase.QUARANTINED,
    (JobPhase.LEASED, JobEvent.OVERDUE): JobPhase.EXPIRED,
    (JobPhase.LEASED, JobEvent.WITHDRAWN): JobPhase.CANCELLED,
    (JobPhase.RUNNING, JobEvent.COMPLETED): JobPhase.DONE,
    (JobPhase.RUNNING, JobEvent.BROKE_DOWN): JobPhase.FAILED,
    (JobPhase.RUNNING, JobEvent.TRIED_AGAIN): JobPhase.SUBMITTED,
    (JobPhase.RUNNING, JobEvent.HANDED_BACK): JobPhase.SUBMITTED,
    (JobPhase.RUNNING, JobEvent.LEASE_ENDED): JobPhase.SUBMITTED,
    (JobPhase.RUNNING, JobEvent.REVOKED): JobPhase.SUBMITTED,
    (JobPhase.RUNNING, JobEvent.STOLEN): JobPhase.LEASED,
    (JobPhase.RUNNING, JobEvent.GIVEN_UP): JobPhase.QUARANTINED,
    (JobPhase.RUNNING, JobEvent.LEFT_UNKNOWN): JobPhase.EXPIRED,
    (JobPhase.RUNNING, JobEvent.OVERDUE): JobPhase.EXPIRED,
    (JobPhase.RUNNING, JobEvent.WITHDRAWN): JobPhase.CANCELLED,
    (JobPhase.FAILED, JobEvent.RETRIED): JobPhase.SUBMITTED,
    (JobPhase.EXPIRED, JobEvent.RETRIED): JobPhase.SUBMITTED,
    (JobPhase.CANCELLED, JobEvent.RETRIED): JobPhase.SUBMITTED,
    (JobPhase.QUARANTINED, JobEvent.RETRIED): JobPhase.SUBMITTED,
}

AVOID_MAX = 64  # robots that a job remembers to avoid; then the oldest is forgotten
# Phases of a job that a robot holds; a pipeline is RUNNING and held by none, see Job.held.
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


class Counts(NamedTuple):
    """How often what happened to a job. One object for all jobs to which the same happened."""

    failures: int = 0  # attempts that the job itself failed
    losses: int = 0  # attempts that were lost with their robot, or stuck
    moves: int = 0  # times it was stolen
    refusals: int = 0  # times that a robot which cannot run it handed it back
    returns: int = 0  # times in a row that a robot which could run it handed it back


@lru_cache(maxsize=1024)
def counts_of(*numbers: int) -> Counts:
    return Counts(*numbers)


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
    unit: str  # compute unit of the current grant; '' = not chosen
    lease_expires_ns: int
    ttl_ms: int
    progress_permille: int
    progress_text: str
    progress_sequence: int  # of what the running attempt said last
    progressed_ns: int  # when it said that, or started
    quiet_ms: int  # longest time between two words of the running attempt
    revoked_for: RobotId | None  # the running attempt ends, and this robot gets the job
    counts: Counts
    not_before_ns: int  # it waits outside the queue until then; 0 = it does not
    deadline_ns: int  # 0 = never
    parent: str  # pipeline that it is a stage of
    exit_code: int | None
    run_ms: int
    outputs_at: RobotId | None
    delivered: bool
    reason: str
    avoid: tuple[RobotId, ...]  # robots that lost it, could not run it or were stuck with it
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
        parent: str = '',
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
        self.robot_id = self.outputs_at = self.revoked_for = None
        self.unit = self.progress_text = ''
        self.lease_expires_ns = self.ttl_ms = 0
        self.progress_permille = self.progress_sequence = self.progressed_ns = self.quiet_ms = 0
        self.counts = counts_of()
        self.not_before_ns = self.run_ms = 0
        self.deadline_ns = submitted_ns + spec.deadline_ms * MS if spec.deadline_ms else 0
        self.parent = parent
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

    @property
    def result(self) -> str:
        return self._read().result

    @property
    def candidates(self) -> tuple[RouteCandidate, ...]:
        return self._read().candidates

    def completed_with(self, outputs: tuple[FileRef, ...], result: str) -> None:
        self._write(replace(self._read(), outputs=outputs, result=result))

    def chosen_among(self, candidates: tuple[RouteCandidate, ...]) -> None:
        self._write(replace(self._read(), candidates=candidates))

    @property
    def stages_done(self) -> tuple[str, ...]:
        """Of a pipeline: the names of the stages that are done, in the order of their ends."""
        return self._read().stages_done

    def stages_ended(self, names: tuple[str, ...], outputs: tuple[FileRef, ...]) -> None:
        """Of a pipeline: what is done of it, and the files that other stages or people need."""
        self._write(replace(self._read(), stages_done=names, outputs=outputs))

    def asked_anew(self, spec: JobSpec) -> None:
        """A stage runs again, perhaps with other files."""
        self._write(replace(self._read(), spec=spec))

    @property
    def story(self) -> list[StoryLine]:
        return self._read().story(self.submitted_ns)

    def papers_text(self) -> str:
        """For a snapshot: the same on every robot."""
        if isinstance(self.papers, bytes):
            return unpack_text(self.papers)
        return self.papers.text()

    # ---- what happened to it

    @property
    def failures(self) -> int:
        return self.counts.failures

    @property
    def losses(self) -> int:
        return self.counts.losses

    @property
    def moves(self) -> int:
        return self.counts.moves

    def count(self, **changed: int) -> None:
        """Set some of the counts."""
        self.counts = counts_of(*self.counts._replace(**changed))

    # ---- phases

    @property
    def held(self) -> bool:
        """A robot has it. Not so a pipeline that runs."""
        return self.phase in HELD_PHASES and self.robot_id is not None

    @property
    def pipeline(self) -> bool:
        """Opened by the log without a robot. False for one that was not opened yet."""
        return self.token > 0 and self.robot_id is None

    @property
    def ended(self) -> bool:
        return self.phase in ENDED_PHASES

    @property
    def begun(self) -> bool:
        """Whether it may have had an effect: by its start in the log. Jobs whose effect must
        happen once begin only then; others may have begun as soon as they are granted."""
        return self.phase is JobPhase.RUNNING

    def move(self, event: JobEvent, index: int, stamp_ns: int, what: str) -> None:
        """Take `event`; raises InvalidTransition and changes nothing if it is not allowed."""
        self.phase = next_phase(self.phase, event)
        self.changed_ns = stamp_ns
        self.not_before_ns = 0
        self.revoked_for = None
        if self.phase is JobPhase.SUBMITTED:
            self.queued_ns = stamp_ns
        if self.phase is not JobPhase.RUNNING:  # an ended job does not keep what nobody asks for
            self.progress_sequence = self.progressed_ns = self.quiet_ms = 0
            self.progress_text = ''
        if self.ended:
            self.lease_expires_ns = self.ttl_ms = 0
        elif self.phase is not JobPhase.RUNNING:
            self.progress_permille = 0
        if event is JobEvent.STARTED:
            self.progressed_ns = stamp_ns
        self.note(index, stamp_ns, what)

    def granted(self, robot_id: RobotId | None, incarnation: int, token: int) -> None:
        """Terms of the next attempt; the move to it follows."""
        self.attempt += 1
        self.token = token
        self.robot_id, self.incarnation = robot_id, incarnation
        self.reason = ''
        self.exit_code, self.run_ms = None, 0

    def spoke(self, permille: int, sequence: int, text: str, stamp_ns: int) -> None:
        """The running attempt said something new of its progress."""
        if self.progressed_ns:
            self.quiet_ms = max(self.quiet_ms, (stamp_ns - self.progressed_ns) // MS)
        self.progress_sequence, self.progressed_ns = sequence, stamp_ns
        self.progress_permille = max(0, min(1000, permille))
        self.progress_text = text

    def held_up(self, for_ns: int) -> None:
        """So much of the log's time does not count for the running attempt."""
        self.changed_ns += for_ns
        if self.progressed_ns:
            self.progressed_ns += for_ns

    def shun(self, robot_id: RobotId) -> None:
        """Rather not to this robot again."""
        others = tuple(known for known in self.avoid if known != robot_id)
        self.avoid = (*others, robot_id)[-AVOID_MAX:]

    def forgive(self) -> None:
        """All attempts anew; only their numbers go on."""
        self.counts = counts_of()
        self.avoid = ()
        self.reason = ''
        self.exit_code = None
        self.run_ms = 0

    def note(self, index: int, stamp_ns: int, what: str) -> None:
        self.changed_index = index
        line = StoryLine(index, stamp_ns, what)
        self._write(self._read().with_line(line, self.submitted_ns))

    def check_invariants(self) -> None:
        assert self.phase is not JobPhase.LEASED or self.robot_id, self
        assert self.phase not in HELD_PHASES or self.token > 0, self
        assert self.phase is not JobPhase.DONE or self.exit_code == 0, self
        assert self.token <= self.changed_index, self
        assert isinstance(self.papers, bytes) == self.ended, self
        assert self.attempt >= 0 and 0 <= self.progress_permille <= 1000, self
        assert not self.revoked_for or (self.phase is JobPhase.RUNNING and self.held), self
        assert not self.not_before_ns or self.phase is JobPhase.SUBMITTED, self
        assert len(self.avoid) == len(set(self.avoid)) <= AVOID_MAX, self
        assert min(self.counts) >= 0, self
        if self.pipeline:
            assert self.phase in (JobPhase.RUNNING, *ENDED_PHASES), self
            assert self.spec.kind == 'pipeline' and not any(self.counts), self
        elif self.phase is JobPhase.RUNNING:
            assert self.held, self
