# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the rule that proposes a mode."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_learning.core.advice import (
    ANY,
    CURIOSITY_NOTABLE,
    HIGH,
    LOW,
    MEDIUM,
    RULES,
    Adviser,
    Notable,
    rule_for,
)
from swarm_learning.core.mode.buckets import EDGES, HYSTERESIS, Bucket, Level
from swarm_learning.core.observation import Mode
from swarm_learning.core.swarm import NO_ROBOTS, SwarmView

CASES = list(itertools.product(ANY, ANY, ANY, (False, True)))


def view(arousal: float, stability: float, pressure: float, robots: int = 3,
         spread: float = 0.0) -> SwarmView:
    return SwarmView(arousal, stability, pressure, robots, spread, 'r1')


def test_every_case_has_a_rule_and_every_rule_a_case() -> None:
    used = {id(rule_for(*case)) for case in CASES}
    assert used == {id(rule) for rule in RULES}


@pytest.mark.parametrize('arousal, pressure, is_curious',
                         list(itertools.product(ANY, ANY, (False, True))))
def test_low_stability_never_leads_to_a_mode_that_takes_risks(
    arousal: Level, pressure: Level, is_curious: bool
) -> None:
    assert rule_for(arousal, LOW, pressure, is_curious).mode in (Mode.DEFENSIVE, Mode.RECOVERY)


def test_maintenance_is_never_proposed() -> None:
    assert Mode.MAINTENANCE not in {rule.mode for rule in RULES}


@pytest.mark.parametrize('figures, mode', [
    ((0.1, 0.9, 0.1), Mode.NORMAL),
    ((0.5, 0.9, 0.9), Mode.HYPERFOCUS),
    ((0.9, 0.9, 0.1), Mode.CONSERVE),
    ((0.9, 0.1, 0.9), Mode.DEFENSIVE),
    ((0.1, 0.1, 0.1), Mode.RECOVERY),
    ((0.5, 0.5, 0.5), Mode.NORMAL),
])
def test_clear_cases_get_their_mode(figures: tuple[float, float, float], mode: Mode) -> None:
    proposal = Adviser().advise(view(*figures), 0.1, 3)
    assert proposal is not None and proposal.mode is mode


@pytest.mark.parametrize('figures, mode', [
    ((0.1, 0.9, 0.1), Mode.EXPLORE),
    ((0.5, 0.9, 0.1), Mode.NORMAL),
    ((0.5, 0.9, 0.9), Mode.HYPERFOCUS),
    ((0.1, 0.1, 0.1), Mode.RECOVERY),
])
def test_curiosity_matters_to_a_calm_and_idle_swarm_only(
    figures: tuple[float, float, float], mode: Mode
) -> None:
    proposal = Adviser().advise(view(*figures), 0.9, 3)
    assert proposal is not None and proposal.mode is mode


def test_novelty_alone_is_never_notable() -> None:
    fully_new = 0.4
    notable = Notable(CURIOSITY_NOTABLE)
    notable.settle(1.0)
    assert not notable.settle(fully_new)


def test_curiosity_that_trembles_on_its_edge_is_notable_or_not_but_does_not_flap() -> None:
    notable = Notable(CURIOSITY_NOTABLE)
    assert not notable.settle(CURIOSITY_NOTABLE - 0.001)
    tremble = [CURIOSITY_NOTABLE + 0.025 * (-1) ** n for n in range(50)]
    assert all(notable.settle(value) for value in tremble)
    assert not notable.settle(CURIOSITY_NOTABLE - HYSTERESIS - 0.001)
    assert not notable.settle(math.nan)


def test_without_fresh_robots_there_is_no_opinion() -> None:
    assert Adviser().advise(NO_ROBOTS, 0.0, 3) is None


def test_confidence_falls_with_unheard_robots_and_with_spread() -> None:
    def confidence(robots: int, present: int, spread: float) -> float:
        proposal = Adviser().advise(view(0.5, 0.5, 0.5, robots, spread), 0.1, present)
        assert proposal is not None
        return proposal.confidence
    assert confidence(1, 4, 0.0) < confidence(4, 4, 0.0)
    assert confidence(4, 4, 0.9) < confidence(4, 4, 0.1)
    assert confidence(4, 0, 0.0) == confidence(4, 4, 0.0)


def test_reason_names_figures_and_buckets() -> None:
    proposal = Adviser().advise(view(0.1, 0.9, 0.05), 0.5, 4)
    assert proposal is not None
    assert 'stability 0.90 high' in proposal.reason
    assert 'curiosity 0.50 notable' in proposal.reason
    assert '3 of 4 robots heard' in proposal.reason


@pytest.mark.parametrize('edge', EDGES)
def test_a_figure_that_trembles_on_an_edge_keeps_its_bucket(edge: float) -> None:
    bucket = Bucket()
    first = bucket.settle(edge - 0.001)
    for n in range(50):
        assert bucket.settle(edge + 0.025 * (-1) ** n) is first
    assert bucket.settle(edge + HYSTERESIS + 0.001) is Level(first + 1)
    assert bucket.settle(edge - 0.02) is Level(first + 1)
    assert bucket.settle(edge - HYSTERESIS - 0.001) is first


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1))
def test_bucket_agrees_with_its_value_up_to_the_hysteresis(values: list[float]) -> None:
    bucket = Bucket()
    for value in values:
        level = bucket.settle(value)
        if math.isfinite(value):
            assert level is LOW or value >= EDGES[level - 1] - HYSTERESIS
            assert level is HIGH or value <= EDGES[level] + HYSTERESIS


def test_a_jump_over_two_edges_settles_at_once() -> None:
    bucket = Bucket()
    assert [bucket.settle(v) for v in (0.1, 0.9, 0.1, 0.5)] == [LOW, HIGH, LOW, MEDIUM]
