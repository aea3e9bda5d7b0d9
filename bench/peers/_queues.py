# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the job systems of the peers have in common: processes that are started, killed and
counted, and a client process that obeys orders (_job_orders.py)."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from bench.peers import Missing

ENVIRONMENT = Path('build/bench/peers').resolve()
PYTHON = ENVIRONMENT / 'bin' / 'python'
PEERS = Path(__file__).parent
LOGS = Path('build/bench/peer_logs')  # what they say; most of it is noise of their endings
START_S = 60.0


def python_with(package: str, version: str, requirement: str, python: Path = PYTHON) -> Path:
    """The interpreter that has this version of it. Raises Missing."""
    if python.exists():
        code = f'import {package}; assert {package}.__version__ == {version!r}'
        if subprocess.run([python, '-I', '-c', code], capture_output=True).returncode == 0:
            return python
    folder = os.path.relpath(ENVIRONMENT)
    raise Missing(
        f'{package} {version}',
        f'python3 -m venv {folder} && {folder}/bin/pip install {requirement}=={version}',
    )
ANSWER_S_MAX = 120.0  # many times what the slowest takes


@dataclass(frozen=True)
class Guarantees:
    """What a job system promises about a job it has taken. Words for the table."""

    durable: str  # when the submitter is told, where is the job
    replicated: str
    lost_worker: str  # when its job comes back
    results: str  # how many accepted

    def __str__(self) -> str:
        return '; '.join((self.durable, self.replicated, self.lost_worker, self.results))


def end_all(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for it and all below it, and wait until they are gone."""
    family = _family(process.pid)
    for one in family:
        _kill(one)
    process.wait()
    psutil.wait_procs(family, timeout=5)


def _family(pid: int) -> list[psutil.Process]:
    try:
        mother = psutil.Process(pid)
        return [mother, *mother.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time of these processes and those below them."""
    total = 0.0
    for pid in pids:
        for one in _family(pid):
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


def _appended(log: Path) -> IO[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    return open(log, 'ab')


class Ordered:
    """A client process that obeys orders on its standard input."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = log
        with _appended(log) as said:
            self.process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
                env=dict(environment) if environment else None,
            )
        self._answer()

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b'\n')
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        """Raises TimeoutError: a job system that lost a job would never answer."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], ANSWER_S_MAX)[0]:
            raise TimeoutError(f'no answer within {ANSWER_S_MAX:.0f} s: see {self._log}')
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f'the client ended with {self.process.wait()}: see {self._log}')
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        end_all(self.process)


@dataclass
class Queue:
    """A job system with three workers and one client. A subclass says how they are started."""

    name: str
    guarantees: Guarantees
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    client: Ordered | None = None

    @property
    def workers(self) -> tuple[str, ...]:
        return ('w1', 'w2', 'w3')

    def start_servers(self) -> None:
        """Whatever is there before the workers."""

    def worker_command(self, name: str) -> list[str]:
        raise NotImplementedError

    def client_command(self) -> list[str]:
        raise NotImplementedError

    def start_all(self) -> None:
        self.start_servers()
        for name in self.workers:
            self.start(name)
        self.client = Ordered(self.client_command(), self.log('client'))

    def log(self, name: str) -> Path:
        words = self.name.replace(',', '').split()
        return LOGS / '_'.join([*words, f'{name}.log'])

    def start(self, worker: str) -> None:
        self.run(worker, self.worker_command(worker))

    def run(self, name: str, command: list[str], cwd: Path | None = None) -> None:
        with _appended(self.log(name)) as said:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=cwd,
                start_new_session=True,
            )

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.client is not None
        return self.client.ask(**order)

    def settle(self) -> None:
        """Wait until a job goes through, as after a start."""
        self.ask(do='one', count=5)

    def worker_of(self, pid: int) -> str:
        """Which worker a process belongs to."""
        for name in self.workers:
            if any(one.pid == pid for one in _family(self.processes[name].pid)):
                return name
        raise LookupError(f'process {pid} is of no worker of {self.name}')

    def label_of(self, worker: str) -> str:
        """Under which name its re-run is noted."""
        return self.name

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        mine = [*self.processes.values(), *([self.client.process] if self.client else [])]
        for process in mine:
            for one in _family(process.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.send_signal(number)

    def kill(self, worker: str) -> None:
        end_all(self.processes.pop(worker))

    def cpu_s(self) -> float:
        """Of all but the client."""
        return cpu_s(process.pid for process in self.processes.values())

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        for process in self.processes.values():
            end_all(process)
        self.processes.clear()


def wait_for_port(port: int) -> None:
    """Until somebody listens on it. Raises TimeoutError."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        with socket.socket() as link:
            if link.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f'nobody listens on port {port} after {START_S:.0f} s')
