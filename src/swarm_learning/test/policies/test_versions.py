# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about versions of policies: their lives, what they must show, and when they fall."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.policies.evidence import Asked, Followed, Moments
from swarm_learning.core.policies.judgement import ShelfConfig, fell_behind, may_follow
from swarm_learning.core.policies.lifecycle import (
    VERSION_TRANSITIONS,
    InvalidTransition,
    VersionEvent,
    VersionPhase,
    diagram,
    next_phase,
)
from swarm_learning.core.policies.shelf import (
    SHADOWS_MAX,
    Accepted,
    Command,
    Forget,
    Load,
    Moved,
    PolicyShelf,
    Promote,
    Refused,
    Remove,
    Result,
    RollBack,
)
from swarm_learning.core.policies.transfer import transfer

ROOT = Path(__file__).resolve().parents[4]
CONFIG = ShelfConfig(shadow_min_decisions=50, canary_min_decisions=50, cool_down_decisions=200)


def shelf_with(rewards: int = 1, config: ShelfConfig = CONFIG, seed: int = 0) -> PolicyShelf:
    """A shelf with that many versions loaded; the first is active."""
    shelf = PolicyShelf('mode_policy', config, np.random.default_rng(seed))
    for _ in range(rewards):
        loaded(shelf)
    return shelf


def loaded(shelf: PolicyShelf, context: str = '') -> int:
    answer = shelf.handle(Load('table', f'{shelf.last + 1:064x}', 'test', 'me', 'try', 0, context))
    assert isinstance(answer, Accepted), answer
    return answer.version.version


def lived(
    shelf: PolicyShelf, worths: dict[int, float], decisions: int, seed: int = 1,
    chance: float = 0.5,
) -> list[object]:
    """Two actions; each version has one that is its own in half of the decisions."""
    generator = np.random.default_rng(seed)
    effects: list[object] = []
    for _ in range(decisions):
        turn = shelf.turn()
        action = int(generator.integers(2))
        asked = {number: int(generator.integers(2)) for number in turn.asked}
        reward = worths.get(turn.followed, 0.0) + 0.3 * float(generator.standard_normal())
        effects += shelf.note(Result(turn.followed, action, chance, reward, asked))
        shelf.check_invariants()
    return effects


def phases(shelf: PolicyShelf) -> dict[int, str]:
    return {number: version.phase.label for number, version in shelf.versions.items()}


# The table


@pytest.mark.parametrize(('phase', 'event'), list(product(VersionPhase, VersionEvent)))
def test_every_pair_moves_as_the_table_says_or_is_refused(
    phase: VersionPhase, event: VersionEvent
) -> None:
    if (phase, event) in VERSION_TRANSITIONS:
        assert next_phase(phase, event) is VERSION_TRANSITIONS[phase, event]
        return
    with pytest.raises(InvalidTransition, match=f'a {phase.label} version does not accept'):
        next_phase(phase, event)


def test_nothing_is_followed_by_all_without_having_been_a_canary() -> None:
    into_active = {(p, e) for (p, e), to in VERSION_TRANSITIONS.items()
                   if to is VersionPhase.ACTIVE}
    assert into_active == {
        (VersionPhase.CANARY, VersionEvent.PROMOTED),
        (VersionPhase.SHADOW, VersionEvent.INSTALLED),
        (VersionPhase.RETIRED, VersionEvent.REINSTATED)}


def test_the_drawn_lifecycle_is_the_one_of_the_table() -> None:
    shown = (ROOT / 'docs/lifecycles/policy.md').read_text()
    assert diagram() in shown
    subprocess.run([sys.executable, 'scripts/lifecycles.py', '--check'], check=True, cwd=ROOT,
                   timeout=60)


# Evidence


def test_neighbouring_decisions_do_not_flatter_the_error() -> None:
    """Rewards that stay for ten decisions count as one sample, not as ten."""
    generator = np.random.default_rng(0)
    rewards = np.repeat(generator.standard_normal(40), 10)
    followed = Followed.fresh()
    for reward in rewards:
        followed.add(float(reward))
    naive = float(rewards.std() / math.sqrt(rewards.size))
    assert followed.error > 2.5 * naive


def test_agreement_by_a_rare_exploration_weighs_as_much_as_it_was_rare() -> None:
    asked = Asked.fresh()
    for turn in range(1000):
        explored = turn % 10 == 0  # chance 0.1: a shadow that is always of this opinion
        asked.add(explored, 0.1 if explored else 0.9, 1.0 if explored else 0.0)
    assert asked.moments.mean == pytest.approx(1.0)
    assert asked.moments.samples == pytest.approx(100.0)


def test_a_shadow_that_never_agrees_is_never_safe_to_follow() -> None:
    asked, active = Asked.fresh(), Followed.fresh()
    for _ in range(5000):
        asked.add(False, 1.0, 1.0)
        active.add(1.0)
    assert 'say something of it' in may_follow(asked, active, CONFIG)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 5.0)), min_size=2, max_size=50))
def test_moments_are_those_of_numpy(samples: list[tuple[float, float]]) -> None:
    moments = Moments()
    for value, weight in samples:
        moments.add(value, weight)
    values, weights = map(np.array, zip(*samples, strict=True))
    mean = np.average(values, weights=weights)
    assert moments.mean == pytest.approx(mean, abs=1e-9)
    assert moments.squares == pytest.approx(float((weights * (values - mean) ** 2).sum()),
                                            abs=1e-7)
    assert Moments.from_document(json.loads(json.dumps(moments.document()))) == moments


def test_both_halves_of_the_rule_of_falling_behind_are_needed() -> None:
    def followed(mean: float, spread: float, blocks: int) -> Followed:
        made = Followed.fresh()
        for block in range(blocks):
            for _ in range(10):
                made.add(mean + (spread if block % 2 else -spread))
        return made

    unsure = followed(1.0, 0.5, 6)  # its bound is low because it is young
    assert unsure.lower() < 1.0 - 2 * 0.02
    assert fell_behind(unsure, 1.0, 0.02, 40.0, CONFIG) == ''
    assert 'the one before had 1' in fell_behind(followed(0.2, 0.1, 6), 1.0, 0.02, 40.0, CONFIG)
    assert fell_behind(followed(0.2, 0.1, 4), 1.0, 0.02, 40.0, CONFIG) == ''  # too young to say


# The shelf


def test_the_first_version_is_active_and_the_next_one_a_shadow() -> None:
    shelf = shelf_with(2)
    assert phases(shelf) == {1: 'active', 2: 'shadow'}
    assert shelf.turn().followed == 1 and shelf.turn().asked == (2,)


def test_a_version_as_good_goes_all_the_way_by_itself() -> None:
    shelf = shelf_with(2)
    effects = lived(shelf, {1: 1.0, 2: 1.0}, 1500)
    assert phases(shelf) == {1: 'retired', 2: 'active'}
    moved = [(effect.version, effect.phase) for effect in effects if isinstance(effect, Moved)]
    assert moved == [(2, VersionPhase.CANARY), (1, VersionPhase.RETIRED), (2, VersionPhase.ACTIVE)]


def test_a_canary_is_followed_for_about_its_share_and_in_whole_blocks() -> None:
    shelf = shelf_with(2, ShelfConfig(shadow_min_decisions=0, canary_min_decisions=10 ** 6))
    assert isinstance(shelf.handle(Promote(2, 'me', 'try')), Accepted)
    turns = []
    for _ in range(5000):
        turn = shelf.turn()
        turns.append(turn.followed)
        shelf.note(Result(turn.followed, 0, 1.0, 1.0, {}))
    assert 0.05 < turns.count(2) / len(turns) < 0.15
    assert all(len(set(turns[at:at + 10])) == 1 for at in range(0, 5000, 10))


def test_a_worse_canary_is_rolled_back_and_the_active_one_never_stopped() -> None:
    shelf = shelf_with(2)
    lived(shelf, {1: 1.0, 2: 1.0}, 100)
    shelf.handle(Promote(2, 'me', 'try'))
    lived(shelf, {1: 1.0, 2: 0.0}, 1500)
    assert phases(shelf) == {1: 'active', 2: 'rolled_back'}
    assert 'the one before had' in shelf.versions[2].reason


def test_a_worse_active_version_is_rolled_back_within_300_decisions() -> None:
    shelf = shelf_with(2)
    lived(shelf, {1: 1.0, 2: 1.0}, 1500)
    assert phases(shelf)[2] == 'active'
    start = shelf.decisions
    effects = lived(shelf, {1: 1.0, 2: 0.4}, 300)
    assert phases(shelf) == {1: 'active', 2: 'rolled_back'}
    assert [e.version for e in effects if isinstance(e, Moved)] == [2, 1]
    assert shelf.versions[1].since_decision - start <= 300


def test_after_a_roll_back_nothing_is_promoted_by_itself_until_it_has_cooled_down() -> None:
    shelf = shelf_with(2)
    lived(shelf, {1: 1.0, 2: 1.0}, 1500)
    lived(shelf, {1: 1.0, 2: 0.0}, 200)
    rolled = shelf.versions[1].since_decision
    third = loaded(shelf)
    lived(shelf, {1: 1.0, third: 1.0}, 1500)
    moved = shelf.versions[third]
    assert moved.phase is VersionPhase.ACTIVE
    assert moved.since_decision - rolled >= CONFIG.cool_down_decisions


def test_a_world_that_became_worse_for_all_rolls_back_once_and_not_for_ever() -> None:
    shelf = shelf_with(2)
    lived(shelf, {1: 1.0, 2: 1.0}, 1000)
    assert phases(shelf)[2] == 'active'
    effects = lived(shelf, {1: 0.0, 2: 0.0}, 3000)
    fallen = [e for e in effects if isinstance(e, Moved) and e.phase is VersionPhase.ROLLED_BACK]
    assert len(fallen) == 1


@pytest.mark.parametrize(('command', 'expected'), [
    (Promote(2, 'me', 'now'), 'expected 50 decisions as a shadow, has 0'),
    (Promote(1, 'me', 'now'), 'is active already'),
    (Promote(9, 'me', 'now'), r'expected one of \[1, 2\]'),
    (Promote(2, '', 'now'), 'who and why'),
    (Promote(2, 'me', ''), 'who and why'),
    (RollBack('me', 'bad'), 'there is none'),
    (Remove(1, 'me', 'old'), 'roll it back first'),
    (Remove(9, 'me', 'old'), r'expected one of \[1, 2\]'),
    (Load('pickle', '0' * 64, 's', 'me', 'r'), 'expected one of table, network'),
    (Load('table', 'xyz', 's', 'me', 'r'), '64 hexadecimal digits'),
    (Load('table', '0' * 64, 's', 'me', 'r', parent=9), r'parent=9: expected 0 or one of'),
])
def test_a_command_that_cannot_be_is_refused_and_changes_nothing(
    command: Command, expected: str
) -> None:
    shelf = shelf_with(2)
    before = json.dumps(shelf.document())
    answer = shelf.handle(command)
    assert isinstance(answer, Refused)
    assert pytest.importorskip('re').search(expected, answer.reason), answer.reason
    assert json.dumps(shelf.document()) == before


def test_an_operator_can_promote_roll_back_and_try_again() -> None:
    alone = ShelfConfig(shadow_min_decisions=50, shadow_min_samples=1e9)
    shelf = shelf_with(2, alone)
    lived(shelf, {1: 1.0, 2: 1.0}, 50)
    for phase in ('canary', 'active'):
        shelf.handle(Promote(2, 'ana', 'tested outside'))
        assert phases(shelf)[2] == phase
    assert shelf.versions[2].reason == 'ana: tested outside'
    lived(shelf, {1: 1.0, 2: 1.0}, 20)
    answer = shelf.handle(RollBack('ana', 'looks odd'))
    assert isinstance(answer, Accepted) and answer.version.version == 1
    assert phases(shelf) == {1: 'active', 2: 'rolled_back'}
    shelf.handle(Promote(2, 'ana', 'was a sensor'))
    assert phases(shelf)[2] == 'shadow'


def test_the_last_five_and_the_best_of_each_context_are_kept() -> None:
    shelf = shelf_with(1, ShelfConfig(shadow_min_decisions=0, canary_min_decisions=20))
    worths = {1: 1.0}
    for turn in range(12):
        number = loaded(shelf, context=('calm', 'flood')[turn % 2])
        worths[number] = 5.0 if number == 3 else 1.0
        for _ in range(2):
            shelf.handle(Promote(number, 'me', 'next'))
        lived(shelf, worths, 60)
    assert 3 in shelf.versions  # the best of its context
    assert set(range(9, 14)) <= set(shelf.versions)
    assert len(shelf.versions) <= 5 + 3 + 1 and 2 not in shelf.versions


def test_numbers_are_never_used_twice() -> None:
    shelf = shelf_with(3)
    shelf.handle(Remove(3, 'me', 'wrong file'))
    assert loaded(shelf) == 4


def test_a_lost_active_version_hands_over_to_the_one_before() -> None:
    shelf = shelf_with(2)
    lived(shelf, {1: 1.0, 2: 1.0}, 1500)
    effects = shelf.lost(2, 'its hash is wrong')
    assert effects[0] == Forget(2) and phases(shelf) == {1: 'active'}
    shelf.lost(1, 'its hash is wrong')
    assert shelf.turn().followed == 0
    shelf.check_invariants()


@pytest.mark.parametrize('result', [
    Result(1, 0, 1.0, float('nan'), {}), Result(1, 0, 1.0, 1e9, {}),
    Result(1, 0, 0.0, 1.0, {}), Result(1, 0, 1.5, 1.0, {})])
def test_a_result_that_is_no_number_is_refused_and_changes_nothing(result: Result) -> None:
    shelf = shelf_with()
    before = json.dumps(shelf.document())
    with pytest.raises(ValueError, match='expected'):
        shelf.note(result)
    assert json.dumps(shelf.document()) == before


def test_a_version_that_is_tried_again_takes_the_place_of_the_oldest_shadow() -> None:
    shelf = shelf_with(SHADOWS_MAX + 2)    # the first leads, the second gave way to the last
    assert phases(shelf)[2] == 'retired'
    answer = shelf.handle(Promote(2, 'me', 'it deserves another chance'))
    assert isinstance(answer, Accepted)
    assert [one.version for one in answer.effects if isinstance(one, Moved)] == [3, 2]
    assert phases(shelf) == {1: 'active', 2: 'shadow', 3: 'retired', 4: 'shadow', 5: 'shadow',
                             6: 'shadow'}
    assert PolicyShelf.from_document(shelf.document(), CONFIG).versions.keys() == set(range(1, 7))


COMMANDS = st.one_of(
    st.just(Load('table', 'a' * 64, 's', 'me', 'r')),
    st.builds(Promote, st.integers(1, 6), st.just('me'), st.just('r')),
    st.just(RollBack('me', 'r')),
    st.builds(Remove, st.integers(1, 6), st.just('me'), st.just('r')),
    st.integers(1, 40))


@settings(max_examples=40, deadline=None)
@given(st.lists(COMMANDS, max_size=25), st.integers(0, 5))
def test_whatever_is_asked_a_shelf_stays_sound_and_comes_back_bit_for_bit(
    commands: list[Command | int], seed: int
) -> None:
    config = ShelfConfig(shadow_min_decisions=10, canary_min_decisions=10, cool_down_decisions=20)
    stayed = PolicyShelf('p', config, seed)
    for command in commands:
        back = PolicyShelf.from_document(json.loads(json.dumps(stayed.document())), config)
        if isinstance(command, int):
            effects = [lived(one, {1: 1.0, 2: 0.2}, command, seed) for one in (stayed, back)]
            assert effects[0] == effects[1]
        else:
            stayed.handle(command)
            back.handle(command)
        stayed.check_invariants()
        assert json.dumps(stayed.document()) == json.dumps(back.document())
        if any(v.phase is not VersionPhase.ROLLED_BACK for v in stayed.versions.values()):
            assert stayed.in_phase(VersionPhase.ACTIVE) or not stayed.in_phase(
                VersionPhase.RETIRED) or stayed.turn().followed == 0


@pytest.mark.parametrize('spoil', [
    lambda d: d.update(schema=2), lambda d: d.update(versions='x'),
    lambda d: d.update(versions=d['versions'] * 2), lambda d: d.update(last=-1),
    lambda d: d.update(name='Bad Name'), lambda d: d.update(generator=None),
    lambda d: d.update(generator={'seed': -1}), lambda d: d.update(generator={'seed': True}),
    lambda d: d.update(generator={'seed': 1 << 64}),
    lambda d: d['versions'][0].update(phase='odd'), lambda d: d['versions'][0].update(sha256='1'),
    lambda d: d['versions'][1].update(phase='active'), lambda d: d.update(previous=77),
    lambda d: d['versions'][0]['followed'].update(block_count=99),
    lambda d: d['versions'][0]['followed'].update(moments=['nan'] * 4),
])
def test_a_spoiled_record_is_refused_with_a_reason(spoil: object) -> None:
    document = json.loads(json.dumps(shelf_with(2).document()))
    spoil(document)  # type: ignore[operator]
    with pytest.raises(ValueError):
        PolicyShelf.from_document(document, CONFIG)


def test_a_seed_draws_what_a_generator_made_of_it_draws() -> None:
    config = ShelfConfig(shadow_min_decisions=10, canary_min_decisions=10, cool_down_decisions=20)
    both = [PolicyShelf('p', config, one) for one in (5, np.random.default_rng(5))]
    for shelf in both:
        loaded(shelf)
        loaded(shelf)
        lived(shelf, {1: 1.0, 2: 1.0}, 400, 1)
    assert both[0].decisions and both[0].document() == both[1].document()


def test_a_robot_that_tries_no_version_does_not_load_the_generators_of_numpy() -> None:
    source = (
        'import sys; from swarm_learning.core.mode.policies import ModePolicies; '
        'made = ModePolicies(7).shelf.document(); ModePolicies.restored(made, 8); '
        "assert 'numpy' in sys.modules; print('numpy.random' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, '-c', source], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == 'False'


# The three figures


def test_transfer_is_that_of_the_paper() -> None:
    scores = np.array([[0.9, 0.2, 0.1], [0.5, 0.8, 0.3], [0.4, 0.6, 1.0]])
    found = transfer(scores, np.array([0.0, 0.1, 0.1]))
    assert found.accuracy == pytest.approx((0.4 + 0.6 + 1.0) / 3)
    assert found.backward == pytest.approx(((0.4 - 0.9) + (0.6 - 0.8)) / 2)
    assert found.forward == pytest.approx(((0.2 - 0.1) + (0.3 - 0.1)) / 2)
    with pytest.raises(ValueError, match='expected'):
        transfer(scores[:2], np.zeros(3))
