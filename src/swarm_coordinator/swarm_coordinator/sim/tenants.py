# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Users of leases and of the registry of services, one at every robot, and the resources they
fight for.

Owns what a user believes to hold and what a resource has seen. Refuses to know the log. A user
that was asleep acts late on purpose: the resource has to refuse it.

    lease ROBOT acquire RESOURCE TTL_MS WAIT_MS
    lease ROBOT renew|release|cancel|use RESOURCE
    service ROBOT NAME TTL_MS
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swarm_coordinator.core.raft import Entry, RobotId
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    CancelWait,
    Command,
    ExpireDue,
    ExtendLeases,
    Issued,
    LeaveSwarm,
    MarkRobot,
    RegisterRobot,
    RegisterService,
    ReleaseLease,
    RenewLease,
    encode,
)
from swarm_coordinator.sim.coverage import Coverage, Situation
from swarm_coordinator.sim.machine import Machine
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.promises import PromiseBroken
from swarm_coordinator.sim.robot import SimulatedRobot
from swarm_coordinator.sim.services import Services
from swarm_coordinator.sim.session import Session
from swarm_coordinator.sim.timeline import Timeline

OF_ROBOTS = (MarkRobot, RegisterRobot, LeaveSwarm)
WHOLE_BOOK_EVERY = 64   # entries: then all leases are compared, not only those that changed


class Resources:
    """The things that leases are about, each with a memory of its highest token; and what the
    log says about them, entry by entry, judged from outside."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self._highest: dict[str, int] = {}              # token that a resource accepted
        self._granted: dict[str, int] = {}              # last token by the log
        self._held: dict[str, tuple[int, int, str]] = {}    # token, expiry, robot

    def use(self, resource: str, token: int) -> None:
        highest = self._highest.get(resource, 0)
        if token < highest:
            self._coverage.reached(Situation.STALE_TOKEN_REFUSED)
            return
        if token > self._granted.get(resource, 0):
            raise PromiseBroken('a token was granted by the log', f'{resource} got {token}')
        self._highest[resource] = token
        self._coverage.reached(Situation.RESOURCE_USED)

    def on_first_applied(self, entry: Entry, machine: Machine) -> None:
        assert isinstance(machine, Services)
        issued, done = machine.issued, machine.done
        if issued is None or done is None:
            return
        of_robots = isinstance(issued.command, OF_ROBOTS) and done.members
        if (
            of_robots
            or isinstance(issued.command, ExtendLeases)
            or entry.index % WHOLE_BOOK_EVERY == 0
        ):
            names = [*{**self._held, **machine.state.leases.held}]
        else:
            names = [*done.leases]
        for name in names:
            self._check(name, entry.index, issued, machine)
        if of_robots:
            self._see_outlived(machine)

    def _see_outlived(self, machine: Services) -> None:
        """What becomes of a robot ends no lease that was asked through it."""
        for lease in machine.state.leases.held.values():
            if not machine.state.present(lease.robot_id, lease.incarnation):
                self._coverage.reached(Situation.LEASE_OUTLIVED)

    def _check(self, name: str, index: int, issued: Issued, machine: Services) -> None:
        lease = machine.state.leases.held.get(name)
        before = self._held.pop(name, None)
        if before is not None and (lease is None or lease.token != before[0]):
            self._check_end(name, before, issued.command, machine.state.stamp_ns)
        if lease is None:
            return
        self._held[name] = (lease.token, lease.expires_ns, lease.robot_id)
        if before is not None and lease.token == before[0]:
            if lease.expires_ns < before[1]:
                raise PromiseBroken('a lease is never shortened', f'{name} in entry {index}')
            return
        self._coverage.reached(
            Situation.LEASE_GRANTED if before is None else Situation.LEASE_PASSED_ON
        )
        last = max(self._granted.get(name, 0), self._highest.get(name, 0))
        if lease.token != index or lease.token <= last:
            raise PromiseBroken(
                'fencing tokens strictly increase',
                f'entry {index} grants {name} under {lease.token}, after {last}',
            )
        self._granted[name] = lease.token

    def _check_end(
        self, name: str, before: tuple[int, int, str], command: Command, stamp_ns: int
    ) -> None:
        """One holder at a time: a lease ends by its own token or by time."""
        token, expires_ns, robot = before
        if isinstance(command, ReleaseLease):
            is_right = command.token == token and command.resource == name
        elif isinstance(command, ExpireDue):
            self._coverage.reached(Situation.LEASE_EXPIRED)
            is_right = stamp_ns >= expires_ns
        else:
            is_right = False
        if not is_right:
            raise PromiseBroken(
                'one holder of a lease at a time',
                f'{command} ended {name} under token {token} of {robot} until {expires_ns}, '
                f'the log is at {stamp_ns}',
            )


class Tenant(Session):
    """The user at one robot, which is gone with it and asks anew in its next life."""

    def __init__(
        self, robot: SimulatedRobot, seed: int, timeline: Timeline,
        robots: Mapping[RobotId, SimulatedRobot], observer: Observer, resources: Resources,
    ) -> None:
        super().__init__(f'user of {robot.name}', seed, timeline, robots, observer)
        self._robot = robot
        self._resources = resources
        self._incarnation = 0
        self._forget()

    def _forget(self) -> None:
        self._serial = 0
        self._claims = 0
        self._is_registered = False
        self._command: Command | None = None
        self._tokens: dict[str, int] = {}
        self._keys: dict[str, str] = {}     # of claims that are not over, as far as is known

    def _hears(self) -> bool:
        return self._robot.is_running and self._robot.life == self._incarnation

    def begin(self, words: tuple[str, ...]) -> bool:
        """Whether there was anything to do. The first thing in a life is to register."""
        robot = self._robot
        if not robot.is_running:
            return False
        if robot.life != self._incarnation:
            self._incarnation, self.is_busy = robot.life, False
            self._forget()
        if words[0] == 'use':
            return self._use(words[1])
        if self.is_busy:
            return False
        command = self._command_for(words) if self._is_registered else self._registration()
        if command is None:
            return False
        self._serial += 1
        self._command = command
        issued = Issued(robot.name, self._incarnation, self._serial, self._serial, command)
        self._begin(encode(issued), '', robot.name)
        return True

    def _use(self, resource: str) -> bool:
        token = self._tokens.get(resource)
        if token is not None:
            self._resources.use(resource, token)
        return token is not None

    def _registration(self) -> Command:
        name = self._robot.name
        return RegisterRobot(name, self._incarnation, True, f'host of {name}', '1', 1, ())

    def _command_for(self, words: tuple[str, ...]) -> Command | None:
        what, name, robot = words[0], words[1], self._robot.name
        token = self._tokens.get(name)
        if what == 'acquire':
            if name not in self._keys:
                self._claims += 1
                self._keys[name] = f'{robot}-{self._incarnation}-{self._claims}'
            return AcquireLease(
                name, self.name, robot, self._incarnation, int(words[2]), int(words[3]),
                self._keys[name],
            )
        if what == 'service':
            return RegisterService(
                name, 'std_srvs/srv/Trigger', '', robot, self._incarnation, (), int(words[2])
            )
        if what == 'cancel':
            return CancelWait(name, self.name, robot, self._keys.pop(name, ''))
        if token is None:
            return None
        return RenewLease(name, token, 0) if what == 'renew' else ReleaseLease(name, token)

    def _ended(self, returned: int | None, value: Any) -> None:
        command = self._command
        if returned is None or value is None or command is None:
            return
        refused, granted, _ = value
        if isinstance(command, RegisterRobot):
            self._is_registered = not refused
        elif isinstance(command, AcquireLease):
            self._see_claim(command.resource, refused, granted)
        elif isinstance(command, RenewLease):
            self._coverage.reached(
                Situation.RENEWAL_REFUSED if refused else Situation.LEASE_RENEWED
            )

    def _see_claim(self, resource: str, refused: str, value: str) -> None:
        """A token is kept when its lease is over: this user is the one that acts too late."""
        if value.startswith('granted:'):
            self._tokens[resource] = int(value.partition(':')[2])
        if refused:
            self._coverage.reached(Situation.LEASE_REFUSED)
        if value != 'waiting':
            self._keys.pop(resource, None)
