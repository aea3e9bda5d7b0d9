# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A ROS client of one robot of the swarm, for short-lived programs. Owns finding the robot and
waiting for answers with a time limit; knows nothing of how answers are shown.
"""

import os
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from swarm_msgs import msg

from swarm_coordinator.ros.requests import ASK_AGAIN_S, Unavailable, expire_with
from swarm_coordinator.ros.topics import TOPICS

__all__ = ['SwarmClient', 'Unavailable']

FIND_S = 5.0
WAIT_S = 0.2
HERE_S = 1.5  # how long a robot on this machine is preferred over others that were heard


class SwarmClient:
    """Use as a context manager. `robot` '' = one on this machine if there is one, else any."""

    def __init__(self, robot: str = '', swarm: str = '', name: str = 'swarmctl') -> None:
        self._robot, self._swarm, self._name = robot, swarm, name

    def __enter__(self) -> 'SwarmClient':
        # Python's own handling of Ctrl-C is what a command line wants.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(
            f'{self._name}_{os.getpid()}', enable_rosout=False, start_parameter_services=False
        )
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._clients: dict[str, Any] = {}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def spin_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Take messages until `done()`; False if the time was over first."""
        end = time.monotonic() + timeout_s
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            # In short waits: Ctrl-C is only seen between them.
            self._executor.spin_once(timeout_sec=min(left, WAIT_S))
        return True

    @property
    def robot(self) -> str:
        """The robot that is asked; found at the first use. Raises Unavailable."""
        if not self._robot:
            self._robot = self._find()
        return self._robot

    def _find(self) -> str:
        cards: dict[str, msg.RobotCard] = {}

        def hear(card: msg.RobotCard) -> None:
            if self._swarm in ('', card.envelope.swarm_id):
                cards[card.envelope.sender] = card

        topic = TOPICS['/swarm/robots']
        depth = QoSProfile(
            depth=64, reliability=topic.qos.reliability, durability=topic.qos.durability
        )
        subscription = self.node.create_subscription(msg.RobotCard, topic.name, hear, depth)
        host = socket.gethostname()[:64]

        def here() -> list[str]:
            return sorted(name for name, card in cards.items() if card.host == host)

        try:
            if not self.spin_until(lambda: bool(here()), HERE_S):
                self.spin_until(lambda: bool(cards), FIND_S - HERE_S)
        finally:
            self.node.destroy_subscription(subscription)
        for name in here() or sorted(cards):
            return name
        domain = os.environ.get('ROS_DOMAIN_ID', '0')
        which = f'of swarm {self._swarm!r} ' if self._swarm else ''
        raise Unavailable(
            f'no robot {which}was heard on ROS domain {domain} within {FIND_S:.0f} s; check '
            'ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE and that a robot runs'
        )

    def call(
        self, kind: Any, service: str, request: Any, timeout_s: float = 15.0, robot: str = ''
    ) -> Any:
        """Call a service of a robot (default: ours), again where no answer comes.

        Raises Unavailable.
        """
        robot = robot or self.robot
        futures = []
        end_s = time.monotonic() + timeout_s
        for _ in range(max(1, round(timeout_s / ASK_AGAIN_S))):
            expire_with(request, end_s)
            futures.append(self.call_async(kind, service, request, robot))
            if self.spin_until(lambda: any(one.done() for one in futures), ASK_AGAIN_S):
                return next(one.result() for one in futures if one.done())
        raise Unavailable(f'{robot} did not answer {service} within {timeout_s:.0f} s')

    def call_async(self, kind: Any, service: str, request: Any, robot: str = '') -> Any:
        """One request, and the future of its answer, which may never come."""
        name = f'/{robot or self.robot}/{service}'
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        client = self._clients[name]
        if not self.spin_until(client.service_is_ready, FIND_S):
            raise Unavailable(f'{name} is not offered: does the robot run?')
        return client.call_async(request)

    def action(self, kind: Any, name: str) -> ActionClient:
        client = ActionClient(self.node, kind, f'/{self.robot}/{name}')
        if not self.spin_until(client.server_is_ready, FIND_S):
            raise Unavailable(f'{self.robot} offers no action {name}: does it run?')
        return client
