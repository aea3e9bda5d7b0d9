# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hears the emergency register: what is latched, and the quick way beside it."""

from __future__ import annotations

from swarm_msgs.msg import Emergency

from swarm_tower.ros import qos
from swarm_tower.ros.emergency_conversions import emergency
from swarm_tower.ros.feed import Ears


class EmergencyFeed:
    """See feed.Feed."""

    def __init__(self, ears: Ears) -> None:
        self._node = ears.node
        self._heard = [
            ears.listen(Emergency, '/swarm/emergency', qos.SHARED, ears.sender, emergency),
            ears.listen(Emergency, '/swarm/emergency_now', qos.HEARTBEAT, ears.sender, emergency),
        ]

    def follow(self, robot_ids: list[str]) -> None:
        """Nothing of single robots is heard here."""

    def close(self) -> None:
        """Drop everything; never raises."""
        for subscription in self._heard:
            self._node.destroy_subscription(subscription)
        self._heard = []
