# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A swarm of simulated robots on one network.

Owns ticks with their random phases and the delivery of messages. Refuses to know faults' timing
(faults.py) and Raft's promises (promises.py).
"""

from __future__ import annotations

import random
from functools import partial

from swarm_coordinator.core.raft import Message, RobotId, Role, TimingProfile
from swarm_coordinator.sim.network import MS, Network, Timeline
from swarm_coordinator.sim.promises import Disk, Promises
from swarm_coordinator.sim.robot import SimulatedRobot


class Cluster:
    def __init__(
        self, rng: random.Random, profile: TimingProfile, voters: int, non_voters: int = 0
    ) -> None:
        self.rng = rng
        self.timeline = Timeline()
        self.network = Network(rng)
        names = tuple(RobotId(f'r{number}') for number in range(1, voters + non_voters + 1))
        self.voters, self.non_voters = names[:voters], names[voters:]
        disks = {name: Disk() for name in names}
        self.promises = Promises(self.voters, disks)
        self.robots = {
            name: SimulatedRobot(
                name, self.voters, self.non_voters, profile.timing, self.timeline, rng,
                disks[name], self.promises, self._send,
            )
            for name in names
        }
        self.messages_sent: dict[str, int] = {}
        self._tick_us = profile.tick_ms * MS
        for robot in self.robots.values():
            self.timeline.after(rng.randrange(self._tick_us), partial(self._tick, robot))

    def _tick(self, robot: SimulatedRobot) -> None:
        self.timeline.after(self._tick_us, partial(self._tick, robot))
        robot.tick()

    def _send(self, sender: RobotId, message: Message) -> None:
        kind = type(message).__name__
        self.messages_sent[kind] = self.messages_sent.get(kind, 0) + 1
        everybody = message.recipient is None or kind == 'HeartbeatReply'
        for name, robot in self.robots.items():
            if name != sender and (everybody or name == message.recipient):
                for delay_us in self.network.arrivals_us(sender, name):
                    self.timeline.after(delay_us, partial(robot.receive, message))

    def run_ms(self, duration_ms: int) -> None:
        self.timeline.run_until(self.timeline.now_us + duration_ms * MS)

    @property
    def leaders(self) -> list[SimulatedRobot]:
        """Those that believe they lead, newest term first."""
        leading = [r for r in self.robots.values() if r.is_up and r.core.role is Role.LEADER]
        return sorted(leading, key=lambda robot: -robot.core.term)

    def run_until_led(self, limit_ms: int, step_ms: int = 1) -> SimulatedRobot | None:
        for _ in range(limit_ms // step_ms):
            self.run_ms(step_ms)
            if leaders := [robot for robot in self.leaders if robot.is_running]:
                return leaders[0]
        return None
