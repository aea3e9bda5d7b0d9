# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Someone who asks robots for something, asks again, and gives up.

Owns retries and the rule that one thing is under way at a time. Refuses to know what is asked.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from swarm_coordinator.core.raft import RobotId
from swarm_coordinator.sim.coverage import Situation
from swarm_coordinator.sim.machine import Reply, Request
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.robot import SimulatedRobot
from swarm_coordinator.sim.timeline import MS, Timeline

WAY_US_MAX = 4 * MS         # between the one who asks and a robot
RETRY_US = 400 * MS
GIVE_UP_US = 3_000 * MS


class Session:
    def __init__(
        self, name: str, seed: int, timeline: Timeline, robots: Mapping[RobotId, SimulatedRobot],
        observer: Observer,
    ) -> None:
        self.name = name
        self.is_busy = False
        self._timeline = timeline
        self._robots = robots
        self._names = tuple(robots)
        self._coverage = observer.coverage
        self._draw = random.Random(f'{seed}/client/{name}').random
        self._attempt = 0
        self._first_attempt = 0
        self._asked = RobotId('')
        self._key = ''
        self._data: bytes | None = None

    def _ended(self, returned: int | None, value: Any) -> None:
        """returned None: nobody answered in time."""
        raise NotImplementedError

    def _hears(self) -> bool:
        return True

    def _begin(self, data: bytes | None, key: str, robot: RobotId) -> None:
        assert not self.is_busy
        self.is_busy = True
        self._data, self._key = data, key
        self._first_attempt = self._attempt + 1
        self._timeline.after(GIVE_UP_US, self._give_up, self._first_attempt)
        self._ask(robot)

    def _ask(self, robot: RobotId) -> None:
        self._attempt += 1
        self._asked = robot
        request = Request(self._attempt, self._data, self._key, self._answered)
        self._timeline.after(self._way_us(), self._robots[robot].request, request)
        self._timeline.after(RETRY_US, self._ask_another, self._attempt)

    def _way_us(self) -> int:
        return int(self._draw() * WAY_US_MAX)

    def _ask_another(self, attempt: int) -> None:
        if self.is_busy and attempt == self._attempt:
            self._ask(self._names[int(self._draw() * len(self._names))])

    def _answered(self, reply: Reply) -> None:
        self._timeline.after(self._way_us(), self._hear, reply)

    def _hear(self, reply: Reply) -> None:
        attempt = reply.request.attempt
        if not self.is_busy or attempt < self._first_attempt or not self._hears():
            return
        if reply.done:
            self._end(self._timeline.now_us, reply.value)
        elif attempt == self._attempt:
            if reply.leader is not None and reply.leader != self._asked:
                self._ask(reply.leader)
            else:   # nobody leads, or the leader cannot do it yet
                self._timeline.after(RETRY_US // 8, self._ask_another, attempt)

    def _give_up(self, first_attempt: int) -> None:
        if self.is_busy and self._first_attempt == first_attempt:
            self._coverage.reached(Situation.CLIENT_GAVE_UP)
            self._end(None, None)

    def _end(self, returned: int | None, value: Any) -> None:
        self.is_busy = False
        self._ended(returned, value)

    def finish(self) -> None:
        """The run is over: what is under way has no answer."""
        if self.is_busy:
            self._end(None, None)
