# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What may go when room is needed, and whose turn it is to get a chunk."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.core.files.outbox import PER_RECEIVER_MAX, RECEIVERS_MAX, Outbox
from swarm_coordinator.core.files.shelf import Shelf
from swarm_coordinator.core.ids import RobotId

R1, R2, R3 = RobotId('r1'), RobotId('r2'), RobotId('r3')


def shelf(quota: int = 100, **sizes: int) -> Shelf:
    made = Shelf(quota)
    for number, (name, size) in enumerate(sizes.items()):
        made.add(name, size, number, name, needed=False)
    return made


def test_room_is_made_by_the_longest_unused_first_and_no_more_than_needed() -> None:
    subject = shelf(a=40, b=30, c=30)
    assert subject.room_for(0) == ()
    assert subject.room_for(10) == ('a',)
    subject.touch('a', 99)
    assert subject.room_for(10) == ('b',)
    assert subject.room_for(61) == ('b', 'c', 'a')
    assert subject.room_for(101) is None


def test_free_bytes_that_the_disk_lacks_count_too() -> None:
    subject = shelf(a=40, b=30)
    assert subject.room_for(1, lacking=50) == ('a', 'b')
    assert subject.room_for(1, lacking=71) is None


def test_fetch_under_way_takes_its_room_until_it_is_here() -> None:
    subject = shelf(a=40)
    subject.promised['f'] = 60
    assert subject.room_for(1) == ('a',)
    subject.add('f', 60, 9, 'f', needed=True)
    assert subject.used_bytes == 100 and not subject.promised


def test_files_of_a_former_life_are_needed_until_it_is_known_who_needs_them() -> None:
    subject = Shelf(100)
    subject.load([('b', 10, 2), ('a', 10, 1), ('c', 10, 3)], {'c'})
    assert subject.cached == ()
    assert subject.only({'b'}) == 1
    assert subject.cached == ('a',)
    subject.keep('c', False)
    assert subject.cached == ('a', 'c')


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(['add', 'remove', 'touch', 'need', 'free', 'keep', 'pin', 'unpin']),
            st.sampled_from('abcd'), st.integers(0, 50),
        )
    )
)
def test_whatever_is_done_nothing_in_use_goes_and_the_sum_is_right(
    steps: list[tuple[str, str, int]]
) -> None:
    subject = Shelf(100)
    for now_ns, (verb, name, size) in enumerate(steps):
        match verb:
            case 'add':
                subject.add(name, size, now_ns, name, needed=size % 2 == 0)
            case 'remove':
                subject.remove(name)
            case 'touch':
                subject.touch(name, now_ns)
            case 'need' | 'free':
                subject.need(name, verb == 'need')
            case 'keep':
                subject.keep(name, size % 2 == 0)
            case 'pin' | 'unpin':
                subject.pin(name, 1 if verb == 'pin' else -1)
        subject.check_invariants()
        going = subject.room_for(size)
        for one in going or ():
            entry = subject.entries[one]
            assert not (entry.needed or entry.kept or entry.pins)


# ---- turns


def drained(outbox: Outbox) -> list[tuple[str, str, int]]:
    sent = []
    while outbox:
        sent.append(outbox.next())
    return sent


def test_receivers_get_chunks_in_turn_however_many_they_ask_for() -> None:
    outbox = Outbox()
    outbox.add(R1, 'f', range(6))
    outbox.add(R2, 'g', range(2))
    outbox.add(R3, 'f', range(1))
    assert [to for to, _, _ in drained(outbox)] == [R1, R2, R3, R1, R2, R1, R1, R1, R1]


def test_chunk_that_is_asked_for_twice_is_sent_once() -> None:
    outbox = Outbox()
    outbox.add(R1, 'f', (1, 2))
    outbox.add(R1, 'f', (2, 3))
    assert drained(outbox) == [(R1, 'f', 1), (R1, 'f', 2), (R1, 'f', 3)]


def test_what_is_asked_for_without_end_is_dropped() -> None:
    outbox = Outbox()
    for number in range(RECEIVERS_MAX + 5):
        outbox.add(RobotId(f'r{number}'), 'f', range(PER_RECEIVER_MAX + 10))
    assert outbox.dropped == RECEIVERS_MAX + 5
    assert len(drained(outbox)) == RECEIVERS_MAX * PER_RECEIVER_MAX
