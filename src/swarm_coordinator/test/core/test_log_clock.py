# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot never thinks that a lease lasts longer than the log says."""

from __future__ import annotations

from swarm_coordinator.core.log_clock import LogClock

STAMP_NS = 10**18
TTL_NS = 6_000


def test_nothing_is_known_of_a_leader_of_whom_nothing_of_ours_was_seen() -> None:
    assert LogClock().lease_until_ns(STAMP_NS + TTL_NS, TTL_NS, 50) == 50


def test_lease_counts_from_its_grant_however_late_that_is_seen() -> None:
    clock = LogClock()
    clock.saw(1, STAMP_NS, asked_ns=1_000)
    granted_ns = STAMP_NS + 500
    assert clock.lease_until_ns(granted_ns + TTL_NS, TTL_NS, 1_600) == 1_500 + TTL_NS
    assert clock.lease_until_ns(granted_ns + TTL_NS, TTL_NS, 5_000) == 1_500 + TTL_NS


def test_lease_that_is_over_when_it_is_seen_lasts_until_now() -> None:
    clock = LogClock()
    clock.saw(1, STAMP_NS, asked_ns=1_000)
    assert clock.lease_until_ns(STAMP_NS + TTL_NS, TTL_NS, 90_000) == 90_000


def test_lease_lasts_no_longer_than_its_time() -> None:
    clock = LogClock()
    clock.saw(1, STAMP_NS, asked_ns=1_000)
    assert clock.lease_until_ns(STAMP_NS + 9 * TTL_NS, TTL_NS, 1_000) == 1_000 + TTL_NS


def test_what_came_fastest_into_the_log_tells_most() -> None:
    slow, fast, later = (1, STAMP_NS + 900), (1, STAMP_NS + 1_100), (1, STAMP_NS + 3_000)
    clock = LogClock()
    for (term, stamp_ns), asked_ns in ((slow, 0), (fast, 1_000), (later, 1_500)):
        clock.saw(term, stamp_ns, asked_ns)
    assert clock.offset_ns == 1_000 - (STAMP_NS + 1_100)


def test_stamps_of_the_next_leader_are_those_of_another_clock() -> None:
    clock = LogClock()
    clock.saw(1, STAMP_NS, asked_ns=1_000)
    clock.follow(1)
    assert clock.offset_ns is not None
    clock.follow(2)
    assert clock.lease_until_ns(STAMP_NS + TTL_NS, TTL_NS, 50) == 50
    clock.saw(2, STAMP_NS * 2, asked_ns=1_000)
    assert clock.offset_ns == 1_000 - STAMP_NS * 2, 'the smaller one counts: it is of this leader'
