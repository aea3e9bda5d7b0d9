# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Applies committed entries to the replicated state: the only place that changes it.

Reads nothing but (state, entry): no clock, no float, no set order, no local configuration.
The answer to a command is a value, because every replica computes it and the issuing robot is
told by its own replica.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch

from swarm_coordinator.core.ids import checked_job_id
from swarm_coordinator.core.jobs.job import (
    ENDED_PHASES,
    HELD_PHASES,
    Effects,
    InvalidTransition,
    Job,
    JobEvent,
    JobPhase,
)
from swarm_coordinator.core.jobs.kinds import JOB_KINDS
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    ClearOverride,
    Command,
    CompleteJob,
    DeliverOutputs,
    ExpireDue,
    ExtendLeases,
    FailJob,
    Grant,
    GrantJobs,
    HandBackJob,
    Issued,
    MarkRobot,
    RegisterRobot,
    Renewal,
    RenewJobs,
    SetMode,
    SetOverride,
    StartJob,
    SubmitJob,
)
from swarm_coordinator.core.replicated.state import (
    JOBS_ENDED_KEPT_MAX,
    JOBS_WAITING_MAX,
    ClientSession,
    Member,
    Override,
    ReplicatedState,
)

MS = 1_000_000


@dataclass(frozen=True)
class AttemptEnded:
    """An attempt is over; what the learners get. `outcome` as in swarm_msgs/msg/JobOutcome."""

    job_id: str
    attempt: int
    robot_id: str
    outcome: str
    queue_ms: int
    run_ms: int


@dataclass(frozen=True)
class Notable:
    """Something that people want to know of, as a fact of the log."""

    kind: str
    severity: str  # info, warn, error
    subject: str
    text: str
    cause: str = ''


@dataclass
class Applied:
    """What one command did. `refused` is '' where it was accepted."""

    refused: str = ''
    value: str = ''
    duplicate: bool = False
    jobs: dict[str, None] = field(default_factory=dict)  # ids that changed
    members: bool = False
    mode: bool = False
    ended: list[AttemptEnded] = field(default_factory=list)
    notable: list[Notable] = field(default_factory=list)


def apply_command(state: ReplicatedState, index: int, stamp_ns: int, issued: Issued) -> Applied:
    """Apply one committed command at `index`; `stamp_ns` is the leader's stamp of the entry."""
    state.applied_index = index
    state.stamp_ns = max(state.stamp_ns, stamp_ns)
    done = Applied()
    if not _admit(state, issued):
        done.duplicate = True
        return done
    if _speaks_for_another(issued):
        done.refused = f'{issued.robot} may not say this for another robot'
        return done
    try:
        _apply(issued.command, state, done)
    except InvalidTransition as refusal:
        done.refused = str(refusal)
    return done


def _speaks_for_another(issued: Issued) -> bool:
    """A submission names the robot whose files it reads and writes: only that one may."""
    command = issued.command
    if isinstance(command, SubmitJob):
        return command.origin != issued.robot
    return isinstance(command, RegisterRobot) and command.robot_id != issued.robot


def apply_noop(state: ReplicatedState, index: int, stamp_ns: int) -> None:
    state.applied_index = index
    state.stamp_ns = max(state.stamp_ns, stamp_ns)


def _admit(state: ReplicatedState, issued: Issued) -> bool:
    session = state.sessions.get(issued.robot)
    if session is None or issued.incarnation > session.incarnation:
        session = ClientSession(issued.incarnation)
        state.sessions[issued.robot] = session
    if issued.incarnation < session.incarnation:
        return False
    return session.admit(issued.serial, issued.acked_below)


@singledispatch
def _apply(command: Command, state: ReplicatedState, done: Applied) -> None:
    raise AssertionError(f'no rule for {type(command).__name__}')


def _rule(kind: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return _apply.register(kind)


# ---- members


@_rule(RegisterRobot)
def _register(command: RegisterRobot, state: ReplicatedState, done: Applied) -> None:
    known = state.members.get(command.robot_id)
    if known is not None and command.incarnation < known.incarnation:
        done.refused = f'incarnation {command.incarnation} is over: {known.incarnation} is known'
        return
    returned = known is not None and command.incarnation > known.incarnation
    state.members[command.robot_id] = Member(
        robot_id=command.robot_id,
        incarnation=command.incarnation,
        voter=command.voter,
        host=command.host,
        software_version=command.software_version,
        job_slots=command.job_slots,
        capabilities=command.capabilities,
        changed_index=state.applied_index,
    )
    state.members = dict(sorted(state.members.items()))
    done.members = True
    if known is None or returned:
        done.notable.append(
            Notable(
                'robot_returned' if returned else 'robot_joined',
                'info',
                command.robot_id,
                f'{command.robot_id} {"is back" if returned else "joined"} '
                f'(start {command.incarnation})',
            )
        )
    if returned:
        # Its former life is over, and with it everything that it was running.
        for job in state.held_by(command.robot_id):
            if job.incarnation < command.incarnation:
                _lose_attempt(job, state, done, f'{command.robot_id} restarted')


@_rule(MarkRobot)
def _mark(command: MarkRobot, state: ReplicatedState, done: Applied) -> None:
    member = state.members.get(command.robot_id)
    if member is None or member.incarnation != command.incarnation:
        done.refused = f'{command.robot_id} is not known in incarnation {command.incarnation}'
        return
    if member.phase is command.phase:
        return
    before, member.phase = member.phase, command.phase
    member.changed_index = state.applied_index
    done.members = True
    if command.phase is Liveness.DEAD:
        held = len(state.held_by(command.robot_id))
        done.notable.append(
            Notable(
                'robot_dead',
                'error',
                command.robot_id,
                f'{command.robot_id} is dead to the swarm; it held {held} jobs',
            )
        )
    elif before is Liveness.DEAD:
        done.notable.append(
            Notable('robot_heard', 'info', command.robot_id, f'{command.robot_id} is heard again')
        )


# ---- jobs


@_rule(SubmitJob)
def _submit(command: SubmitJob, state: ReplicatedState, done: Applied) -> None:
    earlier = state.job_by_key.get(command.idempotency_key) if command.idempotency_key else None
    if earlier is not None:
        done.value, done.duplicate = earlier, True
        return
    kind = JOB_KINDS.get(command.spec.kind)
    if kind is None:
        done.refused = f'job kind {command.spec.kind!r}: expected one of {", ".join(JOB_KINDS)}'
        return
    try:
        # The origin checked it as well; a peer that did not must not crash every leader in turn.
        checked_job_id(command.job_id)
        kind.check(command.spec)
    except ValueError as error:
        done.refused = str(error)
        return
    if command.job_id in state.jobs:
        done.refused = f'job {command.job_id} exists'
        return
    if len(state.waiting) >= JOBS_WAITING_MAX:
        done.refused = f'{JOBS_WAITING_MAX} jobs wait already: try again when some have ended'
        return
    job = Job(
        job_id=command.job_id,
        origin=command.origin,
        spec=command.spec,
        output_dir=command.output_dir,
        idempotency_key=command.idempotency_key,
        submitted_ns=state.stamp_ns,
        changed_ns=state.stamp_ns,
        queued_ns=state.stamp_ns,
        changed_index=state.applied_index,
    )
    job.note(state.applied_index, state.stamp_ns, f'submitted at {command.origin}')
    state.jobs[job.job_id] = job
    state.counts[JobPhase.SUBMITTED] += 1
    state.waiting[job.job_id] = None
    if command.idempotency_key:
        state.job_by_key[command.idempotency_key] = job.job_id
    done.value = job.job_id
    done.jobs[job.job_id] = None


@_rule(GrantJobs)
def _grant_all(command: GrantJobs, state: ReplicatedState, done: Applied) -> None:
    for grant in command.grants:
        _grant(grant, state, done)


def _grant(grant: Grant, state: ReplicatedState, done: Applied) -> None:
    job = state.jobs.get(grant.job_id)
    member = state.members.get(grant.robot_id)
    if (
        job is None
        or job.phase is not JobPhase.SUBMITTED
        or grant.attempt != job.attempt + 1
        or member is None
        or member.incarnation != grant.incarnation
    ):
        return  # decided on a state that has moved on; the leader will decide again
    job.attempt = grant.attempt
    job.token = state.applied_index
    job.robot_id = grant.robot_id
    job.incarnation = grant.incarnation
    job.ttl_ms = grant.ttl_ms
    job.lease_expires_ns = state.stamp_ns + grant.ttl_ms * MS
    job.reason = ''
    _move(
        job,
        JobEvent.GRANTED,
        state,
        done,
        f'attempt {job.attempt} granted to {job.robot_id}: {grant.why}',
    )


def _current(job_id: str, token: int, state: ReplicatedState, done: Applied) -> Job | None:
    """The job if `token` is that of its current grant; otherwise the refusal is noted."""
    job = state.jobs.get(job_id)
    if job is None:
        done.refused = f'job {job_id} is not known'
    elif job.token != token or not job.held:
        done.refused = f'job {job_id} is {job.phase.value} under token {job.token}, not {token}'
    else:
        return job
    return None


@_rule(StartJob)
def _start(command: StartJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is not None:
        _move(job, JobEvent.STARTED, state, done, f'{job.robot_id} started it')


@_rule(RenewJobs)
def _renew_all(command: RenewJobs, state: ReplicatedState, done: Applied) -> None:
    for renewal in command.renewals:
        _renew(renewal, state, done)


def _renew(renewal: Renewal, state: ReplicatedState, done: Applied) -> None:
    job = _current(renewal.job_id, renewal.token, state, done)
    if job is None:
        return
    job.lease_expires_ns = state.stamp_ns + job.ttl_ms * MS
    if job.progress_permille != renewal.progress_permille:
        job.progress_permille = max(0, min(1000, renewal.progress_permille))
        done.jobs[job.job_id] = None


@_rule(CompleteJob)
def _complete(command: CompleteJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is None:
        return
    names = tuple(ref.name for ref in command.outputs)
    if set(names) != set(job.spec.outputs):
        done.refused = f'outputs {names} are not the promised {job.spec.outputs}'
        return
    job.exit_code, job.run_ms = 0, command.run_ms
    job.outputs, job.outputs_at = command.outputs, command.outputs_at
    job.progress_permille = 1000
    # Without a folder to put them in they are home as soon as they are in the origin's store.
    home = command.outputs_at == job.origin and not job.output_dir
    job.delivered = home or not job.outputs
    _end(job, JobEvent.COMPLETED, state, done, 'done', f'done by {job.robot_id}')


@_rule(FailJob)
def _fail(command: FailJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is None:
        return
    job.exit_code, job.run_ms, job.reason = command.exit_code, command.run_ms, command.reason
    outcome = 'timed_out' if command.exit_code is None else 'failed'
    _end(job, JobEvent.BROKE_DOWN, state, done, outcome, f'failed: {command.reason}')
    done.notable.append(
        Notable('job_failed', 'warn', job.job_id, f'{job.job_id} failed: {command.reason}')
    )


@_rule(HandBackJob)
def _hand_back(command: HandBackJob, state: ReplicatedState, done: Applied) -> None:
    job = _current(command.job_id, command.token, state, done)
    if job is None:
        return
    assert job.robot_id is not None
    job.avoid = (*job.avoid, job.robot_id)
    job.reason = command.reason
    _ended_attempt(job, state, done, 'refused')
    what = f'handed back by {job.robot_id}: {command.reason}'
    done.notable.append(Notable('job_handed_back', 'warn', job.job_id, f'{job.job_id} {what}'))
    _requeue(job, JobEvent.HANDED_BACK, state, done, what)


@_rule(CancelJob)
def _cancel(command: CancelJob, state: ReplicatedState, done: Applied) -> None:
    job = state.jobs.get(command.job_id)
    if job is None:
        done.refused = f'job {command.job_id} is not known'
        return
    if job.phase is JobPhase.CANCELLED:
        return
    was_held = job.held
    _move(job, JobEvent.WITHDRAWN, state, done, f'cancelled: {command.reason}')
    job.reason = command.reason
    if was_held:
        _ended_attempt(job, state, done, 'cancelled')


@_rule(DeliverOutputs)
def _deliver(command: DeliverOutputs, state: ReplicatedState, done: Applied) -> None:
    job = state.jobs.get(command.job_id)
    if job is None or job.phase is not JobPhase.DONE or job.token != command.token:
        done.refused = f'job {command.job_id} is not done under token {command.token}'
        return
    if job.delivered:
        return
    job.delivered = True
    job.reason = command.problem
    text = f'not delivered: {command.problem}' if command.problem else 'outputs delivered'
    job.note(state.applied_index, state.stamp_ns, text)
    done.jobs[job.job_id] = None
    if command.problem:
        done.notable.append(
            Notable('outputs_not_delivered', 'error', job.job_id, f'{job.job_id} {text}')
        )


@_rule(ExtendLeases)
def _extend(command: ExtendLeases, state: ReplicatedState, done: Applied) -> None:
    for job in state.held_jobs():
        job.lease_expires_ns = max(job.lease_expires_ns, state.stamp_ns + job.ttl_ms * MS)


@_rule(ExpireDue)
def _expire(command: ExpireDue, state: ReplicatedState, done: Applied) -> None:
    for job in state.held_jobs():
        if job.lease_expires_ns + command.grace_ms * MS <= state.stamp_ns:
            _lose_attempt(job, state, done, f'no word from {job.robot_id} for its lease')
    if state.override is not None and state.override.expires_ns <= state.stamp_ns:
        owner = state.override.owner
        state.override = None
        _settle_mode(state, done, f'the override of {owner} ended')


def _lose_attempt(job: Job, state: ReplicatedState, done: Applied, why: str) -> None:
    """The robot is gone or silent: the attempt ends, the job goes on if it may."""
    _ended_attempt(job, state, done, 'lease_expired')
    if job.spec.effects is Effects.ONCE:
        job.reason = f'{why}; its effect must happen once, so it is not repeated'
        _move(job, JobEvent.LEFT_UNKNOWN, state, done, job.reason)
        done.notable.append(
            Notable('job_left_unknown', 'error', job.job_id, f'{job.job_id}: {job.reason}')
        )
        return
    done.notable.append(
        Notable('job_reissued', 'warn', job.job_id, f'{job.job_id} goes back to the queue: {why}')
    )
    _requeue(job, JobEvent.LEASE_ENDED, state, done, why)


def _requeue(job: Job, event: JobEvent, state: ReplicatedState, done: Applied, why: str) -> None:
    if job.attempt >= job.spec.attempts_max:
        job.reason = f'{job.attempt} attempts of {job.spec.attempts_max}: {why}'
        _move(job, JobEvent.GIVEN_UP, state, done, f'given up after {job.reason}')
        done.notable.append(
            Notable('job_quarantined', 'error', job.job_id, f'{job.job_id}: {job.reason}')
        )
        return
    _move(job, event, state, done, why)


def _end(
    job: Job, event: JobEvent, state: ReplicatedState, done: Applied, outcome: str, what: str
) -> None:
    _move(job, event, state, done, what)
    _ended_attempt(job, state, done, outcome)


def _ended_attempt(job: Job, state: ReplicatedState, done: Applied, outcome: str) -> None:
    granted_ns = next(
        (line.stamp_ns for line in reversed(job.story) if line.index == job.token), job.queued_ns
    )
    done.ended.append(
        AttemptEnded(
            job_id=job.job_id,
            attempt=job.attempt,
            robot_id=job.robot_id or '',
            outcome=outcome,
            queue_ms=max(0, granted_ns - job.queued_ns) // MS,
            run_ms=job.run_ms,
        )
    )


def _move(job: Job, event: JobEvent, state: ReplicatedState, done: Applied, what: str) -> None:
    before = job.phase
    job.move(event, state.applied_index, state.stamp_ns, what)
    _refile(job, before, state, done)


def _refile(job: Job, before: JobPhase, state: ReplicatedState, done: Applied) -> None:
    """Put the job into the index of its phase, at the end: queue order is order of the log."""
    done.jobs[job.job_id] = None
    for index in (state.waiting, state.held, state.ended):
        index.pop(job.job_id, None)
    if job.phase in HELD_PHASES:
        state.held[job.job_id] = None
    elif job.phase in ENDED_PHASES:
        state.ended[job.job_id] = None
    else:
        state.waiting[job.job_id] = None
    state.counts[before] -= 1
    state.counts[job.phase] += 1
    _forget_oldest(state)


def _forget_oldest(state: ReplicatedState) -> None:
    while len(state.ended) > JOBS_ENDED_KEPT_MAX:
        job_id = next(iter(state.ended))
        del state.ended[job_id]
        job = state.jobs.pop(job_id)
        state.counts[job.phase] -= 1
        state.job_by_key.pop(job.idempotency_key, None)


# ---- mode


@_rule(SetMode)
def _set_mode(command: SetMode, state: ReplicatedState, done: Applied) -> None:
    state.policy_mode = command.mode
    _settle_mode(state, done, command.reason)


@_rule(SetOverride)
def _set_override(command: SetOverride, state: ReplicatedState, done: Applied) -> None:
    if not command.reason.strip() or not command.owner.strip() or command.duration_ms <= 0:
        done.refused = 'an override needs an owner, a reason and a duration above zero'
        return
    state.override = Override(
        command.mode,
        command.owner,
        command.reason,
        state.stamp_ns + command.duration_ms * MS,
    )
    _settle_mode(state, done, f'override by {command.owner}: {command.reason}')


@_rule(ClearOverride)
def _clear_override(command: ClearOverride, state: ReplicatedState, done: Applied) -> None:
    if state.override is None:
        done.refused = 'there is no override'
        return
    state.override = None
    _settle_mode(state, done, f'override cleared by {command.owner}: {command.reason}')


def _settle_mode(state: ReplicatedState, done: Applied, reason: str) -> None:
    mode: Mode = state.override.mode if state.override is not None else state.policy_mode
    done.mode = True
    changed = mode is not state.mode
    state.mode = mode
    state.mode_epoch = state.applied_index
    if state.override is None or changed or reason.startswith('override'):
        state.mode_reason = reason
    if changed:
        state.mode_since_ns = state.stamp_ns
        done.notable.append(Notable('mode_changed', 'info', mode.label, f'{mode.label}: {reason}'))
