# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether a robot can be reached: owns the belief, from the arrival of beacons alone.

Says nothing about the quality of a robot's work. Times are of the receiver's monotonic clock.
"""

from dataclasses import dataclass, field
from enum import Enum

from swarm_coordinator.core.ids import RobotId


class Liveness(Enum):
    """Values are those of swarm_msgs/msg/RobotStatus."""

    HEALTHY = 0
    SLOW = 1
    SUSPECT = 2
    DEAD = 3
    LEFT = 4


# In heartbeat periods. An election needs 5 to 10 periods of silence, so a leader that just took
# over does not at once take every robot for dead; 25 periods (2.5 s on Wi-Fi) bridge a short loss
# of the link. Chosen without field data.
SLOW_PERIODS = 4
SUSPECT_PERIODS = 10
DEAD_PERIODS = 25


@dataclass
class Suspicion:
    """When each robot was last heard; `phase_of` turns the silence into a belief."""

    period_ns: int
    heard_ns: dict[RobotId, int] = field(default_factory=dict)

    def hear(self, robot: RobotId, now_ns: int) -> None:
        self.heard_ns[robot] = now_ns

    def silence_ns(self, robot: RobotId, now_ns: int) -> int | None:
        heard = self.heard_ns.get(robot)
        return None if heard is None else max(0, now_ns - heard)

    def phase_of(self, robot: RobotId, now_ns: int) -> Liveness | None:
        """None: never heard, so nothing is believed."""
        silence = self.silence_ns(robot, now_ns)
        if silence is None:
            return None
        periods = silence / self.period_ns
        if periods < SLOW_PERIODS:
            return Liveness.HEALTHY
        if periods < SUSPECT_PERIODS:
            return Liveness.SLOW
        return Liveness.SUSPECT if periods < DEAD_PERIODS else Liveness.DEAD

    def begin(self, robots: list[RobotId], now_ns: int) -> None:
        """A leader takes over: whoever it has never heard counts as heard now, and is judged from
        here on."""
        for robot in robots:
            self.heard_ns.setdefault(robot, now_ns)
