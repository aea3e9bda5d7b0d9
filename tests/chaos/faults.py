# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Makes the faults of the schedule, and undoes them.

Each kind is one method that returns what undoes it. Owns which robots are down or disturbed on
purpose; whoever ends by itself is started again, as an init system would (`revive`).
"""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from system.breakage import Clocks, fill, garble
from system.hosts import Hosts

from chaos.schedule import LEADER, Strike
from swarm_coordinator.core.identity.certificate import Role
from swarm_coordinator.security import robot_folder
from swarm_coordinator.security.authority import Authority
from swarm_coordinator.security.local_keys import AUTHORITY, DAYS

Undo = Callable[[], None]
GUEST, LIARS_HOST = 'guest', 'liars'
TOWER, LEARNER = 'tower', 'learner'
LIAR = 'mallory'
YEARS_NS = 2 * 366 * 86_400 * 10**9
THROTTLE_S = 0.1
REVIVE_S = 1.0
STARTED_S = 10.0  # on a busy machine
DEVICE_ROBOT = 'r1'
LIES_TOLD = 8  # so many kinds of lies, and one was of a kind that robots tell of
DRIVEN_S = 20.0  # by then a started robot has found its device


class Throttle:
    """Takes a share of the processor time of one process away."""

    def __init__(self, process: subprocess.Popen[bytes], percent: int) -> None:
        self._process, self._percent = process, percent
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        stopped_s = THROTTLE_S * self._percent / 100
        while not self._over.is_set() and self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)
            time.sleep(stopped_s)
            self._process.send_signal(signal.SIGCONT)
            self._over.wait(THROTTLE_S - stopped_s)

    def close(self) -> None:
        self._over.set()
        self._thread.join()


@dataclass
class Faults:
    """`plug` and `unplug` are of the device of one robot, where there is one."""

    hosts: Hosts
    clocks: Clocks
    chance: random.Random
    plug: Callable[[], None] = lambda: None
    unplug: Callable[[], None] = lambda: None
    down: set[str] = field(default_factory=set)  # on purpose: not to be revived
    disturbed: set[str] = field(default_factory=set)
    ended: list[tuple[str, int, str]] = field(default_factory=list)  # by themselves: name, code
    harmless: set[int] = field(default_factory=set)  # strikes that nobody need have noticed
    _began_s: dict[str, float] = field(default_factory=dict)
    _revive_s: dict[str, float] = field(default_factory=dict)

    def victims(self, strike: Strike) -> tuple[str, ...]:
        """The robots meant, with the leader of now by its name."""
        leads = self._leader()
        named = [one for one in strike.victims if one != LEADER]
        if LEADER in strike.victims:
            free = [one for one in self.hosts.names if one not in {*named, *self.disturbed}]
            named.insert(0, leads if leads in free else free[strike.number % len(free)])
        return tuple(named)

    def _leader(self) -> str:
        leading = [
            (one.beacon['term'], name) for name, one in self.hosts.observers.items()
            if one.fresh and one.beacon['leader'] == name
        ]
        return max(leading, default=(0, ''))[1]

    def strike(self, strike: Strike, victims: tuple[str, ...]) -> Undo:
        self.disturbed |= set(victims)
        now_s = time.monotonic()
        if any(now_s - self._began_s.get(name, 0.0) < STARTED_S for name in victims):
            self.harmless.add(strike.number)  # it was only just starting
        make = getattr(self, '_' + strike.kind.replace(' ', '_').replace('-', '_').lower())
        undo: Undo = make(strike, *victims)

        def undone() -> None:
            undo()
            self.disturbed.difference_update(victims)

        return undone

    # ---- processes

    def revive(self) -> None:
        """Start again what has ended by itself, after a moment."""
        swarm = self.hosts.swarm
        now_s = time.monotonic()
        for name in (*self.hosts.names, TOWER, LEARNER):
            process = swarm.processes.get(name)
            if process is not None and process.poll() is not None:
                del swarm.processes[name]
                self.ended.append((name, process.returncode, swarm.last_line(name)))
                self._revive_s[name] = now_s + REVIVE_S
            elif (
                process is None
                and name not in self.down
                and now_s >= self._revive_s.setdefault(name, 0.0)
            ):
                self._begin(name)

    def _begin(self, name: str) -> None:
        self.hosts.swarm.start(name)
        self._began_s[name] = time.monotonic()

    def _kill_one(self, name: str) -> None:
        self.down.add(name)
        if name in self.hosts.swarm.processes:
            self.hosts.swarm.kill(name)

    def _start(self, name: str) -> None:
        """If it is down, or has ended by itself."""
        self.down.discard(name)
        if name not in self.hosts.swarm.processes:
            self._begin(name)

    def _signal(self, name: str, number: int) -> None:
        if name in self.hosts.swarm.processes:
            with contextlib.suppress(ProcessLookupError):
                self.hosts.swarm.signal(name, number)

    def _kill(self, strike: Strike, name: str) -> Undo:
        self._kill_one(name)
        return lambda: self._start(name)

    def _kill_all(self, strike: Strike) -> Undo:
        for name in self.hosts.names:
            self._kill_one(name)

        def undo() -> None:
            for name in self.hosts.names:
                self._start(name)

        return undo

    def _pause(self, strike: Strike, name: str) -> Undo:
        self._signal(name, signal.SIGSTOP)
        return lambda: self._signal(name, signal.SIGCONT)

    def _slow_cpu(self, strike: Strike, name: str) -> Undo:
        process = self.hosts.swarm.processes.get(name)
        if strike.amount < 95:
            self.harmless.add(strike.number)
        return Throttle(process, strike.amount).close if process is not None else lambda: None

    def _tower_crash(self, strike: Strike) -> Undo:
        self._kill_one(TOWER)
        return lambda: self._start(TOWER)

    def _learner_crash(self, strike: Strike) -> Undo:
        self._kill_one(LEARNER)
        return lambda: self._start(LEARNER)

    # ---- the network: one of these at a time

    def _link_cut(self, strike: Strike, name: str) -> Undo:
        self.hosts.network.unplug(name)
        return self.hosts.network.heal

    def _deaf(self, strike: Strike, name: str) -> Undo:
        self.hosts.network.deafen(name)
        return self.hosts.network.heal

    def _mute(self, strike: Strike, name: str) -> Undo:
        self.hosts.network.mute(name)
        return self.hosts.network.heal

    def _split(self, strike: Strike, *names: str) -> Undo:
        rest = [name for name in self.hosts.network.names if name not in names]
        self.hosts.network.split(names, rest)
        return self.hosts.network.heal

    def _bridge(self, strike: Strike, middle: str) -> Undo:
        """Two sides that only one robot reaches both of."""
        rest = [name for name in self.hosts.network.names if name != middle]
        self.hosts.network.split(rest[::2], rest[1::2])
        return self.hosts.network.heal

    def _loss(self, strike: Strike) -> Undo:
        self.hosts.network.lose(strike.amount)
        return self.hosts.network.heal

    # ---- clocks and disks

    def _clock_step(self, strike: Strike, name: str) -> Undo:
        self.clocks.move(name, strike.amount * 10**9)
        return lambda: self.clocks.move(name, 0)

    def _disk_full(self, strike: Strike, name: str) -> Undo:
        path = fill(self.hosts.swarm.disk(name))
        process = self.hosts.swarm.processes.get(name)
        self.down.add(name)  # it ends by itself, and cannot start

        def undo() -> None:
            path.unlink()
            if process is None or process.poll() is None:
                self.harmless.add(strike.number)  # its files had room enough inside
            self._start(name)

        return undo

    def _disk_read_only(self, strike: Strike, name: str) -> Undo:
        """From a start on: what is open for writing keeps a file system writable."""
        swarm = self.hosts.swarm
        host, folder = self.hosts.network.hosts[name], str(swarm.storage(name))
        self._kill_one(name)
        host.run('mount', '-o', 'remount,ro', folder)
        swarm.start(name)

        def undo() -> None:
            host.run('mount', '-o', 'remount,rw', folder)
            self._start(name)

        return undo

    def _database_corrupt(self, strike: Strike, name: str) -> Undo:
        """It sets the log aside, and has no vote until the swarm has brought it up to date."""
        self._kill_one(name)
        for path in self.hosts.swarm.disk(name).glob('log.sqlite*'):
            garble(path)
        self._start(name)
        return lambda: None

    # ---- who belongs

    def _twin(self, strike: Strike, name: str) -> Undo:
        twin, swarm = f'twin{strike.number}', self.hosts.swarm
        swarm.own = {**swarm.own, twin: {'robot_id': name}}
        swarm.places = {**swarm.places, twin: GUEST}
        swarm.start(twin)

        def undo() -> None:
            process = swarm.processes.pop(twin)
            code = process.poll()
            self.ended.append((twin, -1 if code is None else code, swarm.last_line(twin)))
            process.kill()
            process.wait()

        return undo

    @property
    def _keys(self) -> Path:
        return self.hosts.swarm.folder / 'keys' / self.hosts.swarm.swarm_id

    def _key_revoked(self, strike: Strike, name: str) -> Undo:
        """One other robot is told; afterwards the operator gives it new keys."""
        swarm_id = self.hosts.swarm.swarm_id
        authority = Authority.open(self._keys / AUTHORITY)
        authority.revoke(name, time.time(), f'chaos {strike.number}')
        told = next(one for one in self.hosts.names if one != name)
        robot_folder.install(
            self._keys / told, authority.papers(), time.time(), robot_id=told)

        def undo() -> None:
            folder = self._keys / name
            robot_folder.install(folder, authority.papers(), time.time(), robot_id=name)
            asked = robot_folder.request(folder, swarm_id, name, new_keys=True)
            signed = authority.issue(asked, (Role.VOTER,), time.time(), DAYS, new_keys=True)
            robot_folder.install(folder, authority.papers(signed), time.time(), robot_id=name)

        return undo

    def _key_expired(self, strike: Strike, name: str) -> Undo:
        """By its own clock: all certificates have ended there."""
        self.clocks.move(name, YEARS_NS)
        return lambda: self.clocks.move(name, 0)

    def _liar(self, strike: Strike) -> Undo:
        swarm = self.hosts.swarm
        path = swarm.folder / 'liar.log'
        log = open(path, 'ab')  # noqa: SIM115
        before = log.tell()
        process = subprocess.Popen(
            self.hosts.network.hosts[LIARS_HOST].command(
                [sys.executable, '-m', 'chaos.liar', swarm.swarm_id, LIAR, str(self._keys),
                 str(strike.number)]
            ),
            env={**swarm.environment(), 'PYTHONPATH': ':'.join(sys.path)},
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )
        log.close()

        def undo() -> None:
            process.kill()
            process.wait()
            if path.read_bytes()[before:].count(b'lies: ') < LIES_TOLD:
                self.harmless.add(strike.number)  # it heard no leader to lie to, or late

        return undo

    # ---- hardware

    def _device_pulled(self, strike: Strike) -> Undo:
        runs_s = time.monotonic() - self._began_s.get(DEVICE_ROBOT, 0.0)
        if DEVICE_ROBOT not in self.hosts.swarm.processes or runs_s < DRIVEN_S:
            self.harmless.add(strike.number)  # not in use yet
        self.unplug()
        return self.plug
