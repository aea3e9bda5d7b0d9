# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One run: a swarm on this machine, its load, kills of the leader now and then, the verdict."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chaos.watch import use_of

from soak import verdict
from soak.load import PROGRAMS, Load
from soak.log_follower import LogFollower
from soak.report import MIB, bounds, table
from soak.verdict import TENTHS, Moment, Quota, Tenth
from swarm_coordinator.audit import histories_agree
from swarm_coordinator.cli.client import SwarmClient, Unavailable
from swarm_coordinator.local_swarm import LocalSwarm, robot_names
from swarm_coordinator.ros.watcher import Watcher
from swarm_coordinator.storage.faults import StorageFault

TOWER = 'tower'
LEADER_S = 30.0
SETTLE_S = 120.0
DOWN_S = 3.0
STEP_S = 0.05
BLOCK_BYTES = 512  # of st_blocks
USE_S = 5.0
DISK_S = 15.0
FOLLOW_S = 20.0
KILL_S_MIN, KILL_S_MAX = 90.0, 1800.0
# Small, so that every quota is reached within minutes and not within days.
STORE_MB, JOB_LOG_MB, RING_MB, KEPT_MB = 32, 8, 32, 8
# 16 MiB of entries or 10,000 of them, what is kept behind a snapshot, the snapshot, sqlite's own.
LOG_MB = 64
LEARNT_MB = 64
# Files come and go while they are looked at: up to 1.2 % beyond their quota was seen, unexplained.
QUOTAS = (
    Quota('log', LOG_MB * MIB), Quota('files', STORE_MB * MIB * 102 // 100),
    Quota('job output', JOB_LOG_MB * MIB), Quota('recorder', (RING_MB + KEPT_MB) * MIB),
    Quota('learned', LEARNT_MB * MIB),
)


class Beats(Watcher):
    """Also measures the time between beacons, by the clock of who sends them: how late this
    process hears them does not count."""

    def __init__(self, client: SwarmClient, swarm_id: str) -> None:
        super().__init__(client.node, swarm_id)
        self.periods_ms: dict[str, list[int]] = {}

    def _on_beacon(self, message: Any) -> None:
        before = self.heard.get(message.envelope.sender)
        super()._on_beacon(message)
        if before is not None and list(before.beacon.session_id) == list(message.session_id):
            passed = message.uptime_ms - before.beacon.uptime_ms
            self.periods_ms.setdefault(message.envelope.sender, []).append(passed)


@dataclass
class Report:
    """`measured`: what the verdict is of, as plain JSON."""

    text: str
    complaints: list[str]
    measured: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = [self.text, *(f'NOT IN ORDER: {one}' for one in self.complaints)]
        return '\n'.join([*words, 'in order' if not self.complaints else 'not in order'])


@dataclass
class Run:
    swarm: LocalSwarm
    client: SwarmClient
    length_s: float
    per_s: float
    lives: dict[tuple[str, int], list[Moment]] = field(default_factory=dict)
    tenths: list[Tenth] = field(default_factory=lambda: [Tenth() for _ in range(TENTHS)])
    complaints: list[str] = field(default_factory=list)
    ended_at_s: float = 0.0
    stopped: bool = False  # by Ctrl-C

    def __post_init__(self) -> None:
        self.beats = Beats(self.client, self.swarm.swarm_id)
        self.load = Load(
            self.client, self.beats, self.swarm.folder, random.Random(1), self.per_s)
        self.log = LogFollower()
        self._next: dict[str, float] = {}
        self._back: dict[str, float] = {}  # killed robots, and when they start again
        self._killed: tuple[int, float] | None = None  # the term that was ended, and when
        self._kill_s = min(KILL_S_MAX, max(KILL_S_MIN, self.length_s / 6))
        self._began_s = time.monotonic()

    @property
    def now_s(self) -> float:
        return time.monotonic() - self._began_s

    @property
    def tenth(self) -> Tenth:
        return self.tenths[min(TENTHS - 1, int(self.now_s / self.length_s * TENTHS))]

    @property
    def running(self) -> list[str]:
        return [name for name in self.swarm.names if name in self.swarm.processes]

    # ---- while it works

    def go(self) -> None:
        names = self.swarm.names
        if not self.client.spin_until(lambda: self.beats.settled(names), LEADER_S):
            raise Unavailable(f'no leader after {LEADER_S:.0f} s; see {self.swarm.folder}/*.log')
        self._began_s = time.monotonic()
        self._next['kill'] = self._kill_s
        told = 0
        while self.now_s < self.length_s and not self.stopped:
            self.step()
            if (tenth := int(self.now_s / self.length_s * TENTHS)) > told:
                told = tenth
                print(f'{tenth * 10} %: {self.load.done} jobs done and verified', flush=True)
        self.ended_at_s = self.now_s

    def step(self, submit: bool = True) -> None:
        done = self.load.done
        self.client.spin_until(lambda: False, STEP_S)
        self.load.step(self.running, submit)
        tenth = self.tenth
        tenth.done += self.load.done - done
        for name, periods in self.beats.periods_ms.items():
            tenth.periods_ms.setdefault(name, []).extend(periods)
            periods.clear()
        self._every('use', USE_S, self._measure)
        self._every('disk', DISK_S, self._measure_disks)
        self._every('follow', FOLLOW_S, self._follow)
        self._mind_failover()
        if submit:
            self._every('kill', self._kill_s, self._kill_leader)
        self._mind_ends()

    def _every(self, what: str, period_s: float, do: Any) -> None:
        if self.now_s >= self._next.get(what, 0.0) and do() is not False:
            self._next[what] = self.now_s + period_s

    def _measure(self) -> None:
        for name, process in self.swarm.processes.items():
            with contextlib.suppress(OSError, ValueError):  # it has just ended
                use = use_of(process.pid, self.now_s)
                self.lives.setdefault((name, process.pid), []).append(
                    Moment(use.at_s, use.resident_kb, use.descriptors, use.threads))

    def _measure_disks(self) -> None:
        disk = self.tenth.disk
        for name in self.swarm.names:
            for part, taken in parts_of(self.swarm.storage(name)).items():
                disk[part] = max(disk.get(part, 0), taken)
        recorded = size_below(self.swarm.folder / 'recorder')
        disk['recorder'] = max(disk.get('recorder', 0), recorded)

    def _follow(self) -> None:
        for name in self.running:
            try:
                self.log.follow(self.swarm.storage(name))
                return
            except (StorageFault, OSError) as error:  # compacted while it was read: the next one
                print(f'log of {name} not read now: {error}', flush=True)

    def _kill_leader(self) -> bool:
        """False: not now, a swarm that is not whole may not lose another robot."""
        if self._back or self._killed or not self.beats.settled(self.swarm.names):
            return False
        leader = self.beats.agreed_leader(self.swarm.names)
        if not leader:
            return False
        self._killed = self.beats.heard[leader].beacon.term, time.monotonic()
        self.swarm.kill(leader)
        self._back[leader] = time.monotonic() + DOWN_S
        return True

    def _mind_failover(self) -> None:
        if self._killed is not None:
            term, at_s = self._killed
            if self.beats.agreed_leader(tuple(self.running), above_term=term):
                self.tenth.failovers_ms.append(round((time.monotonic() - at_s) * 1000))
                self._killed = None
        for name, when_s in list(self._back.items()):
            if time.monotonic() >= when_s:
                del self._back[name]
                self.swarm.start(name)

    def _mind_ends(self) -> None:
        for name, process in list(self.swarm.processes.items()):
            if not self.stopped and process.poll() is not None:
                self.complaints.append(
                    f'{name} ended with code {process.returncode}: {self.swarm.last_line(name)}')
                del self.swarm.processes[name]
                self._back[name] = time.monotonic() + DOWN_S

    # ---- afterwards

    def settle(self) -> None:
        """What was accepted gets done, and everybody has the same log."""
        end_s = self.now_s + SETTLE_S
        while self.load.orders or self._back or not self.beats.caught_up(self.swarm.names):
            if self.now_s > end_s:
                self.complaints.append(
                    f'not at rest {SETTLE_S:.0f} s after the last job: {len(self.load.orders)} '
                    'jobs are open')
                return
            self.step(submit=False)

    def report(self) -> Report:
        for name in self.running:  # a disk learns of the last commits when its robot ends
            self.swarm.stop(name)
        for name in self.swarm.names:
            with contextlib.suppress(StorageFault, OSError):
                self.log.follow(self.swarm.storage(name))
        grown = verdict.growths(self.lives, self.ended_at_s)
        jobs = len(self.log.completions)
        complaints = [*self.complaints, *self.load.refused, *self.log.gaps]
        complaints += verdict.flat(grown, jobs) + verdict.measured(grown, self.swarm.names)
        complaints += verdict.within(self.tenths, QUOTAS) + verdict.punctual(self.tenths)
        completions = dict(self.log.completions)
        if self.stopped:  # what was under way is no complaint
            under_way = {order.job_id for order in self.load.orders.values()}
            outcomes = {job: what for job, what in self.load.outcomes.items()
                        if job not in under_way}
        else:
            outcomes = self.load.outcomes
            if (differ := histories_agree(map(self.swarm.storage, self.swarm.names))) is not None:
                complaints.append(differ)
        complaints += verdict.kept(outcomes, completions)
        parts = [quota.part for quota in QUOTAS]
        kills = sum(len(tenth.failovers_ms) for tenth in self.tenths)
        text = '\n'.join([
            table(self.tenths, self.lives, self.length_s, parts), '',
            bounds(grown, jobs, QUOTAS),
            f'{self.ended_at_s / 60:.1f} minutes{" until Ctrl-C" if self.stopped else ""}: '
            f'{self.load.done} jobs with files done and verified, {jobs} completions in '
            f'{self.log.entries} entries of the log, {self.log.late} came too late and were '
            f'refused, {self.load.asked_again} asked again, {kills} leaders killed',
        ])
        measured = {
            'hours': self.ended_at_s / 3600, 'tenths': [asdict(tenth) for tenth in self.tenths],
            'lives': {f'{name} {pid}': [asdict(one) for one in life]
                      for (name, pid), life in self.lives.items()},
        }
        return Report(text, complaints, measured)


def size_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob('*') if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # gone meanwhile
            if path.is_file():
                state = path.stat()  # of a fetch that was begun, most may be a hole
                total += min(state.st_size, state.st_blocks * BLOCK_BYTES)
    return total


def parts_of(storage: Path) -> dict[str, int]:
    """What a robot's folder takes, by what it is for."""
    taken = dict.fromkeys(('log', 'files', 'job output', 'learned'), 0)
    for path in storage.iterdir() if storage.is_dir() else ():
        if path.name.startswith('log.sqlite'):
            with contextlib.suppress(OSError):
                taken['log'] += path.stat().st_size
        elif path.name in ('blobs', 'partial'):
            taken['files'] += size_below(path)
        elif path.name == 'jobs':
            continue  # what runs now: each file has its own limit (job_file_mb_max)
        elif path.name == 'logs':
            taken['job output'] += size_below(path)
        else:
            taken['learned'] += size_below(path) if path.is_dir() else path.stat().st_size
    return taken


def swarm_of(folder: Path, robots: int) -> LocalSwarm:
    parameters: dict[str, Any] = {
        'exec_allow': list(PROGRAMS), 'storage_quota_mb': STORE_MB, 'job_log_mb_max': JOB_LOG_MB,
    }
    own = {TOWER: {
        'parts': ['tower'], 'tower_port': 0, 'tower_tokens': str(folder / 'tokens.json'),
        'recorder_dir': str(folder / 'recorder'), 'recorder_ring_mb': RING_MB,
        'recorder_kept_mb': KEPT_MB, 'voters': None, 'storage_dir': None,
        **dict.fromkeys(parameters),
    }}
    return LocalSwarm(folder, robot_names(robots), parameters, own, swarm_id='soak')


def soak(folder: Path, hours: float, robots: int = 3, per_s: float = 2.0) -> Report:
    """Ctrl-C ends it with the verdict so far. Raises Unavailable."""
    shutil.rmtree(folder, ignore_errors=True)
    with swarm_of(folder, robots) as swarm:
        swarm.start(TOWER)
        swarm.start_all()
        with SwarmClient(swarm.names[0], name='soak') as client:
            run = Run(swarm, client, hours * 3600, per_s)

            def stop(number: int, frame: object) -> None:
                run.stopped = True

            before = signal.signal(signal.SIGINT, stop)
            try:
                run.go()
                if not run.stopped:
                    run.settle()
            finally:
                signal.signal(signal.SIGINT, before)
            return run.report()
