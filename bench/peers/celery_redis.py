# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Celery with Redis: three workers of one process each, acks_late, results in the same Redis.

`fsync`: Redis syncs every write to its append-only file before it answers; without, it keeps all
in memory. One Redis: nothing is replicated (its replication is asynchronous in any case).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Missing, free_ports
from bench.peers._queues import PEERS, Guarantees, Queue, python_with, wait_for_port

VERSION = '5.7.0'
INSTALL_REDIS = 'apt-get install redis-server'
VISIBILITY_S = 3600  # its default: when the job of a lost worker is given out again
FOLDER = Path('build/bench/redis')


def check() -> Path:
    """The interpreter. Raises Missing."""
    if shutil.which('redis-server') is None:
        raise Missing('Redis', INSTALL_REDIS)
    return python_with('celery', VERSION, "'celery[redis]'")


@dataclass
class Celery(Queue):
    fsync: bool = False
    visibility_s: int = VISIBILITY_S
    port: int = 0

    def start_servers(self) -> None:
        self.port = free_ports(1)[0]
        folder = FOLDER / str(self.port)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.run('redis', self.redis_command(), folder)
        wait_for_port(self.port)

    def redis_command(self) -> list[str]:
        command = ['redis-server', '--port', str(self.port), '--bind', '127.0.0.1', '--save', '']
        return command + (
            ['--appendonly', 'yes', '--appendfsync', 'always'] if self.fsync
            else ['--appendonly', 'no']
        )

    def worker_command(self, name: str) -> list[str]:
        return [str(check()), '-I', str(PEERS / '_celery_node.py'), 'worker', name,
                str(self.port), str(self.visibility_s)]

    def client_command(self) -> list[str]:
        return [str(check()), '-I', str(PEERS / '_celery_node.py'), 'client', str(self.port),
                str(self.visibility_s)]

    def close(self) -> None:
        super().close()
        shutil.rmtree(FOLDER / str(self.port), ignore_errors=True)


def celery(fsync: bool, visibility_s: int = VISIBILITY_S) -> Celery:
    durable = 'on one disk before it is taken' if fsync else 'in memory of one process'
    name = f'Celery, Redis {"fsync" if fsync else "no fsync"}'
    if visibility_s != VISIBILITY_S:
        name += f', visibility {visibility_s} s'
    return Celery(
        name,
        Guarantees(
            durable,
            'one copy',
            f'job of a lost worker back after {visibility_s} s, as is any that runs longer',
            'the last result overwrites',
        ),
        fsync=fsync,
        visibility_s=visibility_s,
    )


