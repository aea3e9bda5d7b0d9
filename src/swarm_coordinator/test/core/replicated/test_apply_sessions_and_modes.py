# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A command is applied once per serial and life; modes and the operator's override."""

from __future__ import annotations

import pytest
from coordinator_samples import MS, R1, R2, AppliedLog, log_with_robots, spec

from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.replicated.command import (
    ClearOverride,
    ExpireDue,
    Issued,
    SetMode,
    SetOverride,
    SubmitJob,
)
from swarm_coordinator.core.replicated.state import ClientSession


def submission(number: int, serial: int, incarnation: int = 1, acked_below: int = 1) -> Issued:
    command = SubmitJob(f'j{number}', R1, spec(), '', '')
    return Issued(R1, incarnation, serial, acked_below, command)


def test_repeated_serial_is_applied_once() -> None:
    log = AppliedLog()
    assert not log.issue(submission(1, serial=1)).duplicate
    again = log.issue(submission(2, serial=1))
    assert again.duplicate and not again.refused and not again.jobs
    assert list(log.state.jobs) == ['j1']
    assert log.state.applied_index == 2


def test_serials_may_come_in_any_order() -> None:
    log = AppliedLog()
    for serial in (3, 1, 2):
        assert not log.issue(submission(serial, serial)).duplicate
    assert log.issue(submission(9, 2)).duplicate


def test_serial_below_the_acknowledged_ones_is_a_repetition() -> None:
    log = AppliedLog()
    log.issue(submission(1, serial=5, acked_below=5))
    assert log.issue(submission(2, serial=4, acked_below=1)).duplicate
    assert log.issue(submission(3, serial=5, acked_below=1)).duplicate
    assert not log.issue(submission(4, serial=6, acked_below=1)).duplicate


def test_memory_of_serials_ends_at_the_acknowledged_ones() -> None:
    session = ClientSession(1)
    for serial in range(1, 100):
        assert session.admit(serial, acked_below=serial)
    assert session.applied == {99}


def test_new_life_of_a_robot_begins_its_serials_anew() -> None:
    log = AppliedLog()
    log.issue(submission(1, serial=1))
    assert not log.issue(submission(2, serial=1, incarnation=2)).duplicate


def test_command_of_a_former_life_is_not_applied() -> None:
    log = AppliedLog()
    log.issue(submission(1, serial=1, incarnation=2))
    late = log.issue(submission(2, serial=9, incarnation=1))
    assert late.duplicate and list(log.state.jobs) == ['j1']


def test_robots_have_serials_of_their_own() -> None:
    log = AppliedLog()
    log.issue(submission(1, serial=1))
    other = Issued(R2, 1, 1, 1, SubmitJob('j2', R2, spec(), '', ''))
    assert not log.issue(other).duplicate


# ---- modes


def override(mode: Mode = Mode.MAINTENANCE, duration_ms: int = 1000) -> SetOverride:
    return SetOverride(mode, 'ada', 'test flight', duration_ms)


def test_override_is_in_force_until_its_stamp_and_then_the_policy_is() -> None:
    log = log_with_robots()
    log.do(override())
    log.do(SetMode(Mode.HYPERFOCUS, 'backlog'))
    assert (log.state.mode, log.state.policy_mode) == (Mode.MAINTENANCE, Mode.HYPERFOCUS)
    log.wait(999)
    log.do(ExpireDue(0))
    assert log.state.mode is Mode.MAINTENANCE
    log.wait(1)
    done = log.do(ExpireDue(0))
    assert log.state.mode is Mode.HYPERFOCUS and log.state.override is None
    assert [notable.kind for notable in done.notable] == ['mode_changed']
    assert log.state.mode_reason == 'the override of ada ended'


def test_grace_is_for_leases_and_not_for_the_override() -> None:
    log = log_with_robots()
    log.do(override())
    log.wait(1000)
    log.do(ExpireDue(10_000))
    assert log.state.override is None


def test_policy_does_not_take_away_the_reason_of_the_override() -> None:
    log = log_with_robots()
    log.do(override())
    log.do(SetMode(Mode.RECOVERY, 'a voter is lost'))
    assert log.state.mode_reason == 'override by ada: test flight'


def test_override_is_cleared_only_if_there_is_one() -> None:
    log = log_with_robots()
    assert 'no override' in log.do(ClearOverride('ada', 'done')).refused
    log.do(override())
    assert not log.do(ClearOverride('ada', 'done')).refused
    assert log.state.mode is Mode.NORMAL


@pytest.mark.parametrize(
    ('owner', 'reason', 'duration_ms'),
    [('', 'r', 1), ('o', ' ', 1), ('o', 'r', 0), ('o', 'r', -1)],
)
def test_override_needs_owner_reason_and_duration(
    owner: str, reason: str, duration_ms: int
) -> None:
    log = log_with_robots()
    assert log.do(SetOverride(Mode.EXPLORE, owner, reason, duration_ms)).refused
    assert log.state.override is None and log.state.mode is Mode.NORMAL


def test_epoch_grows_with_every_decision_and_since_only_with_a_change() -> None:
    log = log_with_robots()
    log.do(SetMode(Mode.EXPLORE, 'x'))
    epoch, since_ns = log.state.mode_epoch, log.state.mode_since_ns
    log.wait(5)
    log.do(SetMode(Mode.EXPLORE, 'y'))
    assert log.state.mode_epoch > epoch and log.state.mode_since_ns == since_ns
    assert log.state.mode_since_ns == log.stamp_ns - 5 * MS
