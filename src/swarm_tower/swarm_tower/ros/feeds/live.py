# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Listens to single robots while somebody looks at them: sensors of any kind, and what the robot
says of itself. Owns how much is decoded.

A sensor's messages are taken as bytes and counted; only one of them in half a second is decoded,
and none that is large, so a camera costs no more than a thermometer.
"""

from __future__ import annotations

import importlib
import time
from collections import deque
from typing import Any

from rclpy.subscription import Subscription
from swarm_msgs.msg import LearningState, LocalConsciousness, LocalState, SensorReport

from swarm_tower.core.facts import Ignored
from swarm_tower.core.live import LiveSection, TopicHeard
from swarm_tower.core.view import SwarmView
from swarm_tower.ros import live_conversions as made
from swarm_tower.ros import qos
from swarm_tower.ros.cdr import message_of
from swarm_tower.ros.conversions import clip
from swarm_tower.ros.feed import Ears

TOPICS_MAX = 16         # of one robot
DECODE_S = 0.5
DECODED_BYTES_MAX = 128 * 1024
RATE_WINDOW_S = 5.0
SENSOR_PACKAGES = ('sensor_msgs/', 'geometry_msgs/', 'nav_msgs/', 'std_msgs/')
INTERLOCK = ('/armed', 'std_msgs/msg/Bool')  # of robots and actuators; said only when it changes
OWN = (
    (LocalConsciousness, 'consciousness', made.own_mind),
    (LocalState, 'local_state', made.own_state),
    (LearningState, 'learning', made.own_learning),
    (SensorReport, 'hardware/sensor_health', made.own_sensors),
)


class _Topic:
    """One topic of a robot: counts, and decodes now and then."""

    def __init__(self, ears: Ears, robot_id: str, topic: str, kind: str) -> None:
        self._ears = ears
        self._about = (robot_id, topic, kind)
        self._arrived: deque[float] = deque(maxlen=4096)
        self._count = self._told_count = 0
        self._decoded_s = -DECODE_S
        self._size = 0
        self._fields: tuple[tuple[str, Any], ...] = ()
        self._note = ''
        self._type: Any = None
        self._begun_s = time.monotonic()
        self.subscription: Subscription | None = None
        try:
            self._type = _type_of(kind)
            self.subscription = ears.node.create_subscription(
                self._type, topic, self._take, qos.HEARTBEAT, raw=True
            )
        except Exception as error:  # a package that is not installed here; a broken one
            self._note = clip(f'cannot be read here: {error}', 200)

    def tell(self) -> None:
        """Once a second: what has changed, also that nothing came."""
        self._ears.hub.fold([self._fact()])

    def _fact(self) -> TopicHeard:
        now_s = time.monotonic()
        while self._arrived and now_s - self._arrived[0] > RATE_WINDOW_S:
            self._arrived.popleft()
        span_s = max(1.0, min(RATE_WINDOW_S, now_s - self._begun_s))
        rate_hz = round(len(self._arrived) / span_s, 1)
        robot_id, topic, kind = self._about
        note = self._note or ('' if self._count else 'nothing has come yet')
        return TopicHeard(
            robot_id, topic, kind, rate_hz, self._size, self._count, self._fields, note
        )

    def _take(self, data: bytes) -> None:
        now_s = time.monotonic()
        self._arrived.append(now_s)
        self._count += 1
        self._size = len(data)
        if now_s - self._decoded_s < DECODE_S:
            return
        self._decoded_s = now_s
        if len(data) > DECODED_BYTES_MAX:
            self._fields, self._note = (), 'too large to look into'
        else:
            self._decode(data)
        self.tell()

    def _decode(self, data: bytes) -> None:
        try:
            self._fields, self._note = made.fields_of(message_of(data, self._type)), ''
        except Exception as error:
            self._fields, self._note = (), clip(f'cannot be read: {error}', 200)


class _Robot:
    """All that is heard of one robot."""

    def __init__(self, ears: Ears, robot_id: str) -> None:
        self._ears = ears
        self._robot_id = robot_id
        self._own = [
            ears.listen(kind, f'/{robot_id}/{topic}', qos.LATCHED, self._check, convert)
            for kind, topic, convert in OWN
        ]
        self._topics: dict[str, _Topic] = {}

    def follow(self, offered: list[tuple[str, str]]) -> None:
        """Take up topics that have appeared; topics that are gone stay, with a rate of 0."""
        for topic, kind in offered:
            if topic not in self._topics and len(self._topics) < TOPICS_MAX:
                self._topics[topic] = _Topic(self._ears, self._robot_id, topic, kind)
        for one in self._topics.values():
            one.tell()

    def close(self) -> None:
        sensors = [one.subscription for one in self._topics.values()]
        for subscription in (*self._own, *sensors):
            if subscription is not None:
                self._ears.node.destroy_subscription(subscription)
        self._own, self._topics = [], {}

    def _check(self, msg: Any) -> Ignored | None:
        if msg.robot_id == self._robot_id:
            return None
        return Ignored('robot_id', clip(msg.robot_id, 64))


class LiveFeed:
    """See feed.Feed."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._robots: dict[str, _Robot] = {}

    def follow(self, robot_ids: list[str]) -> None:
        """Listen to those that somebody looks at, and to no others."""
        looked_at = self._ears.hub.ask(_looked_at)
        wanted = [robot_id for robot_id in looked_at if robot_id in robot_ids]
        for robot_id in [r for r in self._robots if r not in wanted]:
            self._robots.pop(robot_id).close()
        if not wanted:
            return
        graph = self._ears.node.get_topic_names_and_types()
        for robot_id in wanted:
            if robot_id not in self._robots:
                self._robots[robot_id] = _Robot(self._ears, robot_id)
            offered = sensor_topics(robot_id, graph)
            self._robots[robot_id].follow([one for one in offered if self._is_told(one[0])])

    def _is_told(self, topic: str) -> bool:
        """Somebody publishes it: orders that a robot waits for are no sensors."""
        return self._ears.node.count_publishers(topic) > 0

    def close(self) -> None:
        """Drop everything; never raises."""
        for robot_id in list(self._robots):
            self._robots.pop(robot_id).close()


def _looked_at(view: SwarmView, now_ns: int) -> list[str]:
    section = view.section('live')
    return section.wanted(now_ns) if isinstance(section, LiveSection) else []


def _type_of(kind: str) -> Any:
    """sensor_msgs/msg/Imu -> its class."""
    package, folder, name = kind.split('/')
    return getattr(importlib.import_module(f'{package}.{folder}'), name)


def sensor_topics(
    robot_id: str, graph: list[tuple[str, list[str]]]
) -> list[tuple[str, str]]:
    """Return (topic, kind) of the topics below a robot that carry figures, sensors first."""
    found = [
        (topic, kinds[0])
        for topic, kinds in graph
        if topic.startswith(f'/{robot_id}/') and kinds and kinds[0].startswith(SENSOR_PACKAGES)
        and not (topic.endswith(INTERLOCK[0]) and kinds[0] == INTERLOCK[1])
    ]
    return sorted(found, key=lambda one: (SENSOR_PACKAGES.index(f'{one[1].split("/")[0]}/'), one))
