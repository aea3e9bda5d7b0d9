# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How many newcomers find what a robot offers: commands of swarmctl that fail, four at a time.

Two robots with coordinator and hardware discovery, each alone in its swarm, and two more processes
that keep the processors busy. In turn four processes of `swarmctl status` at once ask one robot,
then the other. One robot is as it is shipped and tells nobody the types of its topics; the other
one, to which the figures of the peer belong, tells them, as Fast DDS does by itself (decision 22).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.table import Row, row
from swarm_coordinator.local_swarm import LocalSwarm, robot_names
from swarm_coordinator.ros.frugal import PROFILES

AT_ONCE, BUSY = 4, 2
START_S, CALL_S = 60.0, 120.0
USUAL = ('<?xml version="1.0" encoding="UTF-8"?>\n'
         '<dds><profiles xmlns="http://www.eprosima.com"></profiles></dds>\n')


def measure(quick: bool) -> list[Row]:
    rounds = 5 if quick else 40
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        profile = folder / 'usual.xml'
        profile.write_text(USUAL)
        ours = stack.enter_context(_robot(folder / 'ours', {}))
        usual = stack.enter_context(_robot(folder / 'usual', {PROFILES: str(profile)}))
        for swarm in (ours, usual):
            _await_answer(swarm)
        for _ in range(BUSY):
            stack.callback(_end, subprocess.Popen([sys.executable, '-c', 'while True: pass']))
        threads = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        calls: tuple[list[tuple[bool, float]], ...] = ([], [])
        for _ in range(rounds):
            for swarm, done in zip((ours, usual), calls, strict=True):
                done.extend(threads.map(_status, [swarm] * AT_ONCE))
    failed = [100 * sum(not well for well, _ in done) / len(done) for done in calls]
    took = [[seconds for well, seconds in done if well] for done in calls]
    other = 'with types told'
    return [
        row(f'calls of swarmctl that fail, of {len(calls[0])}', '%', [failed[0]], target=0.0,
            peer=failed[1], peer_name=other),
        row('the others take', 's', took[0], peer=took[1], peer_name=other),
        row('the slowest of them', 's', [max(took[0])], peer=max(took[1]), peer_name=other),
    ]


@contextmanager
def _robot(folder: Path, told: dict[str, str]) -> Iterator[LocalSwarm]:
    """A started robot; `told` is in its environment and in nobody else's."""
    swarm = LocalSwarm(folder, robot_names(1), {'parts': ['coordinator', 'hw_discovery']},
                       swarm_id='bench')
    with swarm:
        os.environ.update(told)
        try:
            swarm.start_all()
        finally:
            for name in told:
                del os.environ[name]
        yield swarm


def _await_answer(swarm: LocalSwarm) -> None:
    end_s = time.monotonic() + START_S
    while not _status(swarm)[0]:
        if time.monotonic() > end_s:
            raise TimeoutError(f'the robot did not answer within {START_S:.0f} s')


def _status(swarm: LocalSwarm) -> tuple[bool, float]:
    """Whether it was answered, and after how many seconds."""
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, '-m', 'swarm_coordinator.cli.swarmctl', 'status'],
        env=swarm.environment(), timeout=CALL_S, check=False,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    return done.returncode == 0, time.monotonic() - began_s


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
