# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what robots tell each other of their memories: once each, never twice counted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_samples import T0, Disk, S, block_of, history_of, lived

from swarm_learning.core.memory.block import BASE_NS, Block, check_block, merged, width_ns
from swarm_learning.core.memory.config import MemoryConfig
from swarm_learning.core.memory.gossip import BLOCKS_MAX, HAVE_MAX, Parcel, Span, wire_bytes
from swarm_learning.core.memory.history import Added, Entry, History
from swarm_learning.core.memory.memory import Memory, restored
from swarm_learning.core.memory.packing import pack, unpack
from swarm_learning.core.memory.query import Question

CONFIG = MemoryConfig(ring_events_max=40, save_events=20, blocks_per_level=4)
MINUTE_NS = 60 * S


def family(level: int = 4, robot_id: str = 'r2') -> list[Block]:
    """All blocks of all levels that one robot makes of 2**level base windows, oldest first."""
    rng = random.Random(7)
    row = [block_of([rng.random()], T0 // width_ns(level) * width_ns(level) + i * BASE_NS,
                    robot_id=robot_id).close() for i in range(1 << level)]
    every = list(row)
    for _ in range(level):
        row = [merged(a.key.parent(), (a, b)) for a, b in zip(row[::2], row[1::2], strict=True)]
        every += row
    return every


FAMILY = family()


@given(st.lists(st.integers(0, len(FAMILY) - 1), max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_same_blocks_are_kept_in_whatever_order_and_however_often_they_are_heard(
    picks: list[int], rng: random.Random
) -> None:
    ends = []
    for _ in range(2):
        history = History('r2', 1)
        for pick in picks:
            block = FAMILY[pick]
            history.add(Entry(block.key.begin_ns, block.key.level, pack(block)))
            history.check_invariants()
        ends.append(list(history))
        rng.shuffle(picks)
    assert ends[0] == ends[1]
    windows = {at for pick in picks for at in range(
        FAMILY[pick].key.begin_ns, FAMILY[pick].key.end_ns, BASE_NS)}
    assert sum(unpack(one.data).events for one in ends[0]) == len(windows)


@given(st.lists(st.tuples(st.integers(0, len(FAMILY) - 1), st.booleans()), max_size=40),
       st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_what_a_robot_says_of_itself_outranks_what_others_say_of_it_in_any_order(
    picks: list[tuple[int, bool]], rng: random.Random
) -> None:
    history = History('r2', 1)
    for pick, direct in picks:
        block = FAMILY[pick]
        history.add(Entry(block.key.begin_ns, block.key.level, pack(block), direct))
        history.check_invariants()
    for pick, direct in picks:
        if direct:
            key = FAMILY[pick].key
            assert any(one.direct and one.begin_ns <= key.begin_ns and key.end_ns <= one.end_ns
                       for one in history)


def test_a_second_content_of_a_known_window_is_a_conflict_and_changes_nothing() -> None:
    memory = Memory(CONFIG, 'r1', 1)
    now_ns = T0 + 10 * BASE_NS
    first, second = block_of([1.0], robot_id='r2'), block_of([2.0], robot_id='r2')
    memory.hear_blocks(Parcel('r2', (first,)), now_ns)
    assert memory.hear_blocks(Parcel('r2', (second,)), now_ns) == ()
    assert memory.conflicts == 1
    assert memory.query(Question('r2'), now_ns).channels[0].max == 1.0


def test_nobody_can_tell_a_robot_what_it_lived_itself() -> None:
    memory = lived(history_of(100, 1), CONFIG)
    memory.hear_blocks(Parcel('r2', (block_of([9e9]),)), T0 + BASE_NS)
    assert memory.query(Question(), T0 + BASE_NS).robots == ('r1',)


def test_a_block_of_the_future_is_not_taken() -> None:
    memory = Memory(CONFIG, 'r1', 1)
    early = block_of([1.0], robot_id='r2')
    assert memory.hear_blocks(Parcel('r2', (early,)), T0 + BASE_NS - 61 * S) == ()
    assert memory.hear_blocks(Parcel('r2', (early,)), T0 + BASE_NS - 59 * S) != ()


def test_invented_robots_and_lives_fill_no_memory() -> None:
    config = MemoryConfig(robots_max=5, lives_max=2, heard_bytes_max=20_000)
    memory, disk, now_ns = Memory(config, 'r1', 1), Disk(), T0 + 500 * BASE_NS
    for at in range(300):
        block = block_of([1.0] * 20, T0 + at * BASE_NS, robot_id=f'fake{at % 9}', life=at % 7)
        disk.perform(memory.hear_blocks(Parcel('liar', (block,)), now_ns))
        memory.check_invariants()
        assert len({robot_id for robot_id, _ in memory.heard.histories}) <= 5
    assert len(disk.records) == sum(len(one) for one in memory.heard.in_order())


def test_the_robot_that_takes_most_loses_its_oldest_block_and_does_not_want_it_back() -> None:
    config = MemoryConfig(heard_bytes_max=10_000)
    memory, now_ns = Memory(config, 'r1', 1), T0 + 500 * BASE_NS
    small = block_of([1.0], robot_id='small')
    memory.hear_blocks(Parcel('small', (small,)), now_ns)
    first = block_of([1.0] * 20, robot_id='large')
    for at in range(80):
        block = block_of([1.0] * 20, T0 + at * BASE_NS, robot_id='large')
        memory.hear_blocks(Parcel('large', (block,)), now_ns)
    assert ('small', 1) in memory.heard.histories
    assert memory.hear_blocks(Parcel('large', (first,)), now_ns) == ()
    parcel = memory.blocks_to_send(now_ns)
    assert parcel and any(one.robot_id == 'large' and one.begin_ns == 0 for one in parcel.have)


class Swarm:
    """Robots that hear each other's parcels, or not."""

    def __init__(self, robots: int) -> None:
        self.memories = {f'r{i}': Memory(CONFIG, f'r{i}', i + 1) for i in range(robots)}
        self.disks = {name: Disk() for name in self.memories}
        self.lost: set[str] = set()
        self.bytes_sent = 0
        self.parcels = 0
        self.told: list[tuple[str, Block]] = []

    def gossip(self, now_ns: int) -> None:
        for name, memory in sorted(self.memories.items()):
            if name in self.lost:
                continue
            self.disks[name].perform(memory.tick(now_ns), memory)
            parcel = memory.blocks_to_send(now_ns)
            if parcel is None:
                continue
            self.parcels += 1
            self.bytes_sent += sum(map(wire_bytes, parcel.blocks)) + 80 * len(parcel.have)
            assert len(parcel.blocks) <= BLOCKS_MAX and len(parcel.have) <= HAVE_MAX
            self.told += [(name, block) for block in parcel.blocks]
            for other, hearing in sorted(self.memories.items()):
                if other != name and other not in self.lost:
                    for block in parcel.blocks:
                        check_block(block)
                    self.disks[other].perform(hearing.hear_blocks(parcel, now_ns), hearing)

    def live(self, events_each: int, begin_ns: int) -> int:
        for at in range(events_each):
            now_ns = begin_ns + at * 10 * S
            for seed, (name, memory) in enumerate(sorted(self.memories.items())):
                event = history_of(1, seed + at, begin_ns=now_ns)[0]
                self.disks[name].perform(memory.note(event), memory)
            if at % 6 == 0:
                self.gossip(now_ns)
        return begin_ns + events_each * 10 * S

    def rest(self, begin_ns: int, minutes: int) -> int:
        for minute in range(minutes):
            self.gossip(begin_ns + minute * MINUTE_NS)
        return begin_ns + minutes * MINUTE_NS


def test_all_robots_come_to_remember_the_same_of_each_other() -> None:
    swarm = Swarm(3)
    now_ns = swarm.rest(swarm.live(1000, T0), 30)
    answers = [memory.query(Question(end_ns=now_ns // BASE_NS * BASE_NS), now_ns)
               for memory in swarm.memories.values()]
    assert [one.events for one in answers] == [3000] * 3
    assert answers[0].channels == answers[1].channels == answers[2].channels
    assert answers[0].robots == ('r0', 'r1', 'r2')


def test_a_block_is_told_once_while_nothing_is_lost() -> None:
    swarm = Swarm(3)
    swarm.rest(swarm.live(600, T0), 15)
    keys = [block.key for _, block in swarm.told]
    assert len(keys) == len(set(keys))
    assert all(name == block.key.robot_id for name, block in swarm.told)


def test_a_robot_that_was_out_of_reach_is_told_what_it_missed() -> None:
    swarm = Swarm(3)
    swarm.lost = {'r2'}
    now_ns = swarm.live(800, T0)
    swarm.lost = set()
    now_ns = swarm.rest(now_ns, 60)
    for memory in swarm.memories.values():
        found = memory.query(Question(), now_ns)
        assert found.events == 2400
        memory.check_invariants()


def test_a_wiped_robot_gets_its_past_back_from_the_others() -> None:
    swarm = Swarm(3)
    now_ns = swarm.rest(swarm.live(400, T0), 20)
    swarm.memories['r1'] = Memory(CONFIG, 'r1', 1000)
    now_ns = swarm.rest(now_ns, 60)
    found = swarm.memories['r1'].query(Question('r1'), now_ns)
    assert found.events == 400
    told_of_old_life = {name for name, block in swarm.told[-20:]
                        if (block.key.robot_id, block.key.life) == ('r1', 2)}
    assert len(told_of_old_life) == 1, 'one of the others answers, not all'


def test_the_blocks_of_a_lost_robot_are_passed_on_by_one_of_the_others() -> None:
    swarm = Swarm(4)
    swarm.lost = {'r3'}
    now_ns = swarm.rest(swarm.live(300, T0), 15)
    swarm.lost = {'r0'}
    now_ns = swarm.rest(now_ns, 90)
    assert swarm.memories['r3'].query(Question('r0'), now_ns).events == 300
    passed_on = {name for name, block in swarm.told if block.key.robot_id == 'r0'} - {'r0'}
    assert len(passed_on) == 1


def test_nothing_is_told_before_it_is_on_the_disk() -> None:
    memory = Memory(CONFIG, 'r1', 1)
    effects = [effect for event in history_of(200, 1) for effect in memory.note(event)]
    asking = Parcel('r2', (), (Span('r2', 1, 0, 0),))
    now_ns = T0 + 200 * 10 * S
    memory.hear_blocks(asking, now_ns)
    parcel = memory.blocks_to_send(now_ns)
    assert parcel and parcel.blocks == ()
    memory.stored(effects[-1].number)   # type: ignore[union-attr]
    parcel = memory.blocks_to_send(now_ns + MINUTE_NS)
    assert parcel and len(parcel.blocks) == 3


def test_heard_blocks_survive_a_restart_with_who_said_them() -> None:
    swarm = Swarm(2)
    now_ns = swarm.rest(swarm.live(300, T0), 15)
    memory = swarm.memories['r0']
    again, problems = restored(CONFIG, 'r0', swarm.disks['r0'].records, 99)
    assert not problems
    assert [list(one) for one in again.heard.in_order()] == [
        list(one) for one in memory.heard.in_order()]
    assert again.query(Question('r1'), now_ns) == memory.query(Question('r1'), now_ns)


@pytest.mark.parametrize('spans', [1, HAVE_MAX])
def test_a_full_list_of_windows_says_nothing_of_what_is_older(spans: int) -> None:
    memory = lived(history_of(600, 1), CONFIG)
    now_ns = T0 + 600 * 10 * S
    while memory.blocks_to_send(now_ns):    # until all was told once
        now_ns += MINUTE_NS
    have = tuple(Span('r9', at, now_ns, now_ns + 1) for at in range(spans))
    memory.hear_blocks(Parcel('r2', (), have), now_ns)
    parcel = memory.blocks_to_send(now_ns + MINUTE_NS)
    assert bool(parcel and parcel.blocks) == (spans == 1)


def test_blocks_are_told_without_their_quarters() -> None:
    swarm = Swarm(2)
    swarm.rest(swarm.live(600, T0), 60)
    own = swarm.memories['r0'].own.history
    told = swarm.memories['r1'].heard.histories['r0', 1]
    assert any(unpack(one.data).channels['arousal'].parts for one in own)
    assert not any(unpack(one.data).channels['arousal'].parts for one in told)


def test_a_quiet_robot_sends_little() -> None:
    swarm = Swarm(2)
    now_ns = swarm.rest(swarm.live(600, T0), 600)
    swarm.bytes_sent = swarm.parcels = 0
    swarm.rest(now_ns, 60)
    assert swarm.parcels <= 2 * 6 + 2 and swarm.bytes_sent < 20_000


def test_only_its_own_robot_makes_a_block_coarser() -> None:
    memory = Memory(CONFIG, 'r1', 1)
    for at in range(40):
        memory.hear_blocks(Parcel('r2', (block_of([1.0], T0 + at * BASE_NS, robot_id='r2'),)),
                           T0 + 100 * BASE_NS)
    for at in range(200):
        memory.tick(T0 + (1000 + at) * BASE_NS)
    assert {entry.level for entry in memory.heard.histories['r2', 1]} == {0}


def test_what_was_added_is_named() -> None:
    history = History('r2', 1)
    entries = [Entry(one.key.begin_ns, one.key.level, pack(one)) for one in FAMILY]
    child, root = entries[0], entries[-1]
    assert history.add(child) == (Added.NEW, ())
    assert history.add(child) == (Added.KNOWN, ())
    assert history.add(root) == (Added.NEW, (child,))
    assert history.add(child) == (Added.KNOWN, ())
    told = Entry(root.begin_ns, root.level, pack(unpack(root.data).told()))
    assert told.data != root.data       # quarters stay with their owner
    assert history.add(told) == (Added.KNOWN, ())
