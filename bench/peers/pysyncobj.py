# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""PySyncObj, the best-known Raft in Python: several processes on this machine.

It lives in a virtual environment of the measurements, never in the product's. Owns its processes;
each is driven through a loopback connection in lines of text (_pysyncobj_node.py). Its log is in
memory: with a journal file it writes to the disk, and syncs neither entries nor votes.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers import Missing, end, free_ports

VERSION = '0.3.14'
ENVIRONMENT = Path('build/bench/peers')
PYTHON = ENVIRONMENT / 'bin' / 'python'
NODE = Path(__file__).with_name('_pysyncobj_node.py')
INSTALL = (
    f'python3 -m venv {ENVIRONMENT} && {ENVIRONMENT}/bin/pip install pysyncobj=={VERSION}'
)


def check(python: Path = PYTHON) -> Path:
    """The interpreter that has it. Raises Missing."""
    if python.exists():
        code = f'from pysyncobj import version; assert version.VERSION == {VERSION!r}'
        if subprocess.run([python, '-I', '-c', code], capture_output=True).returncode == 0:
            return python
    raise Missing(f'PySyncObj {VERSION}', INSTALL)


@dataclass
class PySyncObj:
    """`count` nodes named n1, n2, ...; times in milliseconds."""

    count: int
    heartbeat_ms: int
    election_ms_min: int
    election_ms_max: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f'n{number}' for number in range(1, self.count + 1))

    def start_all(self) -> None:
        ports = free_ports(2 * self.count)
        self.ports = {
            name: (ports[2 * at], ports[2 * at + 1]) for at, name in enumerate(self.names)
        }
        for name in self.names:
            self.start(name)

    def start(self, name: str) -> None:
        control, own = self.ports[name]
        others = [f'127.0.0.1:{self.ports[one][1]}' for one in self.names if one != name]
        self.processes[name] = subprocess.Popen(
            [
                str(check()), '-I', str(NODE), str(control), f'127.0.0.1:{own}', ','.join(others),
                str(self.heartbeat_ms), str(self.election_ms_min), str(self.election_ms_max),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=sys.stderr,
        )

    def kill(self, name: str) -> None:
        end(self.processes.pop(name))

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)

    async def _ask(self, name: str, question: str) -> str:
        """The answer in one line; '' if there is none."""
        with suppress(OSError, EOFError):
            reader, writer = await asyncio.open_connection('127.0.0.1', self.ports[name][0])
            try:
                writer.write(question.encode() + b'\n')
                return (await reader.readline()).decode().strip()
            finally:
                writer.close()
        return ''

    async def put(self, name: str) -> bool:
        """One small write asked of this node: True when it is committed."""
        return await self._ask(name, 'put') == 'done'

    async def leader(self) -> str:
        """The leader that every node names, when all have the same log and are connected; else
        ''."""
        says = await asyncio.gather(*(self._ask(name, 'status') for name in self.processes))
        if len(says) < self.count or len(set(says)) != 1 or not says[0]:
            return ''
        address, _, connected = says[0].split(' ')
        if int(connected) < self.count - 1:
            return ''
        by_address = {f'127.0.0.1:{own}': name for name, (_, own) in self.ports.items()}
        return by_address.get(address, '')
