# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The order of claims by itself: who is next is asked about again at the grant."""

from __future__ import annotations

import pytest
from coordinator_samples import MS, R1, R2, R3

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leases.lease import ClaimEvent, ClaimPhase, InvalidClaim, Waiter
from swarm_coordinator.core.leases.lease_book import LeaseBook


def claim(robot: RobotId, index: int, deadline_ns: int = 10**12) -> Waiter:
    return Waiter('arm', robot, 1, 1000, deadline_ns, '', index)


def held_with_two_waiting() -> LeaseBook:
    book = LeaseBook()
    book.grant('dock', claim(R1, 1), 1, 0)
    book.queue('dock', claim(R2, 2))
    book.queue('dock', claim(R3, 3))
    return book


def test_waiter_that_is_not_fit_any_more_is_passed_over_at_the_grant() -> None:
    """Etcd 3.4 granted a lock to a waiter whose lease had ended (Jepsen)."""
    book = held_with_two_waiting()
    ended = book.end(
        book.held['dock'], ClaimEvent.GIVEN_BACK, 9, 5, fit=lambda one: one.robot_id != R2
    )
    assert ended.granted is book.held['dock'] and ended.granted.robot_id == R3
    assert [(one.robot_id, phase) for one, phase in ended.dropped] == [(R2, ClaimPhase.LOST)]
    assert (ended.phase, ended.granted.token, book.waiting) == (ClaimPhase.RELEASED, 9, 0)
    book.check_invariants()


def test_resource_is_free_when_nobody_who_waits_is_fit() -> None:
    book = held_with_two_waiting()
    ended = book.end(book.held['dock'], ClaimEvent.TIME_OVER, 9, 5, fit=lambda _: False)
    assert ended.granted is None and not book.held and book.waiting == 0
    assert book.earliest_due_ns() is None
    book.check_invariants()


def test_lease_does_not_end_by_what_ends_a_wait() -> None:
    book = held_with_two_waiting()
    with pytest.raises(InvalidClaim):
        book.end(book.held['dock'], ClaimEvent.WITHDRAWN, 9, 5, fit=lambda _: True)
    assert book.held['dock'].robot_id == R1 and book.waiting == 2


def test_lease_is_not_granted_and_ended_by_one_entry() -> None:
    book = held_with_two_waiting()
    with pytest.raises(AssertionError, match='same entry'):
        book.end(book.held['dock'], ClaimEvent.TIME_OVER, 1, 5, fit=lambda _: True)


def test_book_made_of_its_leases_knows_when_they_end() -> None:
    book = held_with_two_waiting()
    again = LeaseBook(dict(book.held), book.waiting)
    assert again == book and again.earliest_due_ns() == book.earliest_due_ns() == 1000 * MS
    again.check_invariants()
