# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""From one leader to the next the log's time jumps: nothing ends by the jump itself.

Raft stamps the entry that opens a term as the last one before; the first stamp of the new leader's
own clock comes with whatever entry is next, which need not be its ExtendLeases.
"""

from __future__ import annotations

import pytest
from coordinator_samples import MS, R1, R2, TTL_MS, AppliedLog, log_with_robots, registration

from swarm_coordinator.core.jobs.costs import running_ms
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.replicated.apply import Applied, apply_noop
from swarm_coordinator.core.replicated.command import (
    INTEGER_MAX,
    AcquireLease,
    Command,
    ExpireDue,
    ExtendLeases,
    RegisterService,
    Renewal,
    RenewJobs,
    RenewLease,
    SetMode,
    SetOverride,
)
from swarm_coordinator.core.replicated.snapshot import decode_state, encode_state
from swarm_coordinator.core.replicated.state import OVERRIDE_WITNESS_MS, earliest_due_ns

OVERRIDE_MS = 60_000
HOUR_MS = 3_600_000
FIRST = [ExtendLeases(), ExpireDue(0), SetMode(Mode.NORMAL, 'x')]


def overridden() -> AppliedLog:
    log = log_with_robots()
    log.do(SetOverride(Mode.MAINTENANCE, 'ada', 'repair', OVERRIDE_MS))
    return log


def lead(log: AppliedLog, ms: int, every_ms: int = OVERRIDE_WITNESS_MS) -> None:
    """Somebody leads for that long and does what a leader must: writes when something is due."""
    end_ns = log.stamp_ns + ms * MS
    while log.stamp_ns < end_ns:
        log.wait(min(every_ms, (end_ns - log.stamp_ns) // MS))
        due_ns = earliest_due_ns(log.state, 0)
        if due_ns is not None and due_ns <= log.stamp_ns:
            log.do(ExpireDue(0))


def ends_after_ms(log: AppliedLog) -> int:
    assert log.state.override is not None
    return (log.state.override.expires_ns - log.stamp_ns) // MS


# ---- the override


@pytest.mark.parametrize('first', FIRST, ids=[type(one).__name__ for one in FIRST])
@pytest.mark.parametrize('jump_ms', [0, 3, 10_000, OVERRIDE_MS, 24 * HOUR_MS])
def test_override_lasts_as_long_as_it_was_led_whatever_the_next_clock_says(
    jump_ms: int, first: Command
) -> None:
    """A clock that is behind shows no jump: the log's time never goes back, it goes on."""
    log = overridden()
    lead(log, 20_000)
    log.lead_anew(jump_ms)
    log.do(first)
    assert log.state.mode is Mode.MAINTENANCE and ends_after_ms(log) == OVERRIDE_MS - 20_000
    lead(log, OVERRIDE_MS - 20_001, every_ms=1000)
    assert log.state.mode is Mode.MAINTENANCE
    lead(log, 1)
    assert log.state.mode is Mode.NORMAL and log.state.override is None


def test_override_survives_many_changes_of_leader_and_ends_once_it_was_led_for_its_time() -> None:
    log = overridden()
    for number in range(5):
        lead(log, OVERRIDE_MS // 6)
        log.lead_anew(HOUR_MS * (number % 3))
        log.do(ExtendLeases())
    lead(log, OVERRIDE_MS // 6 - 1)
    assert log.state.override is not None
    lead(log, 1)
    assert log.state.override is None


def test_override_outlasts_its_time_by_what_no_entry_had_witnessed_at_most() -> None:
    log = overridden()
    lead(log, 25_000)  # the last 5 s were not written down
    log.lead_anew(HOUR_MS)
    log.do(ExtendLeases())
    late_ms = ends_after_ms(log) - (OVERRIDE_MS - 25_000)
    assert 0 <= late_ms == 5000 <= OVERRIDE_WITNESS_MS


def test_leader_that_opens_a_term_and_falls_silent_takes_nothing_away() -> None:
    log = overridden()
    log.lead_anew(HOUR_MS)
    log.lead_anew(HOUR_MS)
    log.do(ExtendLeases())
    assert ends_after_ms(log) == OVERRIDE_MS


def test_only_the_first_stamp_of_a_term_is_a_jump() -> None:
    log = overridden()
    log.lead_anew(HOUR_MS)
    log.do(SetMode(Mode.NORMAL, 'x'))
    log.wait(1000)
    log.do(ExtendLeases())
    assert ends_after_ms(log) == OVERRIDE_MS - 1000


def test_entry_without_a_command_can_be_the_first_with_a_stamp() -> None:
    log = overridden()
    log.lead_anew(HOUR_MS)
    apply_noop(log.state, log.state.applied_index + 1, log.term, log.stamp_ns)  # of membership
    assert ends_after_ms(log) == OVERRIDE_MS


def test_override_without_end_stays_within_what_a_snapshot_holds() -> None:
    log = log_with_robots()
    log.do(SetOverride(Mode.EXPLORE, 'ada', 'r', INTEGER_MAX))
    log.lead_anew(HOUR_MS)
    log.do(ExtendLeases())
    assert decode_state(encode_state(log.state)) == log.state


def test_leader_has_the_log_witness_that_it_leads_while_there_is_an_override() -> None:
    log = overridden()
    for _ in range(3):
        due_ns = earliest_due_ns(log.state, 0)
        assert due_ns == log.state.stamp_ns + OVERRIDE_WITNESS_MS * MS
        log.wait(OVERRIDE_WITNESS_MS)
        log.do(ExpireDue(0))
    lead(log, OVERRIDE_MS)
    assert log.state.override is None and earliest_due_ns(log.state, 0) is None


def test_jump_is_known_to_who_starts_from_a_snapshot_between_the_two_entries() -> None:
    log = overridden()
    log.lead_anew(HOUR_MS)
    log.state = decode_state(encode_state(log.state))
    log.do(ExtendLeases())
    assert ends_after_ms(log) == OVERRIDE_MS


# ---- what is renewed


def held(log: AppliedLog) -> int:
    """A lease, a service and a job; returns the token of the lease."""
    log.do(AcquireLease('dock', 'arm', R1, 1, TTL_MS, 0, 'k'))
    token = log.state.applied_index
    log.do(RegisterService('map', '', '', R1, 1, (), TTL_MS))
    log.submit()
    log.grant()
    return token


def still_there(log: AppliedLog) -> tuple[bool, bool, bool]:
    state = log.state
    return 'dock' in state.leases.held, state.services.count > 0, bool(state.held)


@pytest.mark.parametrize('first', FIRST, ids=[type(one).__name__ for one in FIRST])
def test_leases_services_and_attempts_have_a_full_time_from_the_first_stamp_of_a_term(
    first: Command,
) -> None:
    """An old leader's ExpireDue that was still on its way may come before ExtendLeases."""
    log = log_with_robots()
    held(log)
    log.lead_anew(HOUR_MS)
    log.do(first)
    log.wait(TTL_MS - 1)
    log.do(ExpireDue(0))
    assert still_there(log) == (True, True, True)
    log.wait(1)
    log.do(ExpireDue(0))
    assert still_there(log) == (False, False, False)
    assert log.job().phase is JobPhase.SUBMITTED


def test_renewal_that_comes_before_anything_of_the_new_leader_is_in_time() -> None:
    log = log_with_robots()
    token = held(log)
    log.lead_anew(HOUR_MS)
    done: Applied = log.do(RenewLease('dock', token, 0), by=R2)
    assert not done.refused and done.lease is not None and done.lease.remaining_ms == TTL_MS


def test_lease_that_had_ended_by_entry_is_not_brought_back_by_a_new_leader() -> None:
    log = log_with_robots()
    token = held(log)
    log.wait(TTL_MS)
    log.do(ExpireDue(0))
    log.lead_anew(0)
    assert 'is not held' in log.do(RenewLease('dock', token, 0)).refused


def test_same_term_gives_nobody_more_time() -> None:
    log = log_with_robots()
    held(log)
    log.wait(TTL_MS)
    log.do(registration(R2), by=R2)
    log.do(ExpireDue(0))
    assert still_there(log) == (False, False, False)


# ---- how long jobs run


@pytest.mark.parametrize('first', FIRST, ids=[type(one).__name__ for one in FIRST])
def test_jump_is_no_time_that_a_job_has_run_or_said_nothing(first: Command) -> None:
    log = log_with_robots()
    log.submit()
    token = log.grant()
    log.start(token)
    log.wait(4000)
    log.do(ExpireDue(HOUR_MS))
    log.lead_anew(2 * HOUR_MS)
    log.do(first)
    assert running_ms(log.job(), log.stamp_ns) == 4000
    log.wait(1000)
    log.do(RenewJobs((Renewal('j1', token, 10, 1),)))
    assert log.job().quiet_ms == 5000
    log.state = decode_state(encode_state(log.state))
    assert running_ms(log.job(), log.stamp_ns) == 5000


def test_jump_leaves_what_only_waits_as_it_was() -> None:
    log = log_with_robots()
    log.submit()
    before_ns = log.job().changed_ns
    log.lead_anew(HOUR_MS)
    log.do(ExtendLeases())
    assert log.job().changed_ns == before_ns and not log.job().progressed_ns
