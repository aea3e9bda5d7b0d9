# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the learner's reasons: each question has an answer that names its figures, or a
sentence on what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mind_samples import CONFIG, STATE, S, mind, outcome

from swarm_learning.core.events import FreezeAsked, ReceiptsHeard
from swarm_learning.core.explain import ROUTES_TOLD_MAX, SUBJECTS, explained
from swarm_learning.core.learner import Learner
from swarm_learning.core.mode.buckets import MODES
from swarm_learning.core.observation import Beacon, Ending, Figures, Outcome, SwarmState, Tick
from swarm_learning.core.reputation.receipts import Receipt, Role, Verdict

CALM = Figures(0.1, 0.2, 0.8, 0.95, 0.05)


def learner(state: SwarmState = STATE, seconds: int = 12, trained: bool = True) -> Learner:
    """Of r1, after some seconds of the same swarm."""
    made = Learner(CONFIG, 0, mind=mind(trained=trained))
    for second in range(seconds):
        now_ns = second * S
        made.handle(replace(state, log_index=10 + second), now_ns)
        for robot in state.slots:
            made.handle(Beacon(robot, CALM, 100, now_ns), now_ns)
        made.handle(Tick(), now_ns)
    return made


def ended(made: Learner, *outcomes: Outcome, now_ns: int = 12 * S) -> None:
    for one in outcomes:
        made.handle(one, now_ns)
        for role, issuer in ((Role.EXECUTOR, one.robot_id), (Role.REQUESTER, one.origin)):
            receipt = Receipt(one.job_id, 1, one.log_index, role, issuer, one.robot_id, one.origin,
                              Verdict.GOOD, one.log_index)
            made.handle(ReceiptsHeard(issuer, [receipt]), now_ns)


def why(made: Learner, subject: str, what: str = '', now_ns: int = 12 * S) -> list[str]:
    return explained(made, subject, what, now_ns)


def test_a_subject_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match='weather'):
        why(learner(), 'weather')


@pytest.mark.parametrize('subject', [one for one in SUBJECTS if one != 'affect'])
def test_a_learner_without_a_mind_says_so_and_still_knows_itself(subject: str) -> None:
    made = Learner(CONFIG, 0)
    with pytest.raises(LookupError, match='own robot'):
        why(made, subject)
    assert why(made, 'affect') == list(made.reasons())


@pytest.mark.parametrize(('subject', 'missing'), [
    ('route', 'no job has ended'), ('reputation', 'no attempt'), ('regime', 'too little')])
def test_what_is_not_known_yet_is_said_to_be_missing(subject: str, missing: str) -> None:
    with pytest.raises(LookupError, match=missing):
        why(learner(seconds=0), subject)


def test_the_mode_of_a_leader_names_every_mode_with_its_worth() -> None:
    lines = why(learner(), 'mode')
    assert any(line.startswith('proposes ') for line in lines)
    assert any(line.startswith('in the situation: ') for line in lines)
    named = {line.partition(':')[0]: line for line in lines[-len(MODES):]}
    assert named.keys() == {mode.value for mode in MODES}
    assert all(f'{name}: worth ' in line for name, line in named.items())


def test_a_follower_proposes_nothing_and_says_so() -> None:
    lines = why(learner(replace(STATE, leader='r2')), 'mode')
    assert lines[-1] == 'this robot does not lead: it proposes nothing'


def test_an_untrained_leader_tells_the_rule() -> None:
    assert why(learner(trained=False), 'mode')[-1].startswith('the rule proposes normal: ')


def test_frozen_learning_is_told_with_who_and_why() -> None:
    made = learner()
    made.handle(FreezeAsked(True, 'ann', 'demo'), 12 * S)
    assert 'learning is frozen (ann: demo)' in why(made, 'mode')


def test_a_route_is_told_with_all_that_its_cost_is_made_of() -> None:
    made = learner()
    ended(made, outcome(1, 'r2'), outcome(2, 'r2'), outcome(3, 'r4', ending=Ending.FAILED))
    lines = {line.partition(':')[0]: line for line in why(made, 'route')}
    assert len(why(made, 'route')) == 2
    assert any('exec:xz on r2' in line and '2 runs' in line for line in why(made, 'route')), lines


def test_one_route_is_found_by_task_and_robot() -> None:
    made = learner()
    ended(made, outcome(1, 'r2', program='a/b'), outcome(2, 'r2', compute_unit='gpu'))
    assert why(made, 'route', 'exec:a/b/r2') and why(made, 'route', 'exec:xz/r2/gpu')
    for wrong in ('exec:xz', 'exec:xz/r9', '/', 'r2'):
        with pytest.raises(LookupError, match='TASK/ROBOT'):
            why(made, 'route', wrong)


def test_many_routes_are_cut() -> None:
    made = learner()
    ended(made, *(outcome(number, 'r2', program=f'p{number}') for number in range(1, 60)))
    assert len(why(made, 'route')) == ROUTES_TOLD_MAX


def test_a_reputation_is_told_for_all_or_one_and_a_stranger_is_named() -> None:
    made = learner()
    ended(made, outcome(1, 'r2'), outcome(2, 'r4'))
    assert [line.partition(':')[0] for line in why(made, 'reputation')] == ['r2', 'r3', 'r4']
    assert why(made, 'reputation', 'r2')[0].startswith('r2: ')
    with pytest.raises(LookupError, match='r9.*known are r2, r3, r4'):
        why(made, 'reputation', 'r9')


def test_the_regime_is_told_with_its_features_and_its_distance() -> None:
    lines = why(learner(), 'regime')
    view = learner().mind.regime  # type: ignore[union-attr]
    assert view is not None and lines[0].startswith(view.regime.label)
    assert len(lines) == 2 + len(view.features) and 'limit' in lines[-1]
