# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Clients that use registers through any robot.

Owns what each client saw. Refuses to know the log. What a client gave up on may take effect later
or never.
"""

from __future__ import annotations

from collections.abc import Mapping

from swarm_coordinator.core.raft import RobotId
from swarm_coordinator.sim.linearizability import (
    Operation,
    OperationKind,
    Value,
    is_linearizable,
    shown,
)
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.promises import PromiseBroken
from swarm_coordinator.sim.registers import command
from swarm_coordinator.sim.robot import SimulatedRobot
from swarm_coordinator.sim.session import Session
from swarm_coordinator.sim.timeline import Timeline


class Histories:
    """What was seen of each register, by all clients."""

    def __init__(self) -> None:
        self.by_key: dict[str, list[Operation]] = {}
        self.answered = 0
        self.unanswered = 0

    def add(self, key: str, operation: Operation) -> None:
        self.by_key.setdefault(key, []).append(operation)
        if operation.returned is None:
            self.unanswered += 1
        else:
            self.answered += 1

    def check(self) -> None:
        for key in sorted(self.by_key):
            history = self.by_key[key]
            if not is_linearizable(history):
                raise PromiseBroken('linearizability', f'register {key}\n{shown(history)}')


class Client(Session):
    def __init__(
        self, name: str, seed: int, timeline: Timeline, robots: Mapping[RobotId, SimulatedRobot],
        observer: Observer, histories: Histories,
    ) -> None:
        super().__init__(name, seed, timeline, robots, observer)
        self._histories = histories
        self._serial = 0
        self._operation: Operation | None = None
        self._seen: dict[str, Value] = {}

    def begin(self, kind: OperationKind, key: str, value: int, robot: RobotId) -> bool:
        """Whether it was begun: nothing happens while the last operation is under way."""
        if self.is_busy:
            return False
        expected = self._seen.get(key) if kind is OperationKind.CAS else None
        is_read = kind is OperationKind.READ
        data = None
        if not is_read:
            self._serial += 1
            data = command(self.name, self._serial, kind, key, value, expected)
        self._operation = Operation(
            self.name, kind, self._timeline.now_us, None, None if is_read else value, expected
        )
        self._begin(data, key, robot)
        return True

    def _ended(self, returned: int | None, value: Value | bool) -> None:
        asked = self._operation
        assert asked is not None
        kind, key = asked.kind, self._key
        self._histories.add(
            key,
            Operation(
                self.name, kind, asked.invoked, returned, asked.value, asked.expected, value
            ),
        )
        if returned is not None:
            if kind is OperationKind.READ:
                self._seen[key] = value
            elif kind is OperationKind.WRITE or value is True:
                self._seen[key] = asked.value
