# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about audits: whom they ask, what they find, and whom a liar costs what."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from receipt_samples import BAD, GOOD, NO_FAULT, attempt, half, hear

from swarm_learning.core.observation import Ending
from swarm_learning.core.reputation.audits import (
    AUDITORS,
    Audit,
    AuditRequest,
    Finding,
    Lots,
    choose,
)
from swarm_learning.core.reputation.config import ReputationConfig
from swarm_learning.core.reputation.receipts import Receipt, Role, Verdict
from swarm_learning.core.reputation.reputation import Reputation

ALWAYS = ReputationConfig(audit_share=1.0, audit_share_newcomer=1.0)
PRESENT = ('r1', 'r2', 'r3', 'r4', 'r5', 'r6')


def heard(
    requester: Verdict = GOOD, config: ReputationConfig = ALWAYS, **digest: str
) -> Reputation:
    """One attempt of r1 for r2 that the log calls done."""
    reputation = Reputation(config, b'0123456789abcdef')
    one = attempt()
    reputation.hear_outcome(one)
    hear(reputation, half(one, Role.EXECUTOR, GOOD))
    hear(reputation, half(one, Role.REQUESTER, requester, **digest))
    return reputation


def word(auditor: str, verdict: Verdict, digest: str = '') -> Receipt:
    return half(attempt(), Role.AUDITOR, verdict, issuer=auditor, outputs_sha256=digest,
                nonce=1000 + int(auditor[1:]))


def play(reputation: Reputation, verdicts: list[Verdict], digest: str = '') -> list[str]:
    """Auditors answer in turn until nobody is asked any more; who was asked."""
    asked: list[str] = []
    while True:
        requests = reputation.audits_due(PRESENT)
        if not requests:
            return asked
        for request in requests:
            hear(reputation, word(request.auditor, verdicts[len(asked)], digest))
            asked.append(request.auditor)


def evidence(reputation: Reputation) -> tuple[float, float]:
    pairs = reputation._evidence.of('r1', 0.0)
    return (sum(pair.successes for _, pair in pairs), sum(pair.failures for _, pair in pairs))


def test_a_confirmed_success_counts_twice_and_makes_both_parties_credible() -> None:
    reputation = heard()
    before = reputation.credibility('r2')
    assert len(play(reputation, [GOOD])) == 1
    assert evidence(reputation) == (2.0, 0.0)
    assert reputation.credibility('r1') == reputation.credibility('r2') > before


def test_one_false_auditor_changes_nothing_but_its_own_credibility() -> None:
    reputation = heard()
    before = reputation.credibility('r2')
    asked = play(reputation, [BAD, GOOD, GOOD])
    assert len(asked) == AUDITORS and not {'r1', 'r2'} & set(asked)
    assert evidence(reputation) == (2.0, 0.0)
    assert reputation.credibility(asked[0]) == 0.0
    assert reputation.credibility('r2') > before


def test_praise_that_two_auditors_deny_is_taken_back_and_costs_both_parties() -> None:
    reputation = heard()
    play(reputation, [BAD, GOOD, BAD])
    assert evidence(reputation) == (0.0, 1.0)
    assert reputation.credibility('r1') == reputation.credibility('r2') == 0.0


def test_a_requester_that_could_not_see_the_fault_has_not_lied() -> None:
    reputation = heard(outputs_sha256='a' * 64)
    before = reputation.credibility('r2')
    play(reputation, [BAD, BAD, BAD], digest='b' * 64)
    assert evidence(reputation) == (0.0, 1.0)
    assert reputation.credibility('r2') == before
    assert reputation.credibility('r1') == 0.0


def test_a_slanderer_is_found_out_and_its_victim_gets_what_it_earned() -> None:
    reputation = heard(BAD)
    assert evidence(reputation) == (0.0, 0.0)
    assert len(play(reputation, [GOOD, GOOD, GOOD])) == AUDITORS
    assert evidence(reputation) == (1.0, 0.0)
    assert reputation.credibility('r2') == 0.0 < reputation.credibility('r1')


def test_a_right_complaint_counts_in_full() -> None:
    reputation = heard(BAD)
    play(reputation, [BAD, BAD, GOOD])
    assert evidence(reputation) == (0.0, 1.0)
    assert reputation.credibility('r1') == 0.0 < reputation.credibility('r2')


def test_auditors_that_could_not_look_say_nothing() -> None:
    reputation = heard(BAD)
    play(reputation, [NO_FAULT, NO_FAULT, NO_FAULT])
    assert evidence(reputation) == (0.0, 0.0)


def test_who_was_not_asked_is_not_heard() -> None:
    reputation = heard(BAD)
    [asked, *_] = [request.auditor for request in reputation.audits_due(PRESENT)]
    for name in ('r8', 'r9'):
        hear(reputation, word(name, BAD))
    hear(reputation, word(asked, GOOD))
    hear(reputation, word(asked, BAD))
    assert reputation.counted() == {'conflicting': 1, 'replayed': 1, 'unasked': 2}
    assert evidence(reputation) == (0.0, 0.0)


def test_a_follower_that_hears_the_same_comes_to_the_same() -> None:
    leader, follower = heard(BAD), heard(BAD)
    requests = leader.audits_due(PRESENT)
    follower.hear_audits(requests)
    for request in requests:
        for one in (leader, follower):
            hear(one, word(request.auditor, BAD))
    assert leader.table() == follower.table()
    assert evidence(follower) == (0.0, 1.0)


def test_a_request_that_comes_before_the_judgement_is_not_lost() -> None:
    leader, follower = heard(BAD), Reputation(ALWAYS, b'another secret 1')
    requests = leader.audits_due(PRESENT)
    one = attempt()
    follower.hear_outcome(one)
    hear(follower, half(one, Role.EXECUTOR, GOOD))
    follower.hear_audits(requests)
    follower.hear_audits(requests)
    follower = Reputation.from_document(follower.document(), ALWAYS, b'another secret 2')
    hear(follower, half(one, Role.REQUESTER, BAD))
    for request in requests:
        for each in (leader, follower):
            hear(each, word(request.auditor, BAD))
    assert leader.table() == follower.table()
    assert evidence(follower) == (0.0, 1.0)


def test_requests_for_attempts_that_never_were_leave_no_trace() -> None:
    reputation = heard()
    before = reputation.document()
    reputation.hear_audits([AuditRequest(f'x{number}', 1, 'r3') for number in range(100)])
    assert reputation.document() == before


def test_the_log_s_word_is_known_as_long_as_it_may_be_looked_at() -> None:
    reputation = heard()
    assert reputation.attempt('j1', 1) == attempt() and reputation.attempt('j1', 2) is None
    reputation.tick(attempt().stamp_ns + 3600 * 10**9)
    assert reputation.attempt('j1', 1) is None


def test_where_each_second_run_makes_something_else_nobody_has_worked_badly() -> None:
    reputation = heard()
    before = reputation.table()
    asked = []
    while requests := reputation.audits_due(PRESENT):
        for request in requests:
            asked.append(request.auditor)
            hear(reputation, word(request.auditor, BAD, request.auditor[1] * 64))
    assert len(asked) == AUDITORS
    assert evidence(reputation) == (1.0, 0.0)
    assert reputation.table() == before


def test_failed_and_own_work_is_never_audited() -> None:
    reputation = Reputation(ALWAYS, b'0123456789abcdef')
    for number, changes in enumerate(({'ending': Ending.FAILED}, {'requester': 'r1'},
                                      {'ending': Ending.LEASE_EXPIRED}), 1):
        one = attempt(number, **changes)
        reputation.hear_outcome(one)
        hear(reputation, half(one, Role.EXECUTOR, BAD))
        hear(reputation, half(one, Role.REQUESTER, BAD))
    assert reputation.audits_due(PRESENT) == ()


def test_what_cannot_be_seen_again_is_not_asked_for() -> None:
    assert heard().audits_due(PRESENT, lambda one: False) == ()


def test_about_the_share_that_is_asked_for_is_audited() -> None:
    reputation = Reputation(ReputationConfig(audit_share_newcomer=0.15), b'0123456789abcdef')
    asked = 0
    for number in range(1, 1500):
        one = attempt(number, stamp_ns=1000 * 10**9 + number * 10**9)
        reputation.hear_outcome(one)
        hear(reputation, half(one, Role.EXECUTOR, GOOD))
        hear(reputation, half(one, Role.REQUESTER, GOOD))
        asked += len(reputation.audits_due(PRESENT))
    assert 0.12 < asked / 1500 < 0.18


def test_every_attempt_of_a_newcomer_is_looked_at_until_enough_is_known_of_it() -> None:
    config = ReputationConfig(audit_share=0.0, audit_receipts=12.0)
    reputation = Reputation(config, b'0123456789abcdef')
    asked = []
    for number in range(1, 60):
        one = attempt(number, stamp_ns=1000 * 10**9 + number * 10**9)
        reputation.hear_outcome(one)
        hear(reputation, half(one, Role.EXECUTOR, GOOD))
        hear(reputation, half(one, Role.REQUESTER, GOOD))
        asked.append(bool(reputation.audits_due(PRESENT)))
    assert 11 <= asked.index(False) <= 14 and not any(asked[15:])


def test_another_secret_draws_other_lots() -> None:
    one, other = Lots(b'a' * 16), Lots(b'b' * 16)
    draws = [one.draw('audit', 'job', number) for number in range(2000)]
    assert abs(sum(draws) / 2000 - 0.5) < 0.02
    assert draws == [one.draw('audit', 'job', number) for number in range(2000)]
    same = sum((a < 0.15) == (other.draw('audit', 'job', number) < 0.15)
               for number, a in enumerate(draws))
    assert 0.70 < same / 2000 < 0.79     # as if independent: 0.745


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match='16'):
        Lots(b'short')


def test_auditors_are_drawn_by_how_much_they_are_believed() -> None:
    lots, able = Lots(b'a' * 16), {'r3': 0.0, 'r4': 0.2, 'r5': 0.6}
    chosen = [choose(lots, (f'j{number}', 1), able, ()) for number in range(1000)]
    assert chosen.count('r3') == 0 and 0.68 < chosen.count('r5') / 1000 < 0.82
    nobody = {chosen for number in range(100)
              if (chosen := choose(lots, (f'j{number}', 1), {'r3': 0.0, 'r4': 0.0}, ()))}
    assert nobody == {'r3', 'r4'}
    assert choose(lots, ('j', 1), able, ('r3', 'r4', 'r5')) is None


@settings(max_examples=60)
@given(st.sampled_from([None, GOOD]), st.lists(st.sampled_from([GOOD, BAD, NO_FAULT]), max_size=3))
def test_nothing_is_found_against_two_of_three(
    claimed: Verdict | None, verdicts: list[Verdict]
) -> None:
    audit = Audit(claimed, ['r3', 'r4', 'r5'])
    for number, verdict in enumerate(verdicts):
        audit.hear(f'r{number + 3}', verdict, '')
    finding = audit.finding()
    if finding is Finding.BAD:
        assert verdicts.count(BAD) >= 2
    if finding is Finding.GOOD and claimed is None:
        assert verdicts.count(GOOD) >= 2
    assert verdicts.count(BAD) < 2 or finding is Finding.BAD


def test_requests_name_attempt_and_auditor() -> None:
    [request] = heard().audits_due(('r1', 'r2', 'r3'))
    assert request == AuditRequest('j1', 1, 'r3')
