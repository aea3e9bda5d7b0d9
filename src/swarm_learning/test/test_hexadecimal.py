# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Numbers of a file that was changed: refused in the way that those who read it expect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mind_samples import CONFIG, S, kept_of, live, mind, start

from swarm_learning.core.hexadecimal import from_hex
from swarm_learning.core.mind_keeping import Kept, parts_of
from swarm_learning.core.mode.policies import ModePolicies
from swarm_learning.core.regimes.model import RegimeModel
from swarm_learning.storage.mind_files import shipped

BEYOND = '0x1.0p+99999'


@given(st.floats(allow_nan=False))
def test_a_float_comes_back_as_it_was(value: float) -> None:
    assert from_hex(value.hex()) == value


@pytest.mark.parametrize('text', [BEYOND, '-' + BEYOND, 'x', ''])
def test_what_no_float_can_be_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        from_hex(text)


def floats_in(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where hexadecimal floats stand."""
    if isinstance(tree, Mapping):
        return [one for key in tree for one in floats_in(tree[key], (*at, key))]
    if isinstance(tree, list):
        return [one for n, inner in enumerate(tree) for one in floats_in(inner, (*at, n))]
    return [at] if isinstance(tree, str) and '0x' in tree[:3] else []


def put(tree: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    if isinstance(tree, Mapping):
        return {**tree, at[0]: put(tree[at[0]], at[1:], value)}
    return [put(one, at[1:], value) if n == at[0] else one for n, one in enumerate(tree)]


def test_number_beyond_any_float_in_a_kept_mind_costs_one_part_and_no_start() -> None:
    made = mind()
    live(made, range(15))
    kept = kept_of(made)
    places = floats_in(kept.manifest)
    assert len(places) > 50
    told = 0
    for at in places[:: max(1, len(places) // 40)]:
        changed = Kept(put(kept.manifest, at, BEYOND), kept.arrays)
        _, problems = parts_of(CONFIG, start(), changed, 20 * S)
        assert {one.split(' begins')[0] for one in problems} <= {at[0]}
        told += len(problems)
    assert told > 30, 'what belongs to the last life alone is not read'


def test_number_beyond_any_float_in_the_records_of_policies_is_a_value_error() -> None:
    document = ModePolicies(0).shelf.document()
    for at in floats_in(document):
        with pytest.raises(ValueError):
            ModePolicies.restored(put(document, at, BEYOND), 0)


def test_model_whose_version_is_no_number_is_a_value_error() -> None:
    found = shipped('regimes_1')
    for value in (math.inf, math.nan, None, 'x'):
        with pytest.raises(ValueError):
            RegimeModel.from_arrays(found.arrays, {**found.manifest, 'version': value})
