# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Why a route costs what it costs: owns the sentences, each with the figures that it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .routes import DONE, FAILED, OLD_MS, OLD_RUNS, RUNS, RouteKey

if TYPE_CHECKING:
    from .routing import Routing

MS = 1_000_000


def sentences(routing: Routing, key: RouteKey, stamp_ns: int) -> tuple[str, ...]:
    """Success, work, backlog, quality, breaker and cost of one route."""
    choice = routing.choose(key.task, [key[1:]], stamp_ns)
    (terms,) = choice.ranking(1)
    quality = routing.quality.get(key.robot_id, 1.0)
    said = [_success(routing, key, stamp_ns), _work(routing, key, stamp_ns, terms.work_ms),
            _backlog(routing, key.robot_id, stamp_ns, terms.backlog_ms)]
    if quality != 1.0:
        said.append(f'quality {quality:.2f}: a factor on success from the reputation of '
                    f'{key.robot_id}')
    row = routing.table.row_of.get(key)
    told = '' if row is None else routing.table.breakers[row].told(stamp_ns)
    if told:
        said.append(f'breaker: {told}')
    said.append(f'cost {terms.cost_ms:.0f} ms by {routing.cost.name}, with success '
                f'{terms.success:.3f}')
    if routing.frozen_ns is not None:
        said.append('frozen: nothing is learned and nothing fades')
    return tuple(said)


def _success(routing: Routing, key: RouteKey, stamp_ns: int) -> str:
    config, prediction = routing.config, routing.predict(stamp_ns)
    row, unit = routing.table.row_of.get(key), routing.table.units.number_of.get(key[1:])
    if row is None:
        share = prediction.success_unknown(unit)
        why = 'nobody has tried it' if unit is None else 'untried; as other tasks there'
        return f'success {share:.3f}: {why}'
    sums = routing.table.evidence(row, routing.evidence_ns(stamp_ns))
    pooled = float(prediction.unit_success[prediction.unit[row]])
    return (
        f'success {float(prediction.success[row]):.3f}: {float(sums[DONE]):.2f} done and '
        f'{float(sums[FAILED]):.2f} failed here, newer ones weighing more (63 % are forgotten in '
        f'{config.tau_s:.0f} s), and {config.pooled_ends:.0f} ends at {pooled:.3f}, the share of '
        'all tasks there'
    )


def _work(routing: Routing, key: RouteKey, stamp_ns: int, work_ms: float) -> str:
    prediction, table = routing.predict(stamp_ns), routing.table
    task, unit = table.tasks.number_of.get(key.task), table.units.number_of.get(key[1:])
    ratio = 1.0 if unit is None else float(prediction.ratio[unit])
    if task is None:
        origin = f'nobody has run {key.task}; {routing.config.unknown_work_ms:.0f} ms are assumed'
    else:
        origin = f'{float(prediction.task_ms[task]):.0f} ms over all robots'
    row = table.row_of.get(key)
    runs = 0.0 if row is None else float(prediction.runs[row])
    text = (f'work {work_ms:.0f} ms: {runs:.2f} runs here, and {routing.config.prior_runs:.0f} of '
            f'({origin}, times {ratio:.2f}, how slow {key.robot_id} is)')
    if row is None:
        return text
    sums = table.evidence(row, routing.evidence_ns(stamp_ns))
    old_ms = float(sums[OLD_MS] / max(sums[OLD_RUNS], 1e-9))
    text += (f', itself drawn towards the {old_ms:.0f} ms '
             f'of the last {routing.config.tau_s * routing.config.old_factor / 60:.0f} minutes')
    over = runs - float(sums[RUNS])
    return text + ('; a run that lasts too long counts already' if over > 0.5 else '')


def _backlog(routing: Routing, robot_id: str, stamp_ns: int, backlog_ms: float) -> str:
    load = routing.loads.robots.get(robot_id)
    if load is None:
        return f'backlog 0 ms: nothing was sent to {robot_id} or heard of it'
    text = f'backlog {backlog_ms:.0f} ms: {len(load.jobs)} of our jobs on {load.slots} slots'
    if load.reported_ms is not None:
        age_s = max(0, stamp_ns - load.reported_ns) / MS / 1000
        text += (f'; it reported {load.reported_ms:.0f} ms of work {age_s:.1f} s ago, and '
                 f'{load.since_ms:.0f} ms were sent since')
    return text
