# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the measurement of tabular agents, on budgets too small to learn much."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('gymnasium')

from bench import _agent_cost, agents
from bench._agent_tasks import PLAIN, TASKS, curve, random_return


def test_every_row_is_there_and_ground_truth_is_computed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cliff = dataclasses.replace(TASKS[3], budget=2000)
    change = dataclasses.replace(agents.CHANGES[0], steps=1000)
    monkeypatch.setattr(agents, 'TASKS', [cliff])
    monkeypatch.setattr(agents, 'CHANGES', [change])
    monkeypatch.setattr(agents, 'ROUNDS_QUICK', 1)
    monkeypatch.setattr(_agent_cost, 'STEPS', 500)
    kept = {}
    monkeypatch.setattr(agents, 'write_samples', kept.__setitem__)
    rows = {row.what: row for row in agents.measure(True, runs=2)}
    main = rows['CliffWalking-v1, q, replay 4']
    assert (main.peer, main.peer_name, main.target, main.runs) == (-13.0, 'J*', -13.0, 2)
    assert 'IQM, 95 %' in main.note
    assert rows['updates: learn'].peer_name == PLAIN
    assert rows['FrozenLake-v1 changes, no replay'].max <= 1000
    assert json.loads(json.dumps(kept['agents']))['returns'][cliff.name][PLAIN]


def test_equal_seeds_give_equal_curves() -> None:
    task = dataclasses.replace(TASKS[0], budget=2000)
    model = task.model()
    for kind in ('q, replay 4', PLAIN):
        first, second = (curve(task, model, kind, 3) for _ in range(2))
        assert np.array_equal(first, second)
        assert ((first >= 0.0) & (first <= 0.7442)).all()
    assert 0.0 < random_return(model) < 0.05
