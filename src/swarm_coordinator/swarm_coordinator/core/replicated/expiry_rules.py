# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What ends by time: owns that time ends things by an entry of the log only.

The leader proposes; every replica ends the same things at the same entry, by its stamp. Stamps
are those of leaders' clocks: from one leader to the next they jump by what the clocks differ, and
by the time in which nobody led and nothing could be renewed. So what a jump could have ended is
given its time anew, before anything else is done in the new term, and no jump counts as time that
a job has run or said nothing. Not so the deadlines of jobs: they are points in time that somebody
waits for, whoever leads.
"""

from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import ExpireDue, ExtendLeases
from swarm_coordinator.core.replicated.job_loss import (
    expire_jobs,
    extend_job_leases,
    hold_jobs,
)
from swarm_coordinator.core.replicated.lease_rules import expire_leases
from swarm_coordinator.core.replicated.mode_rules import expire_override, hold_override
from swarm_coordinator.core.replicated.rules import rule
from swarm_coordinator.core.replicated.service_rules import expire_services
from swarm_coordinator.core.replicated.state import ReplicatedState


@rule(ExtendLeases)
def _extend(command: ExtendLeases, state: ReplicatedState, done: Applied) -> None:
    extend_all(state)


def extend_all(state: ReplicatedState) -> None:
    extend_job_leases(state)
    state.leases.extend_all(state.stamp_ns)
    state.services.extend_all(state.stamp_ns)


def follow_term(state: ReplicatedState, term: int, index: int, before_ns: int) -> None:
    """The entry at `index` is of `term`; the one before it had the stamp `before_ns`.

    The entry that opens a term repeats the last stamp, because Raft knows no time; the next one
    has the first stamp of the new leader's own. Commands of others may come before its
    ExtendLeases, hence here and not there.
    """
    if term != state.term:
        state.term, state.term_index = term, index
    elif index != state.term_index + 1:
        return
    hold_override(state, state.stamp_ns - before_ns)
    hold_jobs(state, state.stamp_ns - before_ns)
    extend_all(state)


@rule(ExpireDue)
def _expire(command: ExpireDue, state: ReplicatedState, done: Applied) -> None:
    expire_jobs(command.grace_ms, state, done)
    expire_override(state, done)
    expire_services(state, done)
    expire_leases(state, done)
