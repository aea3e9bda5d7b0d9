# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""By which rule jobs are given out, for measurements only: a robot that ships goes by cost.

A policy is a rule of core/jobs/allocation.py; with ' at once' after it, jobs do not wait until a
robot has room, but are all given out on submission. Only `cost` steals: who takes work over from
others mends a bad rule.
"""

from __future__ import annotations

POLICIES = (
    'cost', 'round_robin', 'least_loaded', 'round_robin at once', 'least_loaded at once'
)
AT_ONCE = 1 << 30  # jobs that a robot may hold beyond its slots


def rule_of(policy: str) -> tuple[str, int]:
    """The rule, and how many jobs a robot may hold beyond its slots. Raises ValueError."""
    if policy not in POLICIES:
        raise ValueError(f'policy={policy!r}: expected one of {", ".join(POLICIES)}')
    from swarm_coordinator.core.jobs.allocation import QUEUED_AHEAD

    rule, _, at_once = policy.partition(' ')
    return rule, AT_ONCE if at_once else QUEUED_AHEAD


def choose(policy: str) -> None:
    """Every allocator that this process makes from now on has it."""
    from swarm_coordinator.core.jobs import allocation, stealing

    if policy != 'cost':
        stealing.Thief.look = lambda *_: None  # type: ignore[method-assign]
    inner = allocation.Allocator.__post_init__
    rule, ahead = rule_of(policy)

    def chosen(self: allocation.Allocator) -> None:
        self.policy, self.ahead = rule, ahead
        inner(self)

    allocation.Allocator.__post_init__ = chosen  # type: ignore[method-assign]
