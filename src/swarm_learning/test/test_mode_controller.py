# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the learned choice of a mode."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.mode.buckets import CELLS, MODE_INDEX, MODES, Buckets, Level
from swarm_learning.core.mode.chance import Chance
from swarm_learning.core.mode.controller import STAY, ModeConfig, ModeController
from swarm_learning.core.mode.drift import SETTLE, Drift
from swarm_learning.core.mode.experience import SHAPES, Experience, ExperienceConfig
from swarm_learning.core.mode.reward import (
    REWARD_MAX,
    REWARD_MIN,
    RewardWeights,
    Window,
    reward_of,
)
from swarm_learning.core.mode.shield import CALM as CALM_WORD
from swarm_learning.core.mode.shield import RISKY, SAFE, masks
from swarm_learning.core.mode.view import ModeDecision, ModeView
from swarm_learning.core.observation import Mode
from swarm_learning.core.regimes.snapshot import Regime

S = 1_000_000_000
CALM = ModeView(0.4, 0.9, 0.1, Mode.NORMAL)
ALWAYS = ModeConfig(epsilon_start=1.0, epsilon_end=1.0)
NEVER = ModeConfig(epsilon_start=0.0, epsilon_end=0.0)

wild = st.one_of(st.floats(0.0, 1.0), st.floats(allow_nan=True, allow_infinity=True))
views = st.builds(
    ModeView, wild, wild, wild, st.sampled_from(Mode), st.booleans(), st.booleans(),
    st.booleans(), st.booleans(), st.sampled_from(Regime), st.booleans())


def drive(
    controller: ModeController, steps: Iterable[ModeView], begin_s: int = 0, obey: bool = True
) -> list[ModeDecision]:
    """One view a second; the mode in force follows what was proposed unless it is disobeyed."""
    made, mode = [], Mode.NORMAL
    for number, view in enumerate(steps):
        seen = replace(view, mode=mode) if obey else view
        made.append(controller.decide(seen, (begin_s + number) * S))
        mode = made[-1].mode
    return made


def weather(seed: int, count: int) -> list[ModeView]:
    chance = Chance(seed)
    return [ModeView(chance.share(), chance.share(), chance.share(), Mode.NORMAL,
                     leaderless=chance.share() < 0.03, humans_near=chance.share() < 0.05)
            for _ in range(count)]


@given(st.lists(views, min_size=1, max_size=25), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_nothing_that_the_shield_forbids_is_ever_proposed(
    steps: list[ModeView], seed: int
) -> None:
    controller = ModeController(ALWAYS, seed)
    for number, view in enumerate(steps):
        decision = controller.decide(view, number * 4 * S)
        if view.estop or view.leaderless or view.battery_low:
            assert decision.mode in SAFE
        if view.humans_near or not view.stability >= 1.0 / 3.0 - 0.03:
            assert decision.mode not in RISKY
        assert decision.mode is not Mode.MAINTENANCE
        assert 0.0 <= decision.confidence <= 1.0 and decision.reason and decision.state
        assert len(decision.values) == len(MODES)
    controller.check_invariants()


@pytest.mark.parametrize('danger', [
    {'humans_near': True}, {'stability': 0.1}, {'stability': math.nan}, {'estop': True},
    {'leaderless': True}, {'battery_low': True}, {'regime': Regime.PANIC},
    {'regime': Regime.THRASH}, {'can_change': False},
])
def test_nothing_is_tried_where_it_would_be_unsafe(danger: dict) -> None:
    controller = ModeController(ALWAYS, 1)
    made = drive(controller, [replace(CALM, **danger)] * 200)
    assert not any(one.explored for one in made)
    assert controller.facts().explored == 0


def test_where_it_is_safe_everything_is_tried() -> None:
    made = drive(ModeController(ALWAYS, 1), [replace(CALM, pressure=0.5)] * 600)
    assert {one.mode for one in made} == set(MODES) - set(SAFE)


def test_a_decision_is_kept_for_its_dwell_and_made_anew_after_it() -> None:
    controller = ModeController(ALWAYS, 3)
    made = drive(controller, [CALM] * 40)
    assert [made[n] is made[n - 1] for n in range(1, 40)] == [n % 10 != 0 for n in range(1, 40)]


def test_an_emergency_does_not_wait_for_the_dwell() -> None:
    controller = ModeController(NEVER, 3)
    drive(controller, [CALM] * 3)
    assert controller.decide(replace(CALM, estop=True), 3 * S).mode in SAFE


def test_stability_that_falls_ends_a_risky_mode_at_once() -> None:
    controller = ModeController(replace(NEVER), 3)
    for index in range(CELLS):
        for mode in MODES:
            good = float(mode is Mode.HYPERFOCUS)
            controller.experience.learn(
                index, 0, MODE_INDEX[mode], (good, 1.0 - good, 0.0), 1.0, np.eye(CELLS)[index])
    busy = replace(CALM, pressure=0.5)
    assert controller.decide(busy, 0).mode is Mode.HYPERFOCUS
    shaky = replace(busy, mode=Mode.HYPERFOCUS, stability=0.2)
    assert controller.decide(shaky, S).mode not in RISKY


@pytest.mark.parametrize(('regime', 'anew'), [(Regime.UNKNOWN, True), (Regime.THRASH, False)])
def test_stability_that_becomes_low_does_not_wait_for_the_dwell(
    regime: Regime, anew: bool
) -> None:
    controller = ModeController(NEVER, 3)
    first = controller.decide(CALM, 0)
    assert first.mode not in SAFE
    shaky = replace(CALM, mode=first.mode, stability=0.2, regime=regime)
    second = controller.decide(shaky, 3 * S)
    assert (second is not first) == anew
    assert ('stability low' in second.state) == anew
    assert controller.decide(shaky, 4 * S) is second    # low stays low: no decision each tick


def test_a_safe_mode_is_kept_for_its_dwell_when_stability_becomes_low() -> None:
    controller = ModeController(NEVER, 3)
    shaky = replace(CALM, arousal=0.9, pressure=0.9, stability=0.5, mode=Mode.DEFENSIVE)
    for mode in MODES:
        for _ in range(60):
            controller.experience.learn(
                23, 3, MODE_INDEX[mode],
                (float(mode is Mode.DEFENSIVE), 0.0, 0.0), 1.0, np.eye(CELLS)[23])
    controller.freeze(True)
    first = controller.decide(shaky, 0)
    assert first.mode is Mode.DEFENSIVE
    assert controller.decide(replace(shaky, stability=0.1), 3 * S) is first


def test_thrash_keeps_a_mode_three_times_as_long() -> None:
    made = drive(ModeController(NEVER, 3), [replace(CALM, regime=Regime.THRASH)] * 35)
    assert made[29] is made[0] and made[30] is not made[0]


def test_an_unknown_regime_changes_nothing() -> None:
    plain = drive(ModeController(None, 5), weather(1, 300))
    unknown = drive(ModeController(None, 5),
                    [replace(view, regime=Regime.UNKNOWN) for view in weather(1, 300)])
    assert plain == unknown


def test_an_override_is_not_argued_with_and_teaches() -> None:
    controller = ModeController(ALWAYS, 3)
    forced = replace(CALM, mode=Mode.CONSERVE, can_change=False)
    made = drive(controller, [forced] * 31, obey=False)
    assert {one.mode for one in made} == {Mode.CONSERVE}
    visits = controller.arrays()['visits']
    assert visits[..., MODE_INDEX[Mode.CONSERVE]].sum() == visits.sum() == 3


def test_it_learns_from_the_mode_in_force_and_not_from_what_it_proposed() -> None:
    controller = ModeController(ALWAYS, 3)
    drive(controller, [replace(CALM, mode=Mode.DEFENSIVE)] * 101, obey=False)
    assert controller.arrays()['visits'][..., MODE_INDEX[Mode.DEFENSIVE]].sum() == 10
    assert controller.arrays()['visits'].sum() == 10


def test_a_silence_teaches_nothing() -> None:
    controller = ModeController(None, 3)
    controller.decide(CALM, 0)
    controller.decide(CALM, 60 * S)
    assert controller.arrays()['visits'].sum() == 0


def test_it_finds_the_mode_that_pays() -> None:
    controller = ModeController(ModeConfig(epsilon_start=0.3, epsilon_end=0.0,
                                           epsilon_half_life=30.0), 1)
    mode, made = Mode.NORMAL, []
    for second in range(2500):
        good = mode is Mode.CONSERVE
        view = ModeView(0.45, 0.9 if good else 0.5, 0.1 if good else 0.5, mode)
        made.append(controller.decide(view, second * S))
        mode = made[-1].mode
    assert {one.mode for one in made[-500:]} == {Mode.CONSERVE}
    assert 'before' in made[-1].reason and made[-1].runner_up is not Mode.CONSERVE
    assert re.search(r'worth \d\.\d\d after \d+ decisions, before', made[-1].reason)


def test_frozen_nothing_is_learned_or_tried_and_it_still_decides() -> None:
    controller = ModeController(ALWAYS, 3)
    drive(controller, weather(2, 200))
    before = {name: array.copy() for name, array in controller.arrays().items()}
    explored = controller.facts().explored
    controller.freeze(True)
    made = drive(controller, weather(3, 200), begin_s=200)
    assert len({id(one) for one in made}) > 10
    assert controller.facts().explored == explored and controller.facts().epsilon == 0.0
    assert all(np.array_equal(before[name], array)
               for name, array in controller.arrays().items())


@pytest.mark.parametrize('stop', [0, 1, 57, 123, 250])
def test_a_restored_controller_goes_on_bit_for_bit(stop: int) -> None:
    steps, went_on, stopped = weather(4, 400), ModeController(None, 9), ModeController(None, 9)
    whole = drive(went_on, steps, obey=False)
    first = drive(stopped, steps[:stop], obey=False)
    manifest = json.loads(json.dumps(stopped.manifest()))
    again = ModeController.restore(
        None, stopped.arrays(), manifest, max(0, stop - 1) * S, same_life=True)
    if stop == 0:
        again = ModeController.restore(None, stopped.arrays(), manifest, 0)
    rest = drive(again, steps[stop:], begin_s=stop, obey=False)
    assert first + rest == whole
    assert again.manifest() == went_on.manifest()
    for name, array in went_on.arrays().items():
        assert array.tobytes() == again.arrays()[name].tobytes(), name


def test_a_new_leader_takes_over_the_table_and_not_the_open_decision() -> None:
    old = ModeController(None, 9)
    drive(old, weather(4, 205), obey=False)
    new = ModeController.restore(None, old.arrays(), old.manifest(), 5 * S)
    new.decide(CALM, 5 * S)
    assert np.array_equal(new.arrays()['visits'], old.arrays()['visits'])
    assert new.facts().decisions == old.facts().decisions + 1


@pytest.mark.parametrize('change', [
    {'schema': 0}, {'modes': []}, {'chance': 'xyz'}, {'chance': -1}, {'frozen': 1},
    {'decisions': -1}, {'decisions': True}, {'explored': 10**9}, {'past': [[1, 2]]},
    {'past': [['nan', False, 0]]}, {'drift': None}, {'levels': [7, 0, 0]}, {'levels': []},
    {'choice': {}}, {'pending': {'cell': 99}}, {'pending': []},
])
def test_a_manifest_that_is_not_one_is_refused(change: dict) -> None:
    controller = ModeController(None, 9)
    drive(controller, weather(4, 35))
    with pytest.raises(ValueError):
        ModeController.restore(None, controller.arrays(), {**controller.manifest(), **change}, 0,
                               same_life=True)


@pytest.mark.parametrize('name', SHAPES)
def test_arrays_that_do_not_fit_are_refused(name: str) -> None:
    good = ModeController(None, 1).arrays()
    for bad in (None, good[name][:-1], good[name] * math.nan, good[name].astype(str)):
        with pytest.raises(ValueError, match=name):
            Experience(ExperienceConfig(), RewardWeights()).take({**good, name: bad})


@given(st.lists(st.tuples(st.integers(0, 26), st.integers(0, 5), st.integers(0, 5),
                          st.tuples(*[st.floats(0.0, 1.0)] * 3), st.floats(0.01, 1.0),
                          st.integers(0, 26)), max_size=40))
@settings(max_examples=25, deadline=None)
def test_values_stay_bounded_whatever_is_learned(lessons: list) -> None:
    experience = Experience(ExperienceConfig(memory=5.0), RewardWeights())
    for *lesson, following in lessons:
        experience.learn(*lesson, np.eye(CELLS)[following])
        experience.check_invariants()
    experience.fade(1.0)
    experience.check_invariants()


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_the_reward_does_not_depend_on_how_often_it_is_seen(
    arousal: float, stability: float, pressure: float, hz: int
) -> None:
    weights, once, often = RewardWeights(), Window(), Window()
    once.add(arousal, stability, pressure, Mode.NORMAL, S, 3 * S, weights)
    for _ in range(hz):
        often.add(arousal, stability, pressure, Mode.NORMAL, S // hz, 3 * S, weights)
    assert once.means() == pytest.approx(often.means(), abs=1e-6)


@given(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0)), st.booleans())
def test_the_reward_is_bounded_and_a_change_costs(
    figures: tuple[float, float, float], switched: bool
) -> None:
    reward = reward_of(figures, switched, RewardWeights())
    assert REWARD_MIN <= reward <= REWARD_MAX
    assert reward_of(figures, True, RewardWeights()) <= reward_of(
        figures, False, RewardWeights())


@pytest.mark.parametrize(('mode', 'pressure', 'why'), [
    (Mode.HYPERFOCUS, 0.1, 'hardly any work waits'), (Mode.HYPERFOCUS, 0.5, ''),
    (Mode.EXPLORE, 0.9, 'much work waits'), (Mode.EXPLORE, 0.5, ''),
    (Mode.RECOVERY, 0.1, CALM_WORD), (Mode.DEFENSIVE, 0.9, CALM_WORD),
])
def test_no_mode_is_proposed_that_has_nothing_to_do(
    mode: Mode, pressure: float, why: str
) -> None:
    view = replace(CALM, pressure=pressure)
    situation = Buckets().settle(view.arousal, view.stability, pressure, view.mode)
    assert masks(view, situation)[MODE_INDEX[mode]] == why


def test_every_situation_has_a_permitted_mode() -> None:
    for arousal in (0.1, 0.5, 0.9):
        for stability in (0.1, 0.5, 0.9, math.nan):
            for flags in ({}, {'estop': True}, {'humans_near': True, 'battery_low': True}):
                view = replace(CALM, arousal=arousal, stability=stability, **flags)
                free = masks(view, Buckets().settle(arousal, stability, 0.5, view.mode))
                assert '' in free
                safe = free[MODE_INDEX[Mode.DEFENSIVE]], free[MODE_INDEX[Mode.RECOVERY]]
                calm = not flags and stability in (0.5, 0.9) and arousal < 0.7
                assert safe == ((CALM_WORD,) * 2 if calm or (
                    not flags and stability == 0.9) else ('', '')), (view, free)


def test_rewards_that_keep_missing_are_a_change_and_noise_is_not() -> None:
    chance, drift = Chance(1), Drift()
    assert not any(drift.see(0.6 * (chance.share() - 0.5), 9.0, 1.0) for _ in range(3000))
    seen = [drift.see(0.6 * (chance.share() - 0.5) - 0.5, 9.0, 1.0) for _ in range(60)]
    assert any(seen)
    assert SETTLE < 100


GOOD, WORSE = (ModeView(0.45, stability, pressure, Mode.NORMAL)     # in the same buckets
               for stability, pressure in ((0.9, 0.05), (0.75, 0.3)))


def doubting(controller: ModeController, spell_s: int = 200) -> dict[str, Any]:
    """Live through a long good time and a bad spell; the arrays at its beginning."""
    drive(controller, [GOOD] * 1200, obey=False)
    before = controller.arrays()
    drive(controller, [WORSE] * spell_s, 1200, obey=False)
    assert controller.manifest()['doubt'] is not None
    assert controller.manifest()['drift']['changes'] == 1
    return before


def test_a_changed_world_lets_it_try_things_again() -> None:
    controller = ModeController(NEVER, 2)
    before = doubting(controller)
    assert before['weight'].sum() > 50.0
    assert controller.experience.total_weight() < before['weight'].sum() / 2
    drive(controller, [WORSE] * 1100, 1400, obey=False)
    assert controller.manifest()['doubt'] is None      # the world stayed as it had become
    worse = reward_of((0.75, 0.3, 0.0), False, RewardWeights())
    assert controller.experience.expected(15, 0, 0) == pytest.approx(worse, abs=0.02)


def test_a_bad_spell_is_not_taken_for_another_world() -> None:
    controller = ModeController(NEVER, 2)
    before = doubting(controller)
    made = drive(controller, [GOOD] * 1100, 1400, obey=False)
    assert 'the world may have changed, known in ' in made[0].reason
    assert controller.manifest()['doubt'] is None
    assert 'may have changed' not in made[-1].reason
    whole = ModeController(NEVER, 2)    # that suspects nothing
    for step in range(2500):
        whole._drift.settle = SETTLE
        view = WORSE if 1200 <= step < 1400 else GOOD
        whole.decide(view, step * S)
    assert controller.experience.total_weight() == whole.experience.total_weight()
    assert controller.experience.total_weight() > before['weight'].sum() + 20


def test_after_a_false_alarm_it_tries_as_little_as_if_there_had_been_none() -> None:
    controller = ModeController(ModeConfig(epsilon_half_life=2000.0), 2)
    controller._since_drift = 5000
    doubting(controller)
    assert controller.epsilon() > 0.3
    drive(controller, [GOOD] * 1100, 1400, obey=False)
    assert controller._since_drift == 5000 + controller.facts().decisions


def test_what_is_right_after_all_is_what_the_next_miss_is_taken_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    controller = ModeController(NEVER, 2)
    doubting(controller)
    assert controller._doubt is not None
    before, place, missed = controller._doubt.before, (15, 0, 0), []
    controller._doubt.left, controller._doubt.lead = 1, -1.0
    expected = before.expected(*place)
    assert abs(expected - controller.experience.expected(*place)) > 0.1
    monkeypatch.setattr(controller._drift, 'see', lambda miss, *_: missed.append(miss))
    controller._look_for_change(place, expected + 0.25, 1.0)
    assert controller.experience is before and missed == [pytest.approx(0.25)]


def test_a_controller_in_doubt_is_restored_bit_for_bit() -> None:
    steps = [GOOD] * 1200 + [WORSE] * 200 + [GOOD] * 900
    went_on, stopped = ModeController(None, 9), ModeController(None, 9)
    whole = drive(went_on, steps, obey=False)
    first = drive(stopped, steps[:1500], obey=False)
    manifest = json.loads(json.dumps(stopped.manifest()))
    assert manifest['doubt'] is not None
    again = ModeController.restore(None, stopped.arrays(), manifest, 1499 * S, same_life=True)
    assert first + drive(again, steps[1500:], 1500, obey=False) == whole
    assert again.manifest() == went_on.manifest()
    assert again.manifest()['doubt'] is None
    for name, array in went_on.arrays().items():
        assert array.tobytes() == again.arrays()[name].tobytes(), name


@pytest.mark.parametrize('change', [
    {'left': 0}, {'left': 10**6}, {'left': 'x'}, {'since_drift': -1}, {'lead': 'nan'},
    {'lead': (1e6).hex()},
])
def test_a_doubt_that_is_not_one_is_refused(change: dict) -> None:
    controller = ModeController(NEVER, 2)
    doubting(controller)
    manifest = controller.manifest()
    manifest['doubt'] = {**manifest['doubt'], **change}
    with pytest.raises(ValueError):
        ModeController.restore(NEVER, controller.arrays(), manifest, 0)


def test_a_doubt_without_what_was_known_is_refused() -> None:
    controller = ModeController(NEVER, 2)
    doubting(controller)
    with pytest.raises(ValueError, match='weight: expected an array'):
        ModeController.restore(
            NEVER, controller.experience.arrays(), controller.manifest(), 0)


def test_another_mode_must_be_worth_more_by_a_margin() -> None:
    """Two modes that are as good as each other are not taken in turns."""
    controller = ModeController(NEVER, 3)
    for mode in MODES:
        good = {Mode.NORMAL: 0.5, Mode.CONSERVE: 0.53}.get(mode, 0.0)
        for _ in range(300):
            controller.experience.learn(
                15, 0, MODE_INDEX[mode], (good, 0.0, 0.0), 1.0, np.eye(CELLS)[15])
    controller.freeze(True)
    view = ModeView(0.5, 0.9, 0.1, Mode.NORMAL)
    made = controller.decide(view, 0)
    values = {one.mode: one.value for one in made.values}
    assert values[Mode.NORMAL] < values[Mode.CONSERVE] < values[Mode.NORMAL] + STAY
    assert made.mode is Mode.NORMAL and 'too little below conserve' in made.reason


def test_facts_tell_means_of_recent_decisions() -> None:
    controller = ModeController(None, 2)
    assert controller.facts().choice is None and controller.facts().reward_mean == 0.0
    drive(controller, weather(7, 1500))
    facts = controller.facts()
    assert facts.decisions >= 100 and REWARD_MIN <= facts.reward_mean <= REWARD_MAX
    assert 0.0 < facts.switches_per_100_ticks <= 100.0
    assert facts.choice is not None and facts.epsilon < 0.2


def test_buckets_are_left_only_past_the_hysteresis() -> None:
    buckets = Buckets()
    assert buckets.settle(0.34, 0.9, 0.1, Mode.NORMAL).arousal is Level.MEDIUM
    assert buckets.settle(0.31, 0.9, 0.1, Mode.NORMAL).arousal is Level.MEDIUM
    assert buckets.settle(0.30, 0.9, 0.1, Mode.NORMAL).arousal is Level.LOW


def test_chance_is_the_same_everywhere() -> None:
    assert Chance(0).bits() == 0xE220A8397B1DCDAF   # first number of SplitMix64 from 0
    assert all(Chance(n).below(6) < 6 and 0.0 <= Chance(n).share() < 1.0 for n in range(100))


@pytest.mark.parametrize('wrong', [
    {'dwell_s': 0.0}, {'dwell_s': math.nan}, {'epsilon_start': 0.01}, {'thrash_dwells': 0},
    {'seen_share_min': 0.0}, {'gap_s_max': -1.0},
])
def test_settings_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        ModeConfig(**wrong)


@pytest.mark.parametrize('danger', [{'stability': 0.1}, {'humans_near': True}])
def test_where_nothing_may_be_tried_hope_alone_chooses_no_mode(danger: dict) -> None:
    made = drive(ModeController(NEVER, 3), [replace(CALM, **danger)] * 300)
    assert {one.mode for one in made} <= set(SAFE)
    assert 'no place to try' in made[0].reason
