# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Warm processes that call functions for `python` jobs: owns how many there are and their end.

Starting Python costs 20 ms and more, a call in a warm worker some tenths of one. The price: a call
shares its process with the calls before it. A worker that a call left something in (threads,
processes, too much memory) is therefore not used again, and one that was stopped is gone.

All of it runs on the thread of the loop.
"""

import contextlib
import json
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from swarm_coordinator.runner import sandbox
from swarm_coordinator.runner.environment import PROGRAM_PATH, own_environment
from swarm_coordinator.runner.executors.program_executor import Workshop
from swarm_coordinator.runner.job_run import Done, JobRun, Outcome, why
from swarm_coordinator.runner.limits import RunLimits
from swarm_coordinator.runner.process_group import STORAGE_MARK, ProcessGroup
from swarm_coordinator.runner.progress import Lines
from swarm_coordinator.runner.python_room import Room
from swarm_coordinator.runner.python_worker import PACKET_BYTES_MAX
from swarm_coordinator.runner.streams import PipeReader

# Of one worker. Bounds what slowly leaks: already setenv(3) of glibc keeps each value for ever,
# 0.7 KiB a call measured. More often would cost: a start takes as long as a hundred calls.
CALLS_MAX = 10_000
GROWTH_KB_MAX = 256 * 1024  # of a worker beyond its size at the start; chosen without data
START_AGAIN_S_MAX = 30.0  # between starts of workers that end before they are ready
ARGUMENTS_BYTES_MAX = 64 * 1024


@dataclass
class Call:
    """One job, waiting or running."""

    pool: 'PythonPool'
    run: JobRun
    name: str
    packet: bytes
    done: Done
    worker: 'Worker | None' = None

    def stop(self) -> None:
        self.pool.stop(self)


@dataclass
class PythonPool:
    workshop: Workshop
    allowed: tuple[str, ...]
    size: int
    limits: RunLimits
    ready: Callable[[tuple[str, ...], dict[str, str]], None]
    workers: list['Worker'] = field(default_factory=list)
    _waiting: 'deque[Call]' = field(default_factory=deque)
    _idle: list['Worker'] = field(default_factory=list)
    _numbers: int = 0
    _told: bool = False
    _problems: dict[str, str] = field(default_factory=dict)
    _failures: int = 0  # starts in a row that came to nothing
    _retrying: bool = False
    _closed: bool = False
    _opened: bool = False

    @property
    def living(self) -> int:
        return len(self.workers)

    def open(self) -> None:
        """Start the workers. Without functions to call there are none."""
        self._opened = bool(self.allowed)
        self.refill()

    def close(self) -> None:
        self._closed = True
        for worker in list(self.workers):
            worker.end()

    def begin(self, run: JobRun, name: str, arguments: str, done: Done) -> Call:
        """Raises ValueError for what is not allowed here."""
        if name not in self.allowed:
            allowed = ', '.join(sorted(self.allowed)) or 'nothing'
            raise ValueError(f'{name!r} is not on the allow-list: {allowed}')
        if len(arguments.encode('utf-8', 'surrogatepass')) > ARGUMENTS_BYTES_MAX:
            raise ValueError(f'arguments: expected at most {ARGUMENTS_BYTES_MAX} bytes of JSON')
        start = run.start
        head = {
            'job_id': start.job_id,
            'attempt': start.attempt,
            'token': start.token,
            'unit': start.unit,
            'folder': str(run.folder),
            'callable': name,
            'memory_bytes': run.limits.memory_bytes,
            'file_bytes': run.limits.file_bytes,
        }
        packet = f'{json.dumps(head)}\n{arguments}'.encode('utf-8', 'replace')
        if len(packet) > PACKET_BYTES_MAX:
            raise ValueError(f'arguments: {len(packet)} bytes with their head are too long')
        call = Call(self, run, name, packet, done)
        self._waiting.append(call)
        self._hand_out()
        if self._opened and not self.workers and not self._closed:
            self._start()  # the last time it could not be started; nobody waits for nothing
        return call

    def stop(self, call: Call) -> None:
        if call.worker is not None:
            call.worker.end()
        elif call in self._waiting:
            self._waiting.remove(call)
            call.done(Outcome(None, 'stopped before it began'))

    # ---- from the workers

    def worker_ready(self, worker: 'Worker', names: list[str], problems: dict[str, str]) -> None:
        self._failures, self._problems = 0, problems
        self._idle.append(worker)
        if not self._told:
            self._told = True
            for name, problem in problems.items():
                self.workshop.log.warning('python_allow: %s cannot be called: %s', name, problem)
            self.ready(tuple(names), problems)
        for old in [one for one in self._idle if one.worn]:
            self._idle.remove(old)
            old.end()
        self._hand_out()

    def worker_free(self, worker: 'Worker') -> None:
        if worker.worn and self.size_now > self.size:
            worker.end()  # its successor is there
            return
        if worker.worn and not any(one.starting for one in self.workers):
            self._start()
        self._idle.append(worker)
        self._hand_out()

    def worker_gone(self, worker: 'Worker') -> None:
        self.workers.remove(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.starting and not self._closed:
            self._failures += 1
            self.workshop.log.warning('a python worker ended before it was ready: %s', worker.fate)
            self._give_up_waiting(worker.fate)
        self.refill()

    # ---- its own

    @property
    def size_now(self) -> int:
        return sum(1 for one in self.workers if not one.ending)

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            call = self._waiting.popleft()
            if call.name in self._problems:
                problem = self._problems[call.name]
                call.done(Outcome(None, f'{call.name} cannot be called here: {problem}', '', True))
                continue
            self._idle.pop().begin(call)  # the one that is warmest

    def refill(self) -> None:
        if self._closed or not self._opened or self._retrying:
            return
        while self.size_now < self.size:
            if self._failures or not self._start():
                self._retrying = True
                delay_s = min(0.1 * 2 ** min(self._failures, 20), START_AGAIN_S_MAX)
                self.workshop.loop.later(delay_s, self._retry)
                return

    def _retry(self) -> None:
        self._retrying = False
        if not self._closed and self.size_now < self.size and not self._start():
            self.refill()

    def _start(self) -> bool:
        self._numbers += 1
        try:
            self.workers.append(Worker(self, self._numbers))
        except OSError as error:
            self._failures += 1
            self.workshop.log.warning('a python worker cannot be started: %s', error)
            self._give_up_waiting(str(error))
            return False
        return True

    def _give_up_waiting(self, problem: str) -> None:
        """Another robot may be able to; this one is not, for now."""
        if any(not one.ending and not one.starting for one in self.workers):
            return
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            outcome = Outcome(None, f'no python worker can be started: {problem}', unable=True)
            self.workshop.loop.call(partial(call.done, outcome))


class Worker:
    """One process. `starting` until it said hello, `ending` once it was told to."""

    def __init__(self, pool: PythonPool, number: int) -> None:
        self._pool = pool
        self.starting = True
        self.ending = False
        self.worn = False
        self.fate = ''
        self._call: Call | None = None
        self._outcome: Outcome | None = None
        self._calls = 0
        self._rss_kb = 0
        self._lines = Lines()
        self._words = b''
        workshop = pool.workshop
        name = f'SWARM_WORKER={number}'
        # Each call has limits of its own; these are for what is imported before.
        self._limits = replace(pool.limits, timeout_ms=0, memory_bytes=0)
        self._room = Room(workshop.cage, number)
        self._cgroup = workshop.group_for(f'python-{number}', self._limits)
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.setblocking(False)
        try:
            spawned = sandbox.spawn(
                [sys.executable, '-m', 'swarm_coordinator.runner.python_worker',
                 str(theirs.fileno()), *pool.allowed],
                Path('/'),
                {**own_environment(os.environ), **_environment(workshop, number)},
                self._limits,
                self._cgroup,
                self._room.cell,
                inherited=(theirs.fileno(),),
            )
        except OSError:
            self._link.close()
            self._room.close()
            raise
        finally:
            theirs.close()
        loop = workshop.loop
        self._readers = [
            PipeReader(loop, spawned.stdout, self._printed),
            PipeReader(loop, spawned.stderr, self._complained),
            PipeReader(loop, spawned.progress, self._progressed),
        ]
        loop.watch(self._link.fileno(), self._heard)
        marks = (f'{STORAGE_MARK}={workshop.mark}', name)
        self._group = ProcessGroup(
            loop, spawned.process, marks, self._cgroup, self._gone, link=spawned.link,
            uid=self._room.cell.own_uid,
        )

    def begin(self, call: Call) -> None:
        self._call, call.worker = call, self
        self._calls += 1
        self._limit(call.run.limits)
        call.run.begun(call.run)
        try:
            self._room.take_in(call.run)
            self._link.send(call.packet)
        except OSError:
            self.end()  # it has ended, or will not be spoken to

    def end(self) -> None:
        """Also what it calls; that call's end is told when nothing of it lives any more."""
        if not self.ending:
            self.ending = True
            self._group.end()
            self._pool.refill()

    def _limit(self, limits: RunLimits) -> None:
        """The others are set by the worker itself."""
        limits = replace(limits, timeout_ms=0, file_bytes=self._limits.file_bytes)
        if limits.memory_bytes:
            # What was imported is not the job's.
            more = limits.memory_bytes + self._rss_kb * 1024
            limits = replace(limits, memory_bytes=more)
        if self._cgroup is not None and limits != self._limits:
            self._limits = limits
            with contextlib.suppress(OSError):
                self._cgroup.limit(limits)

    # ---- what it says

    def _heard(self) -> None:
        try:
            packet = self._link.recv(PACKET_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            packet = b''
        if not packet:
            # Closed by a call, or by its end: of use no more.
            self._pool.workshop.loop.unwatch(self._link.fileno())
            self.end()
            return
        head, _, text = packet.partition(b'\n')
        try:
            self._understand(json.loads(head), text.decode('utf-8', 'replace'))
        except (ValueError, TypeError, KeyError) as error:
            # A call got hold of the socket.
            self._pool.workshop.log.warning('a python worker talks nonsense: %r', error)
            self.end()

    def _understand(self, said: dict[str, Any], text: str) -> None:
        if self.ending:
            return
        if self.starting:
            names, problems = list(said['hello']), dict(said['problems'])
            self.starting, self._rss_kb = False, int(said['rss_kb'])
            self._pool.worker_ready(self, names, problems)
            return
        self._ended(Outcome(int(said['end']), *_reason_and_result(said['end'], text)), said)

    def _ended(self, outcome: Outcome, said: dict[str, Any]) -> None:
        call = self._call
        if call is None:
            raise ValueError('the end of no call')
        for reader in self._readers:
            reader.drain()
        grown_kb = int(said['rss_kb']) - self._rss_kb
        if said['left']:
            # The call is over when what it left is gone.
            self._outcome = outcome
            self.end()
            return
        self._call = None
        self._forget()
        self._room.let_out(call.run)
        self.worn = self._calls >= CALLS_MAX or grown_kb > GROWTH_KB_MAX
        call.done(outcome)
        self._pool.worker_free(self)

    def _gone(self, code: int) -> None:
        self._pool.workshop.loop.unwatch(self._link.fileno())
        self._link.close()
        for reader in self._readers:
            reader.drain()
            reader.close()
        self.ending = True
        words = self._words.decode('utf-8', 'replace').strip()
        self.fate = why(code, words)
        call, self._call = self._call, None
        if call is not None:
            call.run.haunted = bool(self._group.stuck)
            self._room.let_out(call.run)
        if not self._group.stuck:
            self._room.close()
        self._pool.worker_gone(self)
        if call is not None:
            call.done(self._outcome or Outcome(code or 1, self._fate_of(call, code)))

    def _fate_of(self, call: Call, code: int) -> str:
        said = why(code, call.run.words())
        if self._cgroup is not None and self._cgroup.out_of_memory():
            said = f'beyond {call.run.limits.memory_bytes} bytes of memory; {said}'
        return f'the process of the call ended: {said}'

    # ---- what it prints

    def _forget(self) -> None:
        self._lines = Lines()

    def _printed(self, data: bytes) -> None:
        if self._call is not None:
            self._call.run.printed(data)

    def _complained(self, data: bytes) -> None:
        if self._call is not None:
            self._call.run.complained(data)
        else:
            self._words = (self._words + data)[-400:]

    def _progressed(self, data: bytes) -> None:
        if self._call is not None:
            self._call.run.said(self._lines.feed(data))


def _environment(workshop: Workshop, number: int) -> dict[str, str]:
    return {
        'PATH': PROGRAM_PATH,
        'LANG': 'C.UTF-8',
        'SWARM_WORKER': str(number),
        STORAGE_MARK: workshop.mark,
    }


def _reason_and_result(code: int, text: str) -> tuple[str, str]:
    return ('', text) if code == 0 else (text or f'exit code {code}', '')
