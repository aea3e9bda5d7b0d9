# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The jobs that this robot holds: owns their way from grant to report on this robot.

Every held job has the token of its grant; nothing is done or reported under another one. The
robot stops a job on its own clock when its lease was not renewed in time: it cannot know whether
the others have given the job to somebody else.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef, Job, JobSpec
from swarm_coordinator.core.replicated.command import (
    Command,
    CompleteJob,
    FailJob,
    HandBackJob,
    Renewal,
    RenewJobs,
    StartJob,
)

MS = 1_000_000
RENEWALS_PER_TTL = 3
STORED_ASK_AGAIN_NS = 500_000_000


class Stage(Enum):
    """Where a held job is on this robot; the swarm only knows leased or running."""

    FETCHING = 'fetching its inputs'
    STAGED = 'waiting for a free slot'
    RUNNING = 'running'
    RETURNING = 'waiting until its origin has the outputs'
    REPORTING = 'reported; waiting for the log'


@dataclass(frozen=True)
class FetchInputs:
    job_id: str
    token: int
    refs: tuple[FileRef, ...]
    holder: RobotId


@dataclass(frozen=True)
class StartProcess:
    job_id: str
    attempt: int
    token: int
    spec: JobSpec


@dataclass(frozen=True)
class StopProcess:
    job_id: str
    token: int
    why: str


@dataclass(frozen=True)
class OfferOutputs:
    """Tell the origin that the outputs are here to be fetched."""

    job_id: str
    attempt: int
    token: int
    origin: RobotId
    outputs: tuple[FileRef, ...]


@dataclass(frozen=True)
class Propose:
    """A command for the log; `tag` comes back when it is settled."""

    command: Command
    expiry_ms: int
    tag: object = None


@dataclass(frozen=True)
class Note:
    """A line for this robot's log."""

    text: str


WorkerEffect = FetchInputs | StartProcess | StopProcess | OfferOutputs | Propose | Note


@dataclass(frozen=True)
class ProcessEnd:
    """How a process ended. exit_code None with a reason: it timed out or was stopped;
    `unable`: it could not be started here."""

    job_id: str
    token: int
    exit_code: int | None
    run_ms: int
    outputs: tuple[FileRef, ...]
    reason: str
    unable: bool = False


@dataclass
class HeldJob:
    job_id: str
    attempt: int
    token: int
    origin: RobotId
    spec: JobSpec
    ttl_ns: int
    lease_until_ns: int
    stage: Stage = Stage.FETCHING
    progress_permille: int = 0
    run_ms: int = 0
    outputs: tuple[FileRef, ...] = ()
    offered_ns: int = 0
    report: Command | None = None  # how it ended; said until the log has it


@dataclass(frozen=True)
class RenewalTag:
    """Which renewal was settled: the leases count from when it was sent."""

    sent_ns: int
    tokens: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ReportTag:
    job_id: str
    token: int


@dataclass
class Worker:
    """`handle`-style methods return effects in order. `slots` processes run at a time."""

    robot_id: RobotId
    incarnation: int
    slots: int
    held: dict[str, HeldJob] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)  # job -> token given up before the log
    renew_at_ns: int = 0
    done_count: int = 0
    failed_count: int = 0
    starting: bool = True  # False: what is staged waits, what runs goes on
    stopped: bool = False  # an emergency: nothing runs

    @property
    def running(self) -> int:
        return sum(1 for job in self.held.values() if job.stage is Stage.RUNNING)

    def job_changed(self, job: Job, now_ns: int) -> list[WorkerEffect]:
        """The log says something new about a job."""
        mine = (
            job.held
            and job.robot_id == self.robot_id
            and job.incarnation == self.incarnation
        )
        held = self.held.get(job.job_id)
        effects: list[WorkerEffect] = []
        if held is not None and (not mine or held.token != job.token):
            effects += self._drop(held, f'the log has it {job.phase.value}', now_ns)
            held = None
        if not mine or self.dropped.get(job.job_id) != job.token:
            self.dropped.pop(job.job_id, None)
            if mine and held is None:
                effects += self._take(job, now_ns)
        # Otherwise we gave this grant up and the log has yet to notice: running it a second time
        # under the same token would do twice what may have to be done once.
        return effects

    def inputs_ready(self, job_id: str, token: int, now_ns: int) -> list[WorkerEffect]:
        job = self._at(job_id, token, Stage.FETCHING)
        if job is None:
            return []
        job.stage = Stage.STAGED
        return self._fill_slots()

    def inputs_failed(self, job_id: str, token: int, why: str, now_ns: int) -> list[WorkerEffect]:
        job = self._at(job_id, token, Stage.FETCHING)
        if job is None:
            return []
        job.stage = Stage.REPORTING
        return [self._report(job, HandBackJob(job_id, token, why))]

    def process_ended(self, end: ProcessEnd, now_ns: int) -> list[WorkerEffect]:
        job = self._at(end.job_id, end.token, Stage.RUNNING)
        if job is None:
            return self._fill_slots()
        job.run_ms = end.run_ms
        effects: list[WorkerEffect]
        if end.exit_code == 0 and not end.reason:
            effects = self._return_outputs(job, end.outputs, now_ns)
        else:
            job.stage = Stage.REPORTING
            self.failed_count += 1
            report: Command = (
                HandBackJob(end.job_id, end.token, end.reason)
                if end.unable
                else FailJob(end.job_id, end.token, end.run_ms, end.exit_code, end.reason)
            )
            effects = [self._report(job, report)]
        return effects + self._fill_slots()

    def outputs_stored(self, job_id: str, token: int, now_ns: int) -> list[WorkerEffect]:
        job = self._at(job_id, token, Stage.RETURNING)
        return [] if job is None else [self._complete(job, job.origin)]

    def progressed(self, job_id: str, token: int, permille: int) -> None:
        job = self._at(job_id, token, Stage.RUNNING)
        if job is not None:
            job.progress_permille = max(job.progress_permille, min(1000, permille))

    def origin_lost(self, robot: RobotId) -> list[WorkerEffect]:
        """The origin cannot be reached: the outputs wait here, and the log says so."""
        return [
            self._complete(job, self.robot_id)
            for job in list(self.held.values())
            if job.stage is Stage.RETURNING and job.origin == robot
        ]

    def settled(self, tag: object, timed_out: bool, now_ns: int) -> list[WorkerEffect]:
        """A proposal of this worker came into the log, or ran out of time."""
        if isinstance(tag, RenewalTag) and not timed_out:
            for job_id, token in tag.tokens:
                job = self.held.get(job_id)
                if job is not None and job.token == token:
                    job.lease_until_ns = max(job.lease_until_ns, tag.sent_ns + job.ttl_ns)
        if isinstance(tag, ReportTag) and timed_out:
            # It may still come into the log: only the log says whether it was in time.
            job = self._at(tag.job_id, tag.token, Stage.REPORTING)
            if job is not None and job.report is not None:
                return [self._report(job, job.report)]
        return []

    def tick(self, now_ns: int) -> list[WorkerEffect]:
        effects: list[WorkerEffect] = []
        for job in list(self.held.values()):
            if job.stage is Stage.REPORTING:
                continue  # nothing runs any more, and its outputs may yet be accepted
            if now_ns >= job.lease_until_ns:
                effects += self._give_up(job, 'its lease was not renewed in time', now_ns)
            elif (
                job.stage is Stage.RETURNING and now_ns - job.offered_ns >= STORED_ASK_AGAIN_NS
            ):
                effects.append(self._offer(job, now_ns))
        return effects + self._renew(now_ns)

    def may_start(self, starting: bool) -> list[WorkerEffect]:
        """Whether this robot's own mode lets it begin anything."""
        self.starting, self.stopped = starting, False
        return self._fill_slots()

    def stop_all(self, why: str, now_ns: int) -> list[WorkerEffect]:
        """End every process at once. The leases run out, and the log decides what becomes of the
        jobs: nothing here waits for it."""
        self.stopped = True
        effects: list[WorkerEffect] = []
        for job in list(self.held.values()):
            if job.stage is not Stage.REPORTING:
                effects += self._give_up(job, why, now_ns)
        return effects

    def only(self, known: Collection[str], now_ns: int) -> list[WorkerEffect]:
        """Drop jobs that the log no longer knows."""
        effects: list[WorkerEffect] = []
        for job in [job for job in self.held.values() if job.job_id not in known]:
            effects += self._drop(job, 'the swarm has forgotten it', now_ns)
        return effects

    def _take(self, job: Job, now_ns: int) -> list[WorkerEffect]:
        held = HeldJob(
            job_id=job.job_id,
            attempt=job.attempt,
            token=job.token,
            origin=job.origin,
            spec=job.spec,
            ttl_ns=job.ttl_ms * MS,
            lease_until_ns=now_ns + job.ttl_ms * MS,
        )
        self.held[job.job_id] = held
        if len(self.held) == 1:
            self.renew_at_ns = now_ns + held.ttl_ns // RENEWALS_PER_TTL
        return [FetchInputs(held.job_id, held.token, held.spec.inputs, held.origin)]

    def _give_up(self, job: HeldJob, why: str, now_ns: int) -> list[WorkerEffect]:
        self.dropped[job.job_id] = job.token
        return self._drop(job, why, now_ns)

    def _drop(self, job: HeldJob, why: str, now_ns: int) -> list[WorkerEffect]:
        del self.held[job.job_id]
        effects: list[WorkerEffect] = []
        if job.stage is not Stage.REPORTING:
            effects.append(Note(f'{job.job_id} attempt {job.attempt} dropped: {why}'))
        effects.append(StopProcess(job.job_id, job.token, why))
        return effects + self._fill_slots()

    def _fill_slots(self) -> list[WorkerEffect]:
        effects: list[WorkerEffect] = []
        if self.stopped or not self.starting:
            return effects
        for job in self.held.values():
            if self.running >= self.slots:
                break
            if job.stage is Stage.STAGED:
                job.stage = Stage.RUNNING
                effects.append(StartProcess(job.job_id, job.attempt, job.token, job.spec))
                effects.append(Propose(StartJob(job.job_id, job.token), job.ttl_ns // MS))
        return effects

    def _return_outputs(
        self, job: HeldJob, outputs: tuple[FileRef, ...], now_ns: int
    ) -> list[WorkerEffect]:
        job.outputs = outputs
        self.done_count += 1
        if not outputs or job.origin == self.robot_id:
            return [self._complete(job, self.robot_id)]
        job.stage = Stage.RETURNING
        return [self._offer(job, now_ns)]

    def _offer(self, job: HeldJob, now_ns: int) -> WorkerEffect:
        job.offered_ns = now_ns
        return OfferOutputs(job.job_id, job.attempt, job.token, job.origin, job.outputs)

    def _complete(self, job: HeldJob, outputs_at: RobotId) -> WorkerEffect:
        job.stage = Stage.REPORTING
        return self._report(
            job, CompleteJob(job.job_id, job.token, job.run_ms, job.outputs, outputs_at)
        )

    def _report(self, job: HeldJob, command: Command) -> Propose:
        job.report = command
        return Propose(command, job.ttl_ns * 2 // MS, ReportTag(job.job_id, job.token))

    def _renew(self, now_ns: int) -> list[WorkerEffect]:
        if not self.held or now_ns < self.renew_at_ns:
            return []
        interval_ns = min(job.ttl_ns for job in self.held.values()) // RENEWALS_PER_TTL
        self.renew_at_ns = now_ns + interval_ns
        renewals = tuple(
            Renewal(job.job_id, job.token, job.progress_permille) for job in self.held.values()
        )
        tag = RenewalTag(now_ns, tuple((one.job_id, one.token) for one in renewals))
        return [Propose(RenewJobs(renewals), interval_ns // MS, tag)]

    def _at(self, job_id: str, token: int, stage: Stage) -> HeldJob | None:
        job = self.held.get(job_id)
        return job if job is not None and job.token == token and job.stage is stage else None
