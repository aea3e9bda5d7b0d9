# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Child of bench/memory.py: notes so many events over 90 days in a process of its own and prints
its resident memory day by day, as JSON.

    python -m bench._memory_events EVENTS
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

from swarm_learning.core.memory.batch import note_many
from swarm_learning.core.memory.config import MemoryConfig
from swarm_learning.core.memory.memory import Memory
from swarm_learning.core.memory.query import Question
from swarm_learning.sim.memory_trace import DAY_S, KINDS, NS_PER_S, MemoryTrace

DAYS = 90
SAMPLES_PER_DAY = DAY_S // 10


def resident_kib() -> float:
    """Of this process, after what is free was given back to the system where that can be asked."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1024


def main(events: int) -> None:
    jobs_per_day = events / DAYS - SAMPLES_PER_DAY
    trace = MemoryTrace('jumps', 1, DAYS, jobs_per_day, incidents=0, warnings_per_day=0.0)
    memory = Memory(MemoryConfig(stored_first=False), 'r1', 1)
    resident, noted, taken_s = [], [], 0.0
    for day in trace:
        began_s = time.process_time()
        note_many(memory, day.stamps_ns, day.values, KINDS, day.kind_of)
        end_ns = int(day.stamps_ns[0]) // NS_PER_S // DAY_S * DAY_S + DAY_S
        memory.tick(end_ns * NS_PER_S - 1)
        taken_s += time.process_time() - began_s
        resident.append(resident_kib())
        noted.append(memory.own.sequence)
    answer = memory.query(Question(), memory.own.last_ns)
    print(json.dumps({
        'resident_kib': resident, 'noted': noted, 'counted': answer.events,
        'bytes': sum(memory.bytes_by_part().values()), 'cpu_s': taken_s,
        'peak_kib': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == '__main__':
    main(int(sys.argv[1]))
