# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions of the tower. Owns what is listened to; every fact goes straight to the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from swarm_msgs.msg import (
    Envelope,
    HardwareInventory,
    Heartbeat,
    JobUpdates,
    ModeState,
    SwarmConsciousness,
    SwarmEvent,
    SwarmState,
)

from swarm_tower.config import TowerConfig
from swarm_tower.core.facts import ROBOT_ID, Fact, Ignored
from swarm_tower.ros import conversions, qos
from swarm_tower.ros.feed import STEADY, Check, Ears, Listen
from swarm_tower.ros.feeds import FEEDS
from swarm_tower.ros.job_lister import JobLister
from swarm_tower.ros.robots import RobotAsker
from swarm_tower.web.hub import Hub
from swarm_tower.web.thread import WebThread

if TYPE_CHECKING:
    from swarm_tower.ros.recorder_feed import RecorderFeed

TICK_S = 1.0


def from_sender(swarm_id: str) -> Check:
    """Return the check of messages that carry an envelope."""

    def check(msg: Any) -> Ignored | None:
        envelope = msg.envelope
        if envelope.swarm_id != swarm_id:
            return Ignored('swarm', conversions.clip(envelope.swarm_id, 64))
        if envelope.protocol_version != Envelope.PROTOCOL_VERSION:
            return Ignored('protocol', str(envelope.protocol_version))
        if not ROBOT_ID.match(envelope.sender):
            return Ignored('robot_id', conversions.clip(envelope.sender, 64))
        return None

    return check


def listen_to_swarm(listen: Listen, sender: Check) -> None:
    """Hear the topics that the picture itself is made of."""
    listen(Heartbeat, '/swarm/heartbeat', qos.HEARTBEAT, sender, conversions.beacon)
    listen(SwarmEvent, '/swarm/events', qos.EVENTS, sender, conversions.event)
    listen(SwarmState, '/swarm/state', qos.SHARED, sender, conversions.swarm_state)
    listen(ModeState, '/swarm/mode', qos.SHARED, sender, conversions.mode)
    listen(JobUpdates, '/swarm/jobs', qos.JOBS, sender, conversions.update_message)
    listen(
        SwarmConsciousness, '/swarm/consciousness', qos.SHARED, sender, conversions.consciousness
    )


def listen_to_robot(listen: Listen, robot_id: str) -> Subscription:
    """Hear what a robot believes it has."""

    def check(msg: Any) -> Ignored | None:
        if msg.robot_id == robot_id:
            return None
        return Ignored('robot_id', conversions.clip(msg.robot_id, 64))

    topic = f'/{robot_id}/hardware/inventory'
    return listen(HardwareInventory, topic, qos.LATCHED, check, conversions.inventory)


class Tower:
    """The running part. Callbacks only convert and fold; the page is served elsewhere."""

    def __init__(
        self,
        node: Node,
        config: TowerConfig,
        hub: Hub,
        web: WebThread,
        robots: RobotAsker,
        recorder: RecorderFeed | None = None,
    ) -> None:
        self._node = node
        self._recorder = recorder
        self._hub = hub
        self._web = web
        self._robots = robots
        self._lister = JobLister(node, hub)
        self._inventories: dict[str, Subscription] = {}
        self._shared: dict[str, tuple[Subscription, list[Callable[[Any], None]]]] = {}
        self._made = False
        self.failures = 0
        sender = from_sender(config.swarm_id)
        listen_to_swarm(self._listen, sender)
        ears = Ears(node, config, hub, self._listen, sender)
        self._feeds = [feed(ears) for feed in FEEDS]
        self._made = True
        self._timer = node.create_timer(TICK_S, self._tick, clock=STEADY)

    @property
    def port(self) -> int:
        """Return the TCP port that is really in use."""
        return self._web.port

    def close(self) -> None:
        """End the web thread and all subscriptions; never raises."""
        try:
            self._node.destroy_timer(self._timer)
            self._lister.close()
            for feed in self._feeds:
                feed.close()
            self._web.close()
            if self._recorder is not None:
                self._recorder.close()
            self._robots.close()
        except Exception as error:
            self._node.get_logger().error(f'the tower did not close cleanly: {error}')

    def _listen(
        self,
        message_type: Any,
        topic: str,
        profile: QoSProfile,
        check: Callable[[Any], Ignored | None],
        convert: Callable[[Any], Fact],
    ) -> Subscription:
        """What is listened to from the start is so to the end, and shared by all who want it."""

        def take(msg: Any) -> None:
            try:
                ignored = check(msg)
                self._hub.fold([convert(msg) if ignored is None else ignored])
            except Exception as error:
                self._count_failure(topic, error)

        if not self._made and topic in self._shared:
            subscription, takers = self._shared[topic]
            takers.append(take)
            return subscription
        takers = [take]

        def take_all(msg: Any) -> None:
            for one in takers:
                one(msg)

        subscription = self._node.create_subscription(message_type, topic, take_all, profile)
        if not self._made:
            self._shared[topic] = subscription, takers
        return subscription

    def _tick(self) -> None:
        try:
            self._hub.tick()
            heard = self._hub.ask(lambda view, now: view.heard_ids())
            self._follow_robots(heard)
            for feed in self._feeds:
                feed.follow(heard)
            if self._recorder is not None:
                self._recorder.follow(heard)
            self._lister.tick()
        except Exception as error:
            self._count_failure('the once-a-second work', error)

    def _follow_robots(self, robot_ids: list[str]) -> None:
        for robot_id in robot_ids:
            if robot_id not in self._inventories:
                self._inventories[robot_id] = listen_to_robot(self._listen, robot_id)
        for robot_id in sorted(set(self._inventories) - set(robot_ids)):
            self._node.destroy_subscription(self._inventories.pop(robot_id))

    def _count_failure(self, where: str, error: Exception) -> None:
        self.failures += 1
        self._node.get_logger().error(
            f'{where}: {type(error).__name__}: {error}', throttle_duration_sec=5.0
        )
