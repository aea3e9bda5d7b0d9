# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about answers over windows."""

from __future__ import annotations

import random

import pytest
from memory_samples import T0, S, history_of, lived

from swarm_learning.core.memory.block import width_ns
from swarm_learning.core.memory.config import MemoryConfig
from swarm_learning.core.memory.events import Event, Occurrence, Sample
from swarm_learning.core.memory.memory import Memory
from swarm_learning.core.memory.query import Answer, Question, answer

SMALL = MemoryConfig(ring_events_max=60, save_events=30, blocks_per_level=4)
EVENTS = history_of(3000, 12, step_ns=60 * S)
NOW_NS = EVENTS[-1].stamp_ns


@pytest.fixture(scope='module')
def memory() -> Memory:
    return lived(EVENTS, SMALL)


def inside(events: list[Event], begin_ns: int, end_ns: int) -> list[Event]:
    return [one for one in events if begin_ns <= one.stamp_ns < end_ns]


def check(found: Answer, begin_ns: int, end_ns: int) -> None:
    """What the answer says of the window it covers is true, and so is its edge."""
    within = inside(EVENTS, found.begin_ns, found.end_ns)
    assert found.events == len(within)
    for one in found.channels:
        values = [event.values[one.channel] for event in within if one.channel in event.values]
        assert one.n == len(values)
        assert found.edge_ns or one.mean == pytest.approx(sum(values) / one.n, rel=1e-6)
        assert (one.min, one.max) == pytest.approx((min(values), max(values)), abs=2e-9)
    assert abs(found.begin_ns - begin_ns) <= found.edge_ns or not inside(
        EVENTS, begin_ns, found.begin_ns)
    assert abs(found.end_ns - end_ns) <= found.edge_ns or not inside(
        EVENTS, found.end_ns, end_ns)


def test_any_window_is_answered_exactly_for_the_window_that_is_named(memory: Memory) -> None:
    rng = random.Random(4)
    for _ in range(80):
        begin_ns = rng.randrange(T0, NOW_NS)
        end_ns = rng.randrange(begin_ns + 1, NOW_NS + 2)
        found = memory.query(Question(begin_ns=begin_ns, end_ns=end_ns), NOW_NS)
        check(found, begin_ns, end_ns)


def test_an_edge_is_rounded_by_at_most_half_a_block_where_a_whole_one_fits(
    memory: Memory,
) -> None:
    longest = max(entry.end_ns - entry.begin_ns for entry in memory.own.history)
    rng = random.Random(5)
    for _ in range(50):
        begin_ns = rng.randrange(T0, NOW_NS - 3 * longest)
        found = memory.query(Question(begin_ns=begin_ns, end_ns=begin_ns + 3 * longest), NOW_NS)
        assert found.edge_ns <= longest // 2


@pytest.mark.parametrize('samples', [480, 120])
def test_a_mean_weighs_the_quarters_of_the_block_at_an_edge_by_what_lies_inside(
    samples: int,
) -> None:
    """A level that holds within each block, or each quarter: no rounding is left in the mean."""
    config = MemoryConfig(blocks_per_level=5, ring_events_max=30, save_events=10)
    levels = [0.1, 0.9, 0.3, 0.7]
    events: list[Event] = []
    for at in range(2400):
        if at < 1920:
            level = levels[at // samples % 4]       # 8 or 2 base windows each
        events.append(Sample(T0 // width_ns(6) * width_ns(6) + at * 10 * S, {'arousal': level}))
    memory = lived(events, config)
    now_ns = events[-1].stamp_ns
    assert max(entry.level for entry in memory.own.history) == 3
    for first in range(0, 1800, 7):
        begin_ns = events[first].stamp_ns
        found = memory.query(Question(begin_ns=begin_ns), now_ns).channels[0]
        true = [one.values['arousal'] for one in events[first:]]
        assert found.mean == pytest.approx(sum(true) / len(true), abs=5e-3)
        spread = sum((one - found.mean) ** 2 for one in true) / len(true)
        assert found.deviation == pytest.approx(spread ** 0.5, abs=5e-3)


def test_young_windows_are_exact_to_the_event(memory: Memory) -> None:
    for back in (1, 7, 23):
        begin_ns = EVENTS[-back].stamp_ns
        found = memory.query(Question(begin_ns=begin_ns), NOW_NS)
        assert found.edge_ns == 0
        assert found.events == len(inside(EVENTS, begin_ns, NOW_NS + 1))


def test_all_of_it_is_the_window_without_edges(memory: Memory) -> None:
    found = memory.query(Question(), NOW_NS)
    assert (found.edge_ns, found.events, found.robots) == (0, len(EVENTS), ('r1',))


def test_a_window_within_one_block_names_that_block(memory: Memory) -> None:
    oldest = next(iter(memory.own.history))
    assert oldest.level >= 3
    begin_ns = oldest.begin_ns + width_ns(0)
    found = memory.query(Question(begin_ns=begin_ns, end_ns=begin_ns + S), NOW_NS)
    assert (found.begin_ns, found.end_ns) == (oldest.begin_ns, oldest.end_ns)
    assert found.edge_ns == oldest.end_ns - begin_ns - S


def test_a_window_without_events_has_no_figures(memory: Memory) -> None:
    found = memory.query(Question(begin_ns=1, end_ns=1000), NOW_NS)
    assert (found.events, found.channels, found.robots, found.blocks) == (0, (), (), 0)


def test_only_the_figures_that_were_asked_for_are_told(memory: Memory) -> None:
    found = memory.query(Question(channels=('arousal',)), NOW_NS)
    assert [one.channel for one in found.channels] == ['arousal']
    assert found.events == len(EVENTS)


def test_quantiles_come_in_the_order_they_were_asked_for(memory: Memory) -> None:
    shares = (0.9, 0.1, 0.5)
    found = memory.query(Question(channels=('arousal',), quantiles=shares), NOW_NS).channels[0]
    values = sorted(one.values['arousal'] for one in EVENTS if 'arousal' in one.values)
    for share, value in zip(shares, found.quantiles, strict=True):
        true = values[int(share * (len(values) - 1))]
        assert abs(value / true - 1.0) <= found.quantile_error + 1e-6


def test_exemplars_are_of_the_kind_and_the_window_that_were_asked_for(memory: Memory) -> None:
    begin_ns, end_ns = T0 + 3600 * S, NOW_NS - 3600 * S
    found = memory.query(Question(begin_ns=begin_ns, end_ns=end_ns, kind='fault'), NOW_NS)
    assert found.exemplars
    assert all(begin_ns <= one.stamp_ns < end_ns and one.kind == 'fault'
               for one in found.exemplars)
    saliences = [one.salience for one in found.exemplars]
    assert saliences == sorted(saliences, reverse=True)
    assert len(memory.query(Question(exemplars_max=3), NOW_NS).exemplars) == 3


def test_an_answer_worked_out_later_is_of_the_moment_it_was_asked() -> None:
    memory = lived(EVENTS[:500], SMALL)
    now_ns = EVENTS[499].stamp_ns
    sources = memory.sources()
    for event in EVENTS[500:700]:
        memory.note(event)
    assert answer(Question(), sources, now_ns).events == 500


def test_a_coarse_block_beside_the_ring_is_not_counted_twice() -> None:
    """Few events: the ring reaches back further than the first coarse block."""
    slow: list[Event] = [Sample(T0 + i * 400 * S, {'arousal': 0.5}) for i in range(300)]
    memory = lived(slow, MemoryConfig(blocks_per_level=2, save_events=10, ring_events_max=250))
    assert max(entry.level for entry in memory.own.history) > 3
    assert memory.query(Question(), slow[-1].stamp_ns).events == 300


def test_an_event_of_another_life_time_is_no_exemplar_of_now() -> None:
    memory = lived([Occurrence(T0, 'fault', severity=2), Sample(T0 + 10**6 * S, {'a': 1.0})])
    assert memory.query(Question(begin_ns=T0 + 10**5 * S), T0 + 10**6 * S).exemplars == ()


@pytest.mark.parametrize('bad', [
    {'begin_ns': 5, 'end_ns': 5}, {'begin_ns': 9, 'end_ns': 5}, {'begin_ns': -1},
    {'quantiles': (1.1,)}, {'quantiles': (float('nan'),)}, {'quantiles': (0.5,) * 17},
    {'exemplars_max': 257}, {'channels': ('a',) * 33},
])
def test_a_question_that_makes_no_sense_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match='expected'):
        Question(**bad)  # type: ignore[arg-type]
