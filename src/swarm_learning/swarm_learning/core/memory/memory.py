# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the memory of one robot: its own life and what it heard of others; refuses to know topics,
files and clocks.

Events in, effects out. The order is: store, then tell. A block is told to others only after
`stored()` says that it is on the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .block import BlockKey
from .config import MemoryConfig
from .events import Event
from .exemplars import Exemplar
from .gossip import Gossip, Parcel
from .heard import Heard
from .history import Added, Entry, History
from .life import Changes, Life
from .packing import canonical, deflated, unpack
from .query import Answer, Question, Source, answer

LIFE_MAX = (1 << 64) - 1


@dataclass(frozen=True)
class Save:
    """Keep all of this or nothing. number: what to call stored() with when it is durable."""

    number: int
    puts: Mapping[str, bytes]
    deletes: tuple[str, ...]


@dataclass(frozen=True)
class Warn:
    """Tell people."""

    text: str


Effect = Save | Warn


class Memory:
    """Everything that one robot remembers."""

    def __init__(self, config: MemoryConfig, robot_id: str, life: int) -> None:
        if not robot_id:
            raise ValueError("robot_id: expected the name of this robot, got ''")
        self._config = config
        self.own = Life(config, robot_id, life)
        self.heard = Heard(config)
        self.gossip = Gossip(config, robot_id)
        self.conflicts = 0          # blocks that said something else of a known window
        self._number = 0
        self._not_stored: list[tuple[int, BlockKey]] = []

    def note(self, event: Event) -> tuple[Effect, ...]:
        """Remember an event. Raises ValueError for figures below 0 or NaN; nothing is noted."""
        changes = Changes()
        effects = self._follow_clock(event.stamp_ns, changes)
        self.own.note(event, changes)
        return *effects, *self.saved(changes)

    def tick(self, stamp_ns: int) -> tuple[Effect, ...]:
        """Time has gone by: close and merge what is due. Once a second is enough."""
        changes = Changes()
        effects = self._follow_clock(stamp_ns, changes)
        self.own.advance(stamp_ns, changes)
        self.own.coarsen(changes, self._config.coarsen_per_tick)
        return *effects, *self.saved(changes)

    def closing(self) -> tuple[Effect, ...]:
        """The robot is about to stop: after this nothing is lost."""
        changes = Changes()
        self.own.save_all(changes)
        return self.saved(changes)

    def count_route(self, route: str) -> None:
        self.own.routes.count(route)

    def stored(self, number: int) -> None:
        """What this Save and those before it held is durable, and may be told."""
        ready = [key for saved, key in self._not_stored if saved <= number]
        self._not_stored = [one for one in self._not_stored if one[0] > number]
        for key in ready:
            self.gossip.tell(key, first=True)

    def blocks_to_send(self, stamp_ns: int) -> Parcel | None:
        """What to tell the others now; None = nothing."""
        held = frozenset(key for _, key in self._not_stored)
        histories = [self.own.history, *self.heard.in_order()]
        return self.gossip.next_parcel(histories, held, stamp_ns)

    def hear_blocks(self, parcel: Parcel, stamp_ns: int) -> tuple[Effect, ...]:
        """Take in what another robot tells. Its blocks have passed check_block()."""
        own = self.own.history
        changes = Changes()
        for block in parcel.blocks:
            if (block.key.robot_id, block.key.life) == (own.robot_id, own.life):
                continue        # nobody else knows this life better
            direct = block.key.robot_id == parcel.sender
            if self.heard.add(block, direct, stamp_ns, changes) is Added.CONFLICT:
                self.conflicts += 1
        self.gossip.hear(parcel, [own, *self.heard.in_order()], stamp_ns)
        return self.saved(changes)

    def sources(self, robot_id: str = '') -> tuple[Source, ...]:
        """What answer() works on: immutable, made in well under a ms a robot."""
        own, block = self.own, self.own.open
        found = [Source(one.robot_id, one.life, tuple(one)) for one in self.heard.in_order()]
        found.append(Source(
            own.robot_id, own.life, tuple(own.history),
            deflated(canonical(block)) if block else b'',
            block.key.begin_ns if block else 0, own.ring.packed(), tuple(own.channels),
            own.ring.since_ns, own.last_ns, own.best))
        return tuple(one for one in found if robot_id in ('', one.robot_id))

    def query(self, question: Question, stamp_ns: int) -> Answer:
        """The answer at once; where that takes too long, see sources()."""
        return answer(question, self.sources(question.robot_id), stamp_ns)

    def usual(self, channel: str, stamp_ns: int) -> float | None:
        """Mean of a figure at this hour of the week in this life; None = never seen."""
        return self.own.profile.usual(channel, stamp_ns)

    def top_routes(self, k: int) -> list[tuple[str, int, int]]:
        return self.own.routes.top(k)

    def incidents(self, k: int) -> tuple[Exemplar, ...]:
        """The most salient events of this life."""
        return self.own.best[:k]

    def bytes_by_part(self) -> dict[str, int]:
        """Bytes that the parts of the own life, and all that was heard, take."""
        own = self.own
        return {'blocks': own.history.bytes_used, 'ring': own.ring.bytes_used,
                'open and exemplars': own.bytes_open(), 'profile': own.profile.bytes_used,
                'heard': self.heard.bytes_used}

    def check_invariants(self) -> None:
        for history in (self.own.history, *self.heard.in_order()):
            history.check_invariants()
        own = self.own
        assert own.ring.bytes_used <= self._config.ring_bytes_max
        assert self.heard.bytes_used <= self._config.heard_bytes_max
        assert own.open is None or own.open.key.begin_ns <= own.last_ns < own.open.key.end_ns

    def _follow_clock(self, stamp_ns: int, changes: Changes) -> tuple[Effect, ...]:
        """Begin a new life if the clock was set back so far that windows would be lived twice."""
        old = self.own
        if stamp_ns <= 0:
            raise ValueError(f'stamp_ns: expected a Unix time, got {stamp_ns}')
        if not old.clock_went_back(stamp_ns):
            return ()
        back_s = (old.last_ns - stamp_ns) / 1e9
        old.advance(old.open.key.end_ns if old.open else old.last_ns, changes)
        self.heard.adopt(old.history)
        life = old.life % LIFE_MAX + 1
        self.own = Life(self._config, old.robot_id, life)
        self.own.routes, self.own.profile, self.own.best = old.routes, old.profile, old.best
        self.own.save(changes)
        return (Warn(f'the clock went back by {back_s:.0f} s: life {life} begins'),)

    def saved(self, changes: Changes) -> tuple[Effect, ...]:
        """The effect that keeps the changes; none if there are none."""
        if not changes:
            return ()
        self._number += 1
        if self._config.stored_first:
            self._not_stored.extend((self._number, key) for key in changes.formed)
        else:
            for key in changes.formed:
                self.gossip.tell(key, first=True)
        return (Save(self._number, changes.puts, tuple(changes.deletes)),)


def restored(
    config: MemoryConfig, robot_id: str, records: Mapping[str, bytes], new_life: int
) -> tuple[Memory, tuple[str, ...]]:
    """The memory that was saved, or a new one of life new_life, and what could not be used."""
    problems: list[str] = []
    memory = Memory(config, robot_id, new_life)
    if 'self' in records:
        try:
            memory.own = Life.from_records(config, robot_id, records)
        except (ValueError, UnicodeDecodeError) as error:
            problems.append(f'life {new_life} begins, the last one cannot go on: {error}')
    for name in sorted(records):
        if name.startswith('block/'):
            try:
                _restore_block(memory, name, records[name])
            except ValueError as error:
                problems.append(f'{name}: {error}')
    return memory, tuple(problems)


def _restore_block(memory: Memory, name: str, content: bytes) -> None:
    _, word, life, begin_ns, level, robot_id = name.split('/', 5)
    entry = Entry(int(begin_ns), int(level), content, word == 'd')
    key = BlockKey(robot_id, int(life), entry.begin_ns, entry.level)
    own: History = memory.own.history
    is_own = (own.robot_id, own.life) == (robot_id, key.life)
    # Other robots' blocks are checked as far as their name: thousands at the start of a robot.
    if unpack(content, () if is_own else ('-',)).key != key:
        raise ValueError('expected the block that its name says')
    if is_own:
        own.add(entry)
    else:
        memory.heard.add_entry(key, entry, Changes())
