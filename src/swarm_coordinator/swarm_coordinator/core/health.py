# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What this robot believes about the others and about itself: owns how suspicion, probes and
self-awareness are fed.

Liveness only; how good a robot's work is belongs to the learners.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.awareness import Awareness
from swarm_coordinator.core.registry.probing import (
    ProbeAnswered,
    ProbeAsked,
    ProbeEffect,
    Prober,
    ProbeTick,
)
from swarm_coordinator.core.registry.suspicion import Liveness, Suspicion


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """What a robot says of itself in its beacon; None = it does not know."""

    incarnation: int = 0
    storage_id: int = 0
    applied_index: int = 0
    local_mode: Mode = Mode.NORMAL
    awareness: int = 0
    voters_heard: int = 0
    battery_permille: int | None = None
    cpu_load_permille: int | None = None
    queued_work_ms: int = 0
    pressure_permille: int | None = None
    stability_permille: int | None = None


@dataclass
class Health:
    """`tick_late_ns`: from when on this robot's own ticks count as late."""

    robot_id: RobotId
    heartbeat_ns: int
    tick_late_ns: int
    rng: random.Random
    peers: dict[RobotId, PeerFacts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.awareness = Awareness(self.tick_late_ns, self.heartbeat_ns)
        self.suspicion = Suspicion(self.heartbeat_ns, self.awareness)
        self.prober = Prober(self.robot_id, self.suspicion, self.awareness, self.rng)

    def beacon(self, robot: RobotId, facts: PeerFacts, now_ns: int) -> None:
        if self.suspicion.hear(robot, now_ns, facts.incarnation, facts.storage_id):
            self.peers[robot] = facts

    def tick(
        self, late_ns: int, fsync_ns: int, robots: Iterable[RobotId], now_ns: int
    ) -> tuple[ProbeEffect, ...]:
        if late_ns >= self.tick_late_ns:
            self.suspicion.held_up(late_ns, now_ns)
        self.awareness.tick_was_late(late_ns, now_ns)
        self.awareness.fsync_took(fsync_ns, now_ns)
        self.suspicion.hear(self.robot_id, now_ns)
        return self.prober.handle(ProbeTick(robots), now_ns)

    def probe(
        self, event: ProbeAsked | ProbeAnswered, now_ns: int
    ) -> tuple[ProbeEffect, ...]:
        return self.prober.handle(event, now_ns)

    def phase_of(self, robot: RobotId, now_ns: int) -> Liveness | None:
        return self.suspicion.phase_of(robot, now_ns)

    def near(self, robots: Iterable[RobotId], now_ns: int) -> int:
        """How many of `robots` can be reached without doubt, this one included."""
        good = (Liveness.HEALTHY, Liveness.SLOW)
        return sum(
            robot == self.robot_id or self.phase_of(robot, now_ns) in good for robot in robots
        )
