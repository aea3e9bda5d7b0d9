# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who may use which resource, until when, and who is next: owns the order of claims.

`index` and `stamp_ns` are those of the log entry, never a local clock: every replica grants and
ends the same lease at the same entry. Refuses to know robots: whether a waiter may still be
granted is asked of the caller (`fit`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leases.lease import (
    TTL_MS_MAX,
    TTL_MS_MIN,
    ClaimEvent,
    ClaimPhase,
    Lease,
    LeaseAnswer,
    Waiter,
    next_claim_phase,
)
from swarm_coordinator.core.replicated.deadlines import Deadlines

MS = 1_000_000
# Chosen without field data: twice the ten thousand that memory is measured with, and a queue that
# is longer than a swarm.
LEASES_MAX = 20_000
WAITERS_PER_RESOURCE_MAX = 64
WAITERS_MAX = 20_000

Fit = Callable[[Waiter], bool]


@dataclass(frozen=True)
class LeaseEnded:
    """A lease that ended as `phase`, and what followed: the next holder, and those in between
    who could not be granted."""

    lease: Lease
    phase: ClaimPhase
    granted: Lease | None
    dropped: tuple[tuple[Waiter, ClaimPhase], ...] = ()


def remaining_ms(until_ns: int, stamp_ns: int) -> int:
    return max(0, until_ns - stamp_ns) // MS


@dataclass
class LeaseBook:
    """`held` is in the order of the grants; only a resource that is held is in it."""

    held: dict[str, Lease] = field(default_factory=dict)
    waiting: int = 0  # claims in all queues
    _ends: Deadlines[str] = field(init=False, repr=False, compare=False)
    _waits: Deadlines[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._ends = Deadlines(self._lease_due)
        self._waits = Deadlines(self._wait_due)
        for lease in self.held.values():
            self._ends.add(lease.expires_ns, lease.token, lease.resource)
            for waiter in lease.waiters:
                self._waits.add(waiter.deadline_ns, waiter.asked_index, lease.resource)

    # ---- questions

    def answer(
        self, resource: str, stamp_ns: int, phase: ClaimPhase, presented: int = 0
    ) -> LeaseAnswer:
        """How the resource stands, for one whose claim is now in `phase`."""
        lease = self.held.get(resource)
        if lease is None:
            return LeaseAnswer(phase, resource, presented=presented)
        return LeaseAnswer(
            phase,
            resource,
            lease.token,
            lease.holder,
            lease.robot_id,
            remaining_ms(lease.expires_ns, stamp_ns),
            presented=presented,
        )

    def claim_of(
        self,
        resource: str,
        robot_id: RobotId,
        incarnation: int,
        holder: str,
        key: str,
        stamp_ns: int,
    ) -> LeaseAnswer | None:
        """The claim that was asked for with `key`; None: there is none, or it has ended. A wait
        belongs to a life of the robot, a lease does not."""
        lease = self.held.get(resource)
        if lease is None or not key:
            return None
        wanted = (robot_id, holder, key)
        if (lease.robot_id, lease.holder, lease.key) == wanted:
            return self.answer(resource, stamp_ns, ClaimPhase.HELD)
        for place, one in enumerate(lease.waiters, 1):
            if (one.robot_id, one.holder, one.key) == wanted and one.incarnation == incarnation:
                return replace(
                    self.answer(resource, stamp_ns, ClaimPhase.WAITING),
                    remaining_ms=remaining_ms(one.deadline_ns, stamp_ns),
                    place=place,
                )
        return None

    def earliest_due_ns(self) -> int | None:
        dues = [due for one in (self._ends, self._waits) if (due := one.earliest_ns()) is not None]
        return min(dues, default=None)

    def _lease_due(self, token: int, resource: str) -> int | None:
        lease = self.held.get(resource)
        return lease.expires_ns if lease is not None and lease.token == token else None

    def _wait_due(self, asked_index: int, resource: str) -> int | None:
        lease = self.held.get(resource)
        for waiter in () if lease is None else lease.waiters:
            if waiter.asked_index == asked_index:
                return waiter.deadline_ns
        return None

    # ---- changes

    def grant(self, resource: str, claim: Waiter, index: int, stamp_ns: int) -> Lease:
        """`resource` must be free."""
        assert resource not in self.held
        next_claim_phase(ClaimPhase.ASKED, ClaimEvent.GRANTED)
        return self._hold(resource, claim, (), index, stamp_ns)

    def _hold(
        self,
        resource: str,
        claim: Waiter,
        waiters: tuple[Waiter, ...],
        index: int,
        stamp_ns: int,
    ) -> Lease:
        lease = Lease(
            resource,
            claim.holder,
            claim.robot_id,
            claim.incarnation,
            index,
            stamp_ns,
            stamp_ns + claim.ttl_ms * MS,
            claim.ttl_ms,
            claim.key,
            waiters,
        )
        self.held[resource] = lease
        self._ends.add(lease.expires_ns, index, resource)
        return lease

    def queue(self, resource: str, claim: Waiter) -> int:
        """Returns the place in the queue, from 1."""
        next_claim_phase(ClaimPhase.ASKED, ClaimEvent.QUEUED)
        lease = self.held[resource]
        lease.waiters = (*lease.waiters, claim)
        self.waiting += 1
        self._waits.add(claim.deadline_ns, claim.asked_index, resource)
        return len(lease.waiters)

    def renew(self, lease: Lease, ttl_ms: int, stamp_ns: int) -> None:
        """A renewal never takes time away: who wants less gives the lease back."""
        next_claim_phase(ClaimPhase.HELD, ClaimEvent.RENEWED)
        lease.ttl_ms = ttl_ms
        lease.expires_ns = max(lease.expires_ns, stamp_ns + ttl_ms * MS)

    def extend_all(self, stamp_ns: int) -> None:
        """One full time more for everybody: renewals may have been lost with the old leader."""
        for lease in self.held.values():
            lease.expires_ns = max(lease.expires_ns, stamp_ns + lease.ttl_ms * MS)

    def end(
        self, lease: Lease, event: ClaimEvent, index: int, stamp_ns: int, fit: Fit
    ) -> LeaseEnded:
        """End it and grant the resource to the first waiter who may still have it."""
        phase = next_claim_phase(ClaimPhase.HELD, event)
        assert lease.token < index, 'a lease is not granted and ended by the same entry'
        del self.held[lease.resource]
        granted: Lease | None = None
        dropped: list[tuple[Waiter, ClaimPhase]] = []
        for place, waiter in enumerate(lease.waiters):
            over = waiter.deadline_ns <= stamp_ns
            if not over and fit(waiter):
                next_claim_phase(ClaimPhase.WAITING, ClaimEvent.GRANTED)
                rest = lease.waiters[place + 1 :]
                granted = self._hold(lease.resource, waiter, rest, index, stamp_ns)
                break
            why = ClaimEvent.TIME_OVER if over else ClaimEvent.ROBOT_LOST
            dropped.append((waiter, next_claim_phase(ClaimPhase.WAITING, why)))
        # Only now, when those who still wait are in the book again: gone() may look at all.
        self._ends.gone()
        for _ in range(len(dropped) + (granted is not None)):
            self.waiting -= 1
            self._waits.gone()
        return LeaseEnded(lease, phase, granted, tuple(dropped))

    def drop(
        self, lease: Lease, event: ClaimEvent, wanted: Callable[[Waiter], bool]
    ) -> list[Waiter]:
        """Take waiters out of the queue of `lease`; returns them."""
        dropped = [waiter for waiter in lease.waiters if wanted(waiter)]
        if dropped:
            next_claim_phase(ClaimPhase.WAITING, event)
            lease.waiters = tuple(one for one in lease.waiters if not wanted(one))
            self.waiting -= len(dropped)
            for _ in dropped:
                self._waits.gone()
        return dropped

    def pop_ended(self, stamp_ns: int) -> list[Lease]:
        """Leases whose time is over, in the order in which it was. The caller ends them."""
        return [self.held[resource] for resource in self._ends.pop_due(stamp_ns)]

    def pop_waited(self, stamp_ns: int) -> Iterator[Lease]:
        """Leases with waiters whose wait is over, each once. The caller drops those."""
        for resource in dict.fromkeys(self._waits.pop_due(stamp_ns)):
            if (lease := self.held.get(resource)) is not None:
                yield lease

    def check_invariants(self) -> None:
        assert len(self.held) <= LEASES_MAX
        tokens = [lease.token for lease in self.held.values()]
        assert tokens == sorted(tokens)
        for resource, lease in self.held.items():
            assert lease.resource == resource
            lease.check_invariants()
            assert len(lease.waiters) <= WAITERS_PER_RESOURCE_MAX
            assert all(TTL_MS_MIN <= one.ttl_ms <= TTL_MS_MAX for one in lease.waiters)
        assert self.waiting == sum(len(lease.waiters) for lease in self.held.values())
        assert self.waiting <= WAITERS_MAX
        assert len(self._ends) >= len(self.held) and len(self._waits) >= self.waiting
