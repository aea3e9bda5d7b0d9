# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The heaps of the lease book follow from its state, whatever its history was."""

from __future__ import annotations

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leases.lease import ClaimEvent, Waiter
from swarm_coordinator.core.leases.lease_book import LeaseBook
from swarm_coordinator.core.replicated.deadlines import REBUILD_ABOVE


def claim(index: int, deadline_ns: int) -> Waiter:
    return Waiter('user', RobotId('r1'), 1, 1000, deadline_ns, f'key {index}', index)


def test_waiter_keeps_its_deadline_when_the_heap_is_rebuilt_while_a_lease_passes_on() -> None:
    """Found by the simulator: a replica with a long history never ended the wait, one that was
    restored from a snapshot did."""
    for history in range(2 * REBUILD_ABOVE + 2):
        book = LeaseBook()
        for index in range(1, history + 1):
            lease = book.grant('other', claim(1, 0), 2 * index, 0)
            book.queue('other', claim(2 * index, 10**9))
            book.drop(lease, ClaimEvent.WITHDRAWN, lambda waiter: True)
            book.end(lease, ClaimEvent.GIVEN_BACK, 2 * index + 1, 0, lambda waiter: True)
        first = book.grant('dock', claim(1000, 0), 1000, 0)
        book.queue('dock', claim(1001, 10**12))
        book.queue('dock', claim(1002, 500))
        book.end(first, ClaimEvent.GIVEN_BACK, 1003, 100, lambda waiter: True)
        assert [lease.resource for lease in book.pop_waited(600)] == ['dock'], history
