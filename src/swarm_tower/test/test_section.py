# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A section tells what changed, once, and bounds itself."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from swarm_facts import MS

from swarm_tower.core.facts import Told
from swarm_tower.core.section import Section
from swarm_tower.core.view import SwarmView


@dataclass(frozen=True)
class Word(Told):
    key: str
    row: Any


class Words(Section):
    name = 'words'
    takes = (Word,)
    rows_max = 5

    def fold(self, fact: Told, now_ns: int) -> None:
        assert isinstance(fact, Word)
        if fact.row is None:
            self.drop(fact.key)
        else:
            self.put(fact.key, fact.row)

    def age(self, now_ns: int) -> None:
        if now_ns > 1000 * MS:
            self.drop('old')


def test_row_is_told_once_and_again_only_when_it_differs() -> None:
    words = Words()
    words.put('a', {'n': 1})
    assert words.changes() == {'a': {'n': 1}}
    words.put('a', {'n': 1})
    assert words.changes() == {}
    words.drop('a')
    words.drop('never there')
    assert words.changes() == {'a': None}


def test_row_that_came_and_went_between_two_looks_is_not_told() -> None:
    words = Words()
    words.put('a', 1)
    words.drop('a')
    assert words.changes() == {} and words.published() == {}


def test_all_changes_together_are_what_is_published_and_bounded() -> None:
    rng, words = random.Random(1), Words()
    told: dict[str, Any] = {}
    for _ in range(500):
        key = rng.choice('abcdefgh')
        rng.choice((lambda k: words.put(k, rng.randint(0, 2)), words.drop))(key)
        if rng.random() < 0.3:
            told.update(words.changes())
            told = {k: v for k, v in told.items() if v is not None}
            assert told == words.published()
            assert len(told) <= Words.rows_max


def test_put_all_drops_what_is_not_named() -> None:
    words = Words()
    words.put_all({'a': 1, 'b': 2})
    words.changes()
    words.put_all({'b': 2, 'c': 3})
    assert words.changes() == {'a': None, 'c': 3}


def test_picture_carries_its_sections_in_snapshot_and_delta() -> None:
    view = SwarmView('swarm', 0, 1500, 5000, sections=[Words()])
    view.delta(0)
    view.fold(Word('old', 1), 0)
    delta = view.delta(0)
    assert delta is not None and delta['sections'] == {'words': {'old': 1}}
    assert view.snapshot()['sections'] == {'words': {'old': 1}}
    view.age(2000 * MS)
    delta = view.delta(2000 * MS)
    assert delta is not None and delta['sections'] == {'words': {'old': None}}
