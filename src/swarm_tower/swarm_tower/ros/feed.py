# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A feed brings a group of topics to the picture. Owns what every feed is given and must offer.

All of it runs in the executor's thread. A callback converts and folds and does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from swarm_tower.config import TowerConfig
from swarm_tower.core.facts import Fact, Ignored
from swarm_tower.web.hub import Hub

# The wall clock may be set back. One for all timers: the executor has a thread for each clock.
STEADY = Clock(clock_type=ClockType.STEADY_TIME)
Check = Callable[[Any], Ignored | None]
Listen = Callable[[Any, str, QoSProfile, Check, Callable[[Any], Fact]], Subscription]


@dataclass(frozen=True)
class Ears:
    """What a feed listens with.

    listen(type, topic, qos, check, convert) subscribes; a message that `check` turns away is
    counted, an exception of `convert` is logged, neither ends the tower. `sender` checks an
    envelope.
    """

    node: Node
    config: TowerConfig
    hub: Hub
    listen: Listen
    sender: Check


class Feed(Protocol):
    """Made once with the tower; subscribes in its constructor."""

    def __init__(self, ears: Ears) -> None: ...

    def follow(self, robot_ids: list[str]) -> None:
        """Once a second: the robots whose own topics are worth a subscription."""

    def close(self) -> None:
        """Drop everything; never raises."""
