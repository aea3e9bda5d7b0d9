# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Overhears elections."""

from __future__ import annotations

from swarm_msgs.msg import SwarmState, Vote, VoteRequest

from swarm_tower.ros import qos
from swarm_tower.ros import vote_conversions as made
from swarm_tower.ros.feed import Ears


class VotesFeed:
    """See feed.Feed."""

    def __init__(self, ears: Ears) -> None:
        self._node = ears.node
        overheard, sender = qos.OVERHEARD, ears.sender
        self._heard = [
            ears.listen(VoteRequest, '/swarm/vote_request', overheard, sender, made.vote_asked),
            ears.listen(Vote, '/swarm/vote', overheard, sender, made.vote_given),
            ears.listen(SwarmState, '/swarm/state', qos.SHARED, ears.sender, made.term_led),
        ]

    def follow(self, robot_ids: list[str]) -> None:
        """Nothing of single robots is heard here."""

    def close(self) -> None:
        """Drop everything; never raises."""
        for subscription in self._heard:
            self._node.destroy_subscription(subscription)
        self._heard = []
