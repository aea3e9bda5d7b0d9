# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hears what the leader's learner says of the whole swarm."""

from __future__ import annotations

from swarm_msgs.msg import (
    ModePolicy,
    Regime,
    Reputation,
    RouteCosts,
    SwarmConsciousness,
    SwarmState,
)

from swarm_tower.ros import mind_conversions as made
from swarm_tower.ros import qos
from swarm_tower.ros.feed import Ears

TOPICS = (
    (ModePolicy, 'policy', made.mode_table),
    (Regime, 'regime', made.regime),
    (Reputation, 'reputation', made.reputations),
    (RouteCosts, 'route_costs', made.routes),
    (SwarmConsciousness, 'consciousness', made.sample),
    (SwarmState, 'state', made.models),
)


class MindFeed:
    """See feed.Feed."""

    def __init__(self, ears: Ears) -> None:
        self._node = ears.node
        self._heard = [
            ears.listen(kind, f'/swarm/{topic}', qos.SHARED, ears.sender, convert)
            for kind, topic, convert in TOPICS
        ]

    def follow(self, robot_ids: list[str]) -> None:
        """Nothing of single robots is heard here."""

    def close(self) -> None:
        """Drop everything; never raises."""
        for subscription in self._heard:
            self._node.destroy_subscription(subscription)
        self._heard = []
