# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A watched swarm of robot processes on this machine, as the measurements use it."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarm_coordinator.cli.client import SwarmClient
from swarm_coordinator.local_swarm import LocalSwarm, robot_names
from swarm_coordinator.ros.watcher import Watcher

FOLDER = Path('build/bench/swarm')


@dataclass
class Watched:
    swarm: LocalSwarm
    client: SwarmClient
    watcher: Watcher

    def wait(self, done: Any, what: str, timeout_s: float = 30.0) -> float:
        """Seconds until `done()`. Raises TimeoutError."""
        began_s = time.monotonic()
        if not self.client.spin_until(lambda: bool(done()), timeout_s):
            raise TimeoutError(f'not within {timeout_s:.0f} s: {what}; logs in {FOLDER}')
        return time.monotonic() - began_s

    def leader(self, names: tuple[str, ...] = (), above_term: int = 0) -> str:
        names = names or self.swarm.names
        self.wait(lambda: self.watcher.agreed_leader(names, above_term), f'{names} have a leader')
        return self.watcher.agreed_leader(names, above_term)


@contextlib.contextmanager
def watched(count: int, **parameters: Any) -> Iterator[Watched]:
    """`count` robots, not started yet. Everything is ended and removed at the end."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    swarm = LocalSwarm(FOLDER.resolve(), robot_names(count), parameters, swarm_id='bench')
    with swarm, SwarmClient(name='bench') as client:
        yield Watched(swarm, client, Watcher(client.node, 'bench'))
    shutil.rmtree(FOLDER, ignore_errors=True)
