# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what one robot remembers of its own life."""

from __future__ import annotations

import dataclasses
import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_samples import T0, Disk, S, history_of, live, lived

from swarm_learning.core.memory.batch import note_many
from swarm_learning.core.memory.block import BASE_NS, SAMPLE
from swarm_learning.core.memory.config import MemoryConfig
from swarm_learning.core.memory.events import Event, Occurrence, Sample
from swarm_learning.core.memory.memory import Memory, Save, Warn, restored
from swarm_learning.core.memory.packing import canonical, unpack
from swarm_learning.core.memory.profile import HOUR_NS, TopRoutes, WeekProfile, hour_of
from swarm_learning.core.memory.query import Question

SMALL = MemoryConfig(ring_events_max=40, save_events=20, blocks_per_level=4,
                     own_bytes_max=12 * 1024)


def everything(memory: Memory) -> Disk:
    disk = Disk()
    disk.perform(memory.closing())
    return disk


def counted(memory: Memory, now_ns: int) -> int:
    return memory.query(Question(), now_ns).events


WEEK = history_of(5000, 3, step_ns=60 * S)


@pytest.fixture(scope='module')
def after_a_week() -> Memory:
    return lived(WEEK, SMALL)


def test_every_event_is_counted_exactly_once_however_far_it_was_compressed(
    after_a_week: Memory,
) -> None:
    memory, week = after_a_week, WEEK
    memory.check_invariants()
    answer = memory.query(Question(), week[-1].stamp_ns)
    assert answer.events == len(week)
    assert dict(answer.counts)[SAMPLE] == sum(isinstance(one, Sample) for one in week)
    arousal = [one.values['arousal'] for one in week if 'arousal' in one.values]
    found = next(one for one in answer.channels if one.channel == 'arousal')
    assert found.n == len(arousal)
    assert found.mean == pytest.approx(statistics.fmean(arousal), abs=2e-9)
    assert found.deviation == pytest.approx(statistics.pstdev(arousal), rel=1e-6)
    assert (found.min, found.max) == pytest.approx((min(arousal), max(arousal)), abs=2e-9)


def test_memory_stays_within_its_bound_and_gets_coarser_instead(after_a_week: Memory) -> None:
    memory, parts = after_a_week, after_a_week.bytes_by_part()
    assert parts['blocks'] <= SMALL.own_bytes_max
    assert parts['ring'] <= SMALL.ring_bytes_max
    assert len({entry.level for entry in memory.own.history}) > 3


def test_older_windows_are_coarser_than_younger_ones(after_a_week: Memory) -> None:
    levels = [entry.level for entry in after_a_week.own.history]
    assert levels == sorted(levels, reverse=True)


@given(st.integers(0, 10**6), st.integers(1, 399))
@settings(max_examples=8, deadline=None)
def test_a_robot_that_was_stopped_and_restored_equals_one_that_never_stopped(
    seed: int, stop: int
) -> None:
    events = history_of(400, seed)
    never = lived(events, SMALL)
    disk, first = Disk(), Memory(SMALL, 'r1', 1)
    live(first, events[:stop], disk)
    disk.perform(first.closing(), first)
    second, problems = restored(SMALL, 'r1', disk.records, new_life=99)
    assert not problems and second.own.life == 1
    live(second, events[stop:], disk)
    for memory in (never, second):
        disk.perform(memory.closing())
    assert everything(second).records == everything(never).records
    assert list(second.own.history) == list(never.own.history)
    disk.perform(second.closing(), second)
    assert restored(SMALL, 'r1', disk.records, 99)[0].sources() == never.sources()


@given(st.integers(0, 10**6), st.integers(1, 600))
@settings(max_examples=8, deadline=None)
def test_a_crash_loses_at_most_the_ring_and_counts_nothing_twice(seed: int, crash: int) -> None:
    events = history_of(800, seed)
    disk, memory = Disk(), Memory(SMALL, 'r1', 1)
    live(memory, events[:crash], disk)
    after, problems = restored(SMALL, 'r1', disk.records, new_life=9)
    assert not problems
    found = counted(after, events[crash - 1].stamp_ns)
    assert crash - SMALL.ring_events_max <= found <= crash
    live(after, events[crash:], disk)
    after.check_invariants()
    assert counted(after, events[-1].stamp_ns) == found + len(events) - crash


def test_a_wiped_robot_begins_a_new_life() -> None:
    memory, problems = restored(SMALL, 'r1', {}, new_life=77)
    assert (memory.own.life, problems) == (77, ())


def test_a_life_that_cannot_go_on_stays_as_an_earlier_one() -> None:
    events, disk = history_of(300, 1), Disk()
    lived(events, SMALL, disk=disk)
    disk.records['self'] = b'\7broken'
    memory, problems = restored(SMALL, 'r1', disk.records, new_life=5)
    assert 'life 5 begins' in problems[0] and len(problems) == 1
    assert counted(memory, events[-1].stamp_ns) > 200


def test_a_block_that_is_not_what_its_name_says_is_left_out_and_named() -> None:
    events, disk = history_of(300, 1), Disk()
    memory = lived(events, SMALL, disk=disk)
    before = len(memory.own.history)
    names = sorted(name for name in disk.records if name.startswith('block/'))
    disk.records[names[0]] = disk.records[names[1]]
    disk.records[names[2]] = b'nonsense'
    after, problems = restored(SMALL, 'r1', disk.records, new_life=5)
    assert [problem.split(': ')[0] for problem in problems] == [names[0], names[2]]
    assert len(after.own.history) == before - 2


def test_a_clock_that_goes_back_a_little_counts_as_no_time() -> None:
    memory = lived([Sample(T0 + 500 * S, {'arousal': 0.5}), Sample(T0, {'arousal': 0.25})])
    assert memory.own.life == 1 and counted(memory, T0 + 500 * S) == 2


def test_a_clock_that_goes_back_far_begins_a_new_life_and_keeps_the_old_one() -> None:
    disk, memory = Disk(), Memory(SMALL, 'r1', 1)
    late = history_of(200, 1, begin_ns=T0 + 10**9 * S)
    live(memory, late, disk)
    effects = memory.tick(T0)
    assert any(isinstance(one, Warn) and 'life 2 begins' in one.text for one in effects)
    disk.perform(effects, memory)
    early = history_of(200, 2)
    live(memory, early, disk)
    assert counted(memory, late[-1].stamp_ns) == len(late) + len(early)
    assert counted(restored(SMALL, 'r1', disk.records, 9)[0], late[-1].stamp_ns) > len(late)


def test_a_figure_that_is_no_quantity_changes_nothing() -> None:
    memory = lived(history_of(30, 1), SMALL)
    before, sequence = memory.sources(), memory.own.sequence
    for bad in (math.nan, -0.1):
        with pytest.raises(ValueError, match='at least 0'):
            memory.note(Sample(T0 + 10**6 * S, {'arousal': 0.5, 'pressure': bad}))
    with pytest.raises(ValueError, match='1 to 48 bytes'):
        memory.note(Sample(T0 + 10**6 * S, {'x' * 49: 0.5}))
    assert (memory.sources(), memory.own.sequence) == (before, sequence)


def test_names_beyond_the_bound_are_counted_and_not_kept() -> None:
    memory = Memory(MemoryConfig(), 'r1', 1)
    memory.note(Sample(T0, {f'figure {i:02}': 1.0 for i in range(40)}))
    for i in range(100):
        memory.note(Occurrence(T0, f'kind {i}'))
    answer = memory.query(Question(), T0)
    assert len(answer.channels) == 32 and memory.own.unremembered == 8
    assert len(answer.counts) <= 64 and dict(answer.counts)['other'] > 30
    assert answer.events == 101


def test_an_incident_among_a_million_like_it_is_still_found() -> None:
    events: list[Event] = [Occurrence(T0 + i * S, 'job:failed', f'j{i}', severity=1)
                           for i in range(3000)]
    events.insert(1500, Occurrence(T0 + 1499 * S, 'fault', 'imu', 'smoke', severity=2))
    memory = lived(events, SMALL)
    assert memory.incidents(1)[0].text == 'smoke'
    asked = memory.query(Question(kind='fault', exemplars_max=1), T0 + 3000 * S)
    assert asked.exemplars[0].subject == 'imu'


def batch_of(events: list[Event]) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    kinds = [SAMPLE, 'job:done']
    names = sorted({name for one in events for name in one.values})
    values = {name: np.array([one.values.get(name, math.nan) for one in events])
              for name in names}
    code = np.array([kinds.index(SAMPLE if isinstance(one, Sample) else one.kind)
                     for one in events])
    return np.array([one.stamp_ns for one in events]), values, code


@pytest.mark.parametrize('cuts', [(), (1,), (13, 700)])
def test_noting_many_at_once_gives_the_bytes_of_noting_each(cuts: tuple[int, ...]) -> None:
    config = dataclasses.replace(SMALL, own_bytes_max=10**6, blocks_per_level=10**6)
    events = [one for one in history_of(900, 8)
              if isinstance(one, Sample) or one.kind == 'job:done']
    one_by_one = Memory(config, 'r1', 1)
    for event in events:        # an occurrence leaves exemplars, which a batch does not make
        one_by_one.note(dataclasses.replace(event, salience=0.0)
                        if isinstance(event, Occurrence) else event)
    at_once = Memory(config, 'r1', 1)
    for begin, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        stamps, values, code = batch_of(events[begin:end])
        note_many(at_once, stamps, values, [SAMPLE, 'job:done'], code)
    mine = [unpack(one.data) for one in at_once.own.history]
    theirs = [unpack(one.data) for one in one_by_one.own.history]
    for block in theirs:
        block.exemplars = ()
    assert mine == theirs and len(mine) > 10
    assert at_once.own.open and one_by_one.own.open
    one_by_one.own.open.exemplars = ()
    assert canonical(at_once.own.open) == canonical(one_by_one.own.open)
    assert at_once.own.sequence == one_by_one.own.sequence
    asked = Question(begin_ns=events[-20].stamp_ns)
    assert (at_once.query(asked, events[-1].stamp_ns).channels
            == one_by_one.query(asked, events[-1].stamp_ns).channels)


def test_a_batch_of_large_values_has_exact_sums() -> None:
    rng = random.Random(2)
    values = [rng.choice((rng.random() * 4e9, rng.random(), 0.0, 4.1e9)) for _ in range(500)]
    stamps = np.full(500, T0)
    memory = Memory(MemoryConfig(), 'r1', 1)
    note_many(memory, stamps, {'run_ms': np.array(values)})
    other = lived([Sample(T0, {'run_ms': value}) for value in values])
    assert memory.own.open and other.own.open
    assert memory.own.open.channels == other.own.open.channels


@pytest.mark.parametrize('stamps, values, expected', [
    ([T0, T0 - 1], [0.0, 0.0], 'never fall'), ([0, 1], [0.0, 0.0], 'never fall'),
    ([T0, T0], [0.0], 'arrays of 2'), ([T0, T0], [0.0, -1.0], 'at least 0'),
])
def test_a_batch_that_is_no_history_is_refused(
    stamps: list[int], values: list[float], expected: str
) -> None:
    memory = Memory(MemoryConfig(), 'r1', 1)
    with pytest.raises(ValueError, match=expected):
        note_many(memory, np.array(stamps), {'a': np.array(values)})
    assert memory.own.sequence == 0


def test_the_hour_of_the_week_counts_from_monday() -> None:
    monday = 1_767_571_200 * S      # 2026-01-05 00:00 UTC
    assert hour_of(monday) == 0
    assert hour_of(monday - 1) == 167
    assert hour_of(monday + 25 * HOUR_NS) == 25


def test_the_usual_value_of_an_hour_follows_later_weeks() -> None:
    config = dataclasses.replace(SMALL, blocks_per_level=8)
    memory = Memory(config, 'r1', 1)
    week_ns = 168 * HOUR_NS
    for week in range(6):
        for minute in range(60):
            stamp_ns = T0 // HOUR_NS * HOUR_NS + week * week_ns + minute * 60 * S
            memory.note(Sample(stamp_ns, {'arousal': 0.2 if week < 3 else 0.8}))
        memory.tick(T0 // HOUR_NS * HOUR_NS + week * week_ns + 70 * 60 * S)
    usual = memory.usual('arousal', T0)
    assert usual is not None and 0.7 < usual < 0.8
    assert memory.usual('arousal', T0 + 5 * HOUR_NS) is None
    assert memory.usual('pressure', T0) is None


def test_a_profile_survives_a_restart() -> None:
    profile, again = WeekProfile(), WeekProfile()
    memory = lived(history_of(200, 4), SMALL)
    profile = memory.own.profile
    for hour in profile.hours():
        again.restore(hour, profile.document(hour))
        assert again.document(hour) == profile.document(hour)
    with pytest.raises(ValueError, match='hour: expected'):
        again.restore(168, profile.document(profile.hours()[0]))


def test_the_most_used_routes_are_found_among_many() -> None:
    rng = random.Random(6)
    routes, truth = TopRoutes(), dict.fromkeys(range(500), 0)
    weights = [1.0 / (rank + 1) ** 1.2 for rank in range(500)]
    for route in rng.choices(range(500), weights, k=20_000):
        routes.count(str(route))
        truth[route] += 1
    top = routes.top(10)
    assert {int(name) for name, _, _ in top} == set(range(10))
    for name, times, over in top:
        assert times - over <= truth[int(name)] <= times


@pytest.mark.parametrize('field, value', [
    ('ring_events_max', 0), ('save_events', 513), ('blocks_per_level', 1), ('lives_max', -1)])
def test_settings_that_cannot_work_are_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f'{field}: expected'):
        MemoryConfig(**{field: value})


def test_saves_are_numbered_and_nothing_is_saved_without_a_change() -> None:
    memory = Memory(SMALL, 'r1', 1)
    assert memory.tick(T0) == ()
    saves = [effect for event in history_of(200, 3) for effect in memory.note(event)
             if isinstance(effect, Save)]
    assert [save.number for save in saves] == list(range(1, len(saves) + 1))
    assert len(saves) >= 200 * 10 * S // BASE_NS
