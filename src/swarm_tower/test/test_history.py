# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The bounded list of events."""

from __future__ import annotations

from swarm_facts import event

from swarm_tower.core.history import EventHistory


def filled(count: int, capacity: int = 5) -> EventHistory:
    history = EventHistory(capacity)
    for i in range(count):
        history.add(event(f'e{i + 1}'), i)
    return history


def test_oldest_events_leave_when_the_history_is_full() -> None:
    page = filled(8).since(0, 100)
    assert [r['text'] for r in page.rows] == ['e4', 'e5', 'e6', 'e7', 'e8']
    assert (page.missed, page.last_seq) == (3, 8)


def test_pages_follow_one_another_without_gap_or_repetition() -> None:
    history = filled(5)
    first = history.since(0, 2)
    second = history.since(first.rows[-1]['seq'], 100)
    assert [r['seq'] for r in first.rows + second.rows] == [1, 2, 3, 4, 5]
    assert history.since(5, 10).rows == []


def test_newest_returns_the_end_in_order() -> None:
    assert [r['seq'] for r in filled(5).newest(2).rows] == [4, 5]
    assert filled(5).newest(0).rows == []


def test_entry_of_the_log_is_kept_once_whoever_tells_it() -> None:
    history = EventHistory()
    assert history.add(event(log_index=7, sender='robot_a', sequence=1), 0)
    assert not history.add(event(log_index=7, sender='robot_b', sequence=9), 1)
    assert history.last_seq == 1


def test_repeated_delivery_of_one_message_is_one_event() -> None:
    history = EventHistory()
    assert history.add(event(sequence=3), 0)
    assert not history.add(event(sequence=3), 1)
    assert history.add(event(sequence=3, incarnation=2), 2)
