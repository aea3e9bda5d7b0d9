# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part of a simulated swarm that has to do with jobs: whole robots, clients and the ledger.

Owns how they are put together. Refuses to know what any of them does.
"""

from __future__ import annotations

from swarm_coordinator.core.raft import RobotId, TimingProfile
from swarm_coordinator.sim.faults import Faults
from swarm_coordinator.sim.job_clients import JobClients
from swarm_coordinator.sim.ledger import Ledger
from swarm_coordinator.sim.network import Network
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.robot import SimulatedRobot
from swarm_coordinator.sim.schedule import Settings
from swarm_coordinator.sim.timeline import MS, Timeline
from swarm_coordinator.sim.whole_robot import WholeRobot


class JobSide:
    """`into`: the robots of the cluster, which get these."""

    def __init__(
        self, settings: Settings, profile: TimingProfile, timeline: Timeline, network: Network,
        observer: Observer, faults: Faults, into: dict[RobotId, SimulatedRobot],
    ) -> None:
        self.ledger = Ledger(observer.coverage, timeline)
        self.robots: dict[RobotId, WholeRobot] = {}
        self._network = network
        self._timeline = timeline
        self._faults = faults
        for name in map(RobotId, settings.robots):
            robot = WholeRobot(
                faults.new_disk(name), settings, profile, timeline, observer, network, self.ledger
            )
            robot.workshop.peers = self.robots
            robot.workshop.near = self._near
            robot.workshop.kill = self._kill
            self.robots[name] = into[name] = robot
        self.clients = JobClients(
            settings.seed, timeline, self.robots, observer, self.ledger, self._may_remove
        )

    def _near(self, one: RobotId, other: RobotId) -> bool:
        link = self._network.link
        return not link(one, other).cuts and not link(other, one).cuts

    def _kill(self, robot: WholeRobot, down_ms: int) -> None:
        """Also after healing: that a job does so is none of the faults that end."""
        robot.crash('lost')
        self._timeline.after(down_ms * MS, lambda _: self._faults.start(robot))

    def _may_remove(self, name: RobotId) -> bool:
        """An operator would see that too many of the others are gone. Two voters stay: one that
        is alone acts within the turn in which it writes, and what it promised meanwhile cannot be
        judged as finely."""
        leader = self._faults.leader()
        voters = leader.core.voters if leader is not None else ()
        return (name not in voters or len(voters) > 2) and self._faults.may_go(name)
