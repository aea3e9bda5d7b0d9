# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what an honest robot says of its attempts, and when."""

from __future__ import annotations

from itertools import count

import pytest
from receipt_samples import BAD, GOOD, NO_FAULT, S, attempt

from swarm_learning.core.observation import Ending
from swarm_learning.core.reputation.config import ReputationConfig
from swarm_learning.core.reputation.receipts import Receipt, Role
from swarm_learning.core.reputation.reputation import Reputation
from swarm_learning.core.reputation.witness import (
    SEND_MAX,
    Delivery,
    Witness,
    Work,
    auditor_says,
    how_to_audit,
)

LATER = 1000 * S + S


def witness(robot: str) -> Witness:
    nonces = count(1 if robot == 'r1' else 10**9)
    return Witness(robot, lambda: next(nonces))


def said(one: Witness, stamp_ns: int = LATER) -> list[tuple[Role, str, object]]:
    return [(each.role, each.job_id, each.verdict) for message in one.tick(stamp_ns)
            for each in message]


@pytest.mark.parametrize(('ending', 'executor', 'requester'), [
    (Ending.DONE, GOOD, None),          # the requester waits for its outputs
    (Ending.FAILED, BAD, BAD),
    (Ending.TIMED_OUT, BAD, BAD),
    (Ending.LEASE_EXPIRED, NO_FAULT, None),
    (Ending.CANCELLED, NO_FAULT, None),
    (Ending.REFUSED, NO_FAULT, None),
    (Ending.STOLEN, None, None),
])
def test_who_says_what_at_once(ending: Ending, executor: object, requester: object) -> None:
    for robot, role, verdict in (('r1', Role.EXECUTOR, executor),
                                 ('r2', Role.REQUESTER, requester), ('r3', None, None)):
        one = witness(robot)
        one.hear_outcome(attempt(ending=ending))
        one.hear_outcome(attempt(ending=ending))    # a new leader may repeat it
        assert said(one) == ([(role, 'j1', verdict)] if verdict else [])


@pytest.mark.parametrize('delivered_first', [False, True])
def test_a_requester_confirms_when_it_has_the_outputs(delivered_first: bool) -> None:
    one = witness('r2')
    steps = [lambda: one.hear_outcome(attempt()),
             lambda: one.hear_delivery(Delivery('j1', 1, True, 'a' * 64))]
    for step in reversed(steps) if delivered_first else steps:
        assert said(one) == []
        step()
    [[receipt]] = one.tick(LATER)
    assert (receipt.verdict, receipt.outputs_sha256) == (GOOD, 'a' * 64)
    one.hear_delivery(Delivery('j1', 1, True))
    assert said(one) == []


def test_outputs_that_do_not_come_leave_it_silent() -> None:
    one = witness('r2')
    one.hear_outcome(attempt())
    one.hear_delivery(Delivery('j1', 1, False))
    assert said(one, LATER + 1000 * S) == []
    one.hear_delivery(Delivery('j1', 1, True))      # too late to count
    assert said(one) == []


def test_a_user_may_complain_before_the_outputs_are_confirmed() -> None:
    one = witness('r2')
    one.hear_outcome(attempt())
    assert one.complain('j1', 1) and not one.complain('j1', 1)
    assert said(one) == [(Role.REQUESTER, 'j1', BAD)]


def test_what_fails_in_an_emergency_stop_is_nobodys_fault() -> None:
    for robot in ('r1', 'r2'):
        one = witness(robot)
        one.hear_stop(1000 * S - 5 * S)
        one.hear_outcome(attempt(ending=Ending.FAILED))
        assert [verdict for _, _, verdict in said(one)] == [NO_FAULT]


def test_own_work_is_not_spoken_of() -> None:
    one = witness('r1')
    one.hear_outcome(attempt(requester='r1'))
    assert said(one) == []


def test_messages_hold_no_more_than_they_may() -> None:
    one = witness('r1')
    for number in range(1, 151):
        one.hear_outcome(attempt(number, stamp_ns=1000 * S + number * S))
    sizes = [len(message) for message in one.tick(LATER)]
    assert sizes == [SEND_MAX, SEND_MAX, 150 - 2 * SEND_MAX]


def test_both_witnesses_together_make_an_attempt_count() -> None:
    reputation = Reputation(ReputationConfig(), b'0123456789abcdef')
    pair = [witness('r1'), witness('r2')]
    pair[0].promised('j1', 120)
    one = attempt()
    reputation.hear_outcome(one)
    for each in pair:
        each.hear_outcome(one)
        each.hear_delivery(Delivery('j1', 1, True, 'a' * 64))
    receipts: list[Receipt] = [each for robot in pair for message in robot.tick(LATER)
                               for each in message]
    for each in receipts:
        reputation.hear_receipt(each, each.issuer)
    assert reputation.outcomes == 1 and reputation.standing('r1').receipts == 1.0
    assert receipts[0].promised_ms == 120


def test_an_auditor_compares_what_it_found_with_the_log() -> None:
    same, other = 'a' * 64, 'b' * 64
    words = [auditor_says('r3', attempt(), 1, found, same) for found in (same, other, None)]
    assert [one.verdict for one in words] == [GOOD, BAD, NO_FAULT]
    assert {(one.issuer, one.role) for one in words} == {('r3', Role.AUDITOR)}


@pytest.mark.parametrize(('work', 'how'), [
    (Work(True, 100, (10,)), 'rerun'),
    (Work(True, 60_000, (10,)), 'recheck'),
    (Work(False, 100, (10,)), 'recheck'),
    (Work(False, 100, (10, 2**30)), ''),
    (Work(True, 100, ()), ''),
])
def test_only_what_can_be_repeated_without_a_trace_is_run_again(work: Work, how: str) -> None:
    assert how_to_audit(work) == how
