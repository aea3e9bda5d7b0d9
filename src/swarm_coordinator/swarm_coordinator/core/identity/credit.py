# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a source of messages may cost us: a bounded number of refusals, a bounded rate of messages.

Owns the two budgets of each source and how they come back with time. A source is what the
middleware says a message came from, not what the message says. Refuses to know clocks and
messages.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

SECOND_NS = 1_000_000_000
CREDIT = 64.0  # refusals that a source may cause at once
CREDIT_PER_S = 8.0  # chosen: 20 hostile sources cost about 1 % of a core in checks
RATE_PER_S = 5000.0  # messages of one source; the chunks of a file are the most that one sends
RATE_BURST = 10_000.0
SOURCES_MAX = 512


@dataclass
class Account:
    at_ns: int
    credit: float = CREDIT
    rate: float = RATE_BURST

    def refill(self, now_ns: int) -> None:
        passed_s = (now_ns - self.at_ns) / SECOND_NS
        self.at_ns = now_ns
        self.credit = min(CREDIT, self.credit + CREDIT_PER_S * passed_s)
        self.rate = min(RATE_BURST, self.rate + RATE_PER_S * passed_s)

    @property
    def muted(self) -> bool:
        return self.credit < 1.0

    def charge(self, cost: float = 1.0) -> None:
        """It caused a refusal, or work that is worth a part of one."""
        self.credit -= cost

    def count(self) -> bool:
        """It sent a message; False if it has sent too many."""
        if self.rate < 1.0:
            return False
        self.rate -= 1.0
        return True


class Accounts:
    """One for each source; the one that was idle longest is forgotten first."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[bytes, Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def of(self, source: bytes, now_ns: int) -> Account:
        if not source:  # the middleware does not say: muting all for one would be worse
            return Account(now_ns)
        found = self._accounts.get(source)
        if found is None:
            found = self._accounts[source] = Account(now_ns)
            if len(self._accounts) > SOURCES_MAX:
                self._accounts.popitem(last=False)
        else:
            found.refill(now_ns)
            self._accounts.move_to_end(source)
        return found
