# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what one learner thinks of the whole swarm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from mind_samples import (
    BEGAN_NS,
    BUSY,
    CALM,
    SLOTS,
    STATE,
    S,
    confirmed,
    kept_of,
    live,
    mind,
    outcome,
)

from swarm_learning.core.mode.view import ModeDecision
from swarm_learning.core.observation import Ending, Mode
from swarm_learning.core.regimes.snapshot import Regime
from swarm_learning.core.regimes.watch import RegimeView
from swarm_learning.core.reputation.audits import AuditRequest
from swarm_learning.core.swarm import NO_ROBOTS
from swarm_learning.core.swarm_mind import (
    PublishPolicy,
    PublishRegime,
    PublishReputation,
    PublishRoutes,
    SwarmMind,
)


def told(effects: list, kind: type) -> list:
    return [one for one in effects if isinstance(one, kind)]


def decided(made: SwarmMind) -> ModeDecision:
    assert made.told.decision is not None
    return made.told.decision


def test_a_follower_tells_nothing_and_is_warm_when_it_begins_to_lead() -> None:
    made = mind()
    assert live(made, range(30), leads=False) == []
    assert made.told.decision is made.told.proposal is None and made.told.routes == ()
    effects = live(made, range(30, 31))
    assert {type(one) for one in effects} == {
        PublishRegime, PublishRoutes, PublishReputation, PublishPolicy}
    assert {route.robot_id for route in made.told.routes} == {'r2', 'r4'}
    assert all(one.receipts > 0 for one in made.told.standings if one.robot_id in ('r2', 'r4'))


def test_one_that_leads_no_more_takes_back_what_it_told() -> None:
    made = mind()
    live(made, range(12))
    assert made.told.decision is not None
    assert live(made, range(12, 13), leads=False) == []
    assert made.told.decision is None and made.told.routes == () and made.told.standings == ()


def test_a_trained_table_decides_and_an_empty_one_leaves_it_to_the_rule() -> None:
    made, empty = mind(), mind(trained=False)
    for one in (made, empty):
        live(one, range(5))
    assert made.told.decision is not None and made.told.proposal is None
    assert empty.told.decision is None and empty.told.proposal is not None


@pytest.mark.parametrize('heard', [1, 2, 3])
def test_confidence_of_a_decision_falls_with_the_share_of_robots_heard(heard: int) -> None:
    whole, part = mind(), mind()
    live(whole, range(5), view=CALM)
    live(part, range(5), view=replace(CALM, robots=heard))
    assert decided(part).mode is decided(whole).mode
    assert decided(part).confidence == pytest.approx(decided(whole).confidence * heard / 4)


def test_more_robots_heard_than_take_part_make_nobody_surer_than_sure() -> None:
    made, more = mind(), mind()
    live(made, range(5), view=CALM)
    live(more, range(5), view=replace(CALM, robots=9))
    assert decided(more).confidence == decided(made).confidence <= 1.0


def test_without_a_robot_heard_there_is_no_opinion_on_the_mode() -> None:
    made = mind()
    live(made, range(5), view=NO_ROBOTS)
    assert made.told.decision is None and made.told.proposal is None


def test_without_what_was_learned_before_nothing_is_decided_by_the_table() -> None:
    made = mind()
    made.hear_state(STATE, 0)
    effects = made.tick(CALM, 0.2, 1, False, None, S)
    assert made.told.decision is None and made.told.proposal is not None
    assert made.parts.modes.facts().decisions == 0
    assert told(effects, PublishReputation) and not told(effects, PublishPolicy)
    assert told(made.tick(CALM, 0.2, 1, True, None, 2 * S), PublishPolicy)


def test_the_policy_is_told_at_a_decision_and_else_every_ten_seconds() -> None:
    made = mind()
    ticks = [second for second in range(60)
             if told(live(made, [second], view=CALM), PublishPolicy)]
    decisions = made.parts.modes.facts().decisions
    assert decisions < 40, 'a decision in a dwell of 2 s'
    assert len(ticks) <= decisions + 7
    assert max(b - a for a, b in zip(ticks, ticks[1:], strict=False)) <= 10


def test_tables_for_people_are_told_every_ten_seconds_and_audits_at_once() -> None:
    made = mind()
    effects = live(made, range(1, 41))
    assert len(told(effects, PublishRoutes)) == 4
    asking = [one for one in told(effects, PublishReputation) if one.audits]
    assert len(asking) > 10


def test_audits_are_asked_only_where_there_is_something_to_see() -> None:
    made = mind()
    made.hear_state(STATE, 0)
    for number in range(1, 21):
        size = 100 if number % 2 else 0
        confirmed(made, outcome(number, bytes_out=size), number * S)
    effects = made.tick(CALM, 0.2, 1, True, None, 21 * S)
    asked = [one.job_id for each in told(list(effects), PublishReputation) for one in each.audits]
    assert asked and all(int(job[1:]) % 2 for job in asked)


def test_auditors_are_present_and_no_party() -> None:
    effects = live(mind(), range(1, 31))
    asked = {one.auditor for each in told(effects, PublishReputation) for one in each.audits}
    assert asked and asked <= set(SLOTS) - {'r3'}     # from which all jobs come


def test_a_bad_robot_s_routes_count_less() -> None:
    made = mind()
    made.hear_state(STATE, 0)
    for number in range(1, 41):
        bad = number % 2 == 0
        one = outcome(number, 'r4' if bad else 'r2', ending=Ending.FAILED if bad else Ending.DONE)
        confirmed(made, one, number * S)
    made.tick(CALM, 0.2, 1, True, None, 41 * S)
    quality = {one.robot_id: one.quality for one in made.told.routes}
    assert quality['r4'] < quality['r2'] or set(quality.values()) == {1.0}   # a fair turn
    standing = {one.robot_id: one for one in made.told.standings}
    assert standing['r4'].lower_bound < standing['r2'].lower_bound


def test_what_a_robot_held_goes_with_it_and_what_was_learned_of_it_stays() -> None:
    made = mind()
    live(made, range(10))

    def backlog(second: int, slots: dict[str, int]) -> dict[str, float]:
        made.hear_state(replace(STATE, log_index=20 + second, slots=slots), second * S)
        made.tick(CALM, 0.2, 1, True, None, second * S)
        return {one.robot_id: one.backlog_ms for one in made.told.routes}

    for robot in ('r2', 'r4'):
        made.hear_load(robot, 30_000, 10 * S)
    assert backlog(12, SLOTS)['r4'] > 10_000
    left = backlog(14, {name: slots for name, slots in SLOTS.items() if name != 'r4'})
    assert left['r4'] < 1000 < 10_000 < left['r2']


def test_an_outcome_that_says_no_ending_is_nobody_s() -> None:
    made = mind()
    assert made.hear_outcome(outcome(1, ending=None), S) is None
    assert made.hear_outcome(outcome(2, origin=''), S) is None
    assert made.parts.reputation.robots() == ()


def test_an_override_and_an_emergency_are_seen_by_the_table() -> None:
    free, bound, stopped = mind(), mind(), mind()
    live(free, range(5), view=BUSY)
    live(bound, range(5), view=BUSY, state=replace(STATE, overridden=True))
    live(stopped, range(5), view=BUSY, state=replace(STATE, emergency=True))
    assert decided(bound).mode is Mode.NORMAL is not decided(free).mode
    assert 'override' in decided(bound).reason
    allowed = {one.mode for one in decided(stopped).values if not one.masked}
    assert allowed == {Mode.DEFENSIVE, Mode.RECOVERY} and decided(stopped).mode in allowed
    assert len([one for one in decided(free).values if not one.masked]) > 2


def test_frozen_nothing_is_learned_and_everything_is_used() -> None:
    made = mind()
    live(made, range(20))
    made.freeze(True, 20 * S)
    before = kept_of(made)
    assert made.decisions_unsaved > 0, 'what was learned before is still to be saved'
    made.checkpoint()
    effects = live(made, range(20, 60))
    after = kept_of(made)
    assert made.decisions_unsaved == 0, 'and nothing else'
    for part, moves in (('routing', ('loads', 'quality', 'attempts')),
                        ('reputation', ('newest_ns',))):
        assert without(after.manifest[part], *moves) == without(before.manifest[part], *moves)
    for name, values in before.arrays.items():
        assert (after.arrays[name] == values).all(), name
    assert made.told.decision is not None and made.told.routes
    assert made.parts.regimes.frozen
    assert not [one for each in told(effects, PublishReputation) for one in each.audits]
    made.freeze(False, 60 * S)
    live(made, range(60, 80))
    assert kept_of(made).manifest['reputation'] != after.manifest['reputation']


def without(document: dict, *names: str) -> dict:
    return {name: value for name, value in document.items() if name not in names}


def test_the_table_of_another_learner_is_taken_over_whole_or_not_at_all() -> None:
    teacher, pupil = mind(), mind()
    live(teacher, range(60))
    manifest, arrays = teacher.checkpoint()
    assert teacher.decisions_unsaved == 0
    pupil.freeze(True, 0)
    pupil.adopt(manifest, arrays, 0)
    assert (pupil.parts.modes.arrays()['values'] == arrays['values']).all()
    assert pupil.parts.modes.frozen, 'whoever is frozen stays frozen'
    kept = pupil.parts.modes
    with pytest.raises(ValueError):
        pupil.adopt({'schema': 99}, arrays, 0)
    assert pupil.parts.modes is kept


def test_requests_of_the_leader_reach_reputation() -> None:
    made = mind()
    made.hear_state(STATE, 0)
    confirmed(made, outcome(1), S)
    made.hear_audits([AuditRequest('j1', 1, 'r1')])
    rows = made.parts.reputation.document()['ledger']['looked_at']  # type: ignore[index]
    assert 'r1' in str(rows)


@dataclass
class Says:
    """A watch that infers what it is told to."""

    view: RegimeView

    def observe(self, snapshot: object, now_ns: int) -> RegimeView:
        return self.view


@pytest.mark.parametrize(('confidence', 'counts'), [(0.7, True), (0.5, False)])
def test_a_regime_counts_for_the_mode_only_where_it_is_sure(
    confidence: float, counts: bool
) -> None:
    made = mind()
    panic = RegimeView(Regime.PANIC, Regime.PANIC, confidence, True, 0, (), 1.0, 3.0, 'm', 'why')
    made.parts.regimes = Says(panic)  # type: ignore[assignment]
    live(made, range(5), view=CALM)
    masked = {one.mode: one.masked for one in decided(made).values}
    assert (masked[Mode.EXPLORE] == 'panic') is counts


def test_a_log_that_began_anew_counts_from_the_start() -> None:
    made = mind()
    live(made, range(20), leads=False)
    reputation = made.parts.reputation
    made.hear_state(replace(STATE, log_index=2), 20 * S)
    before = reputation.outcomes
    confirmed(made, outcome(1, 'r2'), 20 * S)
    assert reputation.outcomes == before + 1, 'job 1 of the new log is another one'


def test_time_is_the_log_s() -> None:
    made = mind()
    made.hear_outcome(outcome(5), 100 * S)
    assert made.stamp_ns(103 * S) == BEGAN_NS + 8 * S
