# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How long a swarm is without a leader after its leader's process is killed (SIGKILL).

From the kill until every survivor names the same new leader in its beacon, as an observer on the
same machine hears it. The killed robot is started again, and has caught up and run for three
seconds before the next kill: until then it may not be heard by all, which is a second failure.
"""

from __future__ import annotations

import time

from bench._swarm import Watched, watched
from bench.table import Row, row

MEDIAN_MS, WORST_MS = 1000.0, 2500.0


def measure(quick: bool) -> list[Row]:
    kills = 3 if quick else 10
    rows = []
    for count in (3,) if quick else (3, 5):
        with watched(count, parts=['coordinator']) as field:
            field.swarm.start_all()
            samples = [failover_ms(field) for _ in range(kills)]
        name = f'{count} robots, profile wifi'
        rows.append(row(f'failover, median, {name}', 'ms', samples, target=MEDIAN_MS))
        rows.append(row(f'failover, worst, {name}', 'ms', [max(samples)], target=WORST_MS))
    return rows


def failover_ms(field: Watched) -> float:
    names = field.swarm.names
    field.wait(lambda: field.watcher.settled(names), 'all have caught up')
    leader = field.leader()
    term = field.watcher.heard[leader].beacon.term
    survivors = tuple(name for name in names if name != leader)
    killed_s = time.monotonic()
    field.swarm.kill(leader)
    field.leader(survivors, above_term=term)
    result = (time.monotonic() - killed_s) * 1000
    field.swarm.start(leader)
    return result
