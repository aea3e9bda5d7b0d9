# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about signed receipts: whoever brings them, only the word of robots that signed counts,
and of what somebody tried with them nothing does."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from receipt_samples import BAD, GOOD, S, attempt, half
from signing_samples import Certificates

from swarm_learning.core.observation import Ending
from swarm_learning.core.reputation.audits import AuditRequest
from swarm_learning.core.reputation.config import ReputationConfig
from swarm_learning.core.reputation.notary import Notary
from swarm_learning.core.reputation.receipts import (
    Attempt,
    Receipt,
    Role,
    confirmed,
    half_of,
    other_half_of,
)
from swarm_learning.core.reputation.reputation import Reputation
from swarm_learning.core.reputation.statements import bytes_of_receipt, bytes_of_request
from swarm_learning.core.reputation.witness import CONFIRM_NS, Delivery, Witness, auditor_says

LATER = 1001 * S
ONE = attempt()     # r1 worked for r2


@pytest.fixture
def world() -> Certificates:
    return Certificates('r1', 'r2', 'r3', 'r4')


def signed(world: Certificates, role: Role, one: Attempt = ONE, **changes: object) -> Receipt:
    said = half(one, role, GOOD, **changes)
    return world.notary(said.issuer).signed(said)


def of_both(world: Certificates, one: Attempt = ONE) -> Receipt:
    """The requester's, with the executor's signature."""
    mine = half(one, Role.REQUESTER, GOOD, outputs_sha256='ab' * 32)
    return world.notary('r2').signed(confirmed(mine, signed(world, Role.EXECUTOR, one)))


def judged(notary: Notary, *receipts: Receipt, one: Attempt = ONE) -> tuple[float, list[str]]:
    """What speaks for the executor when these are all that came, and what was refused."""
    reputation = Reputation(ReputationConfig(), b'0123456789abcdef')
    reputation.tick(1000 * S)
    reputation.hear_outcome(one)
    refused = []
    for receipt in receipts:
        found = notary.check(receipt)
        refused += [found.refused] if found.refused else []
        for word in found.words:
            if reputation.lacks(word):
                reputation.hear_receipt(word, word.issuer)
    reputation.tick(1300 * S)
    reputation.check_invariants()
    assert 'conflicting' not in reputation.counted()
    return reputation.standing('r1').successes, refused


def test_one_receipt_with_both_signatures_is_the_word_of_both(world: Certificates) -> None:
    whole = of_both(world)
    assert len(whole.signature) == len(whole.countersignature) == 64
    alone, _ = judged(world.notary('r9'), half_of(whole))
    both, refused = judged(world.notary('r9'), whole)
    assert both == pytest.approx(2 * alone, rel=0.2) and refused == []
    assert judged(world.notary('r9'), whole, signed(world, Role.EXECUTOR)) == (both, [])


def test_it_does_not_matter_who_of_the_two_spoke_first(world: Certificates) -> None:
    requester = signed(world, Role.REQUESTER, outputs_sha256='ab' * 32)
    executor = world.notary('r1').signed(confirmed(half(ONE, Role.EXECUTOR, GOOD), requester))
    assert executor.countersignature and other_half_of(executor) == requester
    assert judged(world.notary('r9'), executor) == judged(world.notary('r9'), of_both(world))


def test_praise_with_an_invented_signature_of_the_other_is_no_praise(world: Certificates) -> None:
    for invented in (bytes(64), bytes(range(64)), of_both(world).signature):
        liar = replace(
            half(ONE, Role.REQUESTER, GOOD), counter_nonce=10, countersignature=invented)
        found = judged(world.notary('r9'), world.notary('r2').signed(liar))
        assert found == (0.0, ['forged']), 'also its own part is not believed'


def test_a_signature_is_of_no_use_on_another_receipt(world: Certificates) -> None:
    theirs = signed(world, Role.EXECUTOR)
    other = attempt(2)
    moved = replace(half(other, Role.REQUESTER, GOOD), counter_nonce=theirs.nonce,
                    countersignature=theirs.signature)
    assert judged(world.notary('r9'), world.notary('r2').signed(moved), one=other) == (
        0.0, ['forged'])
    stolen = replace(half(other, Role.EXECUTOR, GOOD), signature=theirs.signature)
    assert judged(world.notary('r9'), stolen, one=other) == (0.0, ['forged'])


def test_praise_is_not_turned_into_complaint(world: Certificates) -> None:
    theirs = signed(world, Role.EXECUTOR)
    mine = half(ONE, Role.REQUESTER, BAD)
    assert confirmed(mine, theirs) == mine, 'who says something else confirms nothing'
    bent = replace(mine, counter_nonce=theirs.nonce, countersignature=theirs.signature)
    assert world.notary('r9').check(world.notary('r2').signed(bent)).refused == 'forged'


def test_a_robot_whose_certificate_was_taken_back_confirms_nothing(world: Certificates) -> None:
    alone, _ = judged(world.notary('r9'), half_of(of_both(world)))
    world.known.discard('r1')
    assert judged(world.notary('r9'), of_both(world)) == (alone, ['unconfirmed'])
    world.known.discard('r2')
    assert judged(world.notary('r9'), of_both(world)) == (0.0, ['forged'])


@pytest.mark.parametrize(('changes', 'why'), [
    ({'job_id': 'j2'}, 'forged'), ({'attempt': 2}, 'forged'), ({'log_index': 2}, 'forged'),
    ({'executor': 'r4'}, 'forged'), ({'requester': 'r4', 'issuer': 'r4'}, 'forged'),
    ({'verdict': BAD}, 'forged'), ({'nonce': 77}, 'forged'), ({'task': 'exec:gz'}, 'forged'),
    ({'promised_ms': 7}, 'forged'), ({'run_ms': 7}, 'forged'), ({'thief': 'r4'}, 'forged'),
    ({'victim': 'r4'}, 'forged'), ({'outputs_sha256': 'cd' * 32}, 'forged'),
    ({'counter_nonce': 3}, 'forged'), ({'role': Role.EXECUTOR, 'issuer': 'r1'}, 'forged'),
    ({'role': Role.AUDITOR, 'issuer': 'r3'}, 'forged'), ({'issuer': 'r1'}, 'forged'),
    ({'asker': 'r3'}, 'malformed'), ({'signature': b''}, 'unsigned'),
    ({'signature': bytes(63)}, 'malformed'), ({'countersignature': bytes(65)}, 'malformed'),
    ({'countersignature': b''}, 'malformed'), ({'executor': 'r2'}, 'self_signed'),
])
def test_whatever_is_altered_is_noticed(
    world: Certificates, changes: dict[str, object], why: str
) -> None:
    altered = replace(of_both(world), **changes)  # type: ignore[arg-type]
    found = world.notary('r9').check(altered)
    assert (found.words, found.refused) == ((), why)


def test_every_field_was_altered() -> None:
    [mark] = [one for one in test_whatever_is_altered_is_noticed.pytestmark  # type: ignore
              if one.name == 'parametrize']
    assert {name for changes, _ in mark.args[1] for name in changes} == set(
        Receipt.__dataclass_fields__)


def test_a_receipt_of_another_swarm_is_nothing_here(world: Certificates) -> None:
    said = world.notary('r1', 'other').signed(half(ONE, Role.EXECUTOR, GOOD))
    assert world.notary('r9').check(said).refused == 'forged'


def test_no_two_statements_have_the_same_bytes() -> None:
    base = half(ONE, Role.EXECUTOR, GOOD)
    shifted = replace(base, job_id='j', task='1' + base.task)
    said = {bytes_of_receipt('swarm', base), bytes_of_receipt('swarm', shifted),
            bytes_of_receipt('swar', base),
            bytes_of_request('swarm', AuditRequest('j1', 1, 'r3', 'r4', 5))}
    assert len(said) == 4


# ---- audits


def word(world: Certificates, request: AuditRequest, **changes: object) -> Receipt:
    said = replace(auditor_says('r3', ONE, 5, 'a' * 64, 'a' * 64), asker=request.asker,
                   counter_nonce=request.nonce, countersignature=request.signature)
    return world.notary('r3').signed(replace(said, **changes))  # type: ignore[arg-type]


def test_a_word_of_an_auditor_has_the_signature_of_who_asked_for_it(world: Certificates) -> None:
    [request] = world.notary('r4').asked([AuditRequest('j1', 1, 'r3')])
    assert world.notary('r3').is_asked(request)
    good = word(world, request)
    assert world.notary('r9').check(good).words == (good,)


def test_an_auditor_that_nobody_asked_says_nothing(world: Certificates) -> None:
    for_another, for_later = world.notary('r4').asked(
        [AuditRequest('j1', 1, 'r2'), AuditRequest('j1', 2, 'r3')])
    own = AuditRequest('j1', 1, 'r3', 'r4', 9, bytes(64))
    nothing = AuditRequest('j1', 1, 'r3', 'r4')
    for request in (for_another, for_later, own, nothing):
        assert world.notary('r9').check(word(world, request)).refused == 'forged'
    [request] = world.notary('r4').asked([AuditRequest('j1', 1, 'r3')])
    assert world.notary('r9').check(word(world, request, asker='r2')).refused == 'forged'
    world.known.discard('r4')
    assert world.notary('r9').check(word(world, request)).refused == 'forged'


# ---- who signs what, and when


def witness(robot: str) -> Witness:
    numbers = count(1 if robot == 'r1' else 10**9)
    return Witness(robot, lambda: next(numbers), confirms=True)


def test_a_requester_waits_for_the_executor_and_confirms_what_it_says(world: Certificates) -> None:
    executor, requester = witness('r1'), witness('r2')
    executor.promised('j1', 120)
    for one in (executor, requester):
        one.hear_outcome(ONE)
        one.hear_delivery(Delivery('j1', 1, True, 'a' * 64))
    [[first]] = executor.tick(LATER)
    assert requester.tick(LATER) == ()
    requester.hear_receipt(world.notary('r1').signed(first))
    [[second]] = requester.tick(LATER + S)
    second = world.notary('r2').signed(second)
    assert len(world.notary('r9').check(second).words) == 2
    assert (second.promised_ms, second.outputs_sha256) == (120, 'a' * 64)
    assert requester.tick(LATER + 9 * S) == ()


def test_an_executor_that_stays_silent_is_not_waited_for_long(world: Certificates) -> None:
    requester = witness('r2')
    requester.hear_outcome(attempt(ending=Ending.FAILED))
    assert requester.tick(LATER) == () == requester.tick(LATER + CONFIRM_NS - 1)
    [[said]] = requester.tick(LATER + CONFIRM_NS)
    assert said.verdict is BAD and not said.countersignature


def test_only_the_other_party_can_confirm(world: Certificates) -> None:
    requester = witness('r2')
    requester.hear_outcome(ONE)
    requester.hear_delivery(Delivery('j1', 1, True))
    requester.hear_receipt(half(ONE, Role.AUDITOR, GOOD, signature=bytes(64)))
    requester.hear_receipt(signed(world, Role.EXECUTOR, attempt(requester='r4')))
    [[said]] = requester.tick(LATER)[:1] or requester.tick(LATER + CONFIRM_NS)
    assert not said.countersignature
