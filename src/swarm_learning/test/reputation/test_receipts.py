# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what a receipt is worth: only what both parties and the log agree on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from receipt_samples import BAD, GOOD, NO_FAULT, S, attempt, half, hear

from swarm_learning.core.observation import Ending
from swarm_learning.core.reputation import ledger
from swarm_learning.core.reputation.config import ReputationConfig
from swarm_learning.core.reputation.receipts import Role, Verdict
from swarm_learning.core.reputation.reputation import Reputation

SECRET = b'0123456789abcdef'


def made() -> Reputation:
    return Reputation(ReputationConfig(), SECRET)


def settled(reputation: Reputation) -> tuple[float, float]:
    """Receipts that speak for r1 and against it, after all waiting is over."""
    reputation.tick(1300 * S)
    reputation.check_invariants()
    pairs = reputation._evidence.of('r1', 0.0)
    return (pytest.approx(sum(pair.successes for _, pair in pairs), abs=1e-3),
            pytest.approx(sum(pair.failures for _, pair in pairs), abs=1e-3))


SILENT = None


@pytest.mark.parametrize(('ending', 'executor', 'requester', 'good', 'bad'), [
    (Ending.DONE, GOOD, GOOD, 1.0, 0.0),
    (Ending.DONE, SILENT, GOOD, 0.5, 0.0),          # the log has the executor's word
    (Ending.DONE, BAD, GOOD, 0.5, 0.0),             # contradicts the log: as if it were silent
    (Ending.DONE, GOOD, SILENT, 0.0, 0.0),          # its own praise
    (Ending.DONE, GOOD, BAD, 0.0, 0.0),             # contested
    (Ending.DONE, GOOD, NO_FAULT, 0.0, 0.0),
    (Ending.DONE, SILENT, SILENT, 0.0, 0.0),
    (Ending.FAILED, BAD, BAD, 0.0, 1.0),
    (Ending.TIMED_OUT, BAD, BAD, 0.0, 1.0),
    (Ending.FAILED, SILENT, BAD, 0.0, 1.0),         # silence does not pay
    (Ending.FAILED, NO_FAULT, BAD, 0.0, 1.0),       # nor does an excuse that nobody shares
    (Ending.FAILED, GOOD, BAD, 0.0, 1.0),
    (Ending.FAILED, BAD, SILENT, 0.0, 0.25),
    (Ending.FAILED, SILENT, SILENT, 0.0, 0.25),
    (Ending.FAILED, BAD, GOOD, 0.0, 0.25),          # a friend's denial is worth no more
    (Ending.FAILED, NO_FAULT, NO_FAULT, 0.0, 0.0),
    (Ending.LEASE_EXPIRED, BAD, BAD, 0.0, 0.0),     # infrastructure faults are nobody's
    (Ending.CANCELLED, BAD, BAD, 0.0, 0.0),
    (Ending.REFUSED, BAD, BAD, 0.0, 0.0),
])
def test_what_counts(
    ending: Ending, executor: Verdict | None, requester: Verdict | None, good: float, bad: float
) -> None:
    for receipts_first in (False, True):
        reputation = made()
        reputation.tick(1000 * S)
        one = attempt(ending=ending)
        halves = [half(one, role, verdict) for role, verdict
                  in ((Role.EXECUTOR, executor), (Role.REQUESTER, requester)) if verdict]
        events = [lambda: reputation.hear_outcome(one),  # noqa: B023
                  lambda: [hear(reputation, each) for each in halves]]  # noqa: B023
        for event in reversed(events) if receipts_first else events:
            event()
        assert settled(reputation) == (good, bad)


@pytest.mark.parametrize(('changes', 'sender', 'counted'), [
    ({'issuer': 'r9'}, 'r9', 'forged'),                     # a stranger as requester
    ({}, 'r9', 'forged'),                                   # in another's name
    ({'role': Role.EXECUTOR}, 'r2', 'forged'),              # in another's role
    ({'executor': 'r2'}, 'r2', 'self_signed'),
    ({'executor': 'r5'}, 'r2', 'forged'),                   # not who the log says
    ({'log_index': 7}, 'r2', 'forged'),
    ({'job_id': ''}, 'r2', 'malformed'),
    ({'task': 'x' * 300}, 'r2', 'malformed'),
    ({'outputs_sha256': 'abc'}, 'r2', 'malformed'),
    ({'nonce': -1}, 'r2', 'malformed'),
    ({'role': Role.AUDITOR, 'issuer': 'r2'}, 'r2', 'forged'),   # a party is no auditor
    ({'role': Role.AUDITOR, 'issuer': 'r3'}, 'r3', 'unasked'),
])
def test_a_forged_receipt_has_no_effect_and_is_counted(
    changes: dict[str, object], sender: str, counted: str
) -> None:
    reputation = made()
    one = attempt()
    reputation.hear_outcome(one)
    hear(reputation, half(one, Role.EXECUTOR, GOOD))
    forged = replace(half(one, Role.REQUESTER, GOOD), **changes)  # type: ignore[arg-type]
    reputation.hear_receipt(forged, sender)
    assert reputation.counted() == {counted: 1}
    assert settled(reputation) == (0.0, 0.0)


def test_a_forged_receipt_that_comes_before_the_outcome_has_no_effect() -> None:
    reputation = made()
    reputation.tick(1000 * S)
    one = attempt()
    hear(reputation, half(one, Role.REQUESTER, GOOD, requester='r7', issuer='r7'))
    hear(reputation, half(one, Role.EXECUTOR, GOOD, requester='r7'))
    reputation.hear_outcome(one)
    assert settled(reputation) == (0.0, 0.0)
    assert reputation.counted() == {'forged': 2}


def test_a_robots_own_jobs_say_nothing_of_it() -> None:
    reputation = made()
    one = attempt(executor='r1', requester='r1')
    reputation.hear_outcome(one)
    hear(reputation, half(one, Role.EXECUTOR, GOOD))
    hear(reputation, half(one, Role.REQUESTER, GOOD))
    assert settled(reputation) == (0.0, 0.0)
    assert reputation.counted()['self_signed'] == 2


def test_replays_count_once_whenever_they_come() -> None:
    reputation = made()
    one = attempt()
    halves = [half(one, Role.EXECUTOR, GOOD), half(one, Role.REQUESTER, GOOD)]
    hear(reputation, halves[0])         # the log is not heard yet, and no time is known
    reputation.hear_outcome(one)
    for _ in range(3):
        for each in halves:
            hear(reputation, each)
        reputation.hear_outcome(one)
    assert settled(reputation) == (1.0, 0.0)
    assert reputation.counted() == {'late': 4, 'repeated': 3}


def test_an_old_nonce_says_nothing_of_another_job() -> None:
    reputation = made()
    first, second = attempt(1), attempt(2)
    for one in (first, second):
        reputation.hear_outcome(one)
        hear(reputation, half(one, Role.EXECUTOR, GOOD))
        hear(reputation, half(one, Role.REQUESTER, GOOD, nonce=5))
    assert settled(reputation) == (1.0, 0.0)
    assert reputation.counted() == {'replayed': 1}


@pytest.mark.parametrize('nonce', [12, 99])
def test_who_says_two_things_has_said_nothing(nonce: int) -> None:
    for order in ((GOOD, BAD), (BAD, GOOD)):
        reputation = made()
        one = attempt()
        reputation.hear_outcome(one)
        for verdict, number in zip(order, (12, nonce), strict=True):
            hear(reputation, half(one, Role.REQUESTER, verdict, nonce=number))
        hear(reputation, half(one, Role.EXECUTOR, GOOD))
        assert settled(reputation) == (0.0, 0.0)
        assert reputation.counted()['conflicting'] == 1


def test_parties_that_had_other_outputs_do_not_agree() -> None:
    reputation = made()
    one = attempt()
    reputation.hear_outcome(one)
    hear(reputation, half(one, Role.EXECUTOR, GOOD, outputs_sha256='a' * 64))
    hear(reputation, half(one, Role.REQUESTER, GOOD, outputs_sha256='b' * 64))
    assert settled(reputation) == (0.0, 0.0)
    assert reputation.counted() == {'conflicting': 1}


def test_one_that_invents_jobs_crowds_out_only_itself() -> None:
    reputation = made()
    reputation.tick(1000 * S)
    honest = attempt(1)
    hear(reputation, half(honest, Role.REQUESTER, GOOD))
    for number in range(2, 3000):
        flood = attempt(number, executor='r8', requester='r9')
        hear(reputation, half(flood, Role.REQUESTER, GOOD))
    reputation.hear_outcome(honest)
    hear(reputation, half(honest, Role.EXECUTOR, GOOD))
    assert settled(reputation) == (1.0, 0.0)
    assert reputation.counted()['crowded'] == 2998 - ledger.EARLY_OF_ONE_MAX


def test_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, 'PENDING_MAX', 500)
    reputation = made()
    for number in range(1, 2500):
        # Too slow for sampling to leave any out.
        one = attempt(number, executor=f'e{number % 700}', requester=f'q{number % 699}',
                      stamp_ns=1000 * S + number * S // 15)
        reputation.hear_outcome(one)
        if number % 4 == 0:
            hear(reputation, half(one, Role.REQUESTER, GOOD))
            hear(reputation, half(one, Role.EXECUTOR, GOOD))
    reputation.check_invariants()
    assert 230 < len(reputation.robots()) <= 256
    assert len(reputation._ledger.pending) <= ledger.PENDING_MAX + 1
    assert len(str(reputation.document())) < 3_000_000


def test_a_flood_of_outcomes_is_sampled_alike_by_all() -> None:
    one, other = made(), made()
    for number in range(1, 20_000):
        each = attempt(number, stamp_ns=1000 * S + number * S // 1000)
        one.hear_outcome(each)
        other.hear_outcome(each)
    one.tick(1400 * S)
    other.tick(1400 * S)
    assert one.outcomes == other.outcomes and 300 < one.outcomes < 1200
    assert one.document() == other.document()


def test_a_frozen_one_learns_nothing_and_forgets_nothing() -> None:
    reputation = made()
    for number in range(1, 20):
        one = attempt(number)
        reputation.hear_outcome(one)
        hear(reputation, half(one, Role.EXECUTOR, GOOD))
        hear(reputation, half(one, Role.REQUESTER, GOOD))
    before = reputation.table()
    reputation.freeze(True)
    for number in range(20, 40):
        reputation.hear_outcome(attempt(number, Ending.FAILED, stamp_ns=10**19))
        hear(reputation, half(attempt(number), Role.REQUESTER, BAD))
    reputation.tick(2 * 10**19)
    assert reputation.table() == before


@pytest.mark.parametrize('changes', [
    {'executor': ''}, {'job_id': ''}, {'requester': 'x' * 300}, {'attempt': 256},
    {'run_ms': -1}, {'thief': 'x' * 300},
])
def test_an_attempt_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match='expected'):
        attempt(**changes)
