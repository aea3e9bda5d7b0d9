# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Milliseconds from SIGKILL of the leader until a survivor has committed a new write.

One definition for all: from the kill on, a new small write goes to the survivors in turn every
20 ms, and the first that is answered as committed ends the failover. For ours, also until every
survivor names the same new leader in its beacon, as an observer on this machine hears it.

One kill of each system in turn, so that noise hits all alike; the moment within the heartbeat
period is drawn at random. The killed one is started again and has caught up before the next system
is killed; ours has run for three seconds before its own next kill, because until then it may not
be heard by all, which is a second failure.

Every system has the profile's heartbeat. etcd draws its election timeouts from T to 2 T: it runs
with T = the longest timeout of the profile, as is recommended for it (10 heartbeats), and again
with T = the shortest, which gives the same range as ours. Ours and etcd sync votes and entries to
the disk; PySyncObj keeps both in memory.
"""

from __future__ import annotations

import contextlib
import random
import statistics
from pathlib import Path

from bench._contestants import Contestant, Failover, ours, peer
from bench.peers import available, etcd, pysyncobj
from bench.run import write_samples
from bench.table import Row, row, tail
from swarm_coordinator.core.raft import PROFILES, TimingProfile

RUNS, RUNS_QUICK = 100, 3
P99_MS = {'wifi': 2500.0, 'wired': 1000.0}
ETCD_FOLDER = Path('build/bench/etcd')
SEED = 1

Samples = dict[str, list[Failover]]


def measure(quick: bool, runs: int = 0) -> list[Row]:
    runs = runs or (RUNS_QUICK if quick else RUNS)
    rows, taken = [], {}
    for profile in ('wifi',) if quick else ('wifi', 'wired'):
        for count in (3,) if quick else (3, 5):
            label = f'{count} robots, {profile}'
            samples = taken[label] = field_of(count, PROFILES[profile], runs)
            rows += rows_of(label, samples, P99_MS[profile])
            write_samples('failover', {
                label: {name: [vars(one) for one in values] for name, values in each.items()}
                for label, each in taken.items()
            })
    return rows


def field_of(count: int, profile: TimingProfile, runs: int) -> Samples:
    """All systems side by side, `runs` kills of each."""
    rng = random.Random(SEED)
    with contextlib.ExitStack() as stack:
        contestants = entered(stack, count, profile)
        samples: Samples = {one.name: [] for one in contestants}
        for run in range(runs):
            for one in contestants:
                one.ready()
                one.wait(rng.random() * profile.heartbeat_ms / 1000)
                samples[one.name].append(one.fail())
                one.mend()
            said = ', '.join(f'{name} {s[-1].committed_ms:.0f}' for name, s in samples.items())
            print(f'{count} robots, {profile.name}, {run + 1} of {runs}: {said} ms', flush=True)
    return samples


def entered(
    stack: contextlib.ExitStack, count: int, profile: TimingProfile
) -> list[Contestant]:
    beat = profile.heartbeat_ms
    low, high = profile.election_timeout_ms_min, profile.election_timeout_ms_max
    made: list[Contestant] = [stack.enter_context(ours(count, profile))]
    has_etcd, has_pysyncobj = available(etcd.check, pysyncobj.check)
    if has_etcd:
        for base in (high, low):
            cluster = etcd.Etcd(ETCD_FOLDER / str(base), count, beat, base)
            made.append(stack.enter_context(peer(f'etcd {beat}/{base}', cluster)))
    if has_pysyncobj:
        cluster_py = pysyncobj.PySyncObj(count, beat, low, high)
        made.append(stack.enter_context(peer(f'PySyncObj {beat}/{low}-{high}', cluster_py)))
    return made


def rows_of(label: str, samples: Samples, p99_ms: float) -> list[Row]:
    committed = {name: [one.committed_ms for one in taken] for name, taken in samples.items()}
    mine = committed.pop('ours')
    agreed = [one.agreed_ms for one in samples['ours'] if one.agreed_ms is not None]
    rows = []
    for name, theirs in committed.items():
        rows += [
            row(f'{label}: median', 'ms', mine, peer=theirs, peer_name=name,
                target=statistics.median(theirs)),
            tail(f'{label}: p99', 'ms', mine, 99, peer=theirs, peer_name=name),
            row(f'{label}: worst', 'ms', [max(mine)], peer=max(theirs), peer_name=name),
        ]
    rows += [
        tail(f'{label}: p99', 'ms', mine, 99, target=p99_ms),
        row(f'{label}: until all survivors agree, median', 'ms', agreed),
        tail(f'{label}: until all survivors agree, p99', 'ms', agreed, 99),
    ]
    return rows
