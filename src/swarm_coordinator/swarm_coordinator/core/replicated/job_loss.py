# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a job whose attempt ended without it being done: owns how often it is tried
again, when, and when it is given up. Every way back to the queue is bounded or slowed down:

* a failure of the job itself: `retries`, each after twice the time of the one before;
* a robot that was lost with it, or that was stuck with it: `attempts_max`, on distinct robots
  where there are others;
* a robot that cannot run it: at most REFUSALS_MAX, or as many as there are robots;
* a robot that could run it but does not now: without end, but each time it rests longer;
* a robot that would do it sooner: MOVES_MAX.

A job whose effect must happen once is not repeated after it may have begun.
"""

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import Job, JobEvent
from swarm_coordinator.core.jobs.spec import Effects
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.event_log import Notable
from swarm_coordinator.core.replicated.job_life import Terms, advance, end_attempt, lend
from swarm_coordinator.core.replicated.rules import MS, after
from swarm_coordinator.core.replicated.state import GONE, Member, ReplicatedState

REST_MS_MAX = 60_000  # so that nobody has to wait longer than that for something that is mended
RETURN_REST_MS = 100  # of the second hand-back in a row by a robot that is able; then it doubles
# Hand-backs by robots that cannot run it. More than the usual number of robots that one asks by
# mistake; chosen without data.
REFUSALS_MAX = 8


def doubled(first_ms: int, times: int) -> int:
    """`first_ms`, doubled `times` times, at most REST_MS_MAX."""
    return min(first_ms << min(times, 16), REST_MS_MAX)


# ---- the job itself went wrong


def fail_attempt(job: Job, outcome: str, state: ReplicatedState, done: Applied) -> None:
    """`job` says how: exit_code, run_ms and reason are those of the failed attempt."""
    end_attempt(job, state, done, outcome)
    job.count(failures=job.failures + 1)
    text = f'failed: {job.reason}'
    again = job.failures <= job.spec.retries and job.spec.effects is not Effects.ONCE
    if again:
        rest_ms = doubled(job.spec.retry_delay_ms, job.failures - 1)
        text += f'; try {job.failures + 1} of {job.spec.retries + 1} in {rest_ms} ms'
        until_ns = after(state.stamp_ns, rest_ms)
        advance(job, JobEvent.TRIED_AGAIN, state, done, text, until_ns)
    else:
        advance(job, JobEvent.BROKE_DOWN, state, done, text)
    done.notable.append(Notable('job_failed', 'warn', job.job_id, f'{job.job_id} {text}'))


# ---- its robot is lost, or was stuck


def lose_attempt(
    job: Job, state: ReplicatedState, done: Applied, why: str, counts: bool = True
) -> None:
    """The robot is gone or silent: the attempt ends, the job goes on if it may. `counts`: the job
    may be what the robot died of."""
    end_attempt(job, state, done, 'lease_expired')
    if job.spec.effects is Effects.ONCE and job.begun:
        _leave_unknown(job, state, done, why)
        return
    if counts and _given_up_after_loss(job, state, done, why):
        return
    thief = thief_of(job, state)
    if thief is not None:
        hand_over(job, thief, state, done)
        return
    done.notable.append(
        Notable('job_reissued', 'warn', job.job_id, f'{job.job_id} goes back to the queue: {why}')
    )
    advance(job, JobEvent.LEASE_ENDED, state, done, why)


def revoke_attempt(job: Job, state: ReplicatedState, done: Applied, why: str) -> None:
    """It makes no progress where it is."""
    end_attempt(job, state, done, 'lease_expired')
    if _given_up_after_loss(job, state, done, why):
        return
    text = f'revoked: {why}'
    done.notable.append(Notable('job_revoked', 'warn', job.job_id, f'{job.job_id} {text}'))
    advance(job, JobEvent.REVOKED, state, done, text)


def _leave_unknown(job: Job, state: ReplicatedState, done: Applied, why: str) -> None:
    job.reason = f'{why}; its effect must happen once, so it is not repeated'
    advance(job, JobEvent.LEFT_UNKNOWN, state, done, job.reason)
    done.notable.append(
        Notable('job_left_unknown', 'error', job.job_id, f'{job.job_id}: {job.reason}')
    )


def _given_up_after_loss(job: Job, state: ReplicatedState, done: Applied, why: str) -> bool:
    assert job.robot_id is not None
    job.count(losses=job.losses + 1)
    job.shun(job.robot_id)
    if job.losses < job.spec.attempts_max:
        return False
    _give_up(job, f'{job.losses} attempts of {job.spec.attempts_max} lost: {why}', state, done)
    return True


def _give_up(job: Job, reason: str, state: ReplicatedState, done: Applied) -> None:
    job.reason = reason
    advance(job, JobEvent.GIVEN_UP, state, done, f'given up after {reason}')
    done.notable.append(
        Notable('job_quarantined', 'error', job.job_id, f'{job.job_id}: {reason}')
    )


# ---- its robot hands it back


def return_attempt(job: Job, able: bool, state: ReplicatedState, done: Applied, why: str) -> None:
    """`able`: the robot could run it, but not now."""
    thief = thief_of(job, state)
    if thief is None:
        end_attempt(job, state, done, 'refused')
    else:
        end_attempt(job, state, done, 'stolen', thief.robot_id)
    if job.spec.effects is Effects.ONCE and job.begun:
        _leave_unknown(job, state, done, why)
    elif thief is not None:
        hand_over(job, thief, state, done)
    elif able:
        _rest(job, state, done, f'handed back by {job.robot_id}: {why}')
    else:
        _refused(job, state, done, f'handed back by {job.robot_id}: {why}')


def _rest(job: Job, state: ReplicatedState, done: Applied, what: str) -> None:
    """The first time in a row it may go to another robot at once; then it waits, ever longer."""
    job.count(returns=job.counts.returns + 1)
    job.reason = what
    rest_ms = doubled(RETURN_REST_MS, job.counts.returns - 2) if job.counts.returns > 1 else 0
    advance(job, JobEvent.HANDED_BACK, state, done, what, after(state.stamp_ns, rest_ms))


def _refused(job: Job, state: ReplicatedState, done: Applied, what: str) -> None:
    assert job.robot_id is not None
    job.count(refusals=job.counts.refusals + 1)
    job.shun(job.robot_id)
    if job.counts.refusals >= max(REFUSALS_MAX, len(state.members)):
        _give_up(job, f'{job.counts.refusals} robots could not run it; {what}', state, done)
        return
    job.reason = what
    done.notable.append(Notable('job_handed_back', 'warn', job.job_id, f'{job.job_id} {what}'))
    advance(job, JobEvent.HANDED_BACK, state, done, what)


# ---- to a thief


def thief_of(job: Job, state: ReplicatedState) -> Member | None:
    """Who gets a job that was revoked while it ran; None: nobody, or not any more."""
    if job.revoked_for is None:
        return None
    member = state.members.get(job.revoked_for)
    if member is None or member.phase in GONE or not member.offers(job.spec.required):
        return None
    return member if member.robot_id not in job.avoid else None


def hand_over(job: Job, thief: Member, state: ReplicatedState, done: Applied) -> None:
    """From a robot that ended it. It was not asked for a unit in this grant."""
    what = f'goes from {job.robot_id} to {thief.robot_id}, which would do it sooner'
    terms = Terms(thief.robot_id, thief.incarnation, '', job.ttl_ms)
    move_to(job, terms, state, done, what)


def move_to(job: Job, terms: Terms, state: ReplicatedState, done: Applied, what: str) -> None:
    job.count(moves=job.moves + 1)
    job.chosen_among(())  # nobody compared
    lend(job, JobEvent.STOLEN, terms, state, done, what)


# ---- many at once


def extend_job_leases(state: ReplicatedState) -> None:
    for job in state.held_jobs():
        job.lease_expires_ns = max(job.lease_expires_ns, after(state.stamp_ns, job.ttl_ms))


def hold_jobs(state: ReplicatedState, for_ns: int) -> None:
    """Nobody led for that much of the log's time: no job was silent in it, and none has run."""
    for job in state.held_jobs():
        job.held_up(for_ns)


def expire_jobs(grace_ms: int, state: ReplicatedState, done: Applied) -> None:
    """What is overdue ends, what has lost its robot moves on, what has rested can be granted."""
    for job_id in dict.fromkeys(state.job_deadlines.pop_due(state.stamp_ns)):
        job = state.jobs[job_id]
        if not job.ended:
            _overdue(job, state, done)
    for job_id in state.job_ends.pop_due(state.stamp_ns - grace_ms * MS):
        job = state.jobs[job_id]
        lose_attempt(job, state, done, f'no word from {job.robot_id} for its lease')
    for job_id in state.job_rests.pop_due(state.stamp_ns):
        job = state.jobs[job_id]
        job.not_before_ns = 0
        job.changed_index = state.applied_index
        state.waiting.wake(job_id, job.spec.priority)
        done.jobs[job_id] = None


def _overdue(job: Job, state: ReplicatedState, done: Applied) -> None:
    if job.held:
        end_attempt(job, state, done, 'cancelled')
    job.reason = f'its deadline has passed while it was {job.phase.value}'
    advance(job, JobEvent.OVERDUE, state, done, f'expired: {job.reason}')
    done.notable.append(
        Notable('job_expired', 'warn', job.job_id, f'{job.job_id}: {job.reason}')
    )


def lose_jobs_of(
    robot_id: RobotId, incarnation_below: int, state: ReplicatedState, done: Applied, why: str
) -> None:
    """Lives of the robot before `incarnation_below` are over, and what they were running. A robot
    that left in good order did not die of its jobs."""
    member = state.members.get(robot_id)
    left = member is not None and member.phase is Liveness.LEFT
    for job in state.held_by(robot_id):
        if job.incarnation < incarnation_below:
            lose_attempt(job, state, done, why, counts=not left)
