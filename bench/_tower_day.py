# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Child of bench/tower.py: a day of a swarm of ten, folded as fast as it goes, with two browsers
connected of which one never reads. Prints its resident memory hour by hour, as JSON.

    python -m bench._tower_day HOURS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

from bench._memory_events import resident_kib
from swarm_tower.core.facts import Beacon, Event, Fact
from swarm_tower.core.view import SwarmView
from swarm_tower.web.hub import Hub

ROBOTS = tuple(f'r{number}' for number in range(10))
EVENTS_PER_S = 2
SECOND_NS = 10**9


def facts_of(second: int) -> Iterator[Fact]:
    for robot_id in ROBOTS:
        yield Beacon(
            robot_id=robot_id, incarnation=1, role='follower', term=1, leader='r0',
            commit_index=second, applied_index=second, mode='normal', mode_epoch=0,
            emergency_epoch=0, cpu_permille=second % 1000,
            running_jobs=second % 4, held_jobs=second % 6, queued_work_ms=0, figures=None)
    for number in range(EVENTS_PER_S):
        sequence = second * EVENTS_PER_S + number
        yield Event('r0', 1, sequence, second * 1000, second, f'kind_{sequence % 40}', 'warn',
                    f'job-{sequence}', f'event {sequence} of a long day', '', (('n', 'x' * 40),))


async def main(hours: int) -> None:
    clock = [0]
    view = SwarmView('swarm', 0, 1500, 5000)
    hub = Hub(view, 20, lambda: clock[0], time.time_ns)
    reader, stalled = hub.join(), hub.join()
    hub.next_message(reader), hub.next_message(stalled)
    resident, sent = [], 0
    for hour in range(hours):
        for second in range(hour * 3600, hour * 3600 + 3600):
            clock[0] = second * SECOND_NS
            hub.fold(facts_of(second))
            hub.flush()
            while (message := hub.next_message(reader)) is not None:
                sent += len(message)
        resident.append(resident_kib())
    print(json.dumps({'resident_kib': resident, 'sent_bytes': sent,
                      'events': hours * 3600 * EVENTS_PER_S, 'kept': len(
                          hub.events_since(0, 10_000).rows)}))


if __name__ == '__main__':
    asyncio.run(main(int(sys.argv[1])))
