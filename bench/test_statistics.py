# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what is said of many seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.statistics import bootstrap_interval, iqm, iqm_row, mean_rows, minimum


def test_iqm_is_the_mean_of_the_middle_half() -> None:
    assert iqm([100.0, 2.0, 3.0, -100.0]) == 2.5
    assert iqm([1.0]) == 1.0
    assert iqm([0.0] * 5 + [1.0] * 5 + [2.0] * 5 + [9.0] * 5) == 1.5


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_iqm_and_interval_lie_within_the_values(values: list[float]) -> None:
    low, high = bootstrap_interval(values, resamples=100)
    assert min(values) <= low <= high <= max(values)
    assert min(values) <= iqm(values) <= max(values)
    assert minimum(values) == min(values)


def test_interval_is_repeatable_and_moves_with_the_seed() -> None:
    values = np.random.default_rng(0).normal(size=20)
    assert bootstrap_interval(values, 1) == bootstrap_interval(values, 1)
    assert bootstrap_interval(values, 1) != bootstrap_interval(values, 2)


def test_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap_interval(values, statistic=mean_rows)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


@pytest.mark.parametrize('values', [[], [float('nan')], [1.0, float('inf')], [[1.0], [2.0]]])
def test_values_that_are_none_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match='expected'):
        iqm(values)


def test_a_row_says_its_interval() -> None:
    made = iqm_row('score', '', [0.5] * 20, peer=[0.25] * 4, target=0.4, better='at least')
    assert (made.ours, made.peer, made.met, made.runs) == (0.5, 0.25, True, 20)
    assert made.note == 'IQM, 95 % 0.5..0.5'
