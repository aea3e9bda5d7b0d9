# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the sketch of a distribution."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.memory.sketch import (
    BINS_MAX,
    EDGES,
    RELATIVE_ERROR,
    ZERO_UNITS,
    Sketch,
    bin_of,
    middle_of,
)
from swarm_learning.core.memory.units import UNITS_MAX, UNITS_PER_ONE, units_of, value_of

SHARES = (0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0)


def sketch_of(values: list[float]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(units_of(value))
    return sketch


def true_quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def test_edges_of_bins_ascend_and_reach_the_largest_value() -> None:
    assert all(low < high for low, high in zip(EDGES, EDGES[1:], strict=False))
    assert EDGES[-2] < UNITS_MAX <= EDGES[-1]


@given(st.integers(ZERO_UNITS + 1, UNITS_MAX))
@settings(max_examples=300, deadline=None)
def test_the_middle_of_its_bin_is_within_one_percent_of_any_value(units: int) -> None:
    slack = 1.0 / units         # a unit is 0.1 % of the smallest values
    assert abs(middle_of(bin_of(units)) / value_of(units) - 1.0) <= RELATIVE_ERROR + slack


@pytest.mark.parametrize('family', ['lognormal', 'pareto', 'uniform', 'two humps', 'exponential'])
def test_quantiles_are_within_one_percent_and_agree_with_the_reference_library(
    family: str,
) -> None:
    ddsketch = pytest.importorskip('ddsketch')
    rng = random.Random(family)
    draw = {
        'lognormal': lambda: rng.lognormvariate(6.0, 1.0), 'uniform': rng.random,
        'pareto': lambda: 100.0 * rng.paretovariate(1.8),
        'two humps': lambda: rng.gauss(10.0, 1.0) if rng.random() < 0.5 else rng.gauss(900.0, 9.0),
        'exponential': lambda: rng.expovariate(0.01),
    }[family]
    values = [draw() for _ in range(5000)]
    ours = sketch_of(values)
    oracle = ddsketch.LogCollapsingLowestDenseDDSketch(RELATIVE_ERROR, bin_limit=BINS_MAX)
    for value in values:
        oracle.add(value)
    for share in (0.05, 0.25, 0.5, 0.9, 0.99, 0.999):
        found, error = ours.quantile(share, min(values), max(values))
        true = true_quantile(values, share)
        assert abs(found / true - 1.0) <= error + 1e-6 and error == RELATIVE_ERROR
        assert abs(found / oracle.get_quantile_value(share) - 1.0) <= 2 * RELATIVE_ERROR


@given(st.lists(st.lists(st.floats(0.0, 1e9), max_size=20), min_size=2, max_size=5),
       st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_sketches_merge_to_the_same_bins_in_any_order(
    parts: list[list[float]], rng: random.Random
) -> None:
    whole = sketch_of([value for part in parts for value in part])
    rng.shuffle(parts)
    merged = Sketch()
    for part in parts:
        merged.merge(sketch_of(part))
    assert merged == whole
    assert merged.n == sum(len(part) for part in parts)


def test_a_sketch_that_was_cut_off_says_how_wrong_it_may_be() -> None:
    values = [1e-5] * 60 + [1e6] * 40
    sketch = sketch_of(values)
    assert len(sketch.bins) == 2
    found, error = sketch.quantile(0.5, 1e-5, 1e6)
    assert found > 1e-5 * 1.01, 'nothing was cut off'
    assert abs(found / 1e-5 - 1.0) <= error * 1.0001
    assert sketch.quantile(0.99, 1e-5, 1e6)[1] == RELATIVE_ERROR


def test_a_sketch_never_holds_more_bins_than_it_may() -> None:
    sketch = sketch_of([1.01 ** power for power in range(-1200, 2000)])
    assert len(sketch.bins) == BINS_MAX
    assert sketch.n == 3200


def test_zero_and_tiny_values_are_counted_as_zero() -> None:
    sketch = sketch_of([0.0, 1e-8, 0.5])
    assert (sketch.zeros, sketch.n) == (2, 3)
    assert sketch.quantile(0.0, 0.0, 0.5) == (0.0, 0.0)


@pytest.mark.parametrize('value', [-1.0, float('nan'), float('-inf')])
def test_a_value_that_is_no_quantity_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match='at least 0'):
        units_of(value)


def test_a_value_beyond_the_largest_counts_as_the_largest() -> None:
    assert units_of(float('inf')) == units_of(1e300) == UNITS_MAX


def test_values_are_kept_to_a_billionth() -> None:
    assert value_of(units_of(0.123456789)) == pytest.approx(0.123456789, abs=1 / UNITS_PER_ONE)


def test_a_quantile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match='expected a share and a value'):
        Sketch().quantile(0.5, 0.0, 0.0)
