# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Events of the log are kept and replayed from an index; going on from there misses none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from coordinator_samples import R1, R2, AppliedLog, log_with_robots
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_commands import run

from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated import event_log
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    ExpireDue,
    MarkRobot,
    RecordEvent,
    ReleaseLease,
)
from swarm_coordinator.core.replicated.event_log import (
    EVENTS_PER_ENTRY_MAX,
    REPLAY_LIMIT_DEFAULT,
    REPLAY_LIMIT_MAX,
    EventLog,
    Notable,
    kind_matches,
    replay,
)
from swarm_coordinator.core.replicated.event_rules import KINDS_OF_THE_LOG


def record(log: AppliedLog, text: str = 'wet', **other: Any) -> Applied:
    fields = {
        'kind': 'lab/note', 'severity': 'info', 'subject': 'dock', 'cause': '', 'attributes': (),
        'key': '', **other,
    }
    return log.do(RecordEvent(text=text, **fields))


def texts(log: AppliedLog, **wanted: Any) -> list[str]:
    return [event.notable.text for event in replay(log.state, **wanted).events]


def test_recorded_event_is_replayed_with_everything_that_was_said() -> None:
    log = AppliedLog()
    done = record(log, severity='warn', cause='c1', attributes=(('by', 'ada'),), key='k')
    [event] = replay(log.state).events
    assert done.events == [event] and done.value == str(log.state.applied_index)
    assert (event.index, event.stamp_ns) == (log.state.applied_index, log.stamp_ns)
    assert event.notable == Notable(
        'lab/note', 'warn', 'dock', 'wet', 'c1', (('by', 'ada'),), R1, 'k'
    )


def test_same_key_is_one_event_whoever_sends_it() -> None:
    log = AppliedLog()
    first = record(log, key='k')
    again = log.do(RecordEvent('lab/note', 'info', '', 'wetter', '', (), 'k'), by=R2)
    assert again.duplicate and again.value == first.value and not again.events
    record(log, 'wet')
    record(log, 'wet')  # without a key they are two
    assert texts(log) == ['wet'] * 3


def test_facts_of_the_log_are_replayed_too() -> None:
    log = log_with_robots()
    log.do(MarkRobot(R2, 1, Liveness.DEAD))
    log.do(AcquireLease('dock', 'arm', R1, 1, 1000, 0, ''))
    log.wait(1000)
    log.do(ExpireDue(0))
    kinds = [event.notable.kind for event in replay(log.state).events]
    assert kinds == ['robot_joined'] * 3 + ['robot_dead', 'lease_expired']


def test_routine_is_published_and_not_kept() -> None:
    """A busy lease must not push a dead robot out of the ring."""
    log = log_with_robots()
    before = len(log.state.events.events)
    granted = log.do(AcquireLease('dock', 'arm', R1, 1, 1000, 0, ''))
    released = log.do(ReleaseLease('dock', log.state.applied_index))
    assert [one.kind for one in granted.notable] == ['lease_granted']
    assert [one.kind for one in released.notable] == ['lease_released']
    assert not granted.events and not released.events
    assert len(log.state.events.events) == before


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('kind', ''), ('kind', '1x'), ('kind', 'a b'), ('kind', 'x' * 65), ('kind', 'a*'),
        ('severity', 'fatal'), ('severity', ''), ('text', ''), ('text', 'x' * 501),
        ('text', 'a\nb'), ('subject', 'x' * 129), ('cause', '\x00'), ('key', 'x' * 129),
        ('attributes', tuple((f'k{n}', '') for n in range(17))), ('attributes', (('', ''),)),
    ],
)
def test_event_out_of_bounds_is_refused_with_what_was_expected(field: str, value: Any) -> None:
    log = AppliedLog()
    done = record(log, **{field: value})
    assert 'expected' in done.refused and not done.events and not log.state.events.events


@pytest.mark.parametrize('kind', sorted(KINDS_OF_THE_LOG))
def test_nobody_can_say_what_only_the_log_says(kind: str) -> None:
    assert 'said by the log itself' in record(AppliedLog(), kind=kind).refused


def test_list_of_what_the_log_says_is_complete() -> None:
    said = set()
    for seed in range(20):
        log, _ = run(seed)
        said |= {event.notable.kind for event in log.state.events.events}
    assert said - {'note'} <= KINDS_OF_THE_LOG
    assert len(said) > 10


# ---- replay


def filled() -> AppliedLog:
    log = AppliedLog()
    for number, (kind, severity, subject) in enumerate(
        [('lab/a', 'info', 'x'), ('lab/b', 'warn', 'y'), ('shop', 'error', 'x'),
         ('lab/a', 'error', 'y')]
    ):
        record(log, str(number), kind=kind, severity=severity, subject=subject)
    return log


@pytest.mark.parametrize(
    ('wanted', 'expected'),
    [
        ({}, '0123'),
        ({'from_index': 3}, '23'),
        ({'from_index': 9}, ''),
        ({'kinds': ('lab/a',)}, '03'),
        ({'kinds': ('lab/*',)}, '013'),
        ({'kinds': ('lab/*', 'shop')}, '0123'),
        ({'kinds': ('*',)}, '0123'),
        ({'kinds': ('lab',)}, ''),
        ({'subjects': ('x',)}, '02'),
        ({'severity_min': 'warn'}, '123'),
        ({'severity_min': 'error', 'subjects': ('y',)}, '3'),
        ({'limit': 2}, '01'),
        ({'limit': 1, 'severity_min': 'error'}, '2'),
    ],
)
def test_filters_of_a_replay(wanted: dict[str, Any], expected: str) -> None:
    assert ''.join(texts(filled(), **wanted)) == expected


def test_unknown_severity_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ValueError, match='info, warn, error'):
        replay(AppliedLog().state, severity_min='fatal')


def test_limit_has_a_default_and_a_most() -> None:
    log = AppliedLog()
    for _ in range(REPLAY_LIMIT_MAX + 10):
        record(log)
    assert len(replay(log.state).events) == REPLAY_LIMIT_DEFAULT
    assert len(replay(log.state, limit=10**6).events) == REPLAY_LIMIT_MAX


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    limit=st.integers(1, 7),
    kinds=st.sampled_from([(), ('lease_*',), ('robot_*', 'note')]),
)
def test_going_on_from_the_next_index_misses_none_and_repeats_none(
    seed: int, limit: int, kinds: tuple[str, ...]
) -> None:
    log, _ = run(seed)
    got, index = [], 0
    while index <= log.state.applied_index:
        found = replay(log.state, index, kinds, limit=limit)
        assert found.next_index > index
        got += found.events
        index = found.next_index
    assert got == [one for one in log.state.events.events if kind_matches(one.notable.kind, kinds)]
    assert index == log.state.applied_index + 1


def test_events_of_one_entry_are_never_parted() -> None:
    log = EventLog()
    log.keep(5, 0, [Notable('a', 'info', '', str(n)) for n in range(4)])
    log.keep(6, 0, [Notable('a', 'info', '', str(n)) for n in range(4, 6)])
    first = log.replay(0, (), (), 'info', 2, 6)
    assert [one.index for one in first.events] == [5] * 4 and first.next_index == 6
    second = log.replay(6, (), (), 'info', 2, 6)
    assert [one.index for one in second.events] == [6] * 2 and second.next_index == 7


def test_ring_forgets_whole_entries_and_says_from_where_it_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_log, 'EVENTS_KEPT_MAX', 3)
    log = EventLog()
    log.keep(5, 0, [Notable('a', 'info', '', '', key=f'k{n}') for n in range(2)])
    log.keep(6, 0, [Notable('a', 'info', '', '', key='k9')])
    assert log.first_index == 1
    log.keep(8, 0, [Notable('a', 'info', '', '')])
    assert [one.index for one in log.events] == [6, 8] and log.first_index == 6
    assert log.index_by_key == {'k9': 6}
    log.check_invariants()


def test_entry_that_brings_very_many_does_not_flush_the_ring() -> None:
    log = EventLog()
    many = [Notable('lease_expired', 'warn', str(n), '') for n in range(10_000)]
    kept = log.keep(5, 0, many)
    assert len(kept) == EVENTS_PER_ENTRY_MAX
    last = kept[-1].notable
    assert last.kind == 'events_left_out'
    assert last.text.endswith(f'{10_000 - EVENTS_PER_ENTRY_MAX + 1} lease_expired')


def test_notable_is_small_and_plain() -> None:
    """It goes into snapshots and messages: text and pairs of text, nothing else."""
    log, _ = run(3)
    for event in log.state.events.events:
        json.dumps([event.notable.kind, event.notable.text, event.notable.attributes])
        assert event.notable.text and event.notable.kind
