# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""etcd (Debian's etcd-server): several members on this machine, asked through their JSON gateway.

Owns its processes and folders. The gateway is a proxy inside each member that turns HTTP/1.1 and
JSON into gRPC: it costs etcd a little that its own Go client would not.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.peers import Missing, end, free_ports

PROGRAM = 'etcd'
INSTALL = 'apt-get install etcd-server'
ANSWER_BYTES_MAX = 1 << 20


def check() -> str:
    """The program. Raises Missing."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise Missing('etcd', INSTALL)
    return program


def version() -> str:
    said = subprocess.run([check(), '--version'], capture_output=True, text=True, check=True)
    return said.stdout.partition('\n')[0].rpartition(' ')[2]


class Connection:
    """One HTTP/1.1 connection that is kept. Raises OSError and EOFError when it breaks."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection('127.0.0.1', self._port)
        self._writer.write(
            b'POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s'
            % (path.encode(), len(body), body)
        )
        head = await self._reader.readuntil(b'\r\n\r\n')
        status = int(head[9:12])
        fields = dict(
            line.lower().split(b': ', 1) for line in head.split(b'\r\n')[1:] if b': ' in line
        )
        if b'content-length' in fields:
            return status, await self._reader.readexactly(int(fields[b'content-length']))
        return status, await self._chunks(self._reader)

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        body = b''
        while True:
            size = int(await reader.readline(), 16)
            body += (await reader.readexactly(size + 2))[:size]
            if not size or len(body) > ANSWER_BYTES_MAX:
                return body

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = self._reader = None


def put_body(key: str, value: str) -> bytes:
    def packed(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return json.dumps({'key': packed(key), 'value': packed(value)}).encode()


@dataclass
class Etcd:
    """`count` members named n1, n2, ...; every write is synced to the disk, which is its default.

    etcd draws its election timeouts from `election_ms` to twice that.
    """

    folder: Path
    count: int
    heartbeat_ms: int
    election_ms: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f'n{number}' for number in range(1, self.count + 1))

    def start_all(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        ports = free_ports(2 * self.count)
        self.ports = {
            name: (ports[2 * at], ports[2 * at + 1]) for at, name in enumerate(self.names)
        }
        for name in self.names:
            self.start(name)

    def arguments(self, name: str) -> list[str]:
        client, peer = (f'http://127.0.0.1:{port}' for port in self.ports[name])
        members = ','.join(
            f'{one}=http://127.0.0.1:{self.ports[one][1]}' for one in self.names
        )
        return [
            check(), '--name', name, '--data-dir', str(self.folder / name),
            '--listen-client-urls', client, '--advertise-client-urls', client,
            '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer,
            '--initial-cluster', members, '--initial-cluster-token', 'bench',
            '--heartbeat-interval', str(self.heartbeat_ms),
            '--election-timeout', str(self.election_ms),
            '--log-level', 'error', '--logger', 'zap',
        ]

    def start(self, name: str) -> None:
        with open(self.folder / f'{name}.log', 'ab') as log:
            self.processes[name] = subprocess.Popen(
                self.arguments(name), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        end(self.processes.pop(name))

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _ask(self, name: str, path: str, body: bytes) -> Mapping[str, Any] | None:
        """The answer, None if there is none or it is an error."""
        connection = Connection(self.ports[name][0])
        with suppress(OSError, EOFError, ValueError, asyncio.IncompleteReadError):
            status, answer = await connection.post(path, body)
            connection.close()
            return json.loads(answer) if status == 200 else None
        connection.close()
        return None

    async def put(self, name: str) -> bool:
        """One small write asked of this member: True when it is committed."""
        return await self._ask(name, '/v3/kv/put', put_body('bench', name)) is not None

    async def leader(self) -> str:
        """The leader that every running member names, when all have the same log; else ''."""
        says = await asyncio.gather(
            *(self._ask(name, '/v3/maintenance/status', b'{}') for name in self.processes)
        )
        if len(says) < self.count or any(one is None for one in says):
            return ''
        answers = [one for one in says if one is not None]
        leaders = {one.get('leader', '0') for one in answers}
        indexes = {one.get('raftAppliedIndex') for one in answers}
        if len(leaders) != 1 or len(indexes) != 1 or leaders == {'0'}:
            return ''
        leader = leaders.pop()
        by_id = {
            one['header']['member_id']: name
            for name, one in zip(self.processes, answers, strict=True)
        }
        return by_id.get(leader, '')
