# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Three robots of ours as workers, with the same verbs as the job systems of the peers.

Owns their processes and clients. Jobs are submitted to the leader; one that is asked about after a
kill is asked about at a survivor.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from bench import _job_client
from bench._swarm import Watched, measured
from bench.peers._queues import LOGS, Guarantees, Ordered, cpu_s

ROBOTS = 3
LEASE_S = 6.0  # job_lease_ttl_ms, its default
STALE_S = 1.0


@dataclass
class Robots:
    """What a Queue is, of our robots and one kind of job. Both kinds share the robots."""

    name: str
    kind: str
    watched: Watched
    guarantees: Guarantees
    client: Ordered | None = None

    def start_all(self) -> None:
        """The robots run, or were ended with the turn of the other kind of job."""
        self.resume()

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.client is not None
        if order['do'] in ('one', 'many', 'marked'):
            self.client.ask(do='at', server=self.watched.leader())
        return self.client.ask(**order)

    def settle(self) -> None:
        names = self.watched.swarm.names
        self.watched.client.spin_until(lambda: False, STALE_S)
        self.watched.wait(lambda: self.watched.watcher.settled(names), 'all have caught up')
        self.ask(do='one', count=5)

    def pause(self) -> None:
        """End robots and client. They are not stopped as the others are: DDS forgets a peer that
        says nothing for 20 s, and one that does not know it was forgotten is not found again."""
        if self.client is not None:
            self.client.close()
            self.client = None
        self.watched.swarm.stop_all()
        self.watched.client.spin_until(lambda: False, STALE_S)  # what they said last
        self.watched.watcher.heard.clear()

    def resume(self) -> None:
        swarm = self.watched.swarm
        if not swarm.processes:
            swarm.start_all()
        self.watched.wait(lambda: self.watched.watcher.settled(swarm.names), 'all have caught up')
        self.client = Ordered(
            [sys.executable, '-m', 'bench._job_client', self.kind, *swarm.names],
            LOGS / f'ours_{self.kind}_client.log',
            swarm.environment(),
        )

    def worker_of(self, pid: int) -> str:
        above = {pid, *(one.pid for one in psutil.Process(pid).parents())}
        for name, process in self.watched.swarm.processes.items():
            if process.pid in above:
                return name
        raise LookupError(f'process {pid} is of no robot')

    def label_of(self, worker: str) -> str:
        return f'{self.name}, of the {"leader" if worker == self.watched.leader() else "follower"}'

    def kill(self, worker: str) -> None:
        survivor = next(name for name in self.watched.swarm.names if name != worker)
        assert self.client is not None
        self.client.ask(do='at', server=survivor)
        self.watched.swarm.kill(worker)
        self.watched.watcher.heard.pop(worker, None)

    def start(self, worker: str) -> None:
        self.watched.watcher.heard.pop(worker, None)
        self.watched.swarm.start(worker)
        names = self.watched.swarm.names
        self.watched.wait(lambda: self.watched.watcher.settled(names), 'the killed one is back')

    def cpu_s(self) -> float:
        return cpu_s(process.pid for process in self.watched.swarm.processes.values())

    def close(self) -> None:
        if self.client is not None:
            self.client.close()


@dataclass(frozen=True)
class Swarm:
    watched: Watched

    def client_of(self, kind: str) -> Robots:
        return Robots(
            f'ours, {kind}',
            kind,
            self.watched,
            Guarantees(
                'synced to the disks of a majority before it is taken',
                'three copies by Raft',
                f'job of a lost worker back within its lease of {LEASE_S:.0f} s',
                'at most one accepted, by token',
            ),
        )


@contextlib.contextmanager
def robots(noted: bool = False, policy: str = '', **parameters: Any) -> Iterator[Swarm]:
    """Three robots that may run the jobs that do nothing, started and agreed on a leader.

    noted: each writes down what becomes of a job (_measured_robot.py).
    policy: by which the leader gives out jobs; '' = as robots ship.
    """
    given = {
        'parts': ['coordinator'],
        'job_cage': 'none',  # no peer has one; what it costs is in docs/JOBS.md
        'job_slots': 1,
        'exec_allow': list(_job_client.PROGRAMS),
        'python_allow': list(_job_client.CALLABLES),
        **parameters,
    }
    with measured(ROBOTS, **given) as (field_of, swarm):
        swarm.policy = policy
        if noted:
            swarm.note_jobs()
        swarm.start_all()
        field_of.leader()
        field_of.wait(lambda: field_of.watcher.settled(swarm.names), 'all have caught up')
        yield Swarm(field_of)
