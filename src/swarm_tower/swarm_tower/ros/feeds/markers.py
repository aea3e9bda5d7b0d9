# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Publishes the picture as /swarm/markers for rviz and others. Owns the topic and where robots
tell their place; what is drawn is for core/markers.py, its messages for marker_conversions.py.

The topic is there from the first subscription to it on, and costs nothing before. The whole array
is sent each time, because a latched topic gives a late comer the last one only.
"""

from __future__ import annotations

import math
from functools import partial
from importlib import import_module
from typing import Any

from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy
from rclpy.subscription import Subscription

from swarm_tower.core import markers
from swarm_tower.core.markers import Scene, Spot
from swarm_tower.ros import qos
from swarm_tower.ros.feed import STEADY, Ears

TOPIC = '/swarm/markers'
POSE_TYPES = {
    'geometry_msgs/msg/PoseStamped',
    'geometry_msgs/msg/PoseWithCovarianceStamped',
    'nav_msgs/msg/Odometry',
}


def spot_of(msg: Any) -> Spot:
    """Return the place in a PoseStamped, PoseWithCovarianceStamped or Odometry."""
    pose = msg.pose.pose if hasattr(msg.pose, 'pose') else msg.pose
    q = pose.orientation
    yaw = math.atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y * q.y + q.z * q.z))
    return Spot(pose.position.x, pose.position.y, yaw)


class MarkersFeed:
    """See feed.Feed. It hears where robots are, and tells what is drawn."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        config = ears.config
        self._fixed = {robot: Spot(*at) for robot, at in config.spots.items()}
        self._told: dict[str, Spot] = {}
        self._poses: dict[str, Subscription] = {}
        self._drawn: set[tuple[str, int]] = set()
        self._first = True
        self._publisher: Publisher | None = None
        if config.markers_period_ms:
            self._timer = ears.node.create_timer(
                config.markers_period_ms / 1000, self._tick, clock=STEADY
            )

    def follow(self, robot_ids: list[str]) -> None:
        """Listen for the places of these robots, where a topic for it is named."""
        config = self._ears.config
        if not config.markers_period_ms or not config.markers_pose_topic:
            return
        for robot_id in robot_ids:
            if robot_id not in self._poses:
                self._listen(robot_id)
        for robot_id in sorted(set(self._poses) - set(robot_ids)):
            self._ears.node.destroy_subscription(self._poses.pop(robot_id))
            self._told.pop(robot_id, None)

    def close(self) -> None:
        """Drop everything; never raises."""
        node = self._ears.node
        for subscription in self._poses.values():
            node.destroy_subscription(subscription)
        if self._ears.config.markers_period_ms:
            node.destroy_timer(self._timer)
        if self._publisher is not None:
            node.destroy_publisher(self._publisher)

    def _listen(self, robot_id: str) -> None:
        """Once somebody publishes there, and with the type that is published."""
        node = self._ears.node
        topic = f'/{robot_id}/{self._ears.config.markers_pose_topic.strip("/")}'
        writers = {one.topic_type: one for one in node.get_publishers_info_by_topic(topic)}
        for kind in sorted(POSE_TYPES & set(writers))[:1]:
            durability = writers[kind].qos_profile.durability
            latched = durability == DurabilityPolicy.TRANSIENT_LOCAL
            profile = qos.LATCHED if latched else qos.HEARTBEAT
            package, _, name = kind.partition('/msg/')
            try:
                message_type = getattr(import_module(f'{package}.msg'), name)
            except ImportError:
                node.get_logger().warning(f'{topic}: {package} is not installed', once=True)
                continue
            self._poses[robot_id] = node.create_subscription(
                message_type, topic, partial(self._take_pose, robot_id), profile
            )

    def _take_pose(self, robot_id: str, msg: Any) -> None:
        try:
            if msg.header.frame_id.lstrip('/') != self._ears.config.markers_frame.lstrip('/'):
                raise ValueError(
                    f'expected frame {self._ears.config.markers_frame} (markers_frame), got '
                    f'{msg.header.frame_id[:64]!r}'
                )
            self._told[robot_id] = spot_of(msg)
        except Exception as error:
            self._complain(f'place of {robot_id}', error)

    def _tick(self) -> None:
        try:
            if self._publisher is None:
                if self._ears.node.count_subscribers(TOPIC):
                    self._offer()
            elif self._publisher.get_subscription_count():
                self._draw(self._publisher)
        except Exception as error:
            self._complain(TOPIC, error)

    def _offer(self) -> None:
        """Stays once it is there."""
        from visualization_msgs.msg import MarkerArray

        self._publisher = self._ears.node.create_publisher(MarkerArray, TOPIC, qos.MARKERS)

    def _draw(self, publisher: Publisher) -> None:
        from swarm_tower.ros.marker_conversions import message, scene_of

        config = self._ears.config
        scene = Scene(
            **self._ears.hub.ask(scene_of), spots={**self._fixed, **self._told}
        )
        marks = markers.marks(scene)
        drawn = {(mark.space, mark.id) for mark in marks}
        gone, self._drawn = sorted(self._drawn - drawn), drawn
        publisher.publish(
            message(marks, gone, config.markers_frame, config.markers_period_ms, self._first)
        )
        self._first = False

    def _complain(self, where: str, error: Exception) -> None:
        self._ears.node.get_logger().error(
            f'{where}: {type(error).__name__}: {error}', throttle_duration_sec=5.0
        )
