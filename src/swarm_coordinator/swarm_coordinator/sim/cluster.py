# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A swarm of simulated robots and their clients on one network.

Owns how the parts are put together and which part performs which step of a schedule. Refuses to
know what steps there are in a run (scenario.py) and when a run is good (run.py).

    client NAME write|cas|read KEY VALUE ROBOT   begins at this robot
    lease, service                    see tenants.py
    job, emergency, mode, away, wish  see job_clients.py
    burst COUNT BYTES                 so many entries, of every robot that believes to lead
    member add|promote|demote|remove ROBOT       asked of the leader
    transfer ROBOT                    asked of the leader
    compact WHO
"""

from __future__ import annotations

from swarm_coordinator.core.raft import PROFILES, RobotId, TimingProfile
from swarm_coordinator.core.raft.membership import (
    AddNonVoter,
    Change,
    Demote,
    Promote,
    Remove,
)
from swarm_coordinator.sim.clients import Client, Histories
from swarm_coordinator.sim.faults import Faults
from swarm_coordinator.sim.job_side import JobSide
from swarm_coordinator.sim.linearizability import OperationKind
from swarm_coordinator.sim.machine import Machine
from swarm_coordinator.sim.network import Network
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.registers import Registers
from swarm_coordinator.sim.robot import SimulatedRobot
from swarm_coordinator.sim.schedule import Settings, Step
from swarm_coordinator.sim.services import Services
from swarm_coordinator.sim.session import Session
from swarm_coordinator.sim.tenants import Resources, Tenant
from swarm_coordinator.sim.timeline import MS, Timeline

MACHINES: dict[str, type[Machine]] = {'registers': Registers, 'services': Services}
OFTEN = ('client', 'lease', 'service', 'job')      # steps that say nothing of the course of a run


class Cluster:
    def __init__(self, settings: Settings, profile: TimingProfile | None = None) -> None:
        """profile: instead of the one that the settings name."""
        self.settings = settings
        profile = profile or PROFILES[settings.profile]
        self.timeline = Timeline()
        self.network = Network(self.timeline, str(settings.seed))
        founders = tuple(map(RobotId, settings.founders))
        self.observer = Observer(self.timeline, founders)
        self.robots: dict[RobotId, SimulatedRobot] = {}
        self.faults = Faults(
            settings.seed, founders, self.robots, self.network, self.timeline, self.observer,
            profile.tick_ms * MS,
        )
        self.jobs: JobSide | None = None
        if settings.workload == 'jobs':
            self.jobs = JobSide(
                settings, profile, self.timeline, self.network, self.observer, self.faults,
                self.robots,
            )
        else:
            self._make_robots(profile)
        for robot in self.robots.values():
            self.faults.watch(robot)
        self.network.connect({name: robot.receive for name, robot in self.robots.items()})
        self.histories = Histories()
        self.clients: dict[str, Client] = {}
        self.resources = Resources(self.observer.coverage)
        self.tenants = {
            name: Tenant(
                robot, settings.seed, self.timeline, self.robots, self.observer, self.resources
            )
            for name, robot in self.robots.items()
        }
        if settings.workload == 'services':
            self.observer.on_entry = self.resources.on_first_applied
        self.performed: dict[str, int] = {}
        self._verbs = {
            'transfer': self._transfer, 'compact': self._compact, **self.faults.verbs,
        }
        if self.jobs is not None:
            self._verbs |= self.jobs.clients.verbs
        else:
            self._verbs |= {
                'client': self._client, 'lease': self._lease, 'service': self._service,
                'burst': self._burst, 'member': self._member,
            }

    def _make_robots(self, profile: TimingProfile) -> None:
        for name in map(RobotId, self.settings.robots):
            self.robots[name] = SimulatedRobot(
                self.faults.new_disk(name), self.settings, profile, self.timeline, self.observer,
                self.network.send, MACHINES[self.settings.workload],
            )

    def plan(self, steps: tuple[Step, ...]) -> None:
        """Raises ValueError for a step that nobody performs, or that comes after healing."""
        for step in steps:
            if step.at_ms >= self.settings.length_ms:
                raise ValueError(f'{step}: expected a time below {self.settings.length_ms} ms')
            if step.verb not in self._verbs:
                raise ValueError(f'{step}: expected one of {", ".join(sorted(self._verbs))}')
            self.timeline.at(step.at_ms * MS, self.perform, step)

    def perform(self, step: Step) -> None:
        """A step that makes no sense any more, as the crash of a robot that is down, is none."""
        if self._verbs[step.verb](step.words):
            self.performed[step.verb] = self.performed.get(step.verb, 0) + 1
            if step.verb not in OFTEN:
                self.observer.note('-', f'{step.verb} {" ".join(step.words)}')

    def run_ms(self, duration_ms: int) -> None:
        self.timeline.run_until(self.timeline.now_us + duration_ms * MS)

    @property
    def leaders(self) -> list[SimulatedRobot]:
        """Those that believe they lead, newest term first."""
        leading = [robot for robot in self.robots.values() if robot.leads]
        return sorted(leading, key=lambda robot: -robot.core.term)

    def run_until_led(self, limit_ms: int, step_ms: int = 1) -> SimulatedRobot | None:
        for _ in range(limit_ms // step_ms):
            self.run_ms(step_ms)
            if leaders := [robot for robot in self.leaders if robot.is_running]:
                return leaders[0]
        return None

    # Steps that are no faults.

    def _client(self, words: tuple[str, ...]) -> bool:
        name, kind, key, value, robot = words
        client = self.clients.get(name)
        if client is None:
            client = self.clients[name] = Client(
                name, self.settings.seed, self.timeline, self.robots, self.observer,
                self.histories,
            )
        return client.begin(OperationKind(kind), key, int(value), RobotId(robot))

    def _lease(self, words: tuple[str, ...]) -> bool:
        return self.tenants[RobotId(words[0])].begin(words[1:])

    def _service(self, words: tuple[str, ...]) -> bool:
        return self.tenants[RobotId(words[0])].begin(('service', *words[1:]))

    @property
    def sessions(self) -> list[Session]:
        return [*self.clients.values(), *self.tenants.values()]

    def _burst(self, words: tuple[str, ...]) -> bool:
        count, size = map(int, words)
        batch = [b'fill %d %s' % (number, b'.' * size) for number in range(count)]
        leaders = self.leaders
        for leader in leaders:
            leader.propose_batch(batch)
        return bool(leaders)

    def _member(self, words: tuple[str, ...]) -> bool:
        what, name = words[0], RobotId(words[1])
        leader = self.faults.leader()
        if leader is None or name not in self.robots:
            return False
        changes: dict[str, Change] = {
            'add': AddNonVoter(name, self.robots[name].disk.storage_id),
            'promote': Promote(name), 'demote': Demote(name), 'remove': Remove(name),
        }
        if what in ('demote', 'remove') and not self.faults.may_go(name):
            return False    # an operator would see that too many of the others are gone
        leader.change(changes[what])
        return True

    def _transfer(self, words: tuple[str, ...]) -> bool:
        leader = self.faults.leader()
        if leader is None or words[0] == leader.name:
            return False
        leader.transfer_to(RobotId(words[0]))
        return True

    def _compact(self, words: tuple[str, ...]) -> bool:
        robot = self.faults.robot(words[0])
        if robot is None:
            return False
        robot.compact()
        return True
