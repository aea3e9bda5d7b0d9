# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Conditions on metadata: what they mean, and that whatever is typed gets an answer."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.core.registry.where import (
    CONDITIONS_MAX,
    WHERE_CHARS_MAX,
    Condition,
    MalformedWhere,
    holds,
    parse_where,
)

LIDAR = {'kind': 'lidar', 'floor': '2', 'name': 'map server', 'range_m': '12.50', 'note': ''}


@pytest.mark.parametrize(
    'where',
    [
        '',
        '  ',
        'kind = lidar',
        'kind=lidar',
        '\tkind  =\tlidar ',
        'floor >= 2, kind = lidar, name ~ map',
        'floor = 2.0',
        'floor < 10',  # as text, '2' comes after '10'
        'range_m = 12.5',
        'floor > -1',
        'kind != camera',
        'kind > camera',
        'name ~ p s',
        'name = "map server"',
        'note = ""',
        'note != x',
        'absent != 1',
        'floor <= 2, floor >= 2, floor != 3',
    ],
)
def test_condition_that_holds(where: str) -> None:
    assert holds(parse_where(where), LIDAR)


@pytest.mark.parametrize(
    'where',
    [
        'kind = Lidar',
        'kind ~ Lidar',
        'floor > 2',
        'floor < 2',
        'floor = 02x',
        'absent = 1',
        'absent < 1',
        'absent ~ a',
        'kind = lidar, floor = 3',
        'range_m > 12.5',
    ],
)
def test_condition_that_does_not_hold(where: str) -> None:
    assert not holds(parse_where(where), LIDAR)


def test_quoted_value_may_hold_a_comma_and_blanks_at_its_ends() -> None:
    assert parse_where('a = " x, y " , b=1') == (
        Condition('a', '=', ' x, y '), Condition('b', '=', '1')
    )


@pytest.mark.parametrize(
    ('where', 'position', 'expected'),
    [
        ('= 2', 0, 'a key'),
        ('2floor = 2', 0, 'a key'),
        ('floor', 5, 'one of = !='),
        ('floor == 2', 7, None),
        ('floor ! 2', 6, 'one of = !='),
        ('floor =', 7, 'a value'),
        ('floor = , a = 1', 8, 'a value'),
        ('floor = 2,', 10, 'a key'),
        ('floor = 2,,a=1', 10, 'a key'),
        ('a = "x', 6, 'a closing'),
        ('a = "x" y', 8, '"," or the end'),
        ('a = x"y"', 5, '"," or the end'),
        ('a = 1 & b = 2 = ', 0, None),
    ],
)
def test_error_says_where_and_what_was_expected(
    where: str, position: int, expected: str | None
) -> None:
    if expected is None:  # everything after the operator is a value
        parse_where(where)
        return
    with pytest.raises(MalformedWhere) as error:
        parse_where(where)
    assert error.value.position == position
    assert error.value.expected.startswith(expected)
    assert f'at position {position}' in str(error.value)


def test_size_is_bounded() -> None:
    longest = 'a = ' + 'x' * (WHERE_CHARS_MAX - 4)
    assert parse_where(longest)
    with pytest.raises(MalformedWhere, match='at most 500 characters'):
        parse_where(longest + 'x')
    assert len(parse_where(','.join(['a=1'] * CONDITIONS_MAX))) == CONDITIONS_MAX
    with pytest.raises(MalformedWhere, match='at most 16 conditions'):
        parse_where(','.join(['a=1'] * (CONDITIONS_MAX + 1)))


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(max_size=60) | st.text(st.sampled_from('ab1 .-,"=!<>~'), max_size=40),
    value=st.text(max_size=20),
)
def test_garbage_raises_nothing_but_malformed_where(text: str, value: str) -> None:
    with contextlib.suppress(MalformedWhere):
        holds(parse_where(text), {'a': value, 'b': '1'})


NUMBERS = st.decimals(-(10**9), 10**9, places=3).map(lambda one: format(one, 'f'))


@given(left=NUMBERS, right=NUMBERS)
def test_numbers_compare_as_numbers(left: str, right: str) -> None:
    expected = {
        '=': Decimal(left) == Decimal(right), '!=': Decimal(left) != Decimal(right),
        '<': Decimal(left) < Decimal(right), '<=': Decimal(left) <= Decimal(right),
        '>': Decimal(left) > Decimal(right), '>=': Decimal(left) >= Decimal(right),
    }
    for sign, truth in expected.items():
        assert holds(parse_where(f'a {sign} {right}'), {'a': left}) is truth


@given(value=st.text(st.characters(exclude_characters='"'), max_size=20))
def test_quoted_value_is_found_as_it_is(value: str) -> None:
    assert holds(parse_where(f'a = "{value}"'), {'a': value})
    assert holds(parse_where(f'a ~ "{value}"'), {'a': f'x{value}y'})


@pytest.mark.parametrize('number', ['nan', 'inf', '1e999999', '٣', '1' * 40])
def test_what_is_no_plain_number_is_compared_as_text(number: str) -> None:
    assert holds(parse_where(f'a = {number}'), {'a': number})
    assert not holds(parse_where(f'a = {number}'), {'a': number + '0'})
