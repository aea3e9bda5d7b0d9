# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Dask distributed: one scheduler and three workers of one thread each, no nannies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.peers import free_ports
from bench.peers._queues import PEERS, Guarantees, Queue, python_with, wait_for_port

VERSION = '2026.8.0'


def check() -> Path:
    """The interpreter. Raises Missing."""
    return python_with('distributed', VERSION, 'distributed')


@dataclass
class Dask(Queue):
    port: int = 0

    @property
    def address(self) -> str:
        return f'tcp://127.0.0.1:{self.port}'

    def start_servers(self) -> None:
        self.port = free_ports(1)[0]
        self.run('scheduler', [
            *self._command('scheduler'), '--host', '127.0.0.1', '--port', str(self.port),
            '--no-dashboard', '--no-show',
        ])
        wait_for_port(self.port)

    def _command(self, what: str) -> list[str]:
        return [str(check()), '-I', '-m', 'distributed.cli.dask_' + what]

    def worker_command(self, name: str) -> list[str]:
        return [*self._command('worker'), self.address, '--nthreads', '1', '--no-nanny',
                '--no-dashboard', '--host', '127.0.0.1', '--name', f'{name}',
                '--local-directory', 'build/bench/dask']

    def client_command(self) -> list[str]:
        return [str(check()), '-I', str(PEERS / '_dask_node.py'), self.address]


def dask() -> Dask:
    return Dask(
        'Dask distributed',
        Guarantees(
            'in memory of the scheduler',
            'one copy, lost with it',
            'job of a lost worker back when its connection breaks',
            'results in memory of workers, made again when lost',
        ),
    )
