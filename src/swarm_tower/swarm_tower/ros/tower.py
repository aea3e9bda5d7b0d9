# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions of the tower. Owns what is listened to; every fact goes straight to the hub."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
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
from swarm_tower.ros.job_lister import JobLister
from swarm_tower.web.hub import Hub
from swarm_tower.web.thread import WebThread

STEADY = Clock(clock_type=ClockType.STEADY_TIME)  # the wall clock may be set back
TICK_S = 1.0


class Tower:
    """The running part. Callbacks only convert and fold; the page is served elsewhere."""

    def __init__(self, node: Node, config: TowerConfig, hub: Hub, web: WebThread) -> None:
        self._node = node
        self._swarm_id = config.swarm_id
        self._hub = hub
        self._web = web
        self._lister = JobLister(node, hub)
        self._inventories: dict[str, Subscription] = {}
        self.failures = 0
        self._listen_to_swarm()
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
            self._web.close()
        except Exception as error:
            self._node.get_logger().error(f'the tower did not close cleanly: {error}')

    def _listen_to_swarm(self) -> None:
        sender, swarm = self._from_sender, self._from_swarm
        self._listen(Heartbeat, '/swarm/heartbeat', qos.HEARTBEAT, sender, conversions.beacon)
        self._listen(SwarmEvent, '/swarm/events', qos.EVENTS, sender, conversions.event)
        self._listen(SwarmState, '/swarm/state', qos.SHARED, swarm, conversions.swarm_state)
        self._listen(ModeState, '/swarm/mode', qos.SHARED, swarm, conversions.mode)
        self._listen(JobUpdates, '/swarm/jobs', qos.JOBS, swarm, conversions.update_message)
        self._listen(
            SwarmConsciousness,
            '/swarm/consciousness',
            qos.SHARED,
            swarm,
            conversions.consciousness,
        )

    def _listen(
        self,
        message_type: Any,
        topic: str,
        profile: QoSProfile,
        check: Callable[[Any], Ignored | None],
        convert: Callable[[Any], Fact],
    ) -> Subscription:
        def take(msg: Any) -> None:
            try:
                ignored = check(msg)
                self._hub.fold([convert(msg) if ignored is None else ignored])
            except Exception as error:
                self._count_failure(topic, error)

        return self._node.create_subscription(message_type, topic, take, profile)

    def _from_swarm(self, msg: Any) -> Ignored | None:
        if msg.swarm_id == self._swarm_id:
            return None
        return Ignored('swarm', conversions.clip(msg.swarm_id, 64))

    def _from_sender(self, msg: Any) -> Ignored | None:
        envelope = msg.envelope
        if envelope.swarm_id != self._swarm_id:
            return Ignored('swarm', conversions.clip(envelope.swarm_id, 64))
        if envelope.protocol_version != Envelope.PROTOCOL_VERSION:
            return Ignored('protocol', str(envelope.protocol_version))
        if not ROBOT_ID.match(envelope.sender):
            return Ignored('robot_id', conversions.clip(envelope.sender, 64))
        return None

    def _from_robot(self, robot_id: str, msg: Any) -> Ignored | None:
        if msg.robot_id == robot_id:
            return None
        return Ignored('robot_id', conversions.clip(msg.robot_id, 64))

    def _tick(self) -> None:
        try:
            self._hub.tick()
            self._follow_robots(self._hub.ask(lambda view, now: view.heard_ids()))
            self._lister.tick()
        except Exception as error:
            self._count_failure('the once-a-second work', error)

    def _follow_robots(self, robot_ids: list[str]) -> None:
        for robot_id in robot_ids:
            if robot_id not in self._inventories:
                self._inventories[robot_id] = self._listen(
                    HardwareInventory,
                    f'/{robot_id}/hardware/inventory',
                    qos.LATCHED,
                    partial(self._from_robot, robot_id),
                    conversions.inventory,
                )
        for robot_id in sorted(set(self._inventories) - set(robot_ids)):
            self._node.destroy_subscription(self._inventories.pop(robot_id))

    def _count_failure(self, where: str, error: Exception) -> None:
        self.failures += 1
        self._node.get_logger().error(
            f'{where}: {type(error).__name__}: {error}', throttle_duration_sec=5.0
        )
