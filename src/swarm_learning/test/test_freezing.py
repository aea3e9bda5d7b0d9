# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about freezing: who may, for how long, and that the last word counts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.events import FreezeAsked
from swarm_learning.core.freezing import TEXT_MAX, Freezing

MS = 1_000_000


def asked(frozen: bool = True, duration_ms: int = 0, **changes: str) -> FreezeAsked:
    return FreezeAsked(frozen, **{'owner': 'ann', 'reason': 'demo', **changes},
                       duration_ms=duration_ms)


def test_it_changes_at_the_next_look_and_is_told_once() -> None:
    made = Freezing()
    made.ask(asked(), 0)
    assert not made.frozen
    assert [made.advance(1), made.advance(2)] == [True, False]
    assert made.frozen and made.told() == 'learning is frozen (ann: demo)'


def test_a_time_that_is_over_ends_it_and_says_whose_it_was() -> None:
    made = Freezing()
    made.ask(asked(duration_ms=500), 0)
    made.advance(0)
    assert not made.advance(500 * MS - 1) and made.frozen
    assert made.advance(500 * MS) and not made.frozen
    assert 'ann' in made.told() and 'over' in made.told()
    assert not made.advance(10_000 * MS)


def test_without_a_time_it_lasts() -> None:
    made = Freezing()
    made.ask(asked(), 0)
    made.advance(0)
    assert not made.advance(10**18) and made.frozen


def test_a_later_word_replaces_the_time_of_the_one_before() -> None:
    made = Freezing()
    made.ask(asked(duration_ms=100), 0)
    made.advance(0)
    made.ask(asked(owner='bob'), 50 * MS)
    assert not made.advance(200 * MS) and made.frozen and made.owner == 'bob'
    made.ask(asked(frozen=False, duration_ms=100, owner='eve'), 300 * MS)
    assert made.advance(300 * MS) and not made.frozen
    assert not made.advance(10_000 * MS), 'going on has no end'


def test_both_at_once_change_nothing() -> None:
    made = Freezing()
    made.ask(asked(), 0)
    made.ask(asked(frozen=False), 0)
    assert not made.advance(1) and not made.frozen


@pytest.mark.parametrize('changes', [{'owner': ''}, {'reason': ''}, {'owner': ' \n'}])
def test_nobody_and_no_reason_are_refused_and_change_nothing(changes: dict[str, str]) -> None:
    made = Freezing()
    with pytest.raises(ValueError, match='owner and reason'):
        made.ask(asked(**changes), 0)
    assert not made.advance(1) and made.owner == ''


def test_frozen_from_the_start_says_so_and_can_be_undone() -> None:
    made = Freezing(frozen=True)
    assert made.frozen and not made.advance(0) and 'configuration' in made.told()
    made.ask(asked(frozen=False), 0)
    assert made.advance(1) and not made.frozen


def test_texts_are_cut() -> None:
    made = Freezing()
    made.ask(asked(owner='a' * 1000, reason='b' * 1000), 0)
    assert (len(made.owner), len(made.reason)) == (TEXT_MAX, TEXT_MAX)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_it_is_what_the_last_word_says_until_its_time_is_over(
    words: list[tuple[bool, int, int]]
) -> None:
    made, now_ns, frozen, until_ns = Freezing(), 0, False, None
    for wanted, duration_ms, passed_ms in words:
        made.ask(asked(wanted, duration_ms), now_ns)
        frozen, until_ns = wanted, now_ns + duration_ms * MS if wanted and duration_ms else None
        now_ns += passed_ms * MS
        made.advance(now_ns)
        assert made.frozen is (frozen and (until_ns is None or now_ns < until_ns))
