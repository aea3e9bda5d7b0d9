# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the collective memory beside a learner: what it records, when it tells others, and
what is on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
rclpy = pytest.importorskip('rclpy')

from rclpy.context import Context  # noqa: E402
from rclpy.node import Node  # noqa: E402

from swarm_learning.core.config import LearningConfig  # noqa: E402
from swarm_learning.core.events import FreezeAsked  # noqa: E402
from swarm_learning.core.observation import Ending, Outcome, Tick  # noqa: E402
from swarm_learning.ros.memory_node import TELL_NS, Remembering  # noqa: E402
from swarm_learning.ros.part import PART  # noqa: E402

S = 1_000_000_000
BEGAN_NS = 1_700_000_000 * S


@pytest.fixture(scope='module')
def context() -> Iterator[Context]:
    made = Context()
    rclpy.init(context=made)
    yield made
    rclpy.try_shutdown(context=made)


@contextmanager
def learner(context: Context, **settings: Any) -> Iterator[tuple[Any, Remembering]]:
    """A learner of r1 that nobody spins, and its memory."""
    node = Node(PART.node_name, namespace='/r1', context=context)
    part = PART.create(node, LearningConfig(**settings))
    try:
        [found] = [one for one in part.watchers if isinstance(one, Remembering)]
        yield part, found
        assert part.errors == 0
    finally:
        part.close()
        node.destroy_node()


def job(number: int) -> Outcome:
    return Outcome(f'j{number}', 1, 'exec', 'r1', Ending.DONE, 300, 'xz', origin='r2',
                   log_index=number, stamp_ns=BEGAN_NS + number)


def test_what_happens_while_learning_is_frozen_is_recorded_and_not_learned(
    context: Context
) -> None:
    with learner(context) as (part, memory):
        part.ask(FreezeAsked(True, 'ann', 'demo'))
        part.ask(Tick())
        assert part.core.freezing.frozen
        before = memory.facts()['memory_events']
        for number in range(1, 6):
            part.ask(job(number))
        assert memory.facts()['memory_events'] == before + 5
        assert part.core.mind.parts.reputation.robots() == ()


def test_others_are_told_at_most_every_ten_seconds_also_after_the_clock_went_back(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    with learner(context) as (_, memory):
        looks: list[int] = []
        monkeypatch.setattr(memory.memory, 'blocks_to_send', looks.append)
        clock = [BEGAN_NS + second * S for second in range(35)]
        clock += [BEGAN_NS - 60 * S + second * S for second in range(12)]
        times = iter(clock)
        monkeypatch.setattr(memory, '_unix_ns', lambda: next(times))
        for _ in clock:
            memory.saw_event(Tick())
        gaps = [b - a for a, b in zip(looks[:4], looks[1:4], strict=False)]
        assert gaps == [TELL_NS] * 3
        assert [one < BEGAN_NS for one in looks[4:]] == [True, True]


def test_what_was_recorded_is_there_after_a_restart(context: Context, tmp_path: Path) -> None:
    with learner(context, storage_dir=str(tmp_path)) as (part, memory):
        for number in range(1, 9):
            part.ask(job(number))
        life, events = memory.memory.own.life, memory.facts()['memory_events']
        assert events >= 8
    with learner(context, storage_dir=str(tmp_path)) as (_, memory):
        assert memory.memory.own.life == life
        assert memory.facts()['memory_events'] == events


def test_a_folder_that_cannot_be_used_costs_the_record_and_nothing_else(
    context: Context, tmp_path: Path
) -> None:
    (tmp_path / 'file').write_text('no folder')
    with learner(context, storage_dir=str(tmp_path / 'file')) as (part, memory):
        part.ask(job(1))
        assert memory.facts()['memory_events'] >= 1
