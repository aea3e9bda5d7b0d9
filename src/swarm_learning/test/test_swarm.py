# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the swarm's figures."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.observation import Beacon, Figures
from swarm_learning.core.swarm import ROBOTS_MAX, Swarm, nearest_rank, trimmed_mean, view_of

S = 1_000_000_000
MS = 1_000_000
CALM = Figures(0.2, 0.2, 0.8, 0.9, 0.1)

shares = st.floats(0.0, 1.0)
wild = st.floats(allow_nan=True, allow_infinity=True)
wild_figures = st.builds(Figures, wild, wild, wild, wild, wild)
sane_figures = st.builds(Figures, shares, shares, shares, shares, shares)


def swarm_of(*beacons: Beacon) -> Swarm:
    it = Swarm()
    for beacon in beacons:
        it.hear(beacon)
    it.check_invariants()
    return it


@given(st.lists(shares, min_size=1, max_size=30), shares, st.data())
def test_one_liar_moves_the_mean_by_at_most_one_over_the_values_left(
    values: list[float], lie: float, data: st.DataObject
) -> None:
    liar = data.draw(st.integers(0, len(values) - 1))
    lied = [*values[:liar], lie, *values[liar + 1:]]
    left = len(values) - 2 * (len(values) // 5)
    assert abs(trimmed_mean(lied) - trimmed_mean(values)) <= 1.0 / left + 1e-12


@given(st.floats(0.0, 0.4), st.data(), shares, shares)
def test_one_liar_moves_the_mean_by_at_most_one_nth_while_the_others_lie_within_0_6(
    low: float, data: st.DataObject, truth: float, lie: float
) -> None:
    others = data.draw(st.lists(st.floats(low, low + 0.6), max_size=30))
    n = len(others) + 1
    moved = abs(trimmed_mean([*others, lie]) - trimmed_mean([*others, truth]))
    assert moved <= 1.0 / n + 1e-12


@given(st.lists(shares, min_size=4, max_size=30), shares)
def test_one_liar_among_five_never_leaves_the_range_of_the_others(
    others: list[float], lie: float
) -> None:
    assert min(others) <= trimmed_mean([*others, lie]) <= max(others)


@given(st.lists(sane_figures, min_size=1, max_size=20), st.integers(0, 2**16))
def test_order_of_robots_does_not_matter(figures: list[Figures], seed: int) -> None:
    named = [(f'r{n}', f) for n, f in enumerate(figures)]
    shuffled = random.Random(seed).sample(named, len(named))
    assert view_of(dict(named)) == view_of(dict(shuffled))


@given(st.lists(st.one_of(wild_figures, sane_figures), max_size=20))
@settings(max_examples=80)
def test_aggregates_stay_in_unit_range_whatever_robots_send(figures: list[Figures]) -> None:
    it = swarm_of(*(Beacon(f'r{n}', f, 0, 0) for n, f in enumerate(figures)))
    view = it.view(0)
    for value in (view.arousal, view.stability, view.pressure, view.spread):
        assert math.isfinite(value) and 0.0 <= value <= 1.0
    assert view.robots + it.malformed == len(figures)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf, -0.1, 1.1, 1e30])
def test_a_robot_that_sends_no_shares_does_not_count(bad: float) -> None:
    it = swarm_of(Beacon('r1', CALM, 0, 0), Beacon('r2', Figures(0.1, 0.1, 0.1, bad, 0.1), 0, 0))
    assert it.view(0).robots == 1
    assert it.view(0).worst_robot == 'r1'
    assert (it.malformed, it.malformed_robot) == (1, 'r2')


def test_a_robot_counts_for_three_periods_of_silence_and_no_longer() -> None:
    it = swarm_of(Beacon('r1', CALM, 400, 0))
    assert it.view(2600 * MS).robots == 1
    assert it.view(2601 * MS).robots == 0


def test_a_robot_whose_learner_stopped_drops_out_though_its_beacon_goes_on() -> None:
    it = swarm_of(Beacon('r1', CALM, 3001, 0), Beacon('r2', CALM, None, 0),
                  Beacon('r3', CALM, 10, 0))
    assert list(it.fresh(0)) == ['r3']


def test_worst_robot_has_the_lowest_stability_and_ties_go_by_name() -> None:
    shaky = Figures(0.2, 0.2, 0.2, 0.3, 0.2)
    view = view_of({'c': CALM, 'b': shaky, 'a': shaky})
    assert view.worst_robot == 'a'
    assert view.spread == pytest.approx(0.6)


def test_curiosity_of_the_swarm_is_the_mean_over_its_fresh_robots() -> None:
    keen = Figures(0.2, 0.6, 0.8, 0.9, 0.1)
    it = swarm_of(Beacon('r1', CALM, 0, 0), Beacon('r2', keen, 0, 0), Beacon('r3', keen, 9999, 0))
    assert it.curiosity(0) == pytest.approx(0.4)
    assert swarm_of().curiosity(0) == 0.0


def test_no_robots_give_a_neutral_view() -> None:
    assert swarm_of().view(0).robots == 0
    assert swarm_of().view(0).worst_robot == ''


def test_invented_names_cannot_fill_the_memory_and_silent_ones_go() -> None:
    it = swarm_of(*(Beacon(f'r{n}', CALM, 0, 0) for n in range(2 * ROBOTS_MAX)))
    assert len(it.beacons) == ROBOTS_MAX
    it.forget_silent(61 * S)
    assert not it.beacons


@given(st.lists(st.tuples(sane_figures, st.integers(0, 3000)), min_size=1, max_size=20),
       sane_figures, st.integers(0, 3000), st.data())
def test_one_liar_moves_an_aggregate_by_at_most_one_over_those_left_however_old_the_others_are(
    robots: list[tuple[Figures, int]], lie: Figures, claimed_ms: int, data: st.DataObject
) -> None:
    liar = data.draw(st.integers(0, len(robots) - 1))
    true = [Beacon(f'r{n}', f, age, 0) for n, (f, age) in enumerate(robots)]
    lied = [*true[:liar], Beacon(f'r{liar}', lie, claimed_ms, 0), *true[liar + 1:]]
    left = len(robots) - 2 * (len(robots) // 5)
    honest, moved = swarm_of(*true).view(0), swarm_of(*lied).view(0)
    for name in ('arousal', 'stability', 'pressure'):
        assert abs(getattr(moved, name) - getattr(honest, name)) <= 1.0 / left + 1e-12


def test_figures_that_grow_old_go_to_neutral_without_a_jump() -> None:
    it = swarm_of(Beacon('r1', CALM, 0, 0))
    seen = [it.view(ms * MS).stability for ms in range(0, 3001, 10)]
    assert seen[0] == seen[150] == CALM.stability and seen[-1] == pytest.approx(0.5)
    assert max(abs(b - a) for a, b in zip(seen, seen[1:], strict=False)) < 0.01


def test_p90_shows_the_robots_that_the_mean_leaves_out() -> None:
    busy = Figures(0.9, 0.2, 0.8, 0.2, 0.95)
    view = view_of({**{f'r{n}': CALM for n in range(8)}, 'x': busy, 'y': busy})
    assert (view.arousal_p90, view.pressure_p90, view.stability_p10) == pytest.approx(
        (0.9, 0.95, 0.2))
    assert view.arousal == pytest.approx(0.2)
    assert nearest_rank([float(n) for n in range(1, 11)], 90) == 9.0
