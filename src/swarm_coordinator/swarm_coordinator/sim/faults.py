# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One seeded run in two phases: faults, then heal and require that the swarm works.

Owns which fault comes when. Refuses to know how a fault is done.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from swarm_coordinator.core.raft import PROFILES, Proposed, RobotId
from swarm_coordinator.sim.cluster import Cluster
from swarm_coordinator.sim.network import GOOD_WIFI, MS, POOR_WIFI
from swarm_coordinator.sim.promises import PromiseBroken

FAULTS_MS = 20_000
FAULT_EVERY_STEPS = 20
STEP_MS = 20                # a client proposes about once per step
# Two longest election timeouts to elect, and as much again for what is left of the faults.
HEALING_MS_MAX = 8_000
FSYNC_US_MAX = 15 * MS      # usual; a slow disk takes up to ten times as long


@dataclass(frozen=True)
class RunSummary:
    seed: int
    voters: int
    elections: int
    committed: int
    faults: int
    healed_ms: int


class FaultPlan:
    def __init__(self, cluster: Cluster, rng: random.Random) -> None:
        self._cluster = cluster
        self._rng = rng
        self.count = 0
        self._faults = (
            self._partition, self._cut_one_way, self._isolate_leader, self._isolate_leader,
            self._reconnect, self._reconnect, self._reconnect, self._crash, self._crash_leader,
            self._restart, self._restart, self._restart, self._pause, self._pause_leader,
            self._resume, self._resume, self._poor_radio, self._good_radio, self._slow_disk,
            self._crash_all, self._new_disk,
        )

    def strike(self) -> None:
        self.count += 1
        self._rng.choice(self._faults)()

    def heal(self) -> None:
        self._reconnect()
        self._good_radio()
        for robot in self._cluster.robots.values():
            robot.fsync_us_max = FSYNC_US_MAX
            if not robot.is_up:
                robot.restart()
            if robot.is_paused:
                robot.resume()

    def _any_robot(self) -> RobotId:
        return self._rng.choice(sorted(self._cluster.robots))

    def _partition(self) -> None:
        names = sorted(self._cluster.robots)
        self._rng.shuffle(names)
        self._separate(set(names[: self._rng.randint(1, len(names) - 1)]))

    def _isolate_leader(self) -> None:
        if leaders := self._cluster.leaders:
            self._separate({leaders[0].robot_id})

    def _separate(self, side: set[RobotId]) -> None:
        names = sorted(self._cluster.robots)
        self._cluster.network.cut.update(
            (a, b) for a in names for b in names if (a in side) is not (b in side)
        )

    def _cut_one_way(self) -> None:
        deaf, others = self._any_robot(), sorted(self._cluster.robots)
        swap = self._rng.random() < 0.5
        pairs = {(deaf, other) if swap else (other, deaf) for other in others if other != deaf}
        self._cluster.network.cut.update(pairs)

    def _reconnect(self) -> None:
        self._cluster.network.cut.clear()

    def _crash(self) -> None:
        self._cluster.robots[self._any_robot()].crash()

    def _crash_leader(self) -> None:
        if leaders := self._cluster.leaders:
            leaders[0].crash()

    def _pause_leader(self) -> None:
        if leaders := self._cluster.leaders:
            leaders[0].is_paused = True

    def _crash_all(self) -> None:
        for robot in self._cluster.robots.values():
            robot.crash()
            robot.restart()

    def _restart(self) -> None:
        for name in sorted(self._cluster.robots):
            if not self._cluster.robots[name].is_up:
                self._cluster.robots[name].restart()
                return

    def _pause(self) -> None:
        robot = self._cluster.robots[self._any_robot()]
        robot.is_paused = robot.is_up

    def _resume(self) -> None:
        for robot in self._cluster.robots.values():
            if robot.is_paused:
                robot.resume()

    def _poor_radio(self) -> None:
        self._cluster.network.quality = POOR_WIFI

    def _good_radio(self) -> None:
        self._cluster.network.quality = GOOD_WIFI

    def _slow_disk(self) -> None:
        self._cluster.robots[self._any_robot()].fsync_us_max = 10 * FSYNC_US_MAX

    def _new_disk(self) -> None:
        """Only of a robot without a vote: a voter's loss of its disk is beyond Raft."""
        for name in self._cluster.non_voters:
            self._cluster.robots[name].wipe()


def run_seed(seed: int, profile_name: str = 'wifi') -> RunSummary:
    """Raises PromiseBroken, or whatever the core raised; both are failures of the core."""
    rng = random.Random(seed)
    voters, non_voters = rng.choice((3, 3, 5)), rng.choice((0, 1))
    cluster = Cluster(rng, PROFILES[profile_name], voters, non_voters)
    plan = FaultPlan(cluster, rng)
    for step in range(FAULTS_MS // STEP_MS):
        cluster.run_ms(STEP_MS)
        _propose(cluster, b'%d' % step)
        if rng.randrange(FAULT_EVERY_STEPS) == 0:
            plan.strike()
    plan.heal()
    healed_ms = _require_liveness(cluster)
    promises = cluster.promises
    return RunSummary(
        seed, voters, promises.elections, len(promises.committed), plan.count, healed_ms
    )


def _propose(cluster: Cluster, data: bytes) -> None:
    """To everyone who believes to lead, old leaders too: their entries must not count."""
    for leader in cluster.leaders:
        leader.propose(leader.robot_id.encode() + b':' + data)


def _require_liveness(cluster: Cluster) -> int:
    """A new command is applied by every robot, and all have applied the same."""
    started_us = cluster.timeline.now_us
    wanted: Proposed | None = None
    while cluster.timeline.now_us - started_us < HEALING_MS_MAX * MS:
        cluster.run_ms(STEP_MS)
        robots = cluster.robots.values()
        if wanted is not None and all(r.core.last_applied >= wanted.index for r in robots):
            if cluster.promises.committed[wanted.index - 1].term == wanted.term:
                return (cluster.timeline.now_us - started_us) // MS
            wanted = None
        leader = cluster.leaders[0] if cluster.leaders else None
        if leader and (wanted is None or wanted.term != leader.core.term):
            answer = leader.propose(b'after healing')
            wanted = answer if isinstance(answer, Proposed) else None
    seen = {name: robot.core.last_applied for name, robot in cluster.robots.items()}
    raise PromiseBroken(f'liveness: not healed within {HEALING_MS_MAX} ms; applied {seen}')
