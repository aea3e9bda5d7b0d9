# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Functions by name and their arguments as JSON."""

from __future__ import annotations

import functools
import json
import math
import operator
import statistics
from typing import Any

import pytest

from swarm_coordinator.callables import arguments_text, callable_name


@pytest.mark.parametrize(
    ('function', 'name'),
    [
        (statistics.mean, 'statistics:mean'),
        (math.sqrt, 'math:sqrt'),
        (operator.add, 'operator:add'),  # which says that it is of _operator
        (json.JSONDecoder.decode, 'json.decoder:JSONDecoder.decode'),
        ('pkg.mod:fn', 'pkg.mod:fn'),
    ],
)
def test_a_function_at_the_top_of_a_module_is_known_by_its_name(function: Any, name: str) -> None:
    assert callable_name(function) == name


def inside() -> Any:
    def hidden() -> None:
        pass

    return hidden


def gone() -> None:
    pass


gone.__qualname__ = 'was_here'


@pytest.mark.parametrize(
    ('function', 'said'),
    [
        (lambda: 1, 'a lambda has no name'),
        (inside(), 'is made inside of a function'),
        (functools.partial(max, 1), 'is a partial: give the function'),
        ([].append, 'is bound to an object'),
        (gone, 'cannot be imported by this name'),
        (3, 'is no function with a name'),
        ('no colon', "expected a function or 'module:function'"),
    ],
)
def test_what_robots_could_not_find_is_refused_and_says_what_to_do(
    function: Any, said: str
) -> None:
    with pytest.raises(TypeError) as refused:
        callable_name(function)
    assert said in str(refused.value)


def test_arguments_are_a_list_or_an_object() -> None:
    assert arguments_text('a:b', (), {}) == ''
    assert arguments_text('a:b', (1, 'x', (2, None)), {}) == '[1,"x",[2,null]]'
    assert arguments_text('a:b', (), {'x': 1.5}) == '{"x":1.5}'


def test_both_kinds_together_go_by_the_names_of_the_parameters() -> None:
    assert arguments_text(statistics.quantiles, ([1, 2],), {'n': 4}) == '{"data":[1,2],"n":4}'
    with pytest.raises(TypeError, match='positional and named arguments together'):
        arguments_text('a:b', (1,), {'x': 1})


@pytest.mark.parametrize(
    ('value', 'said'),
    [
        ({1, 2}, 'argument 1 is set'),
        (b'x', 'argument 1 is bytes'),
        ([1, [math.nan]], r'argument 1\[1\]\[0\] is float nan'),
        ({1: 2}, 'argument 1: key 1 is no text'),
        (math.inf, 'argument 1 is float inf'),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_place(value: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        arguments_text('a:b', (value,), {})


def test_arguments_that_do_not_fit_are_refused_before_they_are_sent() -> None:
    with pytest.raises(TypeError, match='operator:add'):
        arguments_text(operator.add, (1,), {})
