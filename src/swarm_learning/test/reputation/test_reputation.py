# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about scores: what moves them, what they are used for; that they survive a restart."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from receipt_samples import BAD, GOOD, S, attempt, deal, half, hear

from swarm_learning.core.observation import Ending, Outcome
from swarm_learning.core.reputation.config import ReputationConfig
from swarm_learning.core.reputation.evidence import PAIRS_MAX, Evidence, Honesty, saturated
from swarm_learning.core.reputation.receipts import Attempt, Role, attempt_of
from swarm_learning.core.reputation.reputation import Reputation
from swarm_learning.core.reputation.rounds import Rounds
from swarm_learning.sim.reputation_policies import Ours
from swarm_learning.sim.reputation_world import ATTACKS, Market, World

SECRET = b'0123456789abcdef'
DAY = 86_400 * S


def known_swarm(rounds: int = 30) -> Reputation:
    """Ten honest robots and three that work badly and lie."""
    policy = Ours(1)
    World(Market(robots=13, malicious=3, rounds=rounds, jobs=26), ATTACKS['all at once'],
          policy, 1).run()
    return policy.reputation


KNOWN = known_swarm().document()
SMALL = json.dumps(known_swarm(3).document())


def swarm() -> Reputation:
    return Reputation.from_document(json.loads(json.dumps(KNOWN)), ReputationConfig(), SECRET)


def now(reputation: Reputation) -> Attempt:
    assert reputation._newest_ns is not None
    return attempt(10**6, stamp_ns=reputation._newest_ns + S)


def give(reputation: Reputation, executor: str, requester: str, ending: Ending, times: int,
         start: int = 10**6) -> None:
    first = now(reputation).stamp_ns
    for number in range(start, start + times):
        deal(reputation, attempt(number, ending, executor=executor, requester=requester,
                                 stamp_ns=first + (number - start) * S))


def test_an_unknown_robot_is_a_newcomer() -> None:
    reputation = swarm()
    one = reputation.standing('nobody')
    assert one.newcomer and not one.may_lead and one.receipts == 0
    assert one.lower_bound == pytest.approx(0.2113, abs=1e-4)
    assert one.credibility == pytest.approx(0.36)
    assert 'never seen' in reputation.explain('nobody')[0]


def test_good_work_for_many_makes_a_leader_and_for_one_does_not() -> None:
    many, one = swarm(), swarm()
    for number in range(10):
        give(many, 'new', f'r{number:02}', Ending.DONE, 3, 10**6 + 10 * number)
    give(one, 'new', 'r00', Ending.DONE, 30)
    many.tick(now(many).stamp_ns + 600 * S)
    one.tick(now(one).stamp_ns + 600 * S)
    assert many.may_lead('new') and many.score('new') > 0.85
    assert not one.may_lead('new') and one.score('new') < 0.7
    assert one.explain('new')[-1].startswith('not preferred as leader: ')


def test_a_leader_must_have_been_here_for_a_while() -> None:
    reputation = swarm()
    for number in range(10):
        give(reputation, 'new', f'r{number:02}', Ending.DONE, 3, 10**6 + 10 * number)
    assert not reputation.may_lead('new')
    reputation.tick(now(reputation).stamp_ns + 600 * S)
    assert reputation.may_lead('new')


def test_a_failure_costs_more_than_a_success_gains() -> None:
    good, bad = swarm(), swarm()
    before = good.score('r01')
    give(good, 'r01', 'r02', Ending.DONE, 1)
    give(bad, 'r01', 'r02', Ending.FAILED, 1)
    assert before - bad.score('r01') > 2 * abs(good.score('r01') - before)


def test_one_rater_counts_at_most_kappa() -> None:
    assert saturated(1000.0, 4.0) == pytest.approx(4.0)
    reputation = swarm()
    before = reputation.score('r01')
    give(reputation, 'r01', 'r02', Ending.FAILED, 20)
    after = reputation.score('r01')
    give(reputation, 'r01', 'r02', Ending.FAILED, 60, start=2 * 10**6)
    # Three times as many more cost less than half as much again.
    assert before - after > 0.05
    assert after - reputation.score('r01') < 0.5 * (before - after)


def test_a_job_that_fails_everywhere_is_held_against_nobody() -> None:
    reputation = swarm()
    first = now(reputation).stamp_ns
    before = {robot: reputation.score(robot) for robot in ('r01', 'r03', 'r06')}
    for number in range(60):
        executor = list(before)[number % 3]
        deal(reputation, attempt(10**6 + number, Ending.FAILED, task='exec:false',
                                 executor=executor, requester='r05', stamp_ns=first + number * S))
    for robot, score in before.items():
        assert score - reputation.score(robot) < 0.1
    give(reputation, 'r04', 'r05', Ending.FAILED, 20, start=2 * 10**6)
    assert reputation.score('r04') < min(reputation.score(robot) for robot in before) - 0.05


@pytest.mark.parametrize('ending', [Ending.LEASE_EXPIRED, Ending.CANCELLED, Ending.REFUSED])
def test_faults_of_the_infrastructure_cost_nothing(ending: Ending) -> None:
    reputation = swarm()
    before = reputation.score('r01')
    give(reputation, 'r01', 'r02', ending, 50)
    assert reputation.score('r01') == pytest.approx(before, abs=1e-3)


def test_evidence_fades_with_time_and_a_liar_gets_another_chance() -> None:
    reputation = swarm()
    liar = min(('m00', 'm01', 'm02'), key=reputation.credibility)
    before, lied = reputation.score('r01'), reputation.credibility(liar)
    reputation.tick(now(reputation).stamp_ns + 200 * DAY)
    assert before > 0.7 and reputation.score('r01') < 0.35
    assert lied < 0.05 and reputation.credibility(liar) > 0.2
    assert reputation.standing('r01').newcomer


def test_quality_is_at_least_one_half_and_one_on_a_fair_turn() -> None:
    reputation = swarm()
    for robot in reputation.robots():
        assert reputation.quality(robot) == 0.5 + 0.5 * reputation.score(robot)
        assert reputation.quality(robot, fair=True) == 1.0
    share = sum(reputation.fair_turn('job', number) for number in range(5000)) / 5000
    assert 0.02 <= share <= 0.05


def test_every_robot_is_explained() -> None:
    reputation = swarm()
    for robot in reputation.robots():
        lines = reputation.explain(robot)
        assert lines[0].startswith(f'{robot}: ') and all(len(line) < 200 for line in lines)
        assert f'{reputation.score(robot):.2f}' in lines[0]


def test_a_restart_changes_no_bit() -> None:
    """At every tenth event the other one is stopped and restored from JSON."""
    config = ReputationConfig(audit_share=0.5)
    kept, restored = Reputation(config, SECRET), Reputation(config, SECRET)
    rng = random.Random(7)
    robots = [f'r{number}' for number in range(7)]
    for number in range(1, 161):
        executor, requester = rng.sample(robots, 2)
        ending = rng.choice([Ending.DONE] * 5 + [Ending.FAILED, Ending.STOLEN])
        thief = {'thief': robots[number % 7], 'victim': executor} if (
            ending is Ending.STOLEN) else {}
        one = attempt(number, ending, executor=executor, requester=requester,
                      job_id=f'j{number // 2}', attempt=number % 2,
                      stamp_ns=1000 * S + number * S, **thief)
        halves = [half(one, Role.EXECUTOR, GOOD if one.good else BAD),
                  half(one, Role.REQUESTER, GOOD if one.good and rng.random() < 0.9 else BAD)]
        halves = [each for each in halves if rng.random() < 0.9]
        seed = rng.getrandbits(32)
        for reputation in (kept, restored):
            play(reputation, one, halves, random.Random(seed), robots)
        if number % 10 == 0:
            restored = Reputation.from_document(
                json.loads(json.dumps(restored.document())), config, SECRET)
            assert restored.document() == kept.document()
        assert restored.table() == kept.table()


def play(reputation: Reputation, one: Attempt, halves: list, rng: random.Random,  # type: ignore[type-arg]
         robots: list[str]) -> None:
    reputation.hear_outcome(one)
    for each in halves:
        hear(reputation, each)
    for request in reputation.audits_due(robots):
        entry = reputation._ledger.looked_at[(request.job_id, request.attempt)].attempt
        assert entry is not None
        hear(reputation, half(entry, Role.AUDITOR, rng.choice([GOOD, BAD]),
                              issuer=request.auditor, nonce=rng.getrandbits(64)))
    reputation.tick(one.stamp_ns + S // 2)


def test_the_secret_is_in_no_document() -> None:
    assert SECRET.decode() not in json.dumps(swarm().document())
    assert SECRET.hex() not in json.dumps(swarm().document())


PATHS = [(), ('evidence',), ('ledger',), ('rounds',), ('tasks',), ('steals',)]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(PATHS), st.data())
def test_a_broken_document_is_refused_with_a_reason(path: tuple[str, ...], data: st.DataObject,
                                                    ) -> None:
    document = json.loads(SMALL)
    part = document
    for key in path:
        part = part[key]
    key = data.draw(st.sampled_from(sorted(part)))
    value = data.draw(st.sampled_from([None, 'x', -1.5, [[1]], {'a': 1}, float('nan')]))
    if part[key] is None or (key, value) == ('newest_ns', None):
        return
    part[key] = value
    with pytest.raises(ValueError, match='expected'):
        Reputation.from_document(document, ReputationConfig(), SECRET)


@given(st.floats(0, 100), st.floats(0, 100))
def test_credibility_is_a_share_and_lies_cost_four_truths(agree: float, disagree: float) -> None:
    here = Honesty(agree, disagree).credibility(4.0)
    assert 0.0 <= here <= 1.0
    assert Honesty(agree + 1.0, disagree).credibility(4.0) >= here
    assert Honesty(agree, disagree + 1.0).credibility(4.0) <= here
    assert Honesty(agree + 1.0, disagree + 1.0).credibility(4.0) <= here + 1e-9


def test_a_flood_of_raters_that_nobody_believes_pushes_out_no_honest_one() -> None:
    evidence = Evidence()
    evidence.add('honest', 'r1', 1.0, 0.0, 0.0)
    for number in range(PAIRS_MAX + 50):
        evidence.add(f's{number}', f'v{number % 100}', 50.0, 0.0, 0.0)
    evidence.shrink(lambda rater: 0.8 if rater == 'honest' else 0.001, 0.0)
    evidence.check_invariants()
    assert len(evidence) < PAIRS_MAX
    assert [rater for rater, _ in evidence.of('r1', 0.0)] == ['honest']


def test_a_round_is_two_attempts_of_each_robot_and_one_requester_cannot_hurry_it() -> None:
    even, hurried = Rounds(), Rounds()
    robots = [f'r{number}' for number in range(10)]
    for turn in range(200):
        even.count(robots[turn % 10], robots[(turn + 1) % 10])
    for turn in range(2000):
        hurried.count('r9' if turn % 10 else robots[turn // 10 % 9], robots[turn % 9])
    assert 9 <= even.number <= 12
    assert hurried.number < 20      # 200 attempts are those of others


def test_one_origin_alone_has_rounds_too() -> None:
    rounds = Rounds()
    ended = sum(rounds.count('desk', f'r{turn % 4}') for turn in range(100))
    assert ended == rounds.number >= 9


def test_the_learners_outcome_is_the_logs_word() -> None:
    outcome = Outcome('j', 1, 'exec', 'r1', Ending.DONE, 7, 'xz', origin='r2', log_index=3,
                      stamp_ns=4, queue_ms=5)
    assert attempt_of(outcome) == Attempt(3, 4, 'j', 1, 'exec:xz', 'r1', 'r2', Ending.DONE, 7, 5)
    assert attempt_of(Outcome('j', 1, 'exec', 'r1', None, 7, origin='r2')) is None


@pytest.mark.parametrize('wrong', [
    {'kappa': 0.0}, {'audit_share': 1.5}, {'fair_share': 0.5}, {'settle_s': float('nan')},
    {'lie_factor': -1.0}, {'leader_score': 2.0},
])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match='expected'):
        ReputationConfig(**wrong)  # type: ignore[arg-type]
