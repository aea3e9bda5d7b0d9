# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How long a swarm is without a leader after its leader has crashed.

Owns the measurement, in virtual time, from the crash to the moment the new leader has committed
its first entry. Print the histogram with

    python -m swarm_coordinator.sim --failover 300 --voters 5 --profile wifi
"""

from __future__ import annotations

import random

from swarm_coordinator.core.raft import TimingProfile
from swarm_coordinator.sim.cluster import Cluster
from swarm_coordinator.sim.schedule import Settings
from swarm_coordinator.sim.timeline import MS

SETTLE_MS = 3_000       # the slowest profile's first election takes longer; waited for below
LIMIT_MS = 60_000
BAR_WIDTH = 50


def failover_ms(seed: int, profile: TimingProfile, voters: int) -> int:
    rng = random.Random(seed)
    cluster = Cluster(Settings(seed=seed, voters=voters, compact_after=1000), profile)
    leader = cluster.run_until_led(LIMIT_MS, step_ms=10)
    assert leader is not None, f'seed {seed}: no first leader'
    cluster.run_ms(SETTLE_MS + rng.randrange(1000))
    leader = cluster.leaders[0]
    crashed_us, index = cluster.timeline.now_us, leader.core.last_index
    leader.crash('lost')
    while cluster.timeline.now_us < crashed_us + LIMIT_MS * MS:
        cluster.run_ms(5)
        if any(new.core.commit_index > index for new in cluster.leaders):
            return (cluster.timeline.now_us - crashed_us) // MS
    raise AssertionError(f'seed {seed}: no new leader within {LIMIT_MS} ms')


def histogram(times_ms: list[int], bucket_ms: int = 100) -> str:
    times_ms = sorted(times_ms)
    count = len(times_ms)
    lines = [
        f'{count} crashes: min {times_ms[0]} median {times_ms[count // 2]} '
        f'p90 {times_ms[count * 9 // 10]} p99 {times_ms[count * 99 // 100]} '
        f'max {times_ms[-1]} ms'
    ]
    largest = max(sum(t // bucket_ms == b for t in times_ms) for b in range(10_000 // bucket_ms))
    for bucket in range(times_ms[0] // bucket_ms, times_ms[-1] // bucket_ms + 1):
        inside = sum(time // bucket_ms == bucket for time in times_ms)
        bar = '#' * round(BAR_WIDTH * inside / max(largest, 1))
        lines.append(f'{bucket * bucket_ms:>6} ms {inside:>5} {bar}')
    return '\n'.join(lines)
