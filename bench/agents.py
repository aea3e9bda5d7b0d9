# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tabular agents of swarm_learning.core.agents on four Gymnasium tasks, and what a step costs.

Tasks: FrozenLake 4x4 and 8x8 (slippery), Taxi-v4, CliffWalking, with 200 000, 500 000, 200 000 and
50 000 steps of training, epsilon from 1 to .05 over half of them. One configuration for all tasks.
Training plays the environment's own table of probabilities (sim/known_models.py), which is the
environment without its overhead. A figure is the exact expected return of the greedy policy until
the horizon, by backward induction, not a mean of some episodes; J* of the same horizon is computed
likewise and stands beside it, and the best that was found among policies that do not look at the
time is noted. Each figure is the interquartile mean over the seeds, with its 95 % bootstrap
interval, the worst and the best seed.

`plain dict` is a baseline (sim/plain_agent.py): Q-learning on a dict as one writes it first. It
stands for a typical predecessor; its return and its cost per update are measured on the same
tasks.

`<task> changes`: steps until a return is reached again after the meaning of the actions has
changed (_agent_change.py).

Cost: processor time of one thread, transitions of random states of a task as large as Taxi.
"""

from __future__ import annotations

import numpy as np

from bench._agent_change import CHANGES, KINDS, LONG, WATCHED, Change, recovery_steps, worlds
from bench._agent_cost import Costs, costs
from bench._agent_tasks import OURS, PLAIN, SHARES, TASKS, Floats, Task, curve, random_return
from bench.run import write_samples
from bench.statistics import iqm, iqm_row
from bench.table import AT_LEAST, Row, row
from swarm_learning.sim.known_models import KnownModel, best_stationary, optimum

SEEDS, SEEDS_QUICK = 20, 3
ROUNDS, ROUNDS_QUICK = 15, 5
MAIN = 'q, replay 4'
QUICK_KINDS = (MAIN, 'q', PLAIN)
LONG_TASK = 'FrozenLake8x8-v1'  # the others would take half of the time of all, and tell little
DISCOUNTS = (0.98, 0.99, 0.995, 0.997, 0.998, 0.999)
# (interquartile mean, worst seed) to be reached by MAIN.
TARGETS: dict[str, tuple[float, float | None]] = {
    'FrozenLake-v1': (0.735, None),
    'FrozenLake8x8-v1': (0.87, 0.70),
    'Taxi-v4': (7.90, 7.85),
    'CliffWalking-v1': (-13.0, -13.0),
}
LAKE_SHARE, LAKE_RETURN = 0.9, 0.70
UPDATES_PER_SECOND = 150_000


def measure(quick: bool, runs: int = 0) -> list[Row]:
    seeds = runs or (SEEDS_QUICK if quick else SEEDS)
    samples: dict[str, dict[str, list[list[float]]]] = {}
    rows: list[Row] = []
    for task in TASKS:
        model = task.model()
        found = {}
        for kind in (QUICK_KINDS if quick or task.name == LONG_TASK else (*OURS, PLAIN)):
            found[kind] = np.array([curve(task, model, kind, seed) for seed in range(seeds)])
            print(f'{task.name}, {kind}: {iqm(found[kind][:, -1]):.4f}', flush=True)
        samples[task.name] = {kind: curves.tolist() for kind, curves in found.items()}
        rows += _rows(task, model, found)
    changed = {change.name: _changed(change, seeds) for change in CHANGES}
    for name, steps in changed.items():
        rows += [iqm_row(f'{name} changes, {kind}', 'steps', steps[kind],
                         peer=steps[LONG] if kind == WATCHED else None, peer_name=LONG)
                 for kind in KINDS]
    measured = costs(ROUNDS_QUICK if quick else ROUNDS)
    write_samples('agents', {'shares': SHARES, 'returns': samples,
                             'recovery_steps': changed, 'costs': vars(measured)})
    return rows + _cost_rows(measured)


def _changed(change: Change, seeds: int) -> dict[str, list[float]]:
    before, after = worlds(change)
    return {kind: [recovery_steps(change, before, after, kind, seed) for seed in range(seeds)]
            for kind in KINDS}


def _rows(task: Task, model: KnownModel, found: dict[str, Floats]) -> list[Row]:
    best = optimum(model)
    rows = []
    for kind, curves in found.items():
        is_main = kind == MAIN
        note = _curve_note(curves)
        if is_main:
            note += (f'; stationary at best {best_stationary(model, DISCOUNTS):.4f}, '
                     f'random {random_return(model):.3g}')
        rows.append(iqm_row(
            f'{task.name}, {kind}', '', curves[:, -1], peer=best, peer_name='J*',
            target=TARGETS[task.name][0] if is_main else None, better=AT_LEAST, note=note))
    return rows + _worst_rows(task, found[MAIN][:, -1], found[PLAIN][:, -1])


def _curve_note(curves: Floats) -> str:
    parts = [f'{share:.0%}: {iqm(column):.3g}' for share, column in
             zip(SHARES[:-1], curves.T, strict=False)]
    return 'after ' + ', '.join(parts)


def _worst_rows(task: Task, ours: Floats, plain: Floats) -> list[Row]:
    name, worst = f'{task.name}, {MAIN}', TARGETS[task.name][1]
    rows = []
    if worst is not None:
        rows.append(Row(f'{name}, worst seed', '', float(ours.min()), float(ours.min()),
                        float(ours.max()), len(ours), float(plain.min()), PLAIN, worst, AT_LEAST))
    if task.name == 'FrozenLake-v1':
        share = float((ours >= LAKE_RETURN).mean())
        rows.append(Row(f'{name}, share of seeds of at least {LAKE_RETURN}', '', share, share,
                        share, len(ours), float((plain >= LAKE_RETURN).mean()), PLAIN, LAKE_SHARE,
                        AT_LEAST))
    return rows


def _cost_rows(measured: Costs) -> list[Row]:
    rates = measured.per_second
    single = [
        row(f'updates: {name}', '/s', rates[name], peer=rates.get(f'{name}, {PLAIN}'),
            peer_name=PLAIN, target=UPDATES_PER_SECOND if name == 'learn' else None,
            better=AT_LEAST)
        for name in ('learn', 'choose and learn', 'replay 4', 'prioritised replay 4')]
    return [
        *single,
        row('updates: batch of 4096', '/s', rates['batch'], peer=rates['learn'],
            peer_name='learn', better=AT_LEAST),
        row('save, 500 states and 4000 transitions', 'ms', measured.save_ms,
            note=f'{measured.bytes} bytes, fsync'),
        row('load and check the same', 'ms', measured.load_ms),
    ]
