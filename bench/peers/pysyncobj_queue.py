# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""PySyncObj's replicated queue: three nodes that hold it and work on it.

It has no notion of a worker: who takes a job off the queue has it, and takes it along when it
dies. Its log is in memory (see pysyncobj.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.peers import free_ports
from bench.peers._queues import PEERS, Guarantees, Ordered, Queue, wait_for_port
from bench.peers.pysyncobj import check

__all__ = ['PySyncObjQueue', 'check', 'pysyncobj_queue']


@dataclass
class PySyncObjQueue(Queue):
    ports: dict[str, tuple[int, int]] = field(default_factory=dict)

    def start_servers(self) -> None:
        ports = free_ports(6)
        self.ports = {
            name: (ports[2 * at], ports[2 * at + 1]) for at, name in enumerate(self.workers)
        }

    def worker_command(self, name: str) -> list[str]:
        control, own = self.ports[name]
        others = [f'127.0.0.1:{self.ports[one][1]}' for one in self.workers if one != name]
        return [str(check()), '-I', str(PEERS / '_pysyncobj_worker.py'), 'worker', str(control),
                f'127.0.0.1:{own}', ','.join(others)]

    def client_command(self) -> list[str]:
        return [str(check()), '-I', str(PEERS / '_pysyncobj_worker.py'), 'client',
                str(self.ports[self.workers[0]][0])]

    def start(self, worker: str) -> None:
        super().start(worker)
        if self.client is not None and worker == self.workers[0]:
            self.client.close()  # it spoke to the one that was killed
            wait_for_port(self.ports[worker][0])
            self.client = Ordered(self.client_command(), self.log('client'))


def pysyncobj_queue() -> PySyncObjQueue:
    return PySyncObjQueue(
        'PySyncObj queue',
        Guarantees(
            'in memory of a majority',
            'three copies by Raft',
            'job of a lost worker is lost',
            'as many as are told',
        ),
    )
