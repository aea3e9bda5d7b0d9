# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot that is measured from inside: the robot as it ships, with a load and clocks around it.

    python -m bench._measured_robot <arguments of a robot>

BENCH_CONTROL=<port>  takes orders on this loopback port, one line of JSON each:
                      {"clients": n, "seconds": s} keeps n small commands under way and answers
                      with the milliseconds that each took
BENCH_TRACE=<file>    appends lines of JSON [time_ns, what, took_ns, about] by the machine's
                      monotonic clock, so that the notes of several robots can be laid side by side
BENCH_JOBS=<file>     appends lines of JSON [time_ns, what, job], by the same clock: what the log
                      said of a job, when its process was asked for and when it ended
BENCH_POLICY=<policy> gives out jobs as core/jobs/allocation.py says of it; with ' at once' after
                      it, all of them without waiting for room

What is wrapped is listed in `POINTS`; a point that the product no longer has is left out.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from bench._policies import choose
from swarm_coordinator.core.events import Answer, Request
from swarm_coordinator.core.jobs.job import Job
from swarm_coordinator.core.replicated.command import ClearOverride
from swarm_coordinator.ros import robot
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.engine import Engine
from swarm_coordinator.ros.job_services import JobServices
from swarm_coordinator.runner.job_runner import JobRunner

POINTS = (
    ('swarm_coordinator.storage.log_store', 'LogStore', 'save'),
    ('swarm_coordinator.core.coordinator', 'Coordinator', 'handle'),
    ('swarm_coordinator.ros.transport', 'Transport', 'send_raft'),
    ('swarm_coordinator.ros.transport', 'Transport', '_on_raft'),
    ('swarm_coordinator.ros.transport', 'Transport', '_on_beacon'),
    ('swarm_coordinator.ros.views', 'Views', 'beacon'),
    ('swarm_coordinator.ros.clients', 'Clients', 'request'),
    ('swarm_coordinator.ros.clients', 'Clients', 'answered'),
    ('swarm_coordinator.ros.clients', 'Clients', '_complete'),
    ('swarm_coordinator.ros.coordinator_node', 'CoordinatorNode', '_role_changed'),
)
OWN_REQUESTS = 1 << 40  # numbers above this are the load's, below it the robot's clients'
EXPIRY_MS = 10_000


def main() -> int:
    if 'BENCH_TRACE' in os.environ:
        file = open(os.environ['BENCH_TRACE'], 'a', buffering=1)  # noqa: SIM115 (to the end)
        _wrap(Load, '_post', file.write)
        _wrap(Load, '_answered', file.write)
        for module, kind, name in POINTS:
            _wrap(getattr(importlib.import_module(module), kind, None), name, file.write)
    if 'BENCH_JOBS' in os.environ:
        # Written by several threads: each note is one write, and whole.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        _note_jobs(os.open(os.environ['BENCH_JOBS'], flags, 0o644))
    if 'BENCH_POLICY' in os.environ:
        choose(os.environ['BENCH_POLICY'])
    if 'BENCH_CONTROL' in os.environ:
        Load(int(os.environ['BENCH_CONTROL'])).start()
    return robot.main()


class Load:
    """Small commands posted to the coordinator's thread, as the robot's services post theirs.

    An answer is followed by the next command on the spot, on the coordinator's thread.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._clients: Clients | None = None
        self._posted_ns: dict[int, int] = {}
        self._taken_ns: list[int] = []
        self._number = OWN_REQUESTS
        self._until_ns = 0
        self._idle = threading.Event()

    def start(self) -> None:
        made, answered = Clients.__init__, Clients.answered

        def remember(clients: Clients, *given: Any) -> None:
            made(clients, *given)
            self._clients = clients

        def take(clients: Clients, answer: Answer) -> None:
            if answer.request_id < OWN_REQUESTS:
                answered(clients, answer)
            else:
                self._answered(answer)

        Clients.__init__ = remember  # type: ignore
        Clients.answered = take  # type: ignore
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with socket.create_server(('127.0.0.1', self._port)) as server:
            while True:
                with server.accept()[0] as link, link.makefile('rw') as file:
                    for line in file:
                        order = json.loads(line)
                        took = self._run(int(order['clients']), float(order['seconds']))
                        file.write(json.dumps(took) + '\n')
                        file.flush()

    def _run(self, clients: int, seconds: float) -> list[float]:
        self._taken_ns = []
        self._idle.clear()
        self._until_ns = time.monotonic_ns() + int(seconds * 1e9)
        for _ in range(clients):
            self._post()
        self._idle.wait(seconds + EXPIRY_MS / 1000)
        return [taken / 1e6 for taken in self._taken_ns]

    def _post(self) -> None:
        assert self._clients is not None and self._clients.engine is not None
        self._number += 1
        self._posted_ns[self._number] = time.monotonic_ns()
        command = ClearOverride('bench', 'measured')
        self._clients.engine.post(Request(self._number, command, EXPIRY_MS))

    def _answered(self, answer: Answer) -> None:
        now_ns = time.monotonic_ns()
        posted_ns = self._posted_ns.pop(answer.request_id)
        if answer.index:
            self._taken_ns.append(now_ns - posted_ns)
        if now_ns < self._until_ns:
            self._post()
        elif not self._posted_ns:
            self._idle.set()


def _note_jobs(file: int) -> None:
    def note(what: str, job_id: str) -> None:
        line = json.dumps([time.monotonic_ns(), what, job_id]) + '\n'
        os.write(file, line.encode())

    def before(owner: Any, name: str, say: Callable[..., None]) -> None:
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def noted(*given: Any, **named: Any) -> Any:
            say(*given, **named)
            return inner(*given, **named)

        setattr(owner, name, noted)

    before(Job, '__init__', lambda job, job_id, *_, **__: note('submitted', job_id))
    before(Job, 'move', lambda job, event, *_: note(event.value, job.job_id))
    before(JobRunner, 'start', lambda runner, start, *_: note('start', start.job_id))
    before(Engine, 'process_ended', lambda engine, end: note('end', end.job_id))
    before(JobServices, '_command', lambda *_: note('asked', ''))


def _wrap(owner: Any, name: str, write: Callable[[str], object]) -> None:
    inner = getattr(owner, name, None)
    if inner is None:
        return
    what = f'{owner.__name__}.{name}'

    @functools.wraps(inner)
    def traced(self: Any, *given: Any) -> Any:
        began_ns = time.monotonic_ns()
        try:
            return inner(self, *given)
        finally:
            took_ns = time.monotonic_ns() - began_ns
            write(json.dumps([began_ns, what, took_ns, _about(given)]) + '\n')

    setattr(owner, name, traced)


def _about(given: tuple[Any, ...]) -> str:
    """Enough of the arguments to tell one call from another."""
    one = given[0] if given else None
    if isinstance(one, (list, tuple)):
        return ' '.join(_about((item,)) for item in one)
    envelope = getattr(one, 'envelope', None)
    if envelope is not None:
        return f'{type(one).__name__}<{envelope.sender}'
    for field in ('message', 'command', 'request_id', 'role'):
        if hasattr(one, field):
            return f'{type(one).__name__}({_about((getattr(one, field),))})'
    return type(one).__name__ if not isinstance(one, int) else str(one)


if __name__ == '__main__':
    sys.exit(main())
