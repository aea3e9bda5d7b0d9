# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What an idle robot costs: memory and processor time of one composed process of a swarm of three.

Coordinator, learning and hardware discovery in one process; beside it a bare rclpy node that does
nothing, which is what Python, rclpy and DDS cost here. Resident memory after the measured time;
user and system time over it, as a share of one core.
"""

from __future__ import annotations

import subprocess
import sys
import time

import psutil

from bench._swarm import watched
from bench.table import Row, row

RSS_MB, CPU_PERCENT = 130.0, 5.0
SETTLE_S = 10.0  # registration, first inventory, first figures
BARE = """
import rclpy
rclpy.init()
node = rclpy.create_node('bare')
print('up', flush=True)
rclpy.spin(node)
"""


def measure(quick: bool) -> list[Row]:
    seconds = 10.0 if quick else 60.0
    with watched(3) as field:
        bare = subprocess.Popen(
            [sys.executable, '-c', BARE], env=field.swarm.environment(), stdout=subprocess.PIPE
        )
        try:
            assert bare.stdout is not None
            bare.stdout.readline()
            field.swarm.start_all()
            field.leader()
            processes = {n: psutil.Process(p.pid) for n, p in field.swarm.processes.items()}
            field.client.spin_until(lambda: False, SETTLE_S)
            # Without us: an observer that takes every beacon would cost the robots a little.
            cpu = shares([*processes.values(), psutil.Process(bare.pid)], seconds)
            rss = [process.memory_info().rss / 1e6 for process in processes.values()]
            bare_rss = psutil.Process(bare.pid).memory_info().rss / 1e6
        finally:
            bare.kill()
            bare.wait()
    label = 'idle composed robot of three'
    return [
        row(f'{label}: resident memory', 'MB', rss, peer=bare_rss, peer_name='bare rclpy node',
            target=RSS_MB),
        row(f'{label}: processor', '% of a core', cpu[:-1], peer=cpu[-1],
            peer_name='bare rclpy node', target=CPU_PERCENT),
    ]


def shares(processes: list[psutil.Process], seconds: float) -> list[float]:
    """Processor time of each over `seconds`, in percent of one core."""
    before = [sum(process.cpu_times()[:2]) for process in processes]
    began_s = time.monotonic()
    time.sleep(seconds)  # the figure is what happens in this time
    took_s = time.monotonic() - began_s
    after = [sum(process.cpu_times()[:2]) for process in processes]
    return [(b - a) / took_s * 100 for a, b in zip(before, after, strict=True)]
