# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about which past transitions are learned from again."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.agents.config import Replay
from swarm_learning.core.agents.replay import PrioritisedRing, Ring, Transition, ring


def transition(number: int) -> Transition:
    return number, 0, 1.0, number + 1, 0.9, None


def filled(config: Replay, errors: list[float]) -> Ring:
    made = ring(config)
    for number, error in enumerate(errors):
        made.put(transition(number), error)
    return made


@pytest.mark.parametrize('prioritised', [False, True])
@given(st.integers(1, 20), st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_only_the_newest_are_kept(prioritised: bool, capacity: int, count: int) -> None:
    made = filled(Replay(capacity, prioritised=prioritised), [1.0] * count)
    expected = range(max(0, count - capacity), count)
    assert sorted(one[0] for one in made.kept) == list(expected)
    if count:
        rng = random.Random(1)
        seen = {made.kept[made.draw(rng)[0]][0] for _ in range(50 * capacity)}
        assert seen == set(expected)


def test_uniform_replay_is_uniform_and_weighs_one() -> None:
    made, rng = filled(Replay(4), [1e6, 0.0, 0.0, 0.0]), random.Random(1)
    drawn = [made.draw(rng) for _ in range(4000)]
    assert {weight for _, weight in drawn} == {1.0}
    assert all(abs(count - 1000) < 120 for count in Counter(p for p, _ in drawn).values())


def test_prioritised_replay_draws_in_proportion_and_weighs_against_it() -> None:
    config = Replay(8, prioritised=True, priority_power=1.0, weight_power=1.0)
    made, rng = filled(config, [1.0, 2.0, 3.0, 4.0, 0.0]), random.Random(1)
    drawn = Counter(made.draw(rng) for _ in range(10_000))
    for (place, weight), count in drawn.items():
        share = (place + 1) / 10
        assert place < 4
        assert abs(count - 10_000 * share) < 4 * (10_000 * share) ** 0.5
        assert weight == pytest.approx(min(1.0, 1.0 / (5 * share)), rel=1e-4)


def test_a_transition_that_taught_much_is_seen_more_often_afterwards() -> None:
    made, rng = filled(Replay(4, prioritised=True), [1.0] * 4), random.Random(1)
    made.grade(2, 1000.0)
    assert Counter(made.draw(rng)[0] for _ in range(300)).most_common(1)[0][0] == 2


@pytest.mark.parametrize('prioritised', [False, True])
def test_a_flushed_ring_holds_nothing_and_fills_again(prioritised: bool) -> None:
    made = filled(Replay(3, prioritised=prioritised), [1.0] * 5)
    made.flush()
    assert len(made) == 0
    made.put(transition(9), 1.0)
    assert made.kept[made.draw(random.Random(1))[0]] == transition(9)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(1, 16))
@settings(max_examples=40, deadline=None)
def test_a_restored_tree_is_equal_bit_for_bit(errors: list[float], capacity: int) -> None:
    made = filled(Replay(capacity, prioritised=True), errors)
    again = PrioritisedRing(made.config)
    again.restore(made.kept, made.next, made.priorities())
    assert isinstance(made, PrioritisedRing)
    assert again._sums == made._sums
    first, second = random.Random(1), random.Random(1)
    assert [again.draw(first) for _ in range(20)] == [made.draw(second) for _ in range(20)]


@pytest.mark.parametrize(('count', 'after', 'priorities'), [
    (4, 0, [1.0] * 4), (2, 0, [1.0] * 2), (3, 3, [1.0] * 3), (2, 2, [1.0]), (2, 2, [1.0, 0.0]),
    (2, 2, [1.0, float('inf')]),
])
def test_a_state_that_no_ring_can_have_is_refused(
    count: int, after: int, priorities: list[float]
) -> None:
    made = ring(Replay(3, prioritised=True))
    with pytest.raises(ValueError, match='replay: '):
        made.restore([transition(n) for n in range(count)], after, priorities)
