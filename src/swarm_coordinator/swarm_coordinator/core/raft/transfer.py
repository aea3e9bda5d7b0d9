# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A leadership on its way to another voter: thesis section 3.10.

Owns when the target is told and when the leader gives up. Refuses to know elections.
"""

from __future__ import annotations

from dataclasses import dataclass

from swarm_coordinator.core.raft.messages import RobotId


@dataclass
class Transfer:
    target: RobotId
    deadline: int           # tick of the leader at which it goes on leading
    told_round: int = -1    # heartbeat round in which the target was last told

    def is_due(self, match_index: int, last_index: int, round_: int) -> bool:
        """Once its log is complete, and again in every round: the message may get lost."""
        return match_index == last_index and self.told_round < round_
