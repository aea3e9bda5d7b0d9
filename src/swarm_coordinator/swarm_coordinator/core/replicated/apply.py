# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Applies committed entries to the replicated state: the only place that changes it.

Owns that a command is applied once (client sessions) and by the rule of its type; the rules are
in the *_rules.py beside it, one file a noun. Reads nothing but (state, entry): no clock, no float,
no set order, no local configuration. The answer to a command is a value, because every replica
computes it and the issuing robot is told by its own replica.
"""

from swarm_coordinator.core.jobs.job import InvalidTransition
from swarm_coordinator.core.replicated import (
    event_rules,
    expiry_rules,
    grant_rules,
    job_rules,
    lease_rules,
    member_rules,
    mode_rules,
    model_rules,
    service_rules,
    steal_rules,
    submission_rules,
)
from swarm_coordinator.core.replicated.applied import Applied, AttemptEnded
from swarm_coordinator.core.replicated.command import (
    COMMANDS,
    AcquireLease,
    CancelWait,
    Command,
    Issued,
    LeaveSwarm,
    RegisterRobot,
    RegisterService,
    StealJobs,
    SubmitJob,
    SubmitJobs,
)
from swarm_coordinator.core.replicated.event_log import Notable
from swarm_coordinator.core.replicated.rules import RULES
from swarm_coordinator.core.replicated.state import (
    SESSIONS_MAX,
    ClientSession,
    ReplicatedState,
)

__all__ = ['Applied', 'AttemptEnded', 'Notable', 'apply_command', 'apply_noop']

# Importing them is what fills the table.
RULE_MODULES = (
    event_rules,
    expiry_rules,
    grant_rules,
    job_rules,
    lease_rules,
    member_rules,
    mode_rules,
    model_rules,
    service_rules,
    steal_rules,
    submission_rules,
)
assert set(RULES) == set(COMMANDS.values()), set(COMMANDS.values()) ^ set(RULES)


def apply_command(
    state: ReplicatedState, index: int, term: int, stamp_ns: int, issued: Issued
) -> Applied:
    """Apply one committed command; index, term and the leader's stamp are those of its entry."""
    apply_noop(state, index, term, stamp_ns)
    done = Applied(by=issued.robot)
    if not _admit(state, issued):
        done.duplicate = True
        return done
    if (speaker := _speaker_of(issued.command)) is not None and speaker != issued.robot:
        done.refused = f'{issued.robot} may not say this for another robot'
        return done
    try:
        RULES[type(issued.command)](issued.command, state, done)
    except InvalidTransition as refusal:
        done.refused = str(refusal)
    job_rules.finish_jobs(state, done)
    done.events = state.events.keep(index, state.stamp_ns, done.notable)
    return done


def apply_noop(state: ReplicatedState, index: int, term: int, stamp_ns: int) -> None:
    """Apply an entry without a command: time goes on, and a term may begin."""
    before_ns = state.stamp_ns
    state.applied_index = index
    state.stamp_ns = max(before_ns, stamp_ns)
    expiry_rules.follow_term(state, term, index, before_ns)


def _speaker_of(command: Command) -> str | None:
    """The robot that alone may say this; None: any may."""
    if isinstance(command, SubmitJob):
        return command.origin  # it names the robot whose files are read and written
    if isinstance(command, SubmitJobs):
        origins = {one.origin for one in command.jobs}
        return origins.pop() if len(origins) == 1 else ''
    if isinstance(command, StealJobs):
        return command.thief
    if isinstance(
        command, (RegisterRobot, LeaveSwarm, AcquireLease, CancelWait, RegisterService)
    ):
        return command.robot_id
    return None


def _admit(state: ReplicatedState, issued: Issued) -> bool:
    session = state.sessions.pop(issued.robot, None)
    if session is None or issued.incarnation > session.incarnation:
        session = ClientSession(issued.incarnation)
    state.sessions[issued.robot] = session  # the last one: it was used last
    if len(state.sessions) > SESSIONS_MAX:
        del state.sessions[next(iter(state.sessions))]
    if issued.incarnation < session.incarnation:
        return False
    return session.admit(issued.serial, issued.acked_below)
