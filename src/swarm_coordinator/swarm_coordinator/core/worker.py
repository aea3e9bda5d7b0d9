# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The jobs that this robot holds: owns their way from grant to report on this robot.

Every held job has the token of its grant; nothing is done or reported under another one. The
robot stops a job on its own clock when its lease was not renewed in time: it cannot know whether
the others have given the job to somebody else.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from swarm_coordinator.core.held_job import (
    LIVE,
    OCCUPYING,
    UNFINISHED,
    UNSTARTED,
    HeldJob,
    Stage,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import Estimates, remaining_ms
from swarm_coordinator.core.jobs.job import Effects, FileRef, Job, JobPhase, JobSpec
from swarm_coordinator.core.jobs.slots import Slots
from swarm_coordinator.core.log_clock import LogClock
from swarm_coordinator.core.replicated.command import (
    Command,
    CompleteJob,
    FailJob,
    HandBackJob,
    Renewal,
    RenewJobs,
    Report,
    ReportJobs,
    StartJob,
)

MS = 1_000_000
RENEWALS_PER_TTL = 3
PROGRESS_NS = 500_000_000  # new progress of jobs is told this often at most
# A start is told only of jobs that run longer: for a short one it would double what the log has
# to take, and tell nobody anything. Chosen without data: what a person sees as at once.
START_TOLD_NS = 100_000_000
# While a report is on its way into the log the next ones wait for it, and go together: one entry
# then costs what many would. No longer than this, which a commit on a slow disk exceeds.
GATHER_NS = 10_000_000
REPORTS_BYTES_MAX = 128 * 1024  # of one entry: half of what a command may take
STORED_ASK_AGAIN_NS = 500_000_000
REPORT_MS_MIN = 10_000
# From the end of a lease on its robot until nothing of the job runs there any more: 2 s that a
# process has to end by itself (TERM_GRACE_S of the runner), and 0.3 s for a late tick and the
# kill. No other robot gets the job before.
STOPPED_MS = 2_300


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
    unit: str = ''


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
    `unable`: it could not be started here; `stopped`: it ended because of a StopProcess."""

    job_id: str
    token: int
    exit_code: int | None
    run_ms: int
    outputs: tuple[FileRef, ...]
    reason: str
    unable: bool = False
    result: str = ''  # JSON
    stopped: bool = False


@dataclass(frozen=True)
class RenewalTag:
    """Which renewal was settled: the leases count from when it was sent."""

    sent_ns: int
    tokens: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ReportTag:
    """Which reports were settled."""

    reports: tuple[Report, ...]


@dataclass
class Worker:
    """`handle`-style methods return effects in order. `slots` processes run at a time."""

    robot_id: RobotId
    incarnation: int
    slots: int
    held: dict[str, HeldJob] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)  # job -> token given up before the log
    reports: list[Report] = field(default_factory=list)  # to be told together
    telling: int = 0  # entries with reports that are on their way into the log
    gathering_until_ns: int | None = None  # then `reports` are told in any case
    renew_at_ns: int = 0
    progress_at_ns: int = 0
    done_count: int = 0
    failed_count: int = 0
    clock: LogClock = field(default_factory=LogClock)
    starting: bool = True  # False: what is staged waits, what runs goes on
    stopped: bool = False  # an emergency: nothing runs

    @property
    def running(self) -> int:
        return sum(1 for job in self.held.values() if job.stage is Stage.RUNNING)

    @property
    def live(self) -> int:
        """Jobs that may have a process here, one that is being ended as well. The process of a job
        that was given up ends while the log still has the job here."""
        return sum(1 for job in self.held.values() if job.stage in LIVE) + len(self.dropped)

    @property
    def busy(self) -> int:
        """Slots that are taken."""
        return sum(1 for job in self.held.values() if job.stage in OCCUPYING)

    @property
    def staged(self) -> int:
        """Jobs that could start here, or soon will."""
        return sum(1 for job in self.held.values() if job.stage in (Stage.FETCHING, Stage.STAGED))

    @property
    def due_ns(self) -> int | None:
        """When `tick` has something to do between two ticks."""
        untold = [
            job.started_ns + START_TOLD_NS
            for job in self.held.values()
            if job.stage is Stage.RUNNING and not job.start_told
        ]
        if self.gathering_until_ns is not None:
            untold.append(self.gathering_until_ns)
        return min(untold, default=None)

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
            elif held is not None:
                effects += self._follow(held, job, now_ns)
        # Otherwise we gave this grant up and the log has yet to notice: running it a second time
        # under the same token would do twice what may have to be done once.
        return effects

    def _follow(self, held: HeldJob, job: Job, now_ns: int) -> list[WorkerEffect]:
        """Our job still, under the same token: it was revoked, or its start is in the log."""
        if job.revoked_for is not None and held.stage in UNFINISHED:
            why = f'revoked for {job.revoked_for}'
            return self._hand_back(held, why, able=True)
        if job.phase is JobPhase.RUNNING and held.stage is Stage.STARTING:
            held.start_logged = True
            return self._begin([held], now_ns)
        return []

    def inputs_ready(self, job_id: str, token: int, now_ns: int) -> list[WorkerEffect]:
        job = self._at(job_id, token, Stage.FETCHING)
        if job is None:
            return []
        job.stage = Stage.STAGED
        return self._fill_slots(now_ns)

    def inputs_failed(self, job_id: str, token: int, why: str, now_ns: int) -> list[WorkerEffect]:
        job = self._at(job_id, token, Stage.FETCHING)
        if job is not None:
            self._report(job, HandBackJob(job_id, token, why))
        return []

    def process_ended(self, end: ProcessEnd, now_ns: int) -> list[WorkerEffect]:
        job = self.held.get(end.job_id)
        if job is None or job.token != end.token or job.stage not in LIVE:
            return self._fill_slots(now_ns)
        job.run_ms, job.result = end.run_ms, end.result
        effects: list[WorkerEffect] = []
        if end.exit_code == 0 and not end.reason:
            effects += self._return_outputs(job, end.outputs, now_ns)
        elif job.on_stopped is not None:
            self._report(job, job.on_stopped)
        else:
            self.failed_count += 1
            self._report(
                job,
                HandBackJob(end.job_id, end.token, end.reason)
                if end.unable
                else FailJob(end.job_id, end.token, end.run_ms, end.exit_code, end.reason),
            )
        return effects + self._fill_slots(now_ns)

    def outputs_stored(self, job_id: str, token: int, origin: RobotId) -> list[WorkerEffect]:
        job = self._at(job_id, token, Stage.RETURNING)
        if job is not None and job.origin == origin:  # nobody else's word lets go of them
            self._complete(job, job.origin)
        return []

    def progressed(self, job_id: str, token: int, permille: int, text: str = '') -> None:
        job = self._at(job_id, token, Stage.RUNNING)
        if job is not None:
            job.progress_permille = max(job.progress_permille, min(1000, permille))
            job.progress_text = text
            job.progress_sequence += 1

    def awaited_origins(self) -> list[RobotId]:
        """Robots that outputs wait for."""
        returning = (job for job in self.held.values() if job.stage is Stage.RETURNING)
        return sorted({job.origin for job in returning})

    def origin_lost(self, robot: RobotId) -> list[WorkerEffect]:
        """The origin cannot be reached: the outputs wait here, and the log says so."""
        for job in list(self.held.values()):
            if job.stage is Stage.RETURNING and job.origin == robot:
                self._complete(job, self.robot_id)
        return []

    def settled(self, tag: object, timed_out: bool, now_ns: int) -> list[WorkerEffect]:
        """A proposal of this worker came into the log, or ran out of time."""
        if isinstance(tag, RenewalTag) and not timed_out:
            for job_id, token in tag.tokens:
                job = self.held.get(job_id)
                if job is not None and job.token == token:
                    job.lease_until_ns = max(job.lease_until_ns, tag.sent_ns + job.ttl_ns)
            logged = [job for job in self.held.values() if job.start_logged]
            return self._begin(logged, now_ns) + self._fill_slots(now_ns)
        if isinstance(tag, ReportTag):
            self.telling -= 1
            if timed_out:
                # It may still come into the log: only the log says whether it was in time.
                self.reports += [report for report in tag.reports if self._still_to_say(report)]
        return []

    def _still_to_say(self, report: Report) -> bool:
        job = self.held.get(report.job_id)
        if job is None or job.token != report.token:
            return False
        if isinstance(report, StartJob):
            return job.stage in (Stage.STARTING, Stage.RUNNING)
        return job.stage is Stage.REPORTING and job.report == report

    def tick(self, now_ns: int) -> list[WorkerEffect]:
        effects: list[WorkerEffect] = []
        for job in list(self.held.values()):
            if job.stage is Stage.REPORTING:
                continue  # nothing runs any more, and its outputs may yet be accepted
            if now_ns >= job.given_up_ns:
                effects += self._give_up(job, 'its lease was not renewed in time', now_ns)
            elif (
                job.stage is Stage.RETURNING and now_ns - job.offered_ns >= STORED_ASK_AGAIN_NS
            ):
                effects.append(self._offer(job, now_ns))
        return effects + self._renew(now_ns)

    def said(self, now_ns: int) -> list[WorkerEffect]:
        """All that came up since the last time, in as few entries of the log as it takes."""
        for job in self.held.values():
            untold = job.stage is Stage.RUNNING and not job.start_told
            if untold and now_ns - job.started_ns >= START_TOLD_NS:
                self._tell_start(job)
        if not self._is_time_to_tell(now_ns):
            return []
        told, self.reports = self.reports, []
        effects: list[WorkerEffect] = []
        batch: list[Report] = []
        size = 0
        for report in told:
            size += _bytes_of(report)
            if batch and size > REPORTS_BYTES_MAX:
                effects.append(self._told(batch))
                batch, size = [], _bytes_of(report)
            batch.append(report)
        return [*effects, self._told(batch)] if batch else effects

    def _is_time_to_tell(self, now_ns: int) -> bool:
        if not self.reports:
            return False
        if self.telling:
            if self.gathering_until_ns is None:
                self.gathering_until_ns = now_ns + GATHER_NS
            if now_ns < self.gathering_until_ns:
                return False
        self.gathering_until_ns = None
        return True

    def may_start(self, starting: bool, now_ns: int) -> list[WorkerEffect]:
        """Whether this robot's own mode lets it begin anything; if not, what waits here goes back
        to the queue. What runs goes on."""
        self.starting, self.stopped = starting, False
        if starting:
            return self._fill_slots(now_ns)
        return self._empty_queue('its robot takes no work now')

    def stop_all(self, why: str, now_ns: int) -> list[WorkerEffect]:
        """End every process at once and say honestly what became of the jobs. What is finished
        and on its way home goes on: nothing runs for that."""
        self.stopped = True
        effects = self._empty_queue(why)
        for job in list(self.held.values()):
            if job.stage is Stage.RUNNING:
                effects += self._hand_back(job, why, able=True)
        return effects

    def _empty_queue(self, why: str) -> list[WorkerEffect]:
        effects: list[WorkerEffect] = []
        for job in list(self.held.values()):
            if job.stage in UNSTARTED:
                effects += self._hand_back(job, why, able=True)
        return effects

    def _hand_back(self, job: HeldJob, why: str, able: bool) -> list[WorkerEffect]:
        """At once if nothing runs, otherwise when the process has ended: two robots must not do
        the same at the same time if it can be helped."""
        report: Report = HandBackJob(job.job_id, job.token, why, able)
        stop = StopProcess(job.job_id, job.token, why)
        if job.stage is not Stage.RUNNING:
            self._report(job, report)
            return [stop]
        if job.spec.effects is Effects.ONCE:
            unknown = f'{why} while it ran: nobody knows whether its effect happened'
            report = FailJob(job.job_id, job.token, 0, None, unknown)
        job.stage, job.on_stopped = Stage.STOPPING, report
        return [stop]

    def slots_taken(self, estimates: Estimates, now_ns: int) -> Slots:
        """When this robot's slots will be free: it knows better than the log what runs."""
        taken = Slots(self.slots)
        for job in sorted(self.held.values(), key=lambda one: one.stage not in OCCUPYING):
            if job.stage in (Stage.RETURNING, Stage.REPORTING):
                continue
            work_ms = estimates.of(job.spec.task, self.robot_id, job.unit).work_ms
            if job.stage is Stage.RUNNING:
                elapsed_ms = (now_ns - job.started_ns) // MS
                work_ms = remaining_ms(work_ms, elapsed_ms, job.progress_permille)
            taken.book(work_ms, job.unit)
        return taken

    def only(self, known: Collection[str], now_ns: int) -> list[WorkerEffect]:
        """Drop jobs that the log no longer knows."""
        effects: list[WorkerEffect] = []
        for job in [job for job in self.held.values() if job.job_id not in known]:
            effects += self._drop(job, 'the swarm has forgotten it', now_ns)
        for job_id in [one for one in self.dropped if one not in known]:
            del self.dropped[job_id]
        return effects

    def _take(self, job: Job, now_ns: int) -> list[WorkerEffect]:
        held = HeldJob(
            job_id=job.job_id,
            attempt=job.attempt,
            token=job.token,
            origin=job.origin,
            spec=job.spec,
            unit=job.unit,
            ttl_ns=job.ttl_ms * MS,
            taken_ns=now_ns,
            lease_until_ns=self.clock.lease_until_ns(
                job.lease_expires_ns, job.ttl_ms * MS, now_ns
            ),
        )
        self.held[job.job_id] = held
        if len(self.held) == 1:
            self.renew_at_ns = now_ns + held.ttl_ns // RENEWALS_PER_TTL
        if held.lease_until_ns < self.renew_at_ns:
            self.renew_at_ns = now_ns  # it came late, or nobody knows how late it came
        if held.spec.inputs:
            return [FetchInputs(held.job_id, held.token, held.spec.inputs, held.origin)]
        held.stage = Stage.STAGED
        return self._fill_slots(now_ns)

    def _give_up(self, job: HeldJob, why: str, now_ns: int) -> list[WorkerEffect]:
        self.dropped[job.job_id] = job.token
        return self._drop(job, why, now_ns)

    def _drop(self, job: HeldJob, why: str, now_ns: int) -> list[WorkerEffect]:
        del self.held[job.job_id]
        effects: list[WorkerEffect] = []
        if job.stage is not Stage.REPORTING:
            effects.append(Note(f'{job.job_id} attempt {job.attempt} dropped: {why}'))
        if job.stage is not Stage.REPORTING or job.spec.inputs:
            effects.append(StopProcess(job.job_id, job.token, why))  # its files are let go of too
        return effects + self._fill_slots(now_ns)

    def _fill_slots(self, now_ns: int) -> list[WorkerEffect]:
        effects: list[WorkerEffect] = []
        if self.stopped or not self.starting:
            return effects
        free = self.slots - self.busy
        for job in self.held.values():
            if free <= 0:
                break
            if job.stage is not Stage.STAGED or now_ns >= job.lease_until_ns:
                continue
            free -= 1
            if job.spec.effects is Effects.ONCE:
                # If its start is not in the log, another robot could be told to do it as well.
                job.stage = Stage.STARTING
                self._tell_start(job)
            else:
                effects.append(self._start(job, now_ns))
        return effects

    def _begin(self, logged: list[HeldJob], now_ns: int) -> list[WorkerEffect]:
        """What waited for its start to be in the log; a lease that may be over comes first."""
        return [
            self._start(job, now_ns)
            for job in logged
            if job.stage is Stage.STARTING and now_ns < job.lease_until_ns
        ]

    def _start(self, job: HeldJob, now_ns: int) -> WorkerEffect:
        job.stage, job.started_ns = Stage.RUNNING, now_ns
        return StartProcess(job.job_id, job.attempt, job.token, job.spec, job.unit)

    def _tell_start(self, job: HeldJob) -> None:
        job.start_told = True
        self.reports.append(StartJob(job.job_id, job.token))

    def _return_outputs(
        self, job: HeldJob, outputs: tuple[FileRef, ...], now_ns: int
    ) -> list[WorkerEffect]:
        job.outputs = outputs
        self.done_count += 1
        if not outputs or job.origin == self.robot_id:
            self._complete(job, self.robot_id)
            return []
        job.stage = Stage.RETURNING
        return [self._offer(job, now_ns)]

    def _offer(self, job: HeldJob, now_ns: int) -> WorkerEffect:
        job.offered_ns = now_ns
        return OfferOutputs(job.job_id, job.attempt, job.token, job.origin, job.outputs)

    def _complete(self, job: HeldJob, outputs_at: RobotId) -> None:
        done = CompleteJob(
            job.job_id, job.token, job.run_ms, job.outputs, outputs_at, job.result
        )
        self._report(job, done)

    def _report(self, job: HeldJob, report: Report) -> None:
        job.stage, job.report = Stage.REPORTING, report
        self.reports.append(report)

    def _told(self, reports: list[Report]) -> Propose:
        ttl_ns = max(
            (job.ttl_ns for one in reports if (job := self.held.get(one.job_id)) is not None),
            default=0,
        )
        expiry_ms = max(ttl_ns * 2 // MS, REPORT_MS_MIN)
        self.telling += 1
        return Propose(ReportJobs(tuple(reports)), expiry_ms, ReportTag(tuple(reports)))

    def _renew(self, now_ns: int) -> list[WorkerEffect]:
        """All leases three times in their time; in between, what has news of its progress."""
        if not self.held:
            return []
        if now_ns >= self.renew_at_ns:
            interval_ns = min(job.ttl_ns for job in self.held.values()) // RENEWALS_PER_TTL
            self.renew_at_ns = now_ns + interval_ns
            # What is being stopped keeps its lease no longer than that takes.
            kept = [job for job in self.held.values() if job.stage is not Stage.STOPPING]
            return self._renewed(kept, now_ns, interval_ns) if kept else []
        news = [job for job in self.held.values() if job.progress_sequence != job.told_sequence]
        if not news or now_ns < self.progress_at_ns:
            return []
        return self._renewed(news, now_ns, PROGRESS_NS)

    def _renewed(self, jobs: list[HeldJob], now_ns: int, expiry_ns: int) -> list[WorkerEffect]:
        self.progress_at_ns = now_ns + PROGRESS_NS
        for job in jobs:
            job.told_sequence = job.progress_sequence
        renewals = tuple(
            Renewal(
                job.job_id,
                job.token,
                job.progress_permille,
                job.progress_sequence,
                job.progress_text,
            )
            for job in jobs
        )
        tag = RenewalTag(now_ns, tuple((one.job_id, one.token) for one in renewals))
        return [Propose(RenewJobs(renewals), expiry_ns // MS, tag)]

    def _at(self, job_id: str, token: int, stage: Stage) -> HeldJob | None:
        job = self.held.get(job_id)
        return job if job is not None and job.token == token and job.stage is stage else None


def _bytes_of(report: Report) -> int:
    """About what it takes in the log."""
    if not isinstance(report, CompleteJob):
        return 512
    names = sum(len(ref.name.encode('utf-8', 'surrogatepass')) for ref in report.outputs)
    return 512 + 2 * len(report.result) + 2 * names + 128 * len(report.outputs)
