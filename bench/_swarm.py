# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A watched swarm of robot processes on this machine, as the measurements use it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarm_msgs import srv

from bench.peers import free_ports
from swarm_coordinator.cli.client import SwarmClient, reader_of
from swarm_coordinator.local_swarm import LocalSwarm, robot_names
from swarm_coordinator.ros.watcher import Watcher

FOLDER = Path('build/bench/swarm')
ROOT = Path(__file__).resolve().parent.parent


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

    def small_command(self, robot: str) -> Any:
        """Ask `robot` for the smallest write there is; a future for `committed()`.

        It clears an override where there is none: the log takes it like any other command, and
        what is replicated stays as it is.
        """
        request = srv.ClearOverride.Request(owner='bench', reason='measured')
        return self.client.call_async(srv.ClearOverride, 'clear_override', request, robot)


def committed(answer: Any) -> bool:
    """Whether the log took it: an answer from the log says at which entry."""
    return bool(answer.code != answer.UNAVAILABLE and answer.log_index)


@dataclass
class MeasuredSwarm(LocalSwarm):
    """Robots that take a load and note what they do (_measured_robot.py)."""

    ports: dict[str, int] = field(default_factory=dict)
    traces: dict[str, Path] = field(default_factory=dict)
    job_notes: dict[str, Path] = field(default_factory=dict)
    policy: str = ''
    _orders: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = dict(zip(self.names, free_ports(len(self.names)), strict=True))

    def trace_all(self) -> None:
        """From the next start on; it costs them about a tenth of their speed."""
        self.traces = {name: self.folder / f'{name}.trace' for name in self.names}

    def note_jobs(self) -> None:
        """From the next start on."""
        self.job_notes = {name: self.folder / f'{name}.jobs' for name in self.names}

    def arguments(self, name: str) -> list[str]:
        arguments = super().arguments(name)
        arguments[2] = 'bench._measured_robot'
        return arguments

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
        return {**super().environment(), 'PYTHONPATH': path, **self._orders}

    def start(self, name: str) -> None:
        self._orders = {'BENCH_CONTROL': str(self.ports[name])}
        if name in self.traces:
            self._orders['BENCH_TRACE'] = str(self.traces[name])
        if self.policy:
            self._orders['BENCH_POLICY'] = self.policy
        if name in self.job_notes:
            self._orders['BENCH_JOBS'] = str(self.job_notes[name])
        super().start(name)

    def load(self, name: str, clients: int, seconds: float) -> list[float]:
        """Milliseconds of each command posted inside this robot; see _measured_robot.py."""
        address = ('127.0.0.1', self.ports[name])
        with socket.create_connection(address) as link, link.makefile('rw') as file:
            file.write(json.dumps({'clients': clients, 'seconds': seconds}) + '\n')
            file.flush()
            return [float(one) for one in json.loads(file.readline())]


@contextlib.contextmanager
def measured(count: int, **parameters: Any) -> Iterator[tuple[Watched, MeasuredSwarm]]:
    """As watched(), of robots that can be measured from inside."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    swarm = MeasuredSwarm(FOLDER.resolve(), robot_names(count), parameters, swarm_id='bench')
    with swarm, SwarmClient(name='bench', reader=reader_of(swarm)) as client:
        yield Watched(swarm, client, Watcher(client.node, 'bench')), swarm
    shutil.rmtree(FOLDER, ignore_errors=True)


@contextlib.contextmanager
def watched(count: int, **parameters: Any) -> Iterator[Watched]:
    """`count` robots, not started yet. Everything is ended and removed at the end."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    swarm = LocalSwarm(FOLDER.resolve(), robot_names(count), parameters, swarm_id='bench')
    with swarm, SwarmClient(name='bench', reader=reader_of(swarm)) as client:
        yield Watched(swarm, client, Watcher(client.node, 'bench'))
    shutil.rmtree(FOLDER, ignore_errors=True)
