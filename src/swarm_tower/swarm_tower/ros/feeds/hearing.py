# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hears from the leader which robots it hears."""

from __future__ import annotations

from swarm_msgs.msg import RobotStatus, SwarmState

from swarm_tower.core.facts import ROBOT_ID, ROBOTS_MAX
from swarm_tower.core.hearing import Heard
from swarm_tower.ros import qos
from swarm_tower.ros.conversions import clip
from swarm_tower.ros.feed import Ears


def heard(msg: SwarmState) -> Heard:
    """Take the ages of what the sender heard."""
    named = [one for one in msg.robots if ROBOT_ID.match(one.robot_id)][:ROBOTS_MAX]
    return Heard(clip(msg.envelope.sender), tuple((one.robot_id, _silence(one)) for one in named))


def _silence(one: RobotStatus) -> int | None:
    return None if one.heard_ms_ago == RobotStatus.UNKNOWN_AGE else one.heard_ms_ago


class HearingFeed:
    """See feed.Feed."""

    def __init__(self, ears: Ears) -> None:
        self._node = ears.node
        self._heard = ears.listen(SwarmState, '/swarm/state', qos.SHARED, ears.sender, heard)

    def follow(self, robot_ids: list[str]) -> None:
        """Nothing of single robots is heard here."""

    def close(self) -> None:
        """Drop everything; never raises."""
        self._node.destroy_subscription(self._heard)
