# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hears whether the robot is armed and whether an emergency is active. Decides nothing."""

from collections.abc import Callable, Iterable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from swarm_msgs.msg import Emergency

from hw_discovery.core.probing.consent import Interlock

_LATCHED = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_NOW = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


class InterlockListener:
    """`changed` is called on the executor's thread. The topic `armed` of the robot's namespace
    and of every driver of an actuator count; of emergencies the highest epoch."""

    def __init__(
        self, node: Node, swarm_id: str, changed: Callable[[Interlock], None], group: Any,
    ) -> None:
        self._node, self._swarm_id, self._changed, self._group = node, swarm_id, changed, group
        self._armed: set[str] = set()
        self._epoch = 0
        self._emergency = False
        self._told = Interlock()
        self._drivers: dict[str, Any] = {}
        self._robot = node.create_subscription(
            Bool, 'armed', lambda msg: self._on_armed('', msg), _LATCHED, callback_group=group)
        self._stops = [node.create_subscription(
            Emergency, topic, self._on_emergency, qos, callback_group=group)
            for topic, qos in (('/swarm/emergency', _LATCHED), ('/swarm/emergency_now', _NOW))]

    @property
    def interlock(self) -> Interlock:
        """Return what holds now."""
        return Interlock(bool(self._armed), self._emergency)

    def follow(self, topics: Iterable[str]) -> None:
        """Listen to the `armed` topics of these drivers, and to no others."""
        wanted = set(topics)
        for topic in set(self._drivers) - wanted:
            self._node.destroy_subscription(self._drivers.pop(topic))
            self._armed.discard(topic)
        for topic in sorted(wanted - set(self._drivers)):
            self._drivers[topic] = self._node.create_subscription(
                Bool, topic, lambda msg, topic=topic: self._on_armed(topic, msg), _LATCHED,
                callback_group=self._group)
        self._tell()

    def _on_armed(self, who: str, msg: Bool) -> None:
        (self._armed.add if msg.data else self._armed.discard)(who)
        self._tell()

    def _on_emergency(self, msg: Emergency) -> None:
        ours = msg.envelope.swarm_id in ('', self._swarm_id)
        if ours and msg.epoch >= self._epoch:
            self._epoch, self._emergency = msg.epoch, bool(msg.active)
            self._tell()

    def _tell(self) -> None:
        now = self.interlock
        if now != self._told:
            self._told = now
            self._changed(now)
