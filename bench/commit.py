# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Time to commit one small command with 3 robots, and commands per second, beside etcd.

The command clears an override where there is none (as in failover). `inside`: posted to the
coordinator's thread of the leader, as its services do, and answered on that thread: the commit
without ROS. `service`: by one ROS client process in Python, with so many requests under way; its
own work and two DDS messages are in the figure. `service of a follower`: which forwards it.

etcd has 3 members with heartbeat and election timeout 100/1000 ms and syncs every write, as ours
do; a client process with plain sockets puts 100 bytes through the leader's JSON gateway over
HTTP/1.1. All in turn, in rounds, and the fsync of the same disk (4 KiB appended to a new file)
in each round.

The last rows say where the time goes: robots started again with clocks around their calls, one
command after the other inside the leader; each stage by its median.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from typing import Any

from bench._contestants import Peer, peer
from bench._stages import STAGES, Notes, stages
from bench._swarm import FOLDER, ROOT, MeasuredSwarm, Watched, measured
from bench.peers import available, etcd
from bench.run import write_samples
from bench.table import AT_LEAST, Row, row, tail
from swarm_coordinator.storage.log_store import measure_fsync

ROBOTS = 3
CLIENTS = (1, 8, 32)
FSYNCS = 50  # per round
LIMIT_MS = 5.0  # on top of two fsyncs
STALE_S = 0.5
ETCD_SHARE = 0.25  # of its commands per second, from Python
Samples = dict[str, list[float]]  # label -> milliseconds, of every command
Rates = dict[str, list[float]]  # label -> commands per second, of every round


def measure(quick: bool, runs: int = 0) -> list[Row]:
    rounds, seconds = (2, 1.0) if quick else (10, 3.0)
    took: Samples = defaultdict(list)
    rates: Rates = defaultdict(list)
    with contextlib.ExitStack() as stack:
        field, swarm = stack.enter_context(measured(ROBOTS, parts=['coordinator']))
        field.swarm.start_all()
        rival = _etcd(stack)
        for at in range(runs or rounds):
            _round(field, swarm, rival, seconds, took, rates)
            print(f'round {at + 1} of {runs or rounds}', flush=True)
        parts = _breakdown(field, swarm, seconds)
    write_samples('commit', {'ms': took, 'per_second': rates})
    return _latency_rows(took) + _rate_rows(rates) + _stage_rows(parts)


def _etcd(stack: contextlib.ExitStack) -> Peer | None:
    if not available(etcd.check)[0]:
        return None
    cluster = etcd.Etcd(ROOT / 'build/bench/etcd/commit', ROBOTS, 100, 1000)
    return stack.enter_context(peer('etcd', cluster))


def _round(
    field: Watched, swarm: MeasuredSwarm, rival: Peer | None, seconds: float,
    took: Samples, rates: Rates,
) -> None:
    field.wait(lambda: field.watcher.settled(swarm.names), 'all have caught up')
    leader = field.leader()
    follower = next(name for name in swarm.names if name != leader)
    fsync_us, _ = measure_fsync(FOLDER, FSYNCS)
    took['fsync'].append(fsync_us / 1000)
    for clients in CLIENTS:
        served, lost = service_load(swarm, leader, clients, seconds)
        rates[f'lost {clients}'].append(lost)
        loads = [('inside', swarm.load(leader, clients, seconds)), ('service', served)]
        if clients == 1:
            served, _ = service_load(swarm, follower, 1, seconds)
            loads.append(('service of a follower', served))
        if rival is not None:
            loads.append(('etcd', etcd_load(rival, clients, seconds)))
        for name, one in loads:
            took[f'{name} {clients}'] += one
            rates[f'{name} {clients}'].append(len(one) / seconds)


def service_load(
    swarm: MeasuredSwarm, robot: str, clients: int, seconds: float
) -> tuple[list[float], int]:
    """Milliseconds of each command that was answered, and how many were not."""
    said = _ran('bench._ros_load', robot, clients, seconds, env=swarm.environment())
    return [float(one) for one in said['took_ms']], int(said['lost'])


def _ran(module: str, *arguments: object, env: dict[str, str] | None = None) -> Any:
    """What this program of ours prints, as JSON."""
    command = [sys.executable, '-m', module, *map(str, arguments)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=env)
    return json.loads(said.stdout)


def etcd_load(rival: Peer, clients: int, seconds: float) -> list[float]:
    port = rival.cluster.ports[rival.leader()][0]
    return [float(one) for one in _ran('bench.peers._etcd_load', port, clients, seconds)]


def _breakdown(field: Watched, swarm: MeasuredSwarm, seconds: float) -> list[tuple[float, ...]]:
    """Stages of each command, with the same robots started again under observation."""
    swarm.stop_all()
    field.client.spin_until(lambda: False, STALE_S)  # what they said last may still be coming
    field.watcher.heard.clear()
    swarm.trace_all()
    swarm.start_all()
    field.wait(lambda: field.watcher.settled(swarm.names), 'all have caught up')
    leader = field.leader()
    swarm.load(leader, 1, seconds)
    swarm.stop_all()
    return stages(leader, {name: Notes.read(path) for name, path in swarm.traces.items()})


def _latency_rows(took: Samples) -> list[Row]:
    fsync_ms = statistics.median(took['fsync'])
    rival = took.get('etcd 1')
    name = 'etcd through its gateway' if rival else ''
    rows = [row('fsync of 4 KiB: p50', 'ms', took['fsync'])]
    for label in ('inside', 'service', 'service of a follower'):
        target = 2 * fsync_ms + LIMIT_MS if label != 'service of a follower' else None
        mine = took[f'{label} 1']
        rows += [
            row(f'one command, {label}: p50', 'ms', mine, peer=rival, peer_name=name,
                target=target),
            tail(f'one command, {label}: p99', 'ms', mine, 99, peer=rival, peer_name=name),
        ]
    return rows


def _rate_rows(rates: Rates) -> list[Row]:
    rows = []
    for label, clients in itertools.product(('inside', 'service'), CLIENTS):
        rival = rates.get(f'etcd {clients}')
        target = ETCD_SHARE * statistics.median(rival) if rival else None
        rows.append(
            row(f'{label}, {clients} client{"s" * (clients > 1)}', 'commands/s',
                rates[f'{label} {clients}'], peer=rival, peer_name='etcd' if rival else '',
                target=target, better=AT_LEAST)
        )
    rows += [
        row(f'service, {clients} clients: requests lost', 'a round', rates[f'lost {clients}'])
        for clients in CLIENTS if any(rates[f'lost {clients}'])
    ]
    return rows


def _stage_rows(parts: list[tuple[float, ...]]) -> list[Row]:
    if not parts:
        print('bench: the robots noted no whole command, so no stages are shown', flush=True)
        return []
    return [row(f'{number}. {stage}', 'ms', [one[number - 1] for one in parts])
            for number, stage in enumerate(STAGES, 1)]
