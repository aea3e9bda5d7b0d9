# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a job leaves the robot that has it for another one: owns what may be stolen and revoked.

What has not begun moves at once; what runs is marked, and moves when its robot has ended it. The
log decides: a thief that looked at an older state is told why not.
"""

from swarm_coordinator.core.jobs.job import Job, JobPhase
from swarm_coordinator.core.jobs.spec import Effects
from swarm_coordinator.core.modes.mode import Activity, allows
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import RevokeJob, Steal, StealJobs
from swarm_coordinator.core.replicated.grant_rules import current
from swarm_coordinator.core.replicated.job_life import Terms, end_attempt
from swarm_coordinator.core.replicated.job_loss import move_to, revoke_attempt
from swarm_coordinator.core.replicated.rules import rule
from swarm_coordinator.core.replicated.state import Member, ReplicatedState

MOVES_MAX = 3  # of one job: each costs a transfer of its files. Chosen without data.
REFUSALS_TOLD_MAX = 3


@rule(StealJobs)
def _steal_all(command: StealJobs, state: ReplicatedState, done: Applied) -> None:
    """`value`: the ids of those that moved or will move. `refused`: why the others do not."""
    thief = state.members.get(command.thief)
    if thief is None or not state.present(command.thief, command.incarnation):
        done.refused = f'{command.thief} is not present in incarnation {command.incarnation}'
        return
    if not allows(state.mode, Activity.TAKE_JOBS):
        done.refused = f'mode {state.mode.label} takes no new jobs'
        return
    taken, refused = [], []
    for steal in command.steals:
        found = _stealable(steal, thief, state)
        if isinstance(found, str):
            refused.append(found)
        else:
            _steal(found, steal, thief, state, done)
            taken.append(steal.job_id)
    done.value = ' '.join(taken)
    done.refused = '; '.join(refused[:REFUSALS_TOLD_MAX])
    if len(refused) > REFUSALS_TOLD_MAX:
        done.refused += f'; and {len(refused) - REFUSALS_TOLD_MAX} more'


def _stealable(steal: Steal, thief: Member, state: ReplicatedState) -> Job | str:
    """The job, or why the thief does not get it."""
    job = current(steal.job_id, steal.token, state)
    if isinstance(job, str):
        return job
    name = f'job {job.job_id}'
    if job.robot_id == thief.robot_id:
        return f'{name} is at {thief.robot_id} already'
    if not thief.offers(job.spec.required):
        return f'{name} needs {", ".join(job.spec.required)}: {thief.robot_id} does not offer it'
    if thief.robot_id in job.avoid:
        return f'{name} avoids {thief.robot_id}'
    if job.moves >= MOVES_MAX:
        return f'{name} has moved {job.moves} times: at most {MOVES_MAX}'
    if job.begun and job.spec.effects is Effects.ONCE:
        return f'{name} runs and its effect must happen once'
    if job.revoked_for is not None:
        return f'{name} goes to {job.revoked_for} already'
    return job


def _steal(
    job: Job, steal: Steal, thief: Member, state: ReplicatedState, done: Applied
) -> None:
    if job.phase is JobPhase.RUNNING:
        job.revoked_for = thief.robot_id
        what = f'revoked for {thief.robot_id}: {steal.why}'
        job.note(state.applied_index, state.stamp_ns, what)
        done.jobs[job.job_id] = None
        return
    end_attempt(job, state, done, 'stolen', thief.robot_id)
    what = f'stolen from {job.robot_id} by {thief.robot_id}: {steal.why}'
    terms = Terms(thief.robot_id, thief.incarnation, steal.unit, steal.ttl_ms)
    move_to(job, terms, state, done, what)


@rule(RevokeJob)
def _revoke(command: RevokeJob, state: ReplicatedState, done: Applied) -> None:
    job = current(command.job_id, command.token, state)
    if isinstance(job, str):
        done.refused = job
    elif job.begun and job.spec.effects is Effects.ONCE:
        done.refused = f'job {job.job_id} runs and its effect must happen once'
    else:
        revoke_attempt(job, state, done, command.reason)
