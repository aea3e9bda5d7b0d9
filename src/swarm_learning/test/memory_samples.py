# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Blocks, events and memories for the tests of the collective memory."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import strategies as st

from swarm_learning.core.memory.block import BASE_NS, Block, BlockKey
from swarm_learning.core.memory.config import MemoryConfig
from swarm_learning.core.memory.events import Event, Occurrence, Sample
from swarm_learning.core.memory.exemplars import Exemplar, float32
from swarm_learning.core.memory.memory import Effect, Memory, Save

S = 1_000_000_000
T0 = 1_800_000_000 * S // BASE_NS * BASE_NS     # a time at which base windows begin
VALUES = st.one_of(st.floats(0.0, 1.0), st.floats(0.0, 1e10), st.sampled_from((0.0, 1e-7, 0.5)))


def block_of(
    values: Iterable[float], begin_ns: int = T0, level: int = 0, robot_id: str = 'r1',
    life: int = 1, name: str = 'run_ms',
) -> Block:
    block = Block(BlockKey(robot_id, life, begin_ns, level))
    for value in values:
        block.add_value(name, value)
        block.count('job:done')
    return block


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """Blocks with some figures, counts and exemplars."""
    block = block_of(draw(st.lists(VALUES, max_size=8)))
    for value in draw(st.lists(VALUES, max_size=4)):
        block.add_value('arousal', value)
    for kind in draw(st.lists(st.sampled_from('abcdef'), max_size=4)):
        block.count(kind)
    for at in draw(st.lists(st.integers(0, 40), max_size=12)):
        block.keep((Exemplar(T0 + at, 'fault', f'r{at}', float32(at % 11 / 10), 'text'),))
    return block


def history_of(events: int, seed: int, step_ns: int = 10 * S, begin_ns: int = T0) -> list[Event]:
    """A day or so: samples, jobs and now and then a fault."""
    rng = random.Random(seed)
    told: list[Event] = []
    for at in range(events):
        stamp_ns = begin_ns + at * step_ns
        told.append(Sample(stamp_ns, {'arousal': rng.random(), 'pressure': rng.random() ** 3}))
        if rng.random() < 0.2:
            told.append(Occurrence(stamp_ns, 'job:done', f'j{at}',
                                   values={'run_ms': rng.lognormvariate(6.0, 1.0)}))
        if rng.random() < 0.01:
            told.append(Occurrence(stamp_ns, 'fault', 'imu', f'no answer, {at}', severity=2))
    return told


class Disk:
    """Keeps what effects say, as a store would."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.saves: list[Save] = []

    def perform(self, effects: tuple[Effect, ...], memory: Memory | None = None) -> None:
        for effect in effects:
            if isinstance(effect, Save):
                self.saves.append(effect)
                self.records.update(effect.puts)
                for name in effect.deletes:
                    self.records.pop(name, None)
                if memory is not None:
                    memory.stored(effect.number)


def lived(
    events: Iterable[Event], config: MemoryConfig | None = None, robot_id: str = 'r1',
    life: int = 1, disk: Disk | None = None,
) -> Memory:
    memory = Memory(config or MemoryConfig(), robot_id, life)
    live(memory, events, disk or Disk())
    return memory


def live(memory: Memory, events: Iterable[Event], disk: Disk) -> None:
    for event in events:
        disk.perform(memory.note(event), memory)
        disk.perform(memory.tick(event.stamp_ns), memory)
