# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots come, leave and return; one timing profile for all; an emergency is cleared once."""

from __future__ import annotations

import dataclasses

import pytest
from coordinator_samples import R1, R2, R3, AppliedLog, log_with_robots, registration

from swarm_coordinator.core.emergency import EPOCH_JUMP_MAX, TEXT_MAX
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated import member_rules
from swarm_coordinator.core.replicated import state as state_module
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import (
    INTEGER_MAX,
    ClearEmergency,
    Issued,
    LeaveSwarm,
    MarkRobot,
    SetMode,
)
from swarm_coordinator.core.replicated.state import ClientSession


def kinds(done: Applied) -> list[str]:
    return [notable.kind for notable in done.notable]


def phase(log: AppliedLog, robot: RobotId = R1) -> Liveness:
    return log.state.members[robot].phase


# ---- leaving


def test_robot_that_leaves_gives_its_jobs_back_at_once() -> None:
    log = log_with_robots()
    log.submit()
    token = log.grant(R2)
    log.start(token)
    done = log.do(LeaveSwarm(R2, 1), by=R2)
    assert phase(log, R2) is Liveness.LEFT and done.members
    assert log.job().phase is JobPhase.SUBMITTED and list(done.jobs) == ['j1']
    assert kinds(done) == ['robot_left', 'job_reissued']
    assert log.complete(token).refused


def test_robot_that_dies_keeps_its_jobs_until_their_leases_end() -> None:
    log = log_with_robots()
    log.submit()
    log.grant(R2)
    log.do(MarkRobot(R2, 1, Liveness.DEAD))
    assert log.job().phase is JobPhase.LEASED


def test_grant_that_was_overtaken_by_the_robots_leave_is_nothing() -> None:
    log = log_with_robots()
    log.submit()
    log.do(LeaveSwarm(R2, 1), by=R2)
    log.grant(R2)
    assert log.job().phase is JobPhase.SUBMITTED


def test_leaving_twice_is_leaving_once() -> None:
    log = log_with_robots()
    log.do(LeaveSwarm(R1, 1))
    again = log.do(LeaveSwarm(R1, 1))
    assert again.duplicate and not again.notable and not again.refused


def test_robot_leaves_for_itself_and_in_its_present_life_only() -> None:
    log = log_with_robots()
    assert 'may not say this' in log.do(LeaveSwarm(R2, 1), by=R1).refused
    assert 'not known in incarnation 2' in log.do(LeaveSwarm(R1, 2)).refused
    assert phase(log) is phase(log, R2) is Liveness.HEALTHY


def test_silence_of_a_robot_that_left_is_no_death() -> None:
    log = log_with_robots()
    log.do(LeaveSwarm(R1, 1))
    for verdict in (Liveness.DEAD, Liveness.HEALTHY, Liveness.SUSPECT):
        assert 'has left' in log.do(MarkRobot(R1, 1, verdict), by=R2).refused
    assert phase(log) is Liveness.LEFT


def test_late_registration_does_not_bring_back_who_left_and_a_new_life_does() -> None:
    log = log_with_robots()
    log.do(LeaveSwarm(R1, 1))
    assert 'has left in incarnation 1' in log.do(registration(R1, 1)).refused
    done = log.do(registration(R1, 2), incarnation=2)
    assert kinds(done) == ['robot_returned'] and phase(log) is Liveness.HEALTHY


# ---- the table


def test_table_is_ordered_by_name_whatever_the_order_of_arrival() -> None:
    log = log_with_robots(R3, R1, RobotId('r0'), R2)
    assert list(log.state.members) == ['r0', R1, R2, R3]


def test_full_table_forgets_who_left_first_and_then_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(member_rules, 'MEMBERS_MAX', 3)
    log = log_with_robots()
    newcomer = registration(RobotId('r9'))
    assert '3 robots are known already' in log.do(newcomer, by=RobotId('r9')).refused
    log.do(LeaveSwarm(R3, 1), by=R3)
    log.do(LeaveSwarm(R2, 1), by=R2)
    assert not log.do(newcomer, by=RobotId('r9')).refused
    assert list(log.state.members) == [R1, R2, 'r9']
    assert not log.do(registration(R1, 1, job_slots=3)).refused, 'who is known can say more'


# ---- timing profile


def with_profile(robot: RobotId, profile: str, incarnation: int = 1) -> tuple[AppliedLog, Applied]:
    log = AppliedLog()
    first = dataclasses.replace(registration(R1), timing_profile='wifi')
    log.do(first)
    second = dataclasses.replace(registration(robot, incarnation), timing_profile=profile)
    return log, log.do(second, by=robot, incarnation=incarnation)


def test_first_profile_is_that_of_the_swarm() -> None:
    log, done = with_profile(R2, 'wifi')
    assert log.state.timing_profile == 'wifi' and not done.refused


def test_other_profile_is_refused_with_both_names() -> None:
    log, done = with_profile(R2, 'wired')
    assert "'wired' of r2" in done.refused and "expected 'wifi'" in done.refused
    assert R2 not in log.state.members and log.state.timing_profile == 'wifi'


def test_robot_that_does_not_say_its_profile_is_let_in() -> None:
    log, done = with_profile(R2, '')
    assert not done.refused and log.state.timing_profile == 'wifi'


def test_profile_can_change_when_nobody_else_is_present() -> None:
    log, done = with_profile(R1, 'wired', incarnation=2)
    assert not done.refused and log.state.timing_profile == 'wired'
    log.do(dataclasses.replace(registration(R2), timing_profile='wired'), by=R2)
    back = dataclasses.replace(registration(R1, 3), timing_profile='wifi')
    assert log.do(back, incarnation=3).refused
    log.do(LeaveSwarm(R2, 1), by=R2)
    assert not log.do(back, incarnation=3).refused
    assert log.state.timing_profile == 'wifi'


# ---- emergency


def test_cleared_emergency_is_remembered_with_its_epoch() -> None:
    log = log_with_robots()
    done = log.do(ClearEmergency(3, 'ada', 'the arm is free'))
    assert log.state.emergency_cleared_epoch == 3 and done.emergency
    assert kinds(done) == ['emergency_cleared'] and done.notable[0].subject == '3'


def test_epoch_that_is_cleared_never_goes_back() -> None:
    log = log_with_robots()
    log.do(ClearEmergency(3, 'ada', 'free'))
    assert 'epoch 2: expected 3 to' in log.do(ClearEmergency(2, 'ada', 'free')).refused
    again = log.do(ClearEmergency(3, 'ada', 'free'))
    assert again.duplicate and not again.refused and not again.notable
    log.do(ClearEmergency(9, 'ada', 'free'))
    assert log.state.emergency_cleared_epoch == 9


def test_whose_raise_was_cleared_goes_with_the_epoch() -> None:
    log = log_with_robots()
    log.do(ClearEmergency(3, 'ada', 'free', 'r2\tarm'))  # as it was raised, whatever is in it
    assert (log.state.emergency_cleared_epoch, log.state.emergency_cleared_by) == (3, 'r2\tarm')
    log.do(ClearEmergency(3, 'ada', 'free', 'r3'))
    log.do(ClearEmergency(2, 'ada', 'free', 'r3'))
    assert log.state.emergency_cleared_by == 'r2\tarm', 'neither of them cleared anything'
    log.do(ClearEmergency(5, 'ada', 'free'))
    assert log.state.emergency_cleared_by == ''


def test_bogus_huge_epoch_does_not_silence_later_clearings() -> None:
    log = log_with_robots()
    log.do(ClearEmergency(3, 'ada', 'free'))
    for epoch in (3 + EPOCH_JUMP_MAX + 1, INTEGER_MAX):
        done = log.do(ClearEmergency(epoch, 'ada', 'free'))
        assert f'expected 3 to {3 + EPOCH_JUMP_MAX}' in done.refused and not done.emergency
    assert log.do(ClearEmergency(4, 'ada', 'free')).emergency
    assert log.do(ClearEmergency(4 + EPOCH_JUMP_MAX, 'ada', 'free')).emergency


@pytest.mark.parametrize(
    ('epoch', 'owner', 'reason'),
    [(0, 'a', 'b'), (-1, 'a', 'b'), (1, '', 'b'), (1, 'a', ''), (1, 'a', 'x' * 501),
     (1, 'x' * 129, 'b'), (1, 'a\n', 'b')],
)
def test_clearing_needs_epoch_owner_and_reason(epoch: int, owner: str, reason: str) -> None:
    log = log_with_robots()
    assert 'expected' in log.do(ClearEmergency(epoch, owner, reason)).refused
    assert log.state.emergency_cleared_epoch == 0


def test_name_of_who_raised_is_bounded() -> None:
    log = log_with_robots()
    too_long = 'x' * (TEXT_MAX + 1)
    assert f'at most {TEXT_MAX}' in log.do(ClearEmergency(1, 'a', 'b', too_long)).refused
    assert log.do(ClearEmergency(1, 'a', 'b', too_long[1:])).emergency


# ---- sessions


def test_session_that_was_used_least_recently_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from swarm_coordinator.core.replicated import apply

    monkeypatch.setattr(apply, 'SESSIONS_MAX', 2)
    log = AppliedLog()
    for serial, robot in enumerate((R1, R2, R1, R3), 1):
        log.issue(Issued(robot, 1, serial, 0, SetMode(Mode.NORMAL, '')))
    assert list(log.state.sessions) == [R1, R3]
    repeated = Issued(R1, 1, 3, 0, SetMode(Mode.NORMAL, ''))
    assert log.issue(repeated).duplicate


def test_robot_that_acknowledges_nothing_cannot_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state_module, 'SERIALS_KEPT_MAX', 10)
    session = ClientSession(1)
    for serial in range(1, 100):
        assert session.admit(serial, 0)
        assert len(session.applied) <= 11
        assert not session.admit(serial, 0), 'what was applied stays applied'
    assert not session.admit(1, INTEGER_MAX)
