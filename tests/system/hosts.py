# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A swarm with one robot on each host, and an observer beside each robot.

Owns robots, observers and what must hold whatever was done to them; the network is netns.py's.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from system.netns import Network

from swarm_coordinator.audit import audit
from swarm_coordinator.local_swarm import LocalSwarm

# What robots use in the field. Over UDP alone a full send buffer would hold up observers too.
TRANSPORTS = 'DEFAULT?non_blocking=true'
OBSERVER = Path(__file__).with_name('observer.py')
WAIT_S = 40.0  # only an upper limit; long for machines that do much else
FRESH_S = 1.0
LEADER, NON_VOTER = 3, 4
ACCEPTED, REFUSED, UNAVAILABLE = 0, 1, 2
DONE = 3
LED = re.compile(r'\bleader of term (\d+)\b')


class Quiet(AssertionError):
    """A robot did not answer."""


@dataclass
class HostSwarm(LocalSwarm):
    """Robots in the namespaces of `network`: each on the host of its name unless `places` says
    otherwise; `variables` are for the environment of a robot and of what else runs beside it."""

    network: Network = None  # type: ignore[assignment]
    places: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __enter__(self) -> HostSwarm:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self  # the environment of this process stays: it takes no part

    transports = TRANSPORTS

    def dds_environment(self) -> dict[str, str]:
        return {
            **super().dds_environment(),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET',
            'FASTDDS_BUILTIN_TRANSPORTS': self.transports,
        }

    def host_of(self, robot: str) -> str:
        return self.places.get(robot, robot)

    def arguments(self, name: str) -> list[str]:
        return self.beside(name, super().arguments(name))

    def beside(self, name: str, command: Sequence[str]) -> list[str]:
        """`command` on the host of this robot."""
        extra = [f'{key}={value}' for key, value in self.variables.get(name, {}).items()]
        return self.network.hosts[self.host_of(name)].command(['env', *extra, *command])

    def disk(self, name: str) -> Path:
        """The storage folder as this process sees it. sqlite cannot open files through it."""
        return self.network.hosts[self.host_of(name)].path(self.storage(name))

    @contextlib.contextmanager
    def kept(self, name: str) -> Iterator[Path]:
        """A copy of what is on a robot's disk at one moment."""
        process = self.processes.get(name)
        with tempfile.TemporaryDirectory() as folder:
            if process is not None:
                process.send_signal(signal.SIGSTOP)
            try:
                for path in self.disk(name).glob('log.sqlite*'):
                    if not path.name.endswith('-shm'):  # of processes, not of the content
                        shutil.copy(path, folder)
            finally:
                if process is not None:
                    process.send_signal(signal.SIGCONT)
            yield Path(folder)


class Observer:
    """What is heard and answered on one host. `news` is notified at every line."""

    def __init__(self, swarm: HostSwarm, robot: str, host: str, news: threading.Condition) -> None:
        self.robot, self.host = robot, host
        self.beacon: dict[str, Any] = {}
        self.heard_s = 0.0
        self.heard: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.topics: dict[str, list[dict[str, Any]]] = {}
        self.ready = False
        self._answers: dict[int, dict[str, Any] | None] = {}
        self._numbers = 0
        self._news = news
        environment = {
            **swarm.environment(), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'
        }
        self._log = open(swarm.folder / f'observer_{host}.log', 'ab')  # noqa: SIM115
        self._process = subprocess.Popen(
            swarm.beside(robot, [sys.executable, str(OBSERVER), swarm.swarm_id]),
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            with self._news:
                self._take(line)
                self._news.notify_all()

    def _take(self, line: dict[str, Any]) -> None:
        if 'beacon' in line:
            sender = line['beacon']['envelope']['sender']
            self.heard[sender] = line['beacon']
            if sender == self.robot:
                self.beacon, self.heard_s = line['beacon'], time.monotonic()
        elif 'event' in line:
            self.events.append(line['event'])
        elif 'topic' in line:
            self.topics.setdefault(line['topic'], []).append(line['message'])
        elif 'id' in line:
            self._answers[line['id']] = line.get('answer')
        else:
            self.ready = True

    @property
    def fresh(self) -> bool:
        return time.monotonic() - self.heard_s < FRESH_S

    def _say(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + '\n')
        self._process.stdin.flush()

    def listen(self, topic: str, kind: str) -> None:
        self._say(listen=topic, kind=kind)

    def ask(self, service: str, within_s: float, once: bool, **request: Any) -> Answering:
        """A request that is on its way when this returns; repeated unless `once`."""
        with self._news:
            self._numbers += 1
            number = self._numbers
        self._say(
            id=number, service=f'/{self.robot}/{service}', request=request, within_s=within_s,
            once=once,
        )
        return Answering(self, service, number, within_s)

    def answered(self, number: int) -> bool:
        return number in self._answers

    def answer(self, number: int) -> dict[str, Any] | None:
        return self._answers[number]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()


@dataclass(frozen=True)
class Answering:
    observer: Observer
    service: str
    number: int
    within_s: float

    @property
    def here(self) -> bool:
        return self.observer.answered(self.number)

    def wait(self) -> dict[str, Any]:
        """The answer. Raises Quiet."""
        news = self.observer._news
        with news:
            news.wait_for(lambda: self.here, self.within_s + 5.0)
            answer = self.observer.answer(self.number) if self.here else None
        if answer is None:
            raise Quiet(
                f'{self.observer.robot} did not answer {self.service} in {self.within_s:.0f} s'
            )
        return answer


@dataclass
class Hosts:
    """A watched swarm on its network. A context manager."""

    swarm: HostSwarm
    network: Network
    observers: dict[str, Observer] = field(default_factory=dict)
    news: threading.Condition = field(default_factory=threading.Condition)

    @property
    def names(self) -> tuple[str, ...]:
        return self.swarm.names

    def __enter__(self) -> Hosts:
        for name in self.names:
            self.observers[name] = Observer(self.swarm, name, self.swarm.host_of(name), self.news)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for observer in self.observers.values():
            observer.close()

    # ---- waiting

    def until(self, done: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> None:
        """Wait for `done()`, looked at whenever something is heard; not yet where a robot that it
        asks is quiet."""
        end_s = time.monotonic() + timeout_s
        quiet: list[Quiet] = []

        def is_done() -> bool:
            try:
                return bool(done())
            except Quiet as error:
                quiet[:] = [error]
                return False

        while not is_done():
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                said = f'not within {timeout_s:.0f} s: {what}\n{self.last_words()}'
                raise AssertionError(said) from next(iter(quiet), None)
            with self.news:
                self.news.wait(min(left_s, 0.5))

    def last_words(self) -> str:
        said = []
        for name, one in self.observers.items():
            keys = ('role', 'term', 'leader', 'last_index', 'commit_index', 'applied_index')
            seen = {key: one.beacon.get(key) for key in keys}
            path = self.swarm.log_path(name)
            lines = path.read_text(errors='replace').splitlines()[-12:] if path.exists() else []
            said.append(f'--- {name} fresh={one.fresh} {seen}\n' + '\n'.join(lines))
        return '\n'.join(said)

    def passes(self, robot: str, ms: int) -> None:
        """Until this robot has lived through so much more time, by its own word."""
        began = self.beacon(robot)['uptime_ms']
        self.until(
            lambda: self.beacon(robot)['uptime_ms'] >= began + ms, f'{ms} ms pass for {robot}',
            WAIT_S + ms / 1000,
        )

    def ends(self, name: str, timeout_s: float = WAIT_S) -> int:
        """Wait until this process has ended by itself; returns its exit code."""
        process = self.swarm.processes[name]
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f'{name} did not end within {timeout_s:.0f} s\n{self.last_words()}'
            ) from None
        return self.swarm.processes.pop(name).returncode

    def check_alive(self, names: Sequence[str]) -> None:
        """Raises at once where nothing more is to be expected."""
        for name in names:
            process = self.swarm.processes.get(name)
            if process is None or process.poll() is not None:
                code = 'not started' if process is None else f'exit code {process.returncode}'
                raise AssertionError(f'{name} does not run: {code}\n{self.last_words()}')

    def said(self, name: str, text: str) -> bool:
        return text in self.swarm.log_path(name).read_text(errors='replace')

    # ---- what robots say of themselves

    def beacon(self, robot: str) -> dict[str, Any]:
        return self.observers[robot].beacon

    def term(self, robot: str) -> int:
        return int(self.beacon(robot)['term'])

    def agreed(self, names: Sequence[str], above_term: int = 0) -> str:
        """The leader that all of `names` name in one term above this; '' if none."""
        if not all(self.observers[name].fresh for name in names):
            return ''
        seen = {(self.beacon(name)['term'], self.beacon(name)['leader']) for name in names}
        if len(seen) != 1:
            return ''
        term, leader = seen.pop()
        return str(leader) if term > above_term else ''

    def leader(
        self, names: Sequence[str] = (), above_term: int = 0, timeout_s: float = WAIT_S
    ) -> str:
        """Wait until all of `names` (default: every robot) name one leader; return it."""
        found: list[str] = []

        def agree() -> bool:
            self.check_alive(names or self.names)
            found[:] = [self.agreed(names or self.names, above_term)]
            return bool(found[0])

        self.until(agree, f'{names or self.names} agree, above term {above_term}', timeout_s)
        return found[0]

    def caught_up(self, names: Sequence[str] = ()) -> None:
        """Wait until all have applied what any of them knows to be committed."""
        names = names or self.names

        def same() -> bool:
            beacons = [self.beacon(name) for name in names]
            if not all(self.observers[name].fresh for name in names):
                return False
            target = max(beacon['commit_index'] for beacon in beacons)
            return all(beacon['applied_index'] >= target for beacon in beacons)

        self.until(same, f'{names} have caught up')

    def ready(self, names: Sequence[str] = (), above_term: int = 0) -> str:
        """Wait for a leader under which all are registered in their present lives, healthy, and
        their votes count; return it."""
        names = names or self.names
        leader = self.leader(names, above_term)

        def healthy() -> bool:
            nonlocal leader
            leader = self.agreed(names, above_term)
            if not leader:
                return False
            state = self.status(leader)['state']
            lives = {
                one['robot_id']: one['incarnation'] for one in state['robots'] if not one['phase']
            }
            return (
                set(names) <= lives.keys()
                and not {*names} & {*state['awaited_voter_ids']}
                and all(self.status(name)['incarnation'] == lives[name] for name in names)
            )

        self.until(healthy, f'{names} are registered and healthy')
        self.caught_up(names)
        return leader

    def phases(self, robot: str, phase: int) -> set[str]:
        """Robots that are in this phase as `robot` has applied it."""
        robots = self.status(robot)['state']['robots']
        return {one['robot_id'] for one in robots if one['phase'] == phase}

    # ---- asking

    def ask(
        self, robot: str, service: str, within_s: float = 10.0, once: bool = False, **request: Any
    ) -> Answering:
        return self.observers[robot].ask(service, within_s, once, **request)

    def call(
        self, robot: str, service: str, within_s: float = 10.0, once: bool = False, **request: Any
    ) -> dict[str, Any]:
        try:
            return self.ask(robot, service, within_s, once, **request).wait()
        except Quiet as error:
            raise Quiet(f'{error}\n{self.last_words()}') from None

    def status(self, robot: str) -> dict[str, Any]:
        return self.call(robot, 'status')

    def submitting(
        self, robot: str, argv: Sequence[str], expiry_ms: int = 10_000, **spec: Any
    ) -> Answering:
        return self.ask(
            robot, 'submit_job', expiry_ms / 1000 + 5.0,
            spec={'kind': 'exec', 'exec': [{'argv': list(argv)}], **spec},
            idempotency_key=uuid.uuid4().hex,
            expiry_ms=expiry_ms,
        )

    def submit(self, robot: str, argv: Sequence[str] = ('true',), **spec: Any) -> str:
        answer = self.submitting(robot, argv, **spec).wait()
        assert answer['code'] == ACCEPTED, f'{answer["reason"]}\n{self.last_words()}'
        return str(answer['job_id'])

    def jobs(self, robot: str) -> dict[str, dict[str, Any]]:
        answer = self.call(robot, 'list_jobs', limit=1000)
        return {job['job_id']: job for job in answer['jobs']}

    def job_reaches(
        self, robot: str, jobs: Sequence[str], phase: int, timeout_s: float = 30.0
    ) -> dict[str, dict[str, Any]]:
        """Wait until these jobs are at least in this phase as `robot` has applied it."""
        seen: dict[str, dict[str, Any]] = {}
        looked_at = -1

        def there() -> bool:
            nonlocal looked_at
            applied = self.beacon(robot)['applied_index']
            if applied != looked_at:  # nothing changes without an entry
                looked_at = applied
                seen.update(self.jobs(robot))
            return all(job in seen and seen[job]['phase'] >= phase for job in jobs)

        self.until(there, f'{jobs} reach phase {phase} at {robot}', timeout_s)
        return {job: seen[job] for job in jobs}

    def works(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """A job submitted at each of these robots is done; returns them."""
        asked = [self.submitting(name, ['true']) for name in names]
        answers = [one.wait() for one in asked]
        assert all(answer['code'] == ACCEPTED for answer in answers), answers
        done = self.job_reaches(names[0], [answer['job_id'] for answer in answers], DONE)
        assert {job['phase'] for job in done.values()} == {DONE}
        return done

    # ---- what must hold, whatever happened

    def leaders_by_term(self) -> dict[int, set[str]]:
        """Who said of itself that it leads, by term."""
        led: dict[int, set[str]] = {}
        for name in self.names:
            for term in LED.findall(self.swarm.log_path(name).read_text(errors='replace')):
                led.setdefault(int(term), set()).add(name)
        return led

    def assert_promises(self, names: Sequence[str] = ()) -> None:
        """One history, no job accepted twice, one leader in a term."""
        names = names or self.names
        self.caught_up(names)
        logs = []
        for name in names:
            with self.swarm.kept(name) as folder:
                found = audit(folder)
            assert found.accepted_twice == 0, name
            logs.append(found.entries)
        shortest = min(map(len, logs))
        assert shortest > 0
        for name, log in zip(names, logs, strict=True):
            assert log[:shortest] == logs[0][:shortest], f'{name} and {names[0]} differ'
        led = self.leaders_by_term()
        assert led and all(len(robots) == 1 for robots in led.values()), led


class Lasting:
    """One swarm for many tests: `healthy()` gives it with every robot running and agreed; made
    anew after `discard()`, which is for a test that may have left it broken."""

    def __init__(self, make: Callable[[contextlib.ExitStack, int], Hosts]) -> None:
        self._make = make
        self._stack = contextlib.ExitStack()
        self._count = 0
        self._hosts: Hosts | None = None

    def healthy(self) -> Hosts:
        if self._hosts is None:
            self._count += 1
            self._hosts = self._make(self._stack, self._count)
        hosts = self._hosts
        for name in hosts.names:
            if name not in hosts.swarm.processes:
                hosts.swarm.start(name)
        hosts.ready()
        return hosts

    def discard(self) -> None:
        self._hosts = None
        self._stack.close()

    @contextlib.contextmanager
    def lent(self) -> Iterator[Hosts]:
        """Afterwards the network is healed and what must hold is checked."""
        hosts = self.healthy()
        try:
            yield hosts
            hosts.network.heal()
            self.healthy()
            hosts.assert_promises()
        except BaseException:
            self.discard()
            raise
