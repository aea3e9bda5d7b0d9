# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the swarm promises about jobs, judged from outside: by what is committed, entry by entry,
and by what processes really run.

Owns what must never happen to a job. Keeps books of its own (tokens, ends of leases, attempts),
so that a rule of the log that is wrong is not judged by itself. Refuses to know how faults are
made and when a run is over (job_healing.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Job, JobPhase
from swarm_coordinator.core.jobs.spec import Effects, FileRef, JobSpec
from swarm_coordinator.core.raft import Entry
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    Command,
    CompleteJob,
    ExpireDue,
    ExtendLeases,
    FailJob,
    GrantJobs,
    HandBackJob,
    Issued,
    LeaveSwarm,
    RegisterRobot,
    RenewJobs,
    Report,
    ReportJobs,
    RetryJob,
    RevokeJob,
    StartJob,
    StealJobs,
    SubmitJob,
)
from swarm_coordinator.core.replicated.state import JOBS_ENDED_KEPT_MAX
from swarm_coordinator.sim.coverage import Coverage, Situation
from swarm_coordinator.sim.job_orders import argv_of, made_output
from swarm_coordinator.sim.promises import PromiseBroken
from swarm_coordinator.sim.services import Services
from swarm_coordinator.sim.timeline import MS, Timeline

if TYPE_CHECKING:
    from swarm_coordinator.sim.whole_robot import WholeRobot
    from swarm_coordinator.sim.workshop import Process

MOVES_MAX = 3       # as in core/replicated/steal_rules.py; the book counts for itself
# Entries with younger jobs that ask for the same: waiting for a better robot must not become
# waiting. Seen: 41 in a few of a thousand seeds, for jobs in the middle of a queue of a hundred.
OVERTAKEN_MAX = 100
NS = 1_000_000      # nanoseconds of a millisecond
# From the end of a lease in the log until another robot may get the job: a quarter of its time,
# and not less than it takes to end a process that does not want to (2 s, and a little).
GRACE_MS_MIN = 2_300
# From when a robot that was held up can act again until its processes are gone: TERM_GRACE_S of
# the runner, and a little for the batch of messages that it takes first.
EXCUSED_US = 2_500 * MS


@dataclass
class Track:
    """One job as this book has it. `token` 0: nobody holds it."""

    job_id: str
    spec: JobSpec
    key: str
    origin: RobotId
    token: int = 0
    robot: RobotId = RobotId('')
    incarnation: int = 0
    expires_ns: int = 0
    ttl_ms: int = 0
    last_token: int = 0
    submitted_ns: int = 0
    losses: int = 0         # attempts that may have been what their robot died of
    failures: int = 0
    moves: int = 0
    retried: int = 0        # times that an operator had it run again
    retried_index: int = 0  # the last of them
    overtaken: int = 0      # times, since it waits
    overtaken_in: int = -1  # `last_token` then
    taken: dict[int, int] = field(default_factory=dict)     # token taken -> when it is over, us
    thief: RobotId | None = None    # for whom it is marked
    begun: bool = False     # says the log, under this token
    ended: bool = False
    accepted: int = 0       # token of the completion that was accepted
    starts: int = 0         # of processes
    highest_effect: int = 0     # token that the outside world has seen
    running: list[Process] = field(default_factory=list)


class Ledger:
    """`machine` is the state by the rules, `tracks` what this book says about each job."""

    def __init__(self, coverage: Coverage, timeline: Timeline) -> None:
        self.coverage = coverage
        self.machine = Services()
        self.tracks: dict[str, Track] = {}
        self.by_key: dict[str, str] = {}
        self.acknowledged: set[str] = set()
        self.robots: dict[RobotId, WholeRobot] = {}
        self._timeline = timeline
        self._reached = coverage.reached
        self._placed: dict[str, int] = {}

    # ---- the log

    def apply(self, entry: Entry) -> None:
        state = self.machine.state
        grants = b'"do":"GrantJobs"' in entry.data
        waiting = list(state.waiting.ready()) if grants else []
        avoid = {job_id: state.jobs[job_id].avoid for job_id in waiting}
        self.machine.apply(entry)
        issued, done = self.machine.issued, self.machine.done
        if issued is None or done is None:
            return
        if self.machine.was_repeated and not isinstance(issued.command, SubmitJob):
            return
        self._judge(entry.index, issued, done)
        if grants:
            assert isinstance(issued.command, GrantJobs)
            self._check_order(issued.command, entry.index, waiting, avoid)

    def _judge(self, index: int, issued: Issued, done: Applied) -> None:
        command, stamp_ns = issued.command, self.machine.state.stamp_ns
        if isinstance(command, SubmitJob):
            self._submitted(command, done)
        elif isinstance(command, RenewJobs):
            for renewal in command.renewals:
                track = self.tracks.get(renewal.job_id)
                if track is not None and track.token == renewal.token:
                    track.expires_ns = stamp_ns + track.ttl_ms * NS
                else:
                    self._reached(Situation.JOB_RENEWAL_REFUSED)
        elif isinstance(command, ExtendLeases):
            for track in self.tracks.values():
                track.expires_ns = max(track.expires_ns, stamp_ns + track.ttl_ms * NS)
        elif isinstance(command, ReportJobs):
            for report in command.reports:
                self._reported(report, done)
        if isinstance(command, RetryJob) and not done.refused:
            self._retried(self.tracks[command.job_id], index)
        for job_id in done.jobs:
            track, job = self.tracks.get(job_id), self.machine.state.jobs.get(job_id)
            if track is not None and job is not None:
                self._changed(track, job, index, command, stamp_ns)

    def _submitted(self, command: SubmitJob, done: Applied) -> None:
        if done.refused:
            self._reached(Situation.JOB_REFUSED)
            return
        key, job_id = command.idempotency_key, done.value
        if not job_id:
            return      # a repetition of the command itself
        known = self.by_key.setdefault(key, job_id) if key else job_id
        if known != job_id:
            raise PromiseBroken('one job for one key', f'{key}: {known} and {job_id}')
        if job_id in self.tracks:
            self._reached(Situation.JOB_SUBMITTED_TWICE)
            return
        self.tracks[job_id] = Track(
            job_id, command.spec, key, command.origin,
            submitted_ns=self.machine.state.stamp_ns,
        )

    def _retried(self, track: Track, index: int) -> None:
        """What happened before does not count any more."""
        self._reached(Situation.JOB_RETRIED)
        track.losses = track.failures = track.moves = 0
        track.retried += 1
        track.retried_index = index
        track.submitted_ns = self.machine.state.stamp_ns

    def _reported(self, report: Report, done: Applied) -> None:
        """A completion; what else is accepted shows in the job (_changed)."""
        if isinstance(report, StartJob):
            track = self.tracks.get(report.job_id)
            if track is not None and track.token == report.token:
                track.begun = True
        if not isinstance(report, CompleteJob):
            return
        if report.job_id not in done.completed:
            self._reached(Situation.JOB_LATE_COMPLETION_REFUSED)
            return
        track = self.tracks[report.job_id]
        if track.accepted:
            raise PromiseBroken(
                'at most one completion is accepted',
                f'{report} after that under {track.accepted}',
            )
        if track.token != report.token:
            raise PromiseBroken(
                'a report is accepted only under the current token',
                f'{report} was accepted, the token is {track.token}',
            )
        track.accepted = report.token
        self._reached(Situation.JOB_DONE)

    def _changed(
        self, track: Track, job: Job, index: int, command: Command, stamp_ns: int
    ) -> None:
        """The log says something new about a job: what led to it must allow it."""
        was_held = bool(track.token)
        if track.token and (not job.held or job.token != track.token):
            self._check_end(track, job, command, stamp_ns)
            track.token = 0
            if _ends_its_process(command, job):
                self._check_alone(track, 0, f'{type(command).__name__} says that it has ended')
        if job.held and not track.token:
            self._granted(track, job, index, was_held, stamp_ns)
            if was_held:
                self._moved(track, command)
            track.thief, track.begun = None, False
        elif job.held and job.revoked_for is not None and isinstance(command, StealJobs):
            self._marked(track, job, command)
        if track.accepted and job.phase is not JobPhase.DONE:
            raise PromiseBroken('done stays done', f'{job.job_id} is {job.phase.value}')
        track.ended = job.ended
        self._see_phase(track, job, command)

    def _moved(self, track: Track, command: Command) -> None:
        """From one robot to the next: the thief, or whom it was marked for."""
        if isinstance(command, StealJobs):
            thief = command.thief
            self._reached(Situation.JOB_STOLEN)
        else:
            thief = track.thief or RobotId('')
            self._reached(Situation.JOB_MOVED)
        if track.robot != thief:
            raise PromiseBroken(
                'a job moves to who asked for it',
                f'{track.job_id} went to {track.robot} instead of {thief or "nobody"}',
            )

    def _marked(self, track: Track, job: Job, command: StealJobs) -> None:
        self._reached(Situation.JOB_MARKED)
        if job.revoked_for == command.thief:
            self._check_once(track, command)
            track.thief = command.thief
        elif track.thief is None:
            raise PromiseBroken(
                'a job moves to who asked for it',
                f'{command} marked {job.job_id} for {job.revoked_for}',
            )

    def _taken(self, track: Track, command: Command) -> bool:
        """Its robot hears of it later, but ends it with its lease at the latest. In real time: the
        stamps of a new leader may be far ahead."""
        self._check_once(track, command)
        lease_us = track.ttl_ms * MS + _grace_ns(track) // 1000
        track.taken[track.token] = self._timeline.now_us + lease_us
        return True

    def _check_once(self, track: Track, command: Command) -> None:
        if track.begun and track.spec.effects is Effects.ONCE:
            raise PromiseBroken(
                'what must happen once is left where it has begun', f'{command}: {track.job_id}'
            )

    def _see_phase(self, track: Track, job: Job, command: Command) -> None:
        if job.phase is JobPhase.QUARANTINED:
            self._reached(Situation.JOB_QUARANTINED)
        elif job.phase is JobPhase.CANCELLED:
            self._reached(Situation.JOB_CANCELLED)
        elif job.phase is JobPhase.SUBMITTED and job.not_before_ns:
            self._reached(Situation.JOB_RESTED)

    def _check_end(self, track: Track, job: Job, command: Command, stamp_ns: int) -> None:
        """An attempt ends by its own token, by time, with its robot's life, or by a client."""
        if isinstance(command, ReportJobs):
            is_right = self._ended_by_report(track, command)
        elif isinstance(command, ExpireDue):
            is_right = self._ended_by_time(track, job, stamp_ns)
        elif isinstance(command, RegisterRobot):
            self._reached(Situation.JOB_LOST_WITH_LIFE)
            track.losses += 1
            is_right = (
                command.robot_id == track.robot and command.incarnation > track.incarnation
            )
        elif isinstance(command, LeaveSwarm):
            self._reached(Situation.JOB_LOST_WITH_LEAVE)
            is_right = command.robot_id == track.robot
        elif isinstance(command, RevokeJob):
            self._reached(Situation.JOB_STUCK)
            track.losses += 1
            is_right = self._taken(track, command) and (
                (command.job_id, command.token) == (track.job_id, track.token)
            )
        elif isinstance(command, StealJobs):
            is_right = self._taken(track, command) and (track.job_id, track.token) in {
                (one.job_id, one.token) for one in command.steals
            }
        else:
            is_right = isinstance(command, CancelJob)
        if not is_right:
            raise PromiseBroken(
                'an attempt is not ended before its time',
                f'{command} ended {track.job_id} under {track.token} of {track.robot} until '
                f'{track.expires_ns}, the log is at {stamp_ns}; it is {job.phase.value} now',
            )
        if job.phase is JobPhase.EXPIRED:
            self._reached(Situation.JOB_LEFT_UNKNOWN)

    def _ended_by_report(self, track: Track, command: ReportJobs) -> bool:
        report = next((
            one for one in command.reports
            if one.job_id == track.job_id and one.token == track.token
            and isinstance(one, (CompleteJob, FailJob, HandBackJob))
        ), None)
        if isinstance(report, HandBackJob):
            self._reached(Situation.JOB_HANDED_BACK)
        elif isinstance(report, FailJob):
            self._reached(Situation.JOB_FAILED)
            track.failures += 1
        return report is not None

    def _ended_by_time(self, track: Track, job: Job, stamp_ns: int) -> bool:
        """Its own deadline, or that of its robot's lease. What leases need besides their time is
        the leader's, and the book does not believe the entry in that."""
        due_ns = track.submitted_ns + track.spec.deadline_ms * NS
        if track.spec.deadline_ms and job.phase is JobPhase.EXPIRED and stamp_ns >= due_ns:
            self._reached(Situation.JOB_OVERDUE)
            return True
        self._reached(Situation.JOB_LEASE_EXPIRED)
        track.losses += 1
        return stamp_ns >= track.expires_ns + _grace_ns(track)

    def _granted(
        self, track: Track, job: Job, index: int, was_held: bool, stamp_ns: int
    ) -> None:
        """By a grant, or from one robot to the next."""
        if job.token != index:
            raise PromiseBroken('a token is the index of its grant', f'{job.job_id}: {job.token}')
        if job.token <= track.last_token or track.accepted:
            raise PromiseBroken(
                'fencing tokens strictly increase',
                f'{job.job_id} got {job.token} after {track.last_token}',
            )
        track.moves += was_held
        self._check_counts(track, job)
        if track.last_token:
            self._reached(Situation.JOB_REISSUED)
        assert job.robot_id is not None
        track.token = track.last_token = job.token
        track.robot, track.incarnation = job.robot_id, job.incarnation
        track.ttl_ms = job.ttl_ms
        track.expires_ns = stamp_ns + job.ttl_ms * NS
        self._check_alone(track, job.token, f'it is granted to {job.robot_id} under {job.token}')

    def _check_counts(self, track: Track, job: Job) -> None:
        spec = track.spec
        if track.failures:
            self._reached(Situation.JOB_TRIED_AGAIN)
        if track.losses >= spec.attempts_max or track.failures > spec.retries:
            raise PromiseBroken(
                'no more attempts than allowed',
                f'{job.job_id} is granted again after {track.losses} losses of '
                f'{spec.attempts_max} and {track.failures} failures, {spec.retries} retries',
            )
        if track.moves > MOVES_MAX:
            raise PromiseBroken('no more moves than allowed', f'{job.job_id}: {track.moves}')

    def _check_order(
        self, command: GrantJobs, index: int, waiting: list[str],
        avoid: dict[str, tuple[RobotId, ...]],
    ) -> None:
        """Of jobs that ask for the same, who waits longer is granted first, or soon: a job may
        wait for the robot that will do it soonest while a younger one goes elsewhere. What was
        chosen for a robot that has gone meanwhile is chosen again."""
        chosen = {grant.job_id for grant in command.grants}
        places = {job_id: place for place, job_id in enumerate(waiting)}
        youngest: dict[object, int] = {}
        for job_id in chosen:
            if job_id in places and self.tracks[job_id].token == index:
                asks = self._asks(job_id, avoid)
                youngest[asks] = max(youngest.get(asks, -1), places[job_id])
        for older, place in places.items() if youngest else ():
            asks = self._asks(older, avoid)
            if older not in chosen and place < youngest.get(asks, -1):
                self._overtaken(self.tracks[older], waiting[youngest[asks]])

    def _overtaken(self, track: Track, by: str) -> None:
        if track.overtaken_in != track.last_token:      # not since it waits
            track.overtaken_in, track.overtaken = track.last_token, 0
        track.overtaken += 1
        self._reached(Situation.JOB_OVERTAKEN)
        if track.overtaken > OVERTAKEN_MAX:
            raise PromiseBroken(
                'the older of two alike is granted first, or soon',
                f'{by} is granted, {track.job_id} was overtaken {track.overtaken} times',
            )

    def _asks(self, job_id: str, avoid: dict[str, tuple[RobotId, ...]]) -> object:
        track = self.tracks[job_id]
        spec = track.spec
        holder = track.origin if spec.inputs else ''
        return spec.priority, argv_of(spec)[0], holder, avoid.get(job_id, ())

    # ---- processes

    def on_started(self, process: Process) -> None:
        track = self.tracks.get(process.job_id)
        if track is None:
            raise PromiseBroken('only what is in the log is run', str(process))
        track.starts += 1
        if track.spec.effects is Effects.ONCE and track.starts > 1 + track.retried:
            raise PromiseBroken('an effect that must happen once', f'{process}, start 2')
        track.running.append(process)
        self._reached(Situation.JOB_STARTED)
        self._check_alone(track, process.token, f'{process} as well')

    def _check_alone(self, track: Track, token: int, what: str) -> None:
        """Whoever held the job before has ended its process, unless it could not act: then its
        report is refused."""
        for process in track.running:
            if process.token == token or process.is_over:
                continue
            if self._timeline.now_us <= max(
                track.taken.get(process.token, 0), track.taken.get(token, 0)
            ):
                # Taken from it under a lease that holds: who steals and who revokes what is not
                # said to have begun takes that into account.
                self._reached(Situation.JOB_OVERLAP_OF_MOVE)
                continue
            if process.robot.is_held_up(EXCUSED_US):
                self._reached(Situation.JOB_OVERLAP_EXCUSED)
                continue
            raise PromiseBroken(
                'a robot stops a job before the swarm gives it to another',
                f'{process} since {process.began_us // MS} ms '
                f'(asked to stop: {process.is_asked or "no"}), and {what}',
            )

    def on_ended(self, process: Process) -> None:
        track = self.tracks[process.job_id]
        if process in track.running:
            track.running.remove(process)
        if process.is_asked:
            return
        # Its effect on the outside world, which remembers the highest token that it has seen.
        if process.token < track.highest_effect:
            self._reached(Situation.JOB_FENCED_OFF)
        track.highest_effect = max(track.highest_effect, process.token)

    # ---- files

    def on_placed(self, job_id: str, token: int, refs: Iterable[FileRef]) -> None:
        track = self.tracks[job_id]
        made = {made_output(ref.name, job_id, token) for ref in refs}
        if token != track.accepted or made != set(refs):
            raise PromiseBroken(
                'only outputs of the accepted attempt are put in place',
                f'{job_id}: those of {token}, accepted is {track.accepted}',
            )
        self._reached(Situation.JOB_PLACED)

    def check_unneeded(self, robot: WholeRobot, sha256: str) -> None:
        """A robot lets a stored file go."""
        for job_id, job in self.machine.state.jobs.items():
            if sha256 in self._needed_of(job, robot):
                raise PromiseBroken(
                    'files that a job needs are kept',
                    f'{robot.name} discards one of {job_id}, which is {job.phase.value}',
                )

    def _needed_of(self, job: Job, robot: WholeRobot) -> set[str]:
        track = self.tracks.get(job.job_id)
        if track is None:
            return set()
        needed: set[str] = set()
        # Who has not heard yet that an operator wants it again may let them go: the next attempt
        # says that they are missing.
        knows = robot.applied_index >= track.retried_index
        if job.origin == robot.name and not job.ended and knows:
            needed |= {ref.sha256 for ref in track.spec.inputs}
        waits = job.phase is JobPhase.DONE and not job.delivered
        if waits and job.outputs_at == robot.name:
            needed |= {ref.sha256 for ref in job.outputs}
        return needed

    # ---- clients

    def on_acknowledged(self, job_id: str, key: str) -> None:
        """A client was told that its job is accepted."""
        known = self.by_key.get(key) if key else job_id
        if job_id not in self.tracks or known != job_id:
            raise PromiseBroken('what is acknowledged is in the log', f'{job_id}, key {key!r}')
        self.acknowledged.add(job_id)
        self._reached(Situation.JOB_ACKNOWLEDGED)

    def check_kept(self) -> None:
        """At the end: no accepted job is lost."""
        jobs = self.machine.state.jobs
        is_full = sum(1 for job in jobs.values() if job.ended) >= JOBS_ENDED_KEPT_MAX
        for job_id, track in self.tracks.items():
            if job_id not in jobs and not (is_full and track.ended):
                raise PromiseBroken('no job is lost', f'{job_id} is not in the log any more')


def _grace_ns(track: Track) -> int:
    return max(track.ttl_ms // 4, GRACE_MS_MIN) * NS


def _ends_its_process(command: Command, job: Job) -> bool:
    """Whether nothing runs any more where an attempt ends by this: its robot said so, or its lease
    is over. Otherwise its robot is only told now."""
    if isinstance(command, ExpireDue):
        return job.phase is not JobPhase.EXPIRED
    return isinstance(command, (ReportJobs, RegisterRobot, LeaveSwarm))
