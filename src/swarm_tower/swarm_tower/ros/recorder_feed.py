# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hears what the recorder writes, as the bytes that came. Owns subscriptions, and what counts as
an alarm that makes the recorder keep its last seconds.
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription
from swarm_msgs.msg import Emergency, Regime, SwarmEvent

from swarm_tower.core.recording import ROBOT, ROBOT_TOPICS, TOPICS, Topic
from swarm_tower.recorder.recorder import Recorder
from swarm_tower.ros import qos
from swarm_tower.ros.cdr import message_of
from swarm_tower.ros.recorder_schemas import message_type

RAISES: dict[str, type[Any]] = {
    '/swarm/events': SwarmEvent,
    '/swarm/regime': Regime,
    '/swarm/emergency': Emergency,
    '/swarm/emergency_now': Emergency,
}


class RecorderFeed:
    """Callbacks run in the executor's thread; they put bytes into a queue and do nothing else."""

    def __init__(self, node: Node, recorder: Recorder, swarm_id: str) -> None:
        self._node, self._recorder, self._swarm_id = node, recorder, swarm_id
        self._epoch = 0
        self._alarmed_regime = False
        self._fixed = [self._listen(topic, topic.name) for topic in TOPICS]
        self._robots: dict[str, list[Subscription]] = {}

    def follow(self, robot_ids: list[str]) -> None:
        """Hear the topics of these robots."""
        for robot_id in robot_ids:
            if robot_id not in self._robots:
                self._robots[robot_id] = [
                    self._listen(topic, topic.name.replace(ROBOT, robot_id))
                    for topic in ROBOT_TOPICS
                ]
        for robot_id in sorted(set(self._robots) - set(robot_ids)):
            for subscription in self._robots.pop(robot_id):
                self._node.destroy_subscription(subscription)

    def close(self) -> None:
        """Stop hearing, write the rest; never raises."""
        for subscription in (*self._fixed, *(s for some in self._robots.values() for s in some)):
            self._node.destroy_subscription(subscription)
        self._fixed, self._robots = [], {}
        self._recorder.close()

    def _listen(self, topic: Topic, name: str) -> Subscription:
        raises = RAISES.get(topic.name)

        def take(raw: bytes) -> None:
            self._recorder.take(topic, name, raw)
            if raises is not None:
                self._look(raises, raw)

        return self._node.create_subscription(
            message_type(topic.type), name, take, qos.of(topic), raw=True
        )

    def _look(self, kind: type[Any], raw: bytes) -> None:
        try:
            reason = self._alarm_of(message_of(raw, kind))
        except Exception as error:
            self._node.get_logger().error(
                f'recorder: {type(error).__name__}: {error}', throttle_duration_sec=5.0
            )
            return
        if reason:
            self._recorder.alarm(reason)

    def _alarm_of(self, msg: Any) -> str:
        """Tell what is wrong; '' = nothing, or nothing new."""
        if msg.envelope.swarm_id != self._swarm_id:
            return ''
        if isinstance(msg, SwarmEvent):
            return msg.kind if msg.severity == SwarmEvent.SEVERITY_ERROR else ''
        if isinstance(msg, Regime):
            new, self._alarmed_regime = msg.alarm and not self._alarmed_regime, msg.alarm
            return 'regime' if new else ''
        new = msg.active and msg.epoch > self._epoch
        self._epoch = max(self._epoch, msg.epoch)
        return 'emergency' if new else ''
