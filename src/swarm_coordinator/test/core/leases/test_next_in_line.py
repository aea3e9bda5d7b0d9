# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whoever is next is looked at again at the grant: a waiter may be gone, or have waited too long.

etcd 3.4 granted its lock to waiters whose lease had ended (Jepsen).
"""

from __future__ import annotations

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leases.lease import ClaimEvent, ClaimPhase, Waiter
from swarm_coordinator.core.leases.lease_book import LeaseBook

R1, R2, R3 = RobotId('r1'), RobotId('r2'), RobotId('r3')
TTL_MS = 1000


def claim(robot: RobotId, index: int, deadline_ns: int = 10**12) -> Waiter:
    return Waiter('arm', robot, 1, TTL_MS, deadline_ns, '', index)


def book_with_waiters(*waiters: Waiter) -> LeaseBook:
    book = LeaseBook()
    book.grant('dock', claim(R1, 1), index=1, stamp_ns=0)
    for waiter in waiters:
        book.queue('dock', waiter)
    return book


def test_waiter_that_is_not_fit_at_the_grant_is_passed_over() -> None:
    book = book_with_waiters(claim(R2, 2), claim(R3, 3))
    ended = book.end(
        book.held['dock'], ClaimEvent.GIVEN_BACK, 4, 0, lambda waiter: waiter.robot_id != R2
    )
    assert ended.granted is not None and ended.granted.robot_id == R3
    assert [(one.robot_id, phase) for one, phase in ended.dropped] == [(R2, ClaimPhase.LOST)]
    book.check_invariants()


def test_waiter_whose_wait_ends_at_the_stamp_of_the_grant_is_passed_over() -> None:
    book = book_with_waiters(claim(R2, 2, deadline_ns=500), claim(R3, 3, deadline_ns=501))
    ended = book.end(book.held['dock'], ClaimEvent.TIME_OVER, 4, 500, lambda waiter: True)
    assert ended.granted is not None and ended.granted.robot_id == R3
    assert [phase for _, phase in ended.dropped] == [ClaimPhase.TIMED_OUT]
    book.check_invariants()


def test_resource_is_free_when_nobody_is_fit() -> None:
    book = book_with_waiters(claim(R2, 2), claim(R3, 3))
    ended = book.end(book.held['dock'], ClaimEvent.TIME_OVER, 4, 0, lambda waiter: False)
    assert ended.granted is None and book.held == {} and book.waiting == 0
    book.check_invariants()
