# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about a learner of a robot with keys: what it signs, whom it names, and what it believes
of its own disk."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from mind_samples import CONFIG, STATE, S, kept_of, mind, outcome
from receipt_samples import GOOD, half
from signing_samples import Certificates

from swarm_learning.core.events import AuditsHeard, ReceiptsHeard
from swarm_learning.core.learner import Effect, Learner, RefusedReceipts, SendReceipts
from swarm_learning.core.mind_keeping import Kept
from swarm_learning.core.observation import Tick
from swarm_learning.core.reputation.auditor import Auditor, LookUp
from swarm_learning.core.reputation.audits import AuditRequest
from swarm_learning.core.reputation.receipts import Receipt, Role, attempt_of
from swarm_learning.core.reputation.witness import Delivery, Witness
from swarm_learning.core.swarm_mind import PublishReputation, SwarmMind

DONE = outcome(1)       # r2 did it for r3
ATTEMPT = attempt_of(DONE)
assert ATTEMPT is not None


@pytest.fixture
def world() -> Certificates:
    return Certificates('r1', 'r2', 'r3', 'r4')


def learner(world: Certificates, thinks: SwarmMind | None = None) -> Learner:
    """Of r1."""
    thinks = thinks or mind()
    auditor = Auditor('r1', lambda: 7, lambda key: thinks.parts.reputation.attempt(*key))
    made = Learner(CONFIG, 0, mind=thinks, witness=Witness('r1', lambda: 8, True),
                   auditor=auditor, notary=world.notary('r1'))
    made.handle(STATE, 0)
    return made


def only(kind: type, effects: tuple[Effect, ...]) -> list:
    return [one for one in effects if isinstance(one, kind)]


def said(world: Certificates, role: Role, **changes: object) -> Receipt:
    made = half(ATTEMPT, role, GOOD, **changes)  # type: ignore[arg-type]
    return world.notary(made.issuer).signed(made)


def successes(made: Learner, robot: str = 'r2') -> float:
    assert made.mind is not None
    return made.mind.parts.reputation.standing(robot).successes


def test_what_goes_out_is_signed(world: Certificates) -> None:
    made = learner(world)
    made.handle(outcome(1, 'r1'), 0)
    [sent] = only(SendReceipts, made.handle(Tick(), S))
    assert world.notary('r9').check(sent.receipts[0]).words == tuple(sent.receipts)


def test_the_word_of_both_counts_whoever_brings_it(world: Certificates) -> None:
    made = learner(world)
    made.handle(DONE, 0)
    both = [said(world, Role.EXECUTOR), said(world, Role.REQUESTER)]
    assert made.handle(ReceiptsHeard('r4', both), S) == ()
    assert successes(made) > 0 and made.refused == 0
    assert made.handle(ReceiptsHeard('r4', both), 2 * S) == (), 'passed on twice is no offence'


def test_who_brings_false_receipts_is_named(world: Certificates) -> None:
    made = learner(world)
    made.handle(DONE, 0)
    [told] = made.handle(ReceiptsHeard('r4', [], {'forged': 2, 'unconfirmed': 1}), S)
    assert told == RefusedReceipts('r4', (('forged', 2),)) and made.refused == 3
    mine = said(world, Role.REQUESTER)
    assert made.handle(ReceiptsHeard('r3', [mine]), S) == ()
    [told] = made.handle(ReceiptsHeard('r3', [mine]), S)
    assert told == RefusedReceipts('r3', (('replayed', 1),))


def test_a_leader_signs_what_it_asks_and_an_auditor_does_only_what_is_signed(
    world: Certificates
) -> None:
    leader = learner(world)
    asked: list[AuditRequest] = []
    for number in range(1, 20):
        now_ns = number * S
        leader.handle(replace(STATE, log_index=10 + number), now_ns)
        done = attempt_of(outcome(number))
        assert done is not None
        leader.handle(outcome(number), now_ns)
        leader.handle(ReceiptsHeard('r3', [
            world.notary(one.issuer).signed(one) for one in (
                half(done, Role.EXECUTOR, GOOD), half(done, Role.REQUESTER, GOOD))]), now_ns)
        for told in only(PublishReputation, leader.handle(Tick(), now_ns)):
            asked += told.audits
    assert asked and all(world.notary('r9').is_asked(one) for one in asked)

    for forged, steps in ((False, 1), (True, 0)):
        made = learner(world)
        made.handle(replace(STATE, leader='r4', log_index=11), 0)
        made.handle(DONE, 0)
        [request] = world.notary('r4').asked([AuditRequest('j1', 1, 'r1')])
        request = replace(request, nonce=request.nonce + forged)
        made.handle(AuditsHeard('r4', [request]), S)
        assert len(only(LookUp, made.handle(Tick(), 2 * S))) == steps
        assert made.refused == forged


# ---- after a restart


def kept(world: Certificates, receipt: Receipt) -> Kept:
    """On the disk, with one half that was heard and waits for the other."""
    before = learner(world)
    before.handle(DONE, 0)
    before.handle(ReceiptsHeard(receipt.issuer, [receipt]), S)
    assert before.mind is not None
    found = kept_of(before.mind)
    return Kept(json.loads(json.dumps(found.manifest)), found.arrays)


def test_what_was_kept_counts_when_it_is_proven_again(world: Certificates) -> None:
    made = learner(world, mind(kept=kept(world, said(world, Role.EXECUTOR))))
    made.handle(Tick(), S)
    made.handle(ReceiptsHeard('r3', [said(world, Role.REQUESTER)]), 2 * S)
    whole = successes(made)
    assert whole > 0 and made.mind is not None
    assert made.mind.parts.reputation.counted() == {}


def test_what_was_kept_waits_for_the_certificate_of_its_robot(world: Certificates) -> None:
    disk = kept(world, said(world, Role.EXECUTOR))
    world.known.discard('r2')
    made = learner(world, mind(kept=disk))
    made.handle(Tick(), S)
    made.handle(ReceiptsHeard('r3', [said(world, Role.REQUESTER)]), 2 * S)
    assert successes(made) == 0, 'it waits: only one half is proven'
    world.known.add('r2')
    made.handle(Tick(), 3 * S)
    assert successes(made) > 0


@pytest.mark.parametrize('signature', [b'', bytes(64)], ids=['none', 'a false one'])
def test_what_somebody_wrote_on_the_disk_is_thrown_away(
    world: Certificates, signature: bytes
) -> None:
    false = replace(said(world, Role.REQUESTER), signature=signature)
    made = learner(world, mind(kept=kept(world, false)))
    made.handle(Tick(), S)
    made.handle(ReceiptsHeard('r2', [said(world, Role.EXECUTOR)]), 2 * S)
    assert successes(made) == 0 and made.mind is not None
    assert made.mind.parts.reputation.counted() == {'forged': 1}
    made.handle(ReceiptsHeard('r3', [said(world, Role.REQUESTER)]), 3 * S)
    assert successes(made) > 0, 'the real word still counts'


def test_what_a_version_without_signatures_kept_is_read(world: Certificates) -> None:
    disk = kept(world, said(world, Role.EXECUTOR))
    for row in disk.manifest['reputation']['ledger']['pending']:
        row[8] = [half[:15] for half in row[8]]
    made = learner(world, mind(kept=disk))
    made.handle(Tick(), S)
    assert made.mind is not None and made.mind.parts.reputation.counted() == {'forged': 1}


def test_deliveries_are_confirmed_with_the_executors_signature(world: Certificates) -> None:
    made = learner(world)
    own = outcome(1, 'r2', origin='r1')
    made.handle(own, 0)
    done = attempt_of(own)
    assert done is not None and made._witness is not None
    theirs = world.notary('r2').signed(half(done, Role.EXECUTOR, GOOD))
    made.handle(ReceiptsHeard('r2', [theirs]), S)
    made._witness.hear_delivery(Delivery('j1', 1, True))
    [sent] = only(SendReceipts, made.handle(Tick(), 2 * S))
    assert len(world.notary('r9').check(sent.receipts[0]).words) == 2
