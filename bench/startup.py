# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How long three composed robots take from the start of their processes to an agreed leader.

Empty storage each time; until every robot names the same leader in its beacon. 1.2 s of it is the
time in which a robot listens for another one of its name before it votes.
"""

from __future__ import annotations

import time

from bench._swarm import watched
from bench.table import Row, row

TARGET_S = 5.0


def measure(quick: bool) -> list[Row]:
    samples = []
    for _ in range(2 if quick else 10):
        with watched(3) as field:
            began_s = time.monotonic()
            field.swarm.start_all()
            field.leader()
            samples.append(time.monotonic() - began_s)
    return [
        row('start of 3 composed robots to an agreed leader', 's', samples, target=TARGET_S),
        row('the slowest of these starts', 's', [max(samples)], target=TARGET_S),
    ]
