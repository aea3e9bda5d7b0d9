# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One run: a swarm on its hosts, its load, the schedule of faults, the checks and the report."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fakes.gps import FakeGps
from fakes.pty_line import PtyLine
from system.breakage import Clocks, built_clock_shift
from system.hosts import DONE, Hosts, HostSwarm
from system.netns import Network

from chaos import checks
from chaos.evidence import Line, signs_of
from chaos.faults import DEVICE_ROBOT, GUEST, LEARNER, LIARS_HOST, TOWER, Faults, Undo
from chaos.load import Load
from chaos.report import Outcome, table
from chaos.schedule import Strike, schedule
from chaos.watch import Watch, Window
from swarm_coordinator.audit import audit, committed_history
from swarm_coordinator.local_swarm import robot_names

DISK_KB = 96 * 1024
STEP_S = 0.05
AFTER_S = 6.0  # how long outages are put down to a fault after its end
TOLD_S = 30.0  # what it leads to may be told so much later: robots start slowly under load
LOOK_S = 1.0
SETTLE_S = 120.0
PAGE = 500
OFFICE = 'office'
PARAMETERS = {
    'parts': ['coordinator'], 'exec_allow': ['true', 'sleep'], 'job_lease_ttl_ms': 3000,
}
HARDWARE = {'parts': ['coordinator', 'hw_discovery'], 'buses': ['platform', 'serial']}


class Device:
    """A receiver on a pseudo terminal, at a path that stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._line: PtyLine | None = None
        self.plug()

    def plug(self) -> None:
        if self._line is None:
            self._line = PtyLine(FakeGps(period_ms=500))
            self.path.symlink_to(self._line.path)

    def unplug(self) -> None:
        if self._line is not None:
            self.path.unlink()
            self._line.unplug()
            self._line = None


@dataclass
class Struck:
    strike: Strike
    victims: tuple[str, ...]
    undo: Undo | None
    window: Window
    marks: dict[str, int]  # where each log was when it struck
    heard: dict[str, int]  # how many events each observer had
    ends_s: float = 0.0
    signs: dict[str, str | None] = field(default_factory=dict)  # as signs_of
    told: bool = False  # all of them are there, or it is too late for them
    look_s: float = 0.0  # when to look for them again
    harmless: bool = False  # nobody need have noticed


@dataclass
class Report:
    seed: int
    seconds: float
    struck: list[Struck]
    complaints: list[str]
    accepted: int
    unknown: int
    tokens: int
    terms: int
    ended: list[tuple[str, int, str]]
    memory: str

    def outcomes(self) -> list[Outcome]:
        made = []
        for one in self.struck:
            lines, window = one.signs.values(), one.window
            made.append(Outcome(
                one.strike.kind, None if one.harmless or not lines else None not in lines,
                next((line for line in lines if line), ''),
                window.without_leader.longest_s, window.without_commit.longest_s, window.done,
            ))
        return made

    def __str__(self) -> str:
        words = [
            table(self.outcomes()), '',
            f'seed {self.seed}: {len(self.struck)} faults in {self.seconds:.0f} s, '
            f'{self.accepted} jobs accepted and done, {self.unknown} without an answer, '
            f'{self.tokens} leases, {self.terms} terms led, {len(self.ended)} processes ended by '
            f'themselves; {self.memory}',
        ]
        return '\n'.join([*words, *(f'NOT IN ORDER: {one}' for one in self.complaints)])


class Run:
    def __init__(self, hosts: Hosts, faults: Faults, load: Load, plan: Sequence[Strike]) -> None:
        self.hosts, self.faults, self.load, self.plan = hosts, faults, load, list(plan)
        self.watch = Watch(hosts)
        self.struck: list[Struck] = []
        self.complaints: list[str] = []
        self._done, self._began_s = 0, time.monotonic()

    # ---- while faults strike

    def go(self, length_s: float) -> None:
        self._began_s = began_s = time.monotonic()
        waiting = list(self.plan)
        while (at_s := time.monotonic() - began_s) < length_s + AFTER_S:
            while waiting and waiting[0].at_ms <= at_s * 1000:
                self._strike(waiting.pop(0), began_s)
            for one in self.struck:
                if one.undo is not None and at_s >= one.ends_s:
                    one.undo()
                    one.undo = None
                self._follow_up(one, at_s)
            self.step()

    def _follow_up(self, one: Struck, at_s: float) -> None:
        over_s = at_s - one.ends_s
        if over_s >= AFTER_S and one.window in self.watch.windows:
            self.watch.close(one.window)
        if over_s >= 0 and not one.told and at_s >= one.look_s:
            one.signs = signs_of(
                one.strike.kind, one.victims, one.strike.lasts_ms, self._lines(one))
            one.harmless = one.strike.number in self.faults.harmless
            one.told = one.harmless or None not in one.signs.values() or over_s >= TOLD_S
            one.look_s = at_s + LOOK_S

    def step(self, submit: bool = True) -> None:
        self.faults.revive()
        self.load.step(submit)
        newly, self._done = len(self.load.done) - self._done, len(self.load.done)
        self.watch.step(newly)
        with self.hosts.news:
            self.hosts.news.wait(STEP_S)

    def _strike(self, strike: Strike, began_s: float) -> None:
        victims = self.faults.victims(strike)
        print(f'{strike}  ->  {" ".join(victims)}', flush=True)
        marks = {name: size_of(path) for name, path in self._logs().items()}
        heard = {name: len(one.events) for name, one in self.hosts.observers.items()}
        undo = self.faults.strike(strike, victims)
        ends_s = time.monotonic() - began_s + strike.lasts_ms / 1000
        self.struck.append(
            Struck(strike, victims, undo, self.watch.open(), marks, heard, ends_s))

    def _logs(self) -> dict[str, Path]:
        folder = self.hosts.swarm.folder
        return {path.stem: path for path in folder.glob('*.log') if 'observer' not in path.name}

    def _lines(self, one: Struck) -> Iterator[Line]:
        for name, path in sorted(self._logs().items()):
            with open(path, 'rb') as file:
                file.seek(one.marks.get(name, 0))
                for text in file.read().decode(errors='replace').splitlines():
                    yield Line(name, text)
        for name, observer in sorted(self.hosts.observers.items()):
            for event in observer.events[one.heard[name]:]:
                yield Line(name, f'{event["kind"]} {event["subject"]} {event["text"]}')

    # ---- afterwards

    def settle(self) -> None:
        """Everything is whole again: what was accepted gets done."""
        self.hosts.network.heal()
        end_s = time.monotonic() + SETTLE_S
        while not all(one.told for one in self.struck):
            for one in self.struck:
                self._follow_up(one, time.monotonic() - self._began_s)
            self.step(submit=False)
        while self.load.open or self.load.waits:
            if time.monotonic() > end_s:
                self.complaints.append(
                    f'{len(self.load.open)} accepted jobs not done after {SETTLE_S:.0f} s: '
                    f'{self.load.open[:5]}')
                break
            self.step(submit=False)
        for job, why in self.load.ended_otherwise.items():
            self.complaints.append(f'{job} was accepted and ended without success: {why}')
        self.hosts.ready()

    def check(self) -> None:
        names, hosts = self.hosts.names, self.hosts
        self.complaints += checks.lost(
            self.load.accepted, {name: self._done_at(name) for name in names})
        self.complaints += checks.one_leader(hosts.leaders_by_term())
        self.complaints += checks.told_once(self.load.tokens)
        self.complaints += checks.crashed(self.faults.ended)
        completions, logs = {}, {}
        hosts.caught_up()
        for name in names:
            with hosts.swarm.kept(name) as folder:
                found, history = audit(folder), committed_history(folder)
            completions[name], logs[name] = found.accepted, list(history.entries)
            if history.snapshot is None:
                held = checks.holdings(history.entries)
                self.complaints += [f'{name}: {one}' for one in checks.exclusive(held)]
                self.complaints += [
                    f'{name}: {one}' for one in checks.spoken_for(history.entries)]
        self.complaints += checks.accepted_twice(completions)
        self.complaints += checks.one_history(logs)
        self.complaints += checks.flat(self.watch.uses)
        for one in self.struck:
            self.complaints += [
                f'nobody said {sign!r} of: {one.strike} ({" ".join(one.victims)})'
                for sign, line in one.signs.items() if line is None and not one.harmless
            ]

    def _done_at(self, name: str) -> list[str]:
        done, accepted = [], list(self.load.accepted)
        for at in range(0, len(accepted), PAGE):
            answer = self.hosts.call(
                name, 'list_jobs', 20.0, job_ids=accepted[at:at + PAGE], limit=PAGE)
            done += [job['job_id'] for job in answer['jobs'] if job['phase'] == DONE]
        return done

    def memory(self) -> str:
        lives = [
            [use for use in life if use.at_s - life[0].at_s >= checks.WARM_UP_S]
            for life in self.watch.uses.values()
        ]
        if not any(lives):
            return 'no process lived long enough to be measured'
        lives = [life for life in lives if life]
        last = max(lives, key=lambda life: life[-1].at_s - life[0].at_s)
        return (
            f'longest life {last[-1].at_s - last[0].at_s:.0f} s: '
            f'{last[0].resident_kb // 1024} to {last[-1].resident_kb // 1024} MiB, '
            f'{last[0].descriptors} to {last[-1].descriptors} descriptors'
        )


def size_of(path: Path) -> int:
    return path.stat().st_size


def chaos(
    folder: Path, seed: int, seconds: float, robots: int = 5, kinds: Sequence[str] = ()
) -> Report:
    names = robot_names(robots)
    plan = schedule(seed, int(seconds * 1000), names, kinds)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network((*names, GUEST, LIARS_HOST, OFFICE)))
        run = _made(stack, folder, network, names, seed, plan)
        run.hosts.swarm.start_all()
        run.hosts.ready()
        for name in (TOWER, LEARNER):
            run.hosts.swarm.start(name)
        run.go(seconds)
        try:
            run.settle()
            run.check()
        except AssertionError as error:  # of what is waited for: the rest is told all the same
            run.complaints.append(str(error))
        return Report(
            seed, seconds, run.struck, run.complaints, len(run.load.accepted), run.load.unknown,
            len(run.load.tokens), len(run.hosts.leaders_by_term()), run.faults.ended,
            run.memory(),
        )


def _made(
    stack: contextlib.ExitStack, folder: Path, network: Network, names: tuple[str, ...],
    seed: int, plan: Sequence[Strike],
) -> Run:
    clocks = Clocks(built_clock_shift(folder), folder, names)
    clocks.reset()
    device = Device(folder / 'ttyGPS')
    stack.callback(device.unplug)
    aside = {'voters': None, 'exec_allow': None, 'job_lease_ttl_ms': None, 'storage_dir': None}
    own = {
        TOWER: {**aside, 'parts': ['tower'], 'tower_port': 8080,
                'tower_tokens': str(folder / 'tokens.json')},
        LEARNER: {**aside, 'parts': ['learning']},
        DEVICE_ROBOT: {
            **HARDWARE, 'serial_ports': [str(device.path)],
            'declared_devices': [f'{device.path}=gps'],
        },
    }
    swarm = HostSwarm(
        folder / 'swarm', names, PARAMETERS, own, swarm_id='chaos', network=network,
        places={TOWER: OFFICE, LEARNER: OFFICE}, variables=clocks.variables(),
    )
    # Shared memory waits by the wall clock: after it was set back a local client is deaf.
    swarm.transports = 'UDPv4'
    for name in names:
        network.hosts[name].disk(swarm.storage(name), DISK_KB)
    hosts = stack.enter_context(Hosts(stack.enter_context(swarm), network))
    faults = Faults(hosts, clocks, random.Random(seed + 1), device.plug, device.unplug)
    return Run(hosts, faults, Load(hosts, random.Random(seed + 2)), plan)
