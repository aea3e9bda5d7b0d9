# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How late the beacons of others come here: owns telling a busy network from one slow robot."""

from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId

ROBOTS_MAX = 256
GONE_PERIODS = 20  # silent for so long: not late but away


@dataclass
class BeaconGaps:
    period_ns: int
    heard_ns: dict[RobotId, int] = field(default_factory=dict)
    late_ns: dict[RobotId, int] = field(default_factory=dict)  # of the last beacon

    def heard(self, sender: RobotId, now_ns: int) -> int:
        """The lateness that half of the others exceed (the lower of two): one robot that is slow
        says nothing of this one or the network."""
        before = self.heard_ns.get(sender)
        if before is None and len(self.heard_ns) >= ROBOTS_MAX:
            return 0
        self.heard_ns[sender] = now_ns
        if before is None or now_ns - before > GONE_PERIODS * self.period_ns:
            return 0
        self.late_ns[sender] = max(0, now_ns - before - self.period_ns)
        recent = sorted(
            late for robot, late in self.late_ns.items()
            if now_ns - self.heard_ns[robot] <= GONE_PERIODS * self.period_ns
        )
        return recent[(len(recent) - 1) // 2]
