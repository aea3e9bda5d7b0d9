# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults in leases on resources, in the registry of services and in events."""

from __future__ import annotations

from mutation.mutant import Mutant, fault

BOOK = 'core/leases/lease_book.py'
RULES = 'core/replicated/lease_rules.py'
MEMBERS = 'core/replicated/member_rules.py'
TESTS = 'core/replicated/test_apply_leases.py'
TEST_MEMBERS = 'core/replicated/test_apply_members.py'
TEST_TERMS = 'core/replicated/test_apply_terms.py'

LEASES: tuple[Mutant, ...] = (
    fault(
        'next holder gets the token of the one before',
        BOOK,
        'granted = self._hold(lease.resource, waiter, rest, index, stamp_ns)',
        'granted = self._hold(lease.resource, waiter, rest, lease.token, stamp_ns)',
        TESTS,
    ),
    fault(
        'waiter is granted the lease after its deadline',
        BOOK,
        'if not over and fit(waiter):',
        'if fit(waiter):',
        TESTS,
    ),
    fault(
        'waiter is granted the lease although its robot is gone',
        BOOK,
        'if not over and fit(waiter):',
        'if not over:',
        'core/leases/test_next_in_line.py',
    ),
    fault(
        'robot that is gone keeps its place in a queue',
        RULES,
        'return waiter.robot_id == robot_id and waiter.incarnation < incarnation_below',
        'return False',
        TESTS,
    ),
    fault(
        'new leader does not extend leases on resources',
        BOOK,
        'lease.expires_ns = max(lease.expires_ns, stamp_ns + lease.ttl_ms * MS)',
        'pass',
        TESTS,
    ),
    fault(
        'renewal takes time away',
        BOOK,
        'lease.expires_ns = max(lease.expires_ns, stamp_ns + ttl_ms * MS)',
        'lease.expires_ns = stamp_ns + ttl_ms * MS',
        TESTS,
    ),
    fault(
        'who asks last is next',
        BOOK,
        'lease.waiters = (*lease.waiters, claim)',
        'lease.waiters = (claim, *lease.waiters)',
        TESTS,
    ),
    fault(
        'lease is renewed and released under any token',
        RULES,
        'if lease is not None and lease.token == token:',
        'if lease is not None:',
        TESTS,
    ),
    fault(
        'renewal revives a lease whose time is over',
        RULES,
        'if not done.refused and not lease.is_live(state.stamp_ns):',
        'if False:',
        TESTS,
    ),
    fault(
        'repeated question is answered with a lease whose time is over',
        RULES,
        'elif earlier.remaining_ms == 0:',
        'elif False:',
        TESTS,
    ),
    fault(
        'robot that is dead to the swarm can acquire a lease',
        RULES,
        'done.refused = refused_claim(command) or _refused_robot(command, state)',
        'done.refused = refused_claim(command)',
        TESTS,
    ),
    fault(
        'robot that is dead to the swarm keeps its places in queues',
        MEMBERS,
        '    drop_waiters_of(name, member.incarnation + 1, state, done)\n',
        '',
        TESTS,
    ),
    fault(
        'lease ends with the life of the robot that it was asked through',
        RULES,
        '    for lease in state.leases.held.values():\n',
        '    for lease in [*state.leases.held.values()]:\n'
        '        if lease.robot_id == robot_id and lease.incarnation < incarnation_below:\n'
        "            _end(lease, ClaimEvent.TIME_OVER, state, done, 'its robot is gone')\n"
        '            continue\n',
        TESTS,
    ),
    fault(
        'lease is renewed through a robot that is present only',
        RULES,
        'if lease is not None and lease.token == token:',
        'if lease is not None and lease.token == token and state.present(\n'
        '            lease.robot_id, lease.incarnation\n'
        '    ):',
        TESTS,
    ),
    fault(
        'service outlives the robot that offered it',
        MEMBERS,
        "    end_services_of(name, member.incarnation + 1, state, done, f'{name} is dead')\n",
        '',
        'core/registry/test_services.py',
    ),
    fault(
        'robot that left is brought back by its own late registration',
        MEMBERS,
        'return known.phase is Liveness.LEFT and incarnation == known.incarnation',
        'return False',
        TEST_MEMBERS,
    ),
    fault(
        'event that is reported twice is kept twice',
        'core/replicated/event_rules.py',
        'earlier = state.events.index_by_key.get(command.key) if command.key else None',
        'earlier = None',
        'core/replicated/test_apply_events.py',
    ),
    fault(
        'log takes back the clearing of a newer emergency',
        'core/replicated/mode_rules.py',
        'if not low <= command.epoch <= high:',
        'if not 1 <= command.epoch <= high:',
        TEST_MEMBERS,
    ),
    fault(
        'clearing of an impossible epoch silences all later ones',
        'core/replicated/mode_rules.py',
        'if not low <= command.epoch <= high:',
        'if not low <= command.epoch:',
        TEST_MEMBERS,
    ),
    fault(
        'override ends early by the clock of a new leader',
        'core/replicated/expiry_rules.py',
        '    hold_override(state, state.stamp_ns - before_ns)\n',
        '',
        TEST_TERMS,
    ),
    fault(
        'override lasts longer with every entry',
        'core/replicated/expiry_rules.py',
        '    elif index != state.term_index + 1:\n        return\n',
        '',
        TEST_TERMS,
    ),
    fault(
        'jump of the clock counts for what comes before the word of the new leader',
        'core/replicated/expiry_rules.py',
        '    hold_jobs(state, state.stamp_ns - before_ns)\n    extend_all(state)\n',
        '    hold_jobs(state, state.stamp_ns - before_ns)\n',
        TEST_TERMS,
    ),
    fault(
        'jump of the clock counts as time that a job said nothing',
        'core/replicated/expiry_rules.py',
        '    hold_jobs(state, state.stamp_ns - before_ns)\n',
        '',
        TEST_TERMS,
    ),
    fault(
        'nothing in the log says how long an override was led for',
        'core/replicated/state.py',
        'state.stamp_ns + OVERRIDE_WITNESS_MS * MS',
        'override.expires_ns',
        TEST_TERMS,
    ),
    fault(
        'resource accepts the token of a former holder',
        'fencing.py',
        'if token < highest:',
        'if False:',
        'test_fencing.py',
    ),
    fault(
        'resource accepts a token before it is on the disk',
        'fencing.py',
        '                self._store(token)\n',
        '',
        'test_fencing.py',
    ),
)
