# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A lease in the hands of a program: owns until when its holder may act on it.

Judged by the holder's own monotonic clock, from the moment before it asked: two thirds of the time
to live, so that the holder has stopped before anybody else can have started. Knows no ROS.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

USABLE_NUMERATOR, USABLE_DENOMINATOR = 2, 3  # of the time to live
RENEWALS_PER_TTL = 3


class LeaseLost(Exception):
    """The lease is over or may be: stop what it protects."""

    def __init__(self, resource: str, token: int, why: str) -> None:
        super().__init__(f'lease on {resource!r} (token {token}) is lost: {why}')
        self.resource, self.token, self.why = resource, token, why


class LeaseRefused(Exception):
    """The swarm did not grant it; the text says why and who holds it."""


@dataclass(frozen=True)
class Renewal:
    """What came of one attempt. `sent_ns` is the monotonic time before it was asked."""

    sent_ns: int
    confirmed: bool
    refused: str = ''  # final: the lease is another's or nobody's


class HeldLease:
    """`token` goes with everything that is done under the lease; a FencedResource checks it.

    `on_lost` is called once, from the thread that renews. Safe to use from several threads.
    """

    def __init__(
        self,
        resource: str,
        holder: str,
        token: int,
        ttl_ms: int,
        sent_ns: int,
        clock: Callable[[], int],
    ) -> None:
        self.resource, self.holder, self.token, self.ttl_ms = resource, holder, token, ttl_ms
        self.on_lost: Callable[[str], None] = lambda why: None
        self._clock = clock
        self._lock = threading.Lock()
        self._usable_until_ns = 0
        self._over = ''
        self.renewed(Renewal(sent_ns, confirmed=True))

    @property
    def renew_every_ms(self) -> int:
        return max(1, self.ttl_ms // RENEWALS_PER_TTL)

    @property
    def remaining_ms(self) -> int:
        """How long the holder may still act without another renewal; 0 = not at all."""
        with self._lock:
            if self._over:
                return 0
            return max(0, (self._usable_until_ns - self._clock()) // 1_000_000)

    @property
    def is_valid(self) -> bool:
        return self.remaining_ms > 0

    def check(self) -> int:
        """The token, if the holder may act now. Raises LeaseLost."""
        if not self.is_valid:
            raise LeaseLost(self.resource, self.token, self._over or 'it was not renewed in time')
        return self.token

    def renewed(self, renewal: Renewal) -> None:
        """Take in the outcome of a renewal, or notice that none came in time."""
        with self._lock:
            if self._over:
                return
            if renewal.confirmed:
                usable_ns = self.ttl_ms * 1_000_000 * USABLE_NUMERATOR // USABLE_DENOMINATOR
                self._usable_until_ns = max(
                    self._usable_until_ns, renewal.sent_ns + usable_ns
                )
                return
            if not renewal.refused and self._clock() < self._usable_until_ns:
                return
            self._over = renewal.refused or 'it was not renewed in time'
        self.on_lost(self._over)

    def ended(self, why: str) -> None:
        """By its own holder: `on_lost` is not called."""
        with self._lock:
            self._over = self._over or why
