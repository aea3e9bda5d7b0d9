# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Leases in the log: one holder at a time by token, expiry as an entry, waiters in order."""

from __future__ import annotations

from typing import Any

import pytest
from coordinator_samples import MS, R1, R2, R3, AppliedLog, log_with_robots, registration

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leases import lease_book
from swarm_coordinator.core.leases.lease import (
    TTL_MS_MAX,
    TTL_MS_MIN,
    WAIT_MS_MAX,
    ClaimPhase,
    LeaseAnswer,
)
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated import lease_rules, member_rules
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    CancelWait,
    ExpireDue,
    ExtendLeases,
    LeaveSwarm,
    MarkRobot,
    ReleaseLease,
    RenewLease,
)
from swarm_coordinator.core.replicated.state import earliest_due_ns

TTL = 1000


def acquire(
    log: AppliedLog, robot: RobotId = R1, wait_ms: int = 0, key: str = '', **other: Any
) -> Applied:
    fields = {'resource': 'dock', 'holder': 'arm', 'ttl_ms': TTL, 'incarnation': 1, **other}
    command = AcquireLease(robot_id=robot, wait_ms=wait_ms, key=key, **fields)
    return log.do(command, by=robot)


def token_of(done: Applied) -> int:
    assert done.lease is not None and done.lease.phase is ClaimPhase.HELD, done
    return done.lease.token


def holder(log: AppliedLog, resource: str = 'dock') -> RobotId | None:
    lease = log.state.leases.held.get(resource)
    return None if lease is None else lease.robot_id


def kinds(done: Applied) -> list[str]:
    return [notable.kind for notable in done.notable]


def expire(log: AppliedLog, after_ms: int = 0) -> Applied:
    log.wait(after_ms)
    return log.do(ExpireDue(0), by=R3)


# ---- holding


def test_token_is_the_index_of_the_grant() -> None:
    log = log_with_robots()
    done = acquire(log)
    assert done.lease == LeaseAnswer(
        ClaimPhase.HELD, 'dock', log.state.applied_index, 'arm', R1, remaining_ms=TTL
    )
    assert done.value == f'granted:{log.state.applied_index}' and not done.refused
    assert done.leases == {'dock': None} and kinds(done) == ['lease_granted']


def test_held_resource_is_refused_with_who_holds_it() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    log.wait(300)
    done = acquire(log, R2)
    assert done.refused == f'dock is held by arm at r1 under token {token} for another 700 ms'
    assert done.lease == LeaseAnswer(ClaimPhase.REFUSED, 'dock', token, 'arm', R1, 700)
    assert holder(log) == R1 and not done.leases


def test_token_grows_with_every_grant_and_is_never_used_again() -> None:
    log, tokens = log_with_robots(), []
    for _ in range(5):
        token = token_of(acquire(log))
        tokens.append(token)
        log.do(ReleaseLease('dock', token))
    assert tokens == sorted(set(tokens))


def test_time_alone_ends_no_lease_only_the_entry_does() -> None:
    log = log_with_robots()
    acquire(log)
    log.wait(10 * TTL)
    assert acquire(log, R2).refused and holder(log) == R1
    assert kinds(expire(log)) == ['lease_expired'] and holder(log) is None


def test_lease_expires_at_its_stamp_and_not_before() -> None:
    log = log_with_robots()
    acquire(log)
    assert not expire(log, TTL - 1).leases
    assert expire(log, 1).leases == {'dock': None}


def test_grace_is_for_jobs_and_not_for_leases() -> None:
    log = log_with_robots()
    acquire(log)
    log.wait(TTL)
    assert log.do(ExpireDue(60_000)).leases == {'dock': None}


# ---- renewing


def test_renewal_gives_a_full_time_from_its_stamp() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    log.wait(600)
    done = log.do(RenewLease('dock', token, 0), by=R2)  # from any robot: the token is the right
    assert done.lease == LeaseAnswer(ClaimPhase.HELD, 'dock', token, 'arm', R1, TTL, 0, token)
    assert not expire(log, TTL - 1).leases and expire(log, 1).leases


def test_renewal_may_ask_for_another_time_and_never_takes_time_away() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    log.do(RenewLease('dock', token, 5000))
    assert not expire(log, 4999).leases
    done = log.do(RenewLease('dock', token, TTL_MS_MIN))
    assert done.lease is not None and done.lease.remaining_ms == TTL_MS_MIN
    log.do(RenewLease('dock', token, 5000))
    done = log.do(RenewLease('dock', token, TTL_MS_MIN))
    assert done.lease is not None and done.lease.remaining_ms == 5000


def test_expired_lease_is_not_revived_by_its_former_holder() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    log.wait(TTL)  # nobody has applied its expiry yet
    done = log.do(RenewLease('dock', token, 0))
    assert 'ended before the renewal' in done.refused
    assert done.lease is not None and done.lease.phase is ClaimPhase.REFUSED
    assert expire(log).leases


def test_old_token_is_refused_with_both_tokens() -> None:
    log = log_with_robots()
    old = token_of(acquire(log))
    expire(log, TTL)
    new = token_of(acquire(log, R2))
    for command in (RenewLease('dock', old, 0), ReleaseLease('dock', old)):
        done = log.do(command)
        assert f'under token {new}' in done.refused
        assert f'token {old} was presented' in done.refused
        assert done.lease == LeaseAnswer(
            ClaimPhase.REFUSED, 'dock', new, 'arm', R2, TTL, presented=old
        )
    assert holder(log) == R2


@pytest.mark.parametrize('make', [lambda t: RenewLease('dock', t, 0),
                                  lambda t: ReleaseLease('dock', t)])
def test_token_of_a_free_resource_is_refused(make: Any) -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    log.do(ReleaseLease('dock', token))
    done = log.do(make(token))
    assert done.refused == f'dock is not held; token {token} was presented'
    assert done.lease == LeaseAnswer(ClaimPhase.REFUSED, 'dock', presented=token)


def test_new_leader_extends_every_lease_by_one_full_time() -> None:
    log = log_with_robots()
    acquire(log)
    acquire(log, resource='lift', ttl_ms=9000)
    log.wait(900)
    log.do(ExtendLeases())
    assert not expire(log, 999).leases
    assert list(expire(log, 1).leases) == ['dock']
    assert list(expire(log, 8000).leases) == ['lift']


# ---- waiting


def test_waiters_are_granted_in_the_order_in_which_they_asked() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    second = acquire(log, R2, wait_ms=60_000)
    third = acquire(log, R3, wait_ms=60_000)
    assert second.value == third.value == 'waiting'
    assert [done.lease.place for done in (second, third) if done.lease] == [1, 2]
    done = log.do(ReleaseLease('dock', token))
    assert kinds(done) == ['lease_released', 'lease_granted'] and holder(log) == R2
    assert done.lease is not None and done.lease.phase is ClaimPhase.RELEASED
    granted = log.state.leases.held['dock']
    assert granted.token == log.state.applied_index
    assert granted.expires_ns == log.stamp_ns + TTL * MS
    expire(log, TTL)
    assert holder(log) == R3


def test_waiter_whose_wait_is_over_is_dropped_and_never_granted() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    acquire(log, R2, wait_ms=100)
    acquire(log, R3, wait_ms=60_000)
    log.wait(100)  # and no ExpireDue in between
    done = log.do(ReleaseLease('dock', token))
    assert holder(log) == R3
    assert kinds(done) == ['lease_released', 'lease_wait_over', 'lease_granted']


def test_waiter_whose_wait_ends_with_the_lease_is_not_granted() -> None:
    log = log_with_robots()
    acquire(log)
    acquire(log, R2, wait_ms=TTL)
    expire(log, TTL)
    assert holder(log) is None and log.state.leases.waiting == 0


def test_wait_that_is_over_leaves_the_queue_by_the_entry() -> None:
    log = log_with_robots()
    acquire(log, ttl_ms=60_000)
    acquire(log, R2, wait_ms=100, key='k')
    acquire(log, R3, wait_ms=200)
    done = expire(log, 100)
    assert kinds(done) == ['lease_wait_over'] and list(done.leases) == ['dock']
    assert [one.robot_id for one in log.state.leases.held['dock'].waiters] == [R3]
    claim = log.state.leases.claim_of('dock', R2, 1, 'arm', 'k', log.stamp_ns)
    assert claim is None


@pytest.mark.parametrize('phase', [Liveness.DEAD, Liveness.LEFT])
def test_waiter_whose_robot_is_gone_is_never_granted(phase: Liveness) -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    acquire(log, R2, wait_ms=60_000)
    acquire(log, R3, wait_ms=60_000)
    done = log.do(MarkRobot(R2, 1, phase))
    assert 'lease_wait_over' in kinds(done)
    log.do(ReleaseLease('dock', token))
    assert holder(log) == R3


def test_waiter_of_a_former_life_is_never_granted() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    acquire(log, R2, wait_ms=60_000)
    log.do(registration(R2, 2), by=R2, incarnation=2)
    log.do(ReleaseLease('dock', token))
    assert holder(log) is None


def test_suspect_robot_keeps_what_it_has() -> None:
    log = log_with_robots()
    acquire(log)
    assert not log.do(MarkRobot(R1, 1, Liveness.SUSPECT)).leases and holder(log) == R1


def test_wait_can_be_given_up() -> None:
    log = log_with_robots()
    acquire(log)
    acquire(log, R2, wait_ms=60_000, key='a')
    acquire(log, R2, wait_ms=60_000, key='b')
    done = log.do(CancelWait('dock', 'arm', R2, 'a'), by=R2)
    assert done.lease is not None and done.lease.phase is ClaimPhase.CANCELLED
    assert [one.key for one in log.state.leases.held['dock'].waiters] == ['b']
    assert log.do(CancelWait('dock', 'arm', R2, 'a'), by=R2).refused
    assert not log.do(CancelWait('dock', 'arm', R2, ''), by=R2).refused
    assert log.state.leases.waiting == 0


def test_wait_that_was_granted_before_it_was_given_up_says_so() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    acquire(log, R2, wait_ms=60_000, key='a')
    log.do(ReleaseLease('dock', token))
    done = log.do(CancelWait('dock', 'arm', R2, 'a'), by=R2)
    granted = log.state.leases.held['dock'].token
    assert done.value == f'granted:{granted}' and 'was granted' in done.refused
    assert token_of(done) == granted


def test_wait_of_another_robot_cannot_be_given_up() -> None:
    log = log_with_robots()
    acquire(log)
    acquire(log, R2, wait_ms=60_000, key='a')
    assert 'may not say this' in log.do(CancelWait('dock', 'arm', R2, 'a'), by=R3).refused
    assert log.do(CancelWait('dock', 'arm', R3, 'a'), by=R3).refused
    assert log.state.leases.waiting == 1


# ---- the same key


def test_same_key_is_the_same_lease() -> None:
    log = log_with_robots()
    first = acquire(log, key='k')
    log.wait(400)
    again = acquire(log, key='k')
    assert again.duplicate and again.value == first.value and not again.leases
    assert token_of(again) == token_of(first)
    assert again.lease is not None and again.lease.remaining_ms == 600


def test_same_key_is_the_same_place_in_the_queue() -> None:
    log = log_with_robots()
    acquire(log)
    acquire(log, R2, wait_ms=60_000, key='k')
    log.wait(100)
    again = acquire(log, R2, wait_ms=90_000, key='k')
    assert again.duplicate and again.value == 'waiting' and log.state.leases.waiting == 1
    assert again.lease is not None
    assert (again.lease.place, again.lease.remaining_ms) == (1, 59_900)


def test_same_key_after_the_time_is_over_is_no_right_to_begin() -> None:
    log = log_with_robots()
    acquire(log, key='k')
    log.wait(TTL)
    again = acquire(log, key='k')
    assert 'is over' in again.refused
    assert again.lease is not None and again.lease.phase is ClaimPhase.REFUSED
    expire(log)
    assert acquire(log, key='k').value == f'granted:{log.state.applied_index}'


def test_key_counts_per_robot_and_holder() -> None:
    log = log_with_robots()
    acquire(log, key='k')
    assert acquire(log, R2, key='k').refused
    assert acquire(log, key='k', holder='leg').refused


def test_holder_without_a_key_is_not_let_in_twice() -> None:
    log = log_with_robots()
    acquire(log)
    assert acquire(log).refused


# ---- failover

FATES = ('dead', 'marked as left', 'left', 'restarted', 'forgotten')


def befall(log: AppliedLog, how: str) -> Applied:
    """What can become of r1, the robot that the lease was asked through."""
    if how == 'restarted':
        return log.do(registration(R1, 2), by=R1, incarnation=2)
    if how == 'dead':
        return log.do(MarkRobot(R1, 1, Liveness.DEAD), by=R2)
    if how == 'marked as left':
        return log.do(MarkRobot(R1, 1, Liveness.LEFT), by=R2)
    done = log.do(LeaveSwarm(R1, 1), by=R1)
    return done if how == 'left' else log.do(registration(RobotId('r9')), by=RobotId('r9'))


@pytest.fixture
def three_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fourth robot makes the swarm forget who left first."""
    monkeypatch.setattr(member_rules, 'MEMBERS_MAX', 3)


@pytest.mark.usefixtures('three_at_most')
@pytest.mark.parametrize('how', FATES)
def test_whatever_becomes_of_the_robot_its_lease_ends_by_time_only(how: str) -> None:
    """The holder acts until two thirds of the time that it was promised, heard or not."""
    log = log_with_robots()
    token = token_of(acquire(log))
    acquire(log, R2, wait_ms=60_000)
    done = befall(log, how)
    assert not done.refused and not done.leases
    assert (R1 in log.state.members) == (how != 'forgotten')
    assert not expire(log, TTL - 1).leases
    assert log.state.leases.held['dock'].token == token
    assert kinds(expire(log, 1)) == ['lease_expired', 'lease_granted'] and holder(log) == R2


@pytest.mark.usefixtures('three_at_most')
@pytest.mark.parametrize('how', FATES)
@pytest.mark.parametrize('through', [R1, R2])
def test_holder_renews_and_gives_back_whatever_became_of_the_robot(
    how: str, through: RobotId
) -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    befall(log, how)
    life = 2 if (how, through) == ('restarted', R1) else 1
    log.wait(TTL - 1)
    renewed = log.do(RenewLease('dock', token, 0), by=through, incarnation=life)
    assert token_of(renewed) == token and renewed.lease and renewed.lease.remaining_ms == TTL
    assert not expire(log, TTL - 1).leases
    done = log.do(ReleaseLease('dock', token), by=through, incarnation=life)
    assert kinds(done) == ['lease_released'] and holder(log) is None


def test_lease_that_ended_by_time_is_not_renewed_through_a_robot_that_came_back() -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    befall(log, 'dead')
    log.wait(TTL)
    log.do(MarkRobot(R1, 1, Liveness.HEALTHY), by=R2)
    assert 'ended before the renewal' in log.do(RenewLease('dock', token, 0)).refused


def test_same_key_in_the_next_life_of_the_robot_is_the_same_lease() -> None:
    """The client whose answer was lost with the robot's process asks again."""
    log = log_with_robots()
    token = token_of(acquire(log, key='k'))
    befall(log, 'restarted')
    again = AcquireLease('dock', 'arm', R1, 2, TTL, 0, 'k')
    done = log.do(again, by=R1, incarnation=2)
    assert done.duplicate and token_of(done) == token


@pytest.mark.parametrize('how', ['dead', 'marked as left', 'left', 'restarted'])
def test_life_that_is_over_loses_its_places_in_all_queues_and_nothing_else(how: str) -> None:
    log = log_with_robots()
    for number in range(3):
        acquire(log, R2, resource=f'dock/{number}')
        acquire(log, R1, wait_ms=60_000, resource=f'dock/{number}')
        acquire(log, R3, wait_ms=60_000, resource=f'dock/{number}')
    done = befall(log, how)
    assert list(done.leases) == [f'dock/{number}' for number in range(3)]
    assert kinds(done).count('lease_wait_over') == 3
    for lease in log.state.leases.held.values():
        assert lease.robot_id == R2 and [one.robot_id for one in lease.waiters] == [R3]


def test_one_entry_can_hand_on_many_leases() -> None:
    log = log_with_robots()
    for number in range(5):
        acquire(log, resource=f'dock/{number}')
        acquire(log, R2, wait_ms=60_000, resource=f'dock/{number}')
    done = expire(log, TTL)
    assert list(done.leases) == [f'dock/{number}' for number in range(5)]
    assert {lease.token for lease in log.state.leases.held.values()} == {log.state.applied_index}


def test_registration_of_the_same_life_takes_nothing_away() -> None:
    log = log_with_robots()
    acquire(log)
    log.do(registration(R1, 1, job_slots=4))
    assert holder(log) == R1


@pytest.mark.parametrize(
    'prepare',
    [
        lambda log: log.do(MarkRobot(R1, 1, Liveness.DEAD), by=R2),
        lambda log: log.do(LeaveSwarm(R1, 1)),
        lambda log: log.do(registration(R1, 2), by=R1, incarnation=2),
    ],
)
def test_robot_that_is_gone_or_of_a_former_life_gets_no_lease(prepare: Any) -> None:
    log = log_with_robots()
    prepare(log)
    command = AcquireLease('dock', 'arm', R1, 1, TTL, 0, '')
    assert 'not present' in log.do(command, by=R1, incarnation=2).refused


def test_robot_asks_for_itself_only() -> None:
    log = log_with_robots()
    command = AcquireLease('dock', 'arm', R2, 1, TTL, 0, '')
    assert 'may not say this' in log.do(command, by=R1).refused


# ---- limits


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('resource', ''), ('resource', 'd ock'), ('holder', ''), ('holder', 'x' * 129),
        ('holder', 'a\nb'), ('key', 'x' * 129), ('ttl_ms', TTL_MS_MIN - 1),
        ('ttl_ms', TTL_MS_MAX + 1), ('ttl_ms', -1), ('wait_ms', -1), ('wait_ms', WAIT_MS_MAX + 1),
    ],
)
def test_claim_out_of_bounds_is_refused_with_what_was_expected(field: str, value: Any) -> None:
    log = log_with_robots()
    done = acquire(log, **{field: value})
    assert field in done.refused and 'expected' in done.refused
    assert not log.state.leases.held


@pytest.mark.parametrize('ttl_ms', [-1, 1, TTL_MS_MAX + 1])
def test_renewal_out_of_bounds_is_refused_and_changes_nothing(ttl_ms: int) -> None:
    log = log_with_robots()
    token = token_of(acquire(log))
    assert 'expected' in log.do(RenewLease('dock', token, ttl_ms)).refused
    assert log.state.leases.held['dock'].ttl_ms == TTL


def test_queue_of_a_resource_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_rules, 'WAITERS_PER_RESOURCE_MAX', 2)
    log = log_with_robots()
    acquire(log)
    assert [acquire(log, R2, wait_ms=9).refused for _ in range(2)] == ['', '']
    assert '2 wait for dock already' in acquire(log, R2, wait_ms=9).refused


def test_number_of_waiters_and_of_resources_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_rules, 'WAITERS_MAX', 1)
    monkeypatch.setattr(lease_rules, 'LEASES_MAX', 2)
    log = log_with_robots()
    acquire(log)
    acquire(log, resource='lift')
    assert '2 resources' in acquire(log, resource='door').refused
    acquire(log, R2, wait_ms=9)
    assert '1 wait for leases' in acquire(log, R2, wait_ms=9, resource='lift').refused


# ---- when the leader must act


def test_earliest_due_follows_leases_waits_and_jobs() -> None:
    log = log_with_robots()
    assert earliest_due_ns(log.state, 0) is None
    token = token_of(acquire(log))
    start = log.stamp_ns
    assert earliest_due_ns(log.state, 500) == start + TTL * MS  # no grace
    acquire(log, R2, wait_ms=300)
    assert earliest_due_ns(log.state, 0) == start + 300 * MS
    expire(log, 300)
    assert earliest_due_ns(log.state, 0) == start + TTL * MS
    log.do(RenewLease('dock', token, 0))
    assert earliest_due_ns(log.state, 0) == start + (300 + TTL) * MS
    log.do(ReleaseLease('dock', token))
    assert earliest_due_ns(log.state, 0) is None
    log.submit()
    log.grant()
    assert earliest_due_ns(log.state, 500) == log.job().lease_expires_ns + 500 * MS


def test_what_has_gone_does_not_pile_up() -> None:
    log = log_with_robots()
    acquire(log, resource='kept', ttl_ms=TTL_MS_MAX)
    for _ in range(1000):
        log.do(ReleaseLease('dock', token_of(acquire(log, ttl_ms=TTL_MS_MAX))))
    assert len(log.state.leases._ends) < 3 * lease_book.WAITERS_PER_RESOURCE_MAX
    assert earliest_due_ns(log.state, 0) == log.stamp_ns + TTL_MS_MAX * MS
