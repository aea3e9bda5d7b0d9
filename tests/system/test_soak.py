# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Faults by chance for as long as one likes; asked for with `-m soak`.

SWARM_SOAK_S    seconds of faults (600)
SWARM_SOAK_SEED makes the same sequence of faults again (by default another one each time); what
                the robots make of it depends on the machine's timing too
"""

import contextlib
import itertools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from system.hosts import ACCEPTED, DONE, Answering, Hosts, HostSwarm, Quiet
from system.netns import Network, why_not

from swarm_coordinator.local_swarm import robot_names

NAMES = robot_names(5)
PARAMETERS = {
    'parts': ['coordinator'], 'exec_allow': ['true', 'sleep'], 'job_lease_ttl_ms': 3000
}
FAULT_MS = (500, 6000)
REST_MS = (200, 3000)
EXPIRY_MS = 5000
ATTEMPTS_MAX = 20  # a job may be unlucky many times in here
CHECKED_TOGETHER = 300  # jobs; robots do not remember all jobs for ever

WHY_NOT = why_not()
pytestmark = [pytest.mark.soak, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


@dataclass
class Client:
    """Submits without rest at robots by chance, and remembers what was confirmed."""

    hosts: Hosts
    chance: random.Random
    asked: list[Answering] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    checked: int = 0
    unknown: int = 0

    def submit(self) -> None:
        robot = self.chance.choice([n for n in NAMES if n in self.hosts.swarm.processes])
        seconds = self.chance.choice(['0', '0.5', '2'])
        self.asked.append(
            self.hosts.submitting(
                robot, ['sleep', seconds], EXPIRY_MS, attempts_max=ATTEMPTS_MAX
            )
        )

    def collect(self) -> None:
        for one in [one for one in self.asked if one.here]:
            self.asked.remove(one)
            answer = one.observer.answer(one.number)
            if answer is not None and answer['code'] == ACCEPTED:
                self.confirmed.append(answer['job_id'])
            else:
                self.unknown += 1

    def check(self) -> None:
        """What was confirmed is done, and every robot knows it. The network has to be whole."""
        leader = self.hosts.ready()
        for one in self.asked:
            with contextlib.suppress(Quiet):
                one.wait()
        self.collect()
        done = self.hosts.job_reaches(leader, self.confirmed, DONE, timeout_s=120)
        assert {job['phase'] for job in done.values()} <= {DONE}
        self.hosts.caught_up()
        for name in NAMES:
            assert set(self.confirmed) <= set(self.hosts.jobs(name)), f'lost at {name}'
        self.checked += len(self.confirmed)
        self.confirmed.clear()


class Nemesis:
    """One fault at a time, undone after a while."""

    def __init__(self, hosts: Hosts, chance: random.Random) -> None:
        self._hosts, self._chance = hosts, chance
        self._network, self._swarm = hosts.network, hosts.swarm
        self.struck: Counter[str] = Counter()
        self.kinds: dict[str, Callable[[], Callable[[], Any]]] = {
            'unplug': self._unplug, 'deafen': self._deafen, 'mute': self._mute,
            'split': self._split, 'bridge': self._bridge, 'lose': self._lose,
            'pause': self._pause, 'kill': self._kill, 'kill_all': self._kill_all,
        }

    def strike(self, kind: str) -> Callable[[], Any]:
        """Returns what undoes it."""
        self.struck[kind] += 1
        return self.kinds[kind]()

    def _one(self) -> str:
        """The leader in half of all cases, where there is one."""
        leaders = [name for name in NAMES if self._hosts.beacon(name).get('role') == 3]
        return self._chance.choice(leaders if leaders and self._chance.random() < 0.5 else NAMES)

    def _some(self) -> list[str]:
        return self._chance.sample(NAMES, self._chance.choice([2, 3]))

    def _unplug(self) -> Callable[[], Any]:
        self._network.unplug(self._one())
        return self._network.heal

    def _deafen(self) -> Callable[[], Any]:
        self._network.deafen(self._one())
        return self._network.heal

    def _mute(self) -> Callable[[], Any]:
        self._network.mute(self._one())
        return self._network.heal

    def _split(self) -> Callable[[], Any]:
        side = self._some()
        self._network.split(side, [name for name in NAMES if name not in side])
        return self._network.heal

    def _bridge(self) -> Callable[[], Any]:
        """Two sides that only one robot reaches both of."""
        middle = self._one()
        rest = [name for name in NAMES if name != middle]
        self._network.split(rest[:2], rest[2:])
        return self._network.heal

    def _lose(self) -> Callable[[], Any]:
        self._network.lose(self._chance.choice([5, 20, 40]))
        return self._network.heal

    def _pause(self) -> Callable[[], Any]:
        names = self._some() if self._chance.random() < 0.3 else [self._one()]
        for name in names:
            self._swarm.signal(name, signal.SIGSTOP)
        return lambda: [self._swarm.signal(name, signal.SIGCONT) for name in names]

    def _kill(self) -> Callable[[], Any]:
        name = self._one()
        self._swarm.kill(name)
        return lambda: self._swarm.start(name)

    def _kill_all(self) -> Callable[[], Any]:
        for name in NAMES:
            self._swarm.kill(name)
        return lambda: None if self._swarm.processes else self._swarm.start_all()


def wait(hosts: Hosts, client: Client, ms: int) -> None:
    """Let time pass; the client goes on."""
    end_s = time.monotonic() + ms / 1000
    for number in itertools.count():
        client.collect()
        if time.monotonic() >= end_s:
            return
        if number % 10 == 0 and len(client.asked) < 10 and hosts.swarm.processes:
            client.submit()
        with hosts.news:
            hosts.news.wait(0.05)


def strike_for(seconds: float, client: Client, nemesis: Nemesis, chance: random.Random) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        undo = nemesis.strike(chance.choice(list(nemesis.kinds)))
        wait(client.hosts, client, chance.randint(*FAULT_MS))
        undo()
        wait(client.hosts, client, chance.randint(*REST_MS))
        if len(client.confirmed) >= CHECKED_TOGETHER:
            client.check()


def test_swarm_under_faults_by_chance_loses_nothing_that_it_confirmed(tmp_path: Path) -> None:
    seconds = float(os.environ.get('SWARM_SOAK_S', '600'))
    seed = int(os.environ.get('SWARM_SOAK_SEED', '') or random.randrange(1 << 32))
    print(f'SWARM_SOAK_SEED={seed}')
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network(NAMES))
        swarm = HostSwarm(tmp_path / 'swarm', NAMES, PARAMETERS, swarm_id='test', network=network)
        hosts = stack.enter_context(Hosts(stack.enter_context(swarm), network))
        swarm.start_all()
        hosts.ready()
        chance = random.Random(seed)
        client, nemesis = Client(hosts, random.Random(seed + 1)), Nemesis(hosts, chance)
        strike_for(seconds, client, nemesis, chance)
        client.check()
        hosts.assert_promises()
        print(
            f'faults {dict(nemesis.struck)}, {client.checked} jobs confirmed and done, '
            f'{client.unknown} not confirmed, {len(hosts.leaders_by_term())} terms led'
        )
