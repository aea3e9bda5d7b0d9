# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The search for a linearisation, against known histories and against brute force."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.sim.linearizability import (
    Operation,
    OperationKind,
    after,
    is_linearizable,
    shown,
)


def read(client: str, begin: int, end: int | None, result: int | None) -> Operation:
    return Operation(client, OperationKind.READ, begin, end, result=result)


def write(client: str, begin: int, end: int | None, value: int) -> Operation:
    return Operation(client, OperationKind.WRITE, begin, end, value=value)


def cas(
    client: str, begin: int, end: int | None, expected: int | None, value: int, stored: bool
) -> Operation:
    return Operation(client, OperationKind.CAS, begin, end, value, expected, stored)


LINEARIZABLE = {
    'nothing happened': [],
    'reads what was written before': [write('a', 0, 1, 7), read('b', 2, 3, 7)],
    'a read beside a write may see either': [
        write('a', 0, 10, 7), read('b', 1, 2, None), read('b', 3, 4, 7),
    ],
    'a write without an answer may have happened': [write('a', 0, None, 7), read('b', 5, 6, 7)],
    'a write without an answer may happen much later': [
        write('a', 0, None, 7), read('b', 5, 6, None), read('b', 7, 8, 7),
    ],
    'a write without an answer may never happen': [
        write('a', 0, None, 7), read('b', 5, 6, None), read('b', 7, 8, None),
    ],
    'a read without an answer says nothing': [write('a', 0, 1, 7), read('b', 2, None, 3)],
    'cas takes what it expects': [
        write('a', 0, 1, 1), cas('b', 2, 3, 1, 2, True), read('a', 4, 5, 2),
    ],
    'one of two cas wins': [
        write('a', 0, 1, 1), cas('a', 2, 9, 1, 2, True), cas('b', 2, 9, 1, 3, False),
        read('a', 10, 11, 2),
    ],
    # Figure 1 of Herlihy and Wing in terms of a register.
    'overlapping writes in either order': [
        write('a', 0, 10, 1), write('b', 0, 10, 2), read('c', 11, 12, 1), read('d', 11, 12, 1),
    ],
}

NOT_LINEARIZABLE = {
    'a lost write': [write('a', 0, 1, 7), read('b', 2, 3, None)],
    'a value from nowhere': [write('a', 0, 1, 7), read('b', 2, 3, 8)],
    'a stale read': [write('a', 0, 1, 1), write('a', 2, 3, 2), read('b', 4, 5, 1)],
    'two readers disagree on the order': [
        write('a', 0, 20, 1), write('b', 0, 20, 2),
        read('c', 1, 2, 1), read('c', 3, 4, 2), read('d', 5, 6, 1),
    ],
    'both cas win': [
        write('a', 0, 1, 1), cas('a', 2, 9, 1, 2, True), cas('b', 2, 9, 1, 3, True),
    ],
    'a refused cas that had what it expected': [write('a', 0, 1, 1), cas('b', 2, 3, 1, 2, False)],
    'a write happens twice': [
        write('a', 0, None, 7), read('c', 1, 2, 7), write('b', 3, 4, 8), read('c', 5, 6, 8),
        read('c', 7, 8, 7),
    ],
    'an effect before its cause': [read('b', 0, 1, 7), write('a', 2, 3, 7)],
}


@pytest.mark.parametrize('name', LINEARIZABLE)
def test_history_is_accepted_when(name: str) -> None:
    assert is_linearizable(LINEARIZABLE[name])


@pytest.mark.parametrize('name', NOT_LINEARIZABLE)
def test_history_is_refused_because_of(name: str) -> None:
    assert not is_linearizable(NOT_LINEARIZABLE[name])


def by_brute_force(history: list[Operation]) -> bool:
    """Every order of every choice of unanswered operations."""
    answered = [one for one in history if one.returned is not None]
    unanswered = [one for one in history if one.returned is None]
    for size in range(len(unanswered) + 1):
        for chosen in combinations(unanswered, size):
            if any(_is_legal(order) for order in permutations([*answered, *chosen])):
                return True
    return False


def _is_legal(order: tuple[Operation, ...]) -> bool:
    state = None
    for at, one in enumerate(order):
        if any(
            other.returned is not None and other.returned < one.invoked
            for other in order[at + 1 :]
        ):
            return False
        fits, state = after(state, one)
        if one.kind is OperationKind.READ and one.returned is None:
            continue
        if not fits:
            return False
    return True


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    kind = draw(st.sampled_from(OperationKind))
    begin = draw(st.integers(0, 6))
    end = draw(st.one_of(st.none(), st.integers(begin, 8)))
    small = st.one_of(st.none(), st.integers(1, 2))
    result = draw(st.booleans() if kind is OperationKind.CAS else small)
    return Operation('c', kind, begin, end, draw(st.integers(1, 2)), draw(small), result)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(operations(), max_size=5))
def test_search_agrees_with_brute_force(history: list[Operation]) -> None:
    assert is_linearizable(history) == by_brute_force(history)


def test_long_history_of_many_clients_is_searched_in_no_time() -> None:
    history = []
    for step in range(60):
        history.append(write(f'c{step % 4}', 10 * step, 10 * step + 35, step))
        history.append(read('r', 10 * step + 36, 10 * step + 37, step))
    assert is_linearizable(history) in (True, False)


def test_history_is_shown_in_order_of_invocation() -> None:
    text = shown([read('b', 5, None, 3), write('a', 1, 2, 7)])
    assert text.splitlines()[0].endswith('a write 7') and '5..?' in text
