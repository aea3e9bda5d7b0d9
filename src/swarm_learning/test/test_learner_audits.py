# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about a learner that is asked to look again: by whom, when, and what goes out."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from mind_samples import CONFIG, STATE, S, confirmed, mind, outcome

from swarm_learning.core.events import AuditsHeard, FreezeAsked
from swarm_learning.core.explain import explained
from swarm_learning.core.learner import Effect, Learner, SendReceipts
from swarm_learning.core.observation import Tick
from swarm_learning.core.reputation.auditor import Auditor, JobHere, Look, Looked, LookUp
from swarm_learning.core.reputation.audits import AuditRequest
from swarm_learning.core.reputation.receipts import Role, Verdict
from swarm_learning.core.reputation.witness import Work
from swarm_learning.core.swarm_mind import PublishReputation

WORK = Work(True, 300, (100,))
ASKED = [AuditRequest('j1', 1, 'r1')]


def learner(leader: str = 'r2', known: bool = True) -> Learner:
    """Of r1; r2 did job 1 for r3."""
    thinks, nonces = mind(), count(1)
    auditor = Auditor(
        'r1', lambda: next(nonces), lambda key: thinks.parts.reputation.attempt(*key))
    made = Learner(CONFIG, 0, mind=thinks, auditor=auditor)
    made.handle(replace(STATE, leader=leader), 0)
    if known:
        confirmed(thinks, outcome(1), 0)
    return made


def only(kind: type, effects: tuple[Effect, ...]) -> list:
    return [one for one in effects if isinstance(one, kind)]


def looks(made: Learner, now_ns: int = S) -> list[LookUp]:
    return only(LookUp, made.handle(Tick(), now_ns))


def test_what_the_leader_asks_is_looked_up_run_again_and_told() -> None:
    made = learner()
    made.handle(AuditsHeard('r2', ASKED), 0)
    [step] = looks(made)
    assert (step.key, step.executor) == (('j1', 1), 'r2')
    [look] = made.handle(JobHere(step.number, WORK, 'a' * 64), S)
    assert isinstance(look, Look) and look.how == 'rerun'
    made.handle(Looked(look.number, 'b' * 64), S)
    assert made.audits == (1, 0)
    assert explained(made, 'reputation', '', S)[-1] == (
        'this robot looked again at 1 jobs, and in vain at 0')
    [sent] = only(SendReceipts, made.handle(Tick(), 2 * S))
    [said] = sent.receipts
    assert (said.role, said.issuer, said.verdict) == (Role.AUDITOR, 'r1', Verdict.BAD)
    made.check_invariants()


def test_who_does_not_lead_asks_in_vain() -> None:
    made = learner()
    made.handle(AuditsHeard('r3', ASKED), 0)
    assert looks(made) == []


def test_what_others_are_asked_is_not_its_own() -> None:
    made = learner()
    made.handle(AuditsHeard('r2', [replace(ASKED[0], auditor='r4')]), 0)
    assert looks(made) == []


def test_frozen_it_looks_at_nothing_new() -> None:
    made = learner()
    made.handle(FreezeAsked(True, 'ann', 'demo'), 0)
    made.handle(AuditsHeard('r2', ASKED), 0)
    assert looks(made) == []


def test_a_request_that_comes_before_the_log_s_word_waits_for_it() -> None:
    made = learner(known=False)
    made.handle(AuditsHeard('r2', ASKED), 0)
    assert looks(made) == []
    made.handle(outcome(1), S)
    assert [one.key for one in looks(made, 2 * S)] == [('j1', 1)]


def test_a_leader_asks_itself_too() -> None:
    made = learner(leader='r1', known=False)
    steps: list[LookUp] = []
    own: set[str] = set()
    for number in range(1, 30):
        now_ns = number * S
        made.handle(replace(STATE, log_index=10 + number), now_ns)
        assert made.mind is not None
        confirmed(made.mind, outcome(number, 'r2'), now_ns)
        effects = made.handle(Tick(), now_ns)
        for told in only(PublishReputation, effects):
            own |= {one.job_id for one in told.audits if one.auditor == 'r1'}
        for step in only(LookUp, effects):
            steps.append(step)
            made.handle(JobHere(step.number, None), now_ns)
    assert steps and {one.key[0] for one in steps} <= own
    assert len(steps) >= len(own) - 1


def test_a_learner_without_an_auditor_leaves_it_to_others() -> None:
    made = Learner(CONFIG, 0, mind=mind())
    made.handle(replace(STATE, leader='r2'), 0)
    made.handle(AuditsHeard('r2', ASKED), 0)
    assert looks(made) == [] and made.handle(Looked(1, None), S) == ()
