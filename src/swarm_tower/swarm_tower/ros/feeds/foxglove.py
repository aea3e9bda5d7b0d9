# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Serves Foxglove, where the parameter `foxglove_port` asks for it, with what the flight recorder
writes and the markers. Messages pass as the bytes that came.

A topic is heard only while somebody looks at it, and anew for each newcomer: so DDS brings him
what is latched, and nothing has to be kept here.
"""

from __future__ import annotations

import time

from rclpy.subscription import Subscription

from swarm_tower.core.recording import ROBOT, ROBOT_TOPICS, TOPICS, Topic
from swarm_tower.foxglove_live import Audience, LiveServer
from swarm_tower.ros import qos
from swarm_tower.ros.feed import Ears
from swarm_tower.ros.recorder_schemas import message_type, schema_of

MARKERS = Topic('/swarm/markers', 'visualization_msgs/msg/MarkerArray', latched=True)


class FoxgloveFeed:
    """See feed.Feed. Nothing is imported and nothing heard while there is no port."""

    def __init__(self, ears: Ears) -> None:
        self._node = ears.node
        self._server: LiveServer | None = None
        self._offered: dict[str, Topic] = {}
        self._heard: dict[str, tuple[int, Subscription]] = {}
        if not ears.config.foxglove_port:
            return
        self._wake = ears.node.create_guard_condition(self._hear)
        self._audience = Audience(self._wake.trigger)
        name, host = f'swarm {ears.config.swarm_id}', ears.config.tower_host
        try:
            self._server = LiveServer(name, host, ears.config.foxglove_port, self._audience)
            for topic in (*TOPICS, MARKERS):
                self._offer(topic, topic.name)
        except Exception as error:  # of an SDK that we do not know
            ears.node.get_logger().error(f'foxglove: {error}; there is no live server')
            return
        ears.node.get_logger().info(f'foxglove: ws://{host}:{self._server.port}')

    def follow(self, robot_ids: list[str]) -> None:
        """Offer the topics of these robots."""
        if self._server is None:
            return
        wanted = {
            topic.name.replace(ROBOT, robot_id): topic
            for robot_id in robot_ids
            for topic in ROBOT_TOPICS
        }
        of_robots = [name for name, topic in self._offered.items() if ROBOT in topic.name]
        for name in of_robots:
            if name not in wanted:
                self._server.withdraw(name)
                del self._offered[name]
        for name, topic in wanted.items():
            self._offer(topic, name)
        self._hear()

    def close(self) -> None:
        """Drop everything; never raises."""
        self._offered = {}
        if self._server is not None:
            self._hear()
            try:
                self._server.close()
            except Exception as error:
                self._node.get_logger().error(f'foxglove: {error}')
            self._server = None
            self._node.destroy_guard_condition(self._wake)

    def _offer(self, topic: Topic, name: str) -> None:
        if self._server is not None and name not in self._offered:
            self._server.offer(name, topic.type, schema_of(topic.type))
            self._offered[name] = topic

    def _hear(self) -> None:
        """Hear what is looked at, and nothing else."""
        wanted = {
            name: asked for name, asked in self._audience.wanted().items() if name in self._offered
        }
        for name, (asked, subscription) in tuple(self._heard.items()):
            stays = name in wanted
            if stays and (asked == wanted[name] or not self._offered[name].latched):
                continue
            if stays:
                self._heard[name] = (wanted[name], self._listen(name))
            else:
                del self._heard[name]
            self._node.destroy_subscription(subscription)
        for name, asked in wanted.items():
            if name not in self._heard:
                self._heard[name] = (asked, self._listen(name))

    def _listen(self, name: str) -> Subscription:
        def take(raw: bytes) -> None:
            if self._server is not None:
                self._server.send(name, raw, time.time_ns())

        topic = self._offered[name]
        return self._node.create_subscription(
            message_type(topic.type), name, take, qos.of(topic), raw=True
        )
