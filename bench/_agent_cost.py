# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what a step of learning costs, beside a plain agent on a dict; refuses to judge.

Processor time of one thread. The contestants take turns, so that noise of the machine hits all;
each figure is the median of its rounds.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.batch import BatchTable
from swarm_learning.core.agents.checkpoint import agent_from, arrays_of, manifest_of
from swarm_learning.core.agents.config import AgentConfig, Exploration, Replay, Schedule
from swarm_learning.sim.plain_agent import PlainDictAgent
from swarm_learning.storage import archive

STATES, ACTIONS = 500, 6  # as large as Taxi
STEPS = 20_000
LANES = 4096
EXPLORING = Exploration(amount=Schedule(0.1, 0.1, 1))


@dataclass(frozen=True)
class Costs:
    """By contestant: updates per second, each round. Milliseconds of keeping an agent."""

    per_second: dict[str, list[float]]
    save_ms: list[float]
    load_ms: list[float]
    bytes: int


def costs(rounds: int) -> Costs:
    contestants = _contestants()
    per_second: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            began = time.process_time()
            updates = run()
            per_second[name].append(updates / (time.process_time() - began))
    return Costs(per_second, *_keeping(rounds))


def _config(replay: Replay | None = None) -> AgentConfig:
    return AgentConfig(ACTIONS, exploration=EXPLORING, replay=replay)


def _contestants() -> dict[str, Callable[[], int]]:
    rng = random.Random(1)
    steps = [(rng.randrange(STATES), rng.randrange(ACTIONS), rng.random(), rng.randrange(STATES),
              rng.random() < 0.05) for _ in range(STEPS)]
    one = TabularAgent(_config(), random.Random(1))
    acting = TabularAgent(_config(), random.Random(1))
    uniform = TabularAgent(_config(Replay()), random.Random(1))
    prioritised = TabularAgent(_config(Replay(prioritised=True)), random.Random(1))
    plain, plain_acting = (PlainDictAgent(ACTIONS, 1, epsilon=0.1) for _ in range(2))
    plain_replay = PlainDictAgent(ACTIONS, 1, replay_updates=4)

    def learned(agent: TabularAgent | PlainDictAgent, updates: int = 1) -> Callable[[], int]:
        def run() -> int:
            learn = agent.learn
            for step in steps:
                learn(*step)
            return STEPS * updates
        return run

    def acted() -> int:
        for state, _, reward, after, ended in steps:
            acting.learn(state, acting.choose(state), reward, after, ended)
        return STEPS

    def acted_plain() -> int:
        for state, _, reward, after, ended in steps:
            plain_acting.learn(state, plain_acting.choose_action(state), reward, after, ended)
        return STEPS

    return {
        'learn': learned(one), 'learn, plain dict': learned(plain),
        'choose and learn': acted, 'choose and learn, plain dict': acted_plain,
        'replay 4': learned(uniform, 5), 'replay 4, plain dict': learned(plain_replay, 5),
        'prioritised replay 4': learned(prioritised, 5), 'batch': _batch(),
    }


def _batch() -> Callable[[], int]:
    rng = np.random.default_rng(1)
    table = BatchTable.of_size(AgentConfig(ACTIONS, states_max=2**22), LANES * 64)
    rows = np.arange(LANES) * 64
    steps = [(rows + rng.integers(0, 64, LANES), rng.integers(0, ACTIONS, LANES),
              rng.random(LANES), rows + rng.integers(0, 64, LANES), rng.random(LANES) < 0.05)
             for _ in range(20)]

    def run() -> int:
        for step in steps:
            table.learn(*step)
        return LANES * len(steps)
    return run


def _keeping(rounds: int) -> tuple[list[float], list[float], int]:
    """An agent of STATES states with a full replay, to the disk (fsync) and back."""
    agent = TabularAgent(_config(Replay()), random.Random(1))
    rng = random.Random(2)
    for _ in range(10_000):
        agent.learn(rng.randrange(STATES), rng.randrange(ACTIONS), 0.5, rng.randrange(STATES),
                    False)
    save_ms, load_ms, size = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            began = time.perf_counter()
            archive.save(folder, manifest_of(agent), arrays_of(agent))
            save_ms.append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            kept = archive.load(folder)
            agent_from(kept.manifest, kept.arrays, random.Random())
            load_ms.append((time.perf_counter() - began) * 1e3)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return save_ms, load_ms, size
