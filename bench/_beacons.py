# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When the beacons of each robot came to this machine's DDS, and how late that was."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from swarm_msgs import msg

from bench._swarm import Watched
from swarm_coordinator.core.raft import PROFILES
from swarm_coordinator.ros.topics import TOPICS

HEARTBEAT_MS = PROFILES['wifi'].heartbeat_ms


@dataclass
class Beacons:
    """Stamped as DDS receives them: that this process is busy does not make them late."""

    watched: Watched
    times: dict[str, list[float]] = field(default_factory=dict)  # monotonic seconds, by robot

    def __post_init__(self) -> None:
        topic = TOPICS['/swarm/heartbeat']
        self._epoch_s = time.time() - time.monotonic()
        self.watched.client.node.create_subscription(
            msg.Heartbeat, topic.name, self._hear, topic.qos
        )

    def _hear(self, beacon: Any, details: dict[str, Any]) -> None:
        came_s = details['received_timestamp'] / 1e9 - self._epoch_s
        self.times.setdefault(beacon.envelope.sender, []).append(came_s)

    def delays_ms(self, began_s: float, ended_s: float) -> list[float]:
        """Of every beacon that came within this time, what its interval exceeds the period by."""
        return [
            max(0.0, (after - before) * 1000 - HEARTBEAT_MS)
            for times in self.times.values()
            for before, after in zip(times, times[1:], strict=False)
            if before >= began_s - HEARTBEAT_MS / 1000 and began_s <= after <= ended_s
        ]
