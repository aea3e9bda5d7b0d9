# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A ROS client of one robot of the swarm, for short-lived programs. Owns finding the robot and
waiting for answers with a time limit; knows nothing of how answers are shown.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from swarm_msgs import msg

from swarm_coordinator.local_swarm import LocalSwarm
from swarm_coordinator.ros.asking_node import AskingNode, CallerKeys, signer_of
from swarm_coordinator.ros.request_guard import signing_action
from swarm_coordinator.ros.requests import (
    ASK_AGAIN_S,
    NotAllowed,
    Unavailable,
    answered,
    expire_with,
)
from swarm_coordinator.ros.topics import TOPICS
from swarm_coordinator.security.callers import NoCaller

if TYPE_CHECKING:
    from swarm_coordinator.ros.protection import Protection

__all__ = ['NotAllowed', 'SwarmClient', 'Unavailable']

FIND_S = 8.0  # DDS makes itself known every 3 s: two of these may be lost
WAIT_S = 0.2
OFFERED_S = 20.0  # on a busy machine DDS finds what a robot offers seconds after the robot itself
HERE_S = 1.5  # how long a robot on this machine is preferred over others that were heard


def reader_of(swarm: LocalSwarm) -> 'Callable[[], Protection] | None':
    """What a SwarmClient needs to listen to these robots; None where it needs nothing."""
    if swarm.parameters.get('security') != 'sign_encrypt':
        return None

    def make() -> 'Protection':
        from swarm_coordinator.ros.protection import reader

        return reader(str(swarm.keys_dir(swarm.swarm_id)), swarm.swarm_id, 'watcher')

    return make


class SwarmClient:
    """Use as a context manager. `robot` '' = one on this machine if there is one, else any.
    `reader` makes what it needs to listen to robots that encrypt (ros/protection.py)."""

    find_s = FIND_S  # how long it looks for a service of a robot that is not there
    offered_s = OFFERED_S  # and how long for one of a robot that is

    def __init__(
        self,
        robot: str = '',
        swarm: str = '',
        name: str = 'swarmctl',
        reader: 'Callable[[], Protection] | None' = None,
        *,
        keys_dir: str = '',
        caller: str = '',
    ) -> None:
        """`keys_dir`, `caller`: whose keys requests are signed with; default as CallerKeys."""
        self._robot, self._swarm, self._name, self._reader = robot, swarm, name, reader
        self._signer = signer_of(CallerKeys(keys_dir, caller, self._swarm_of))
        self._swarms: dict[str, str] = {}

    def __enter__(self) -> 'SwarmClient':
        # Python's own handling of Ctrl-C is what a command line wants.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        name = f'{self._name}_{os.getpid()}'
        options: dict[str, Any] = {'enable_rosout': False}
        if self._reader is None:
            self.node = AskingNode(
                name, signer=self._signer, start_parameter_services=False, **options
            )
        else:
            protection = self._reader()
            protection.requests.signer = self._signer  # who listens asks as somebody else
            self.node = protection.node(
                name, '', False, start_parameter_services=False, **options
            )
            protection.attach(self.node)
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
        host = socket.gethostname()[:64]

        def here() -> list[str]:
            return sorted(name for name, card in cards.items() if card.host == host)

        with self._hearing(cards):
            if not self.spin_until(lambda: bool(here()), HERE_S):
                self.spin_until(lambda: bool(cards), FIND_S - HERE_S)
        for name in here() or sorted(cards):
            return name
        domain = os.environ.get('ROS_DOMAIN_ID', '0')
        which = f'of swarm {self._swarm!r} ' if self._swarm else ''
        raise Unavailable(
            f'no robot {which}was heard on ROS domain {domain} within {FIND_S:.0f} s; check '
            'ROS_DOMAIN_ID, ROS_AUTOMATIC_DISCOVERY_RANGE and that a robot runs'
        )

    @contextmanager
    def _hearing(self, cards: dict[str, msg.RobotCard]) -> Iterator[None]:
        """Cards of robots come into `cards`, as long as this is open and somebody spins."""

        def hear(card: msg.RobotCard) -> None:
            if self._swarm in ('', card.envelope.swarm_id):
                cards[card.envelope.sender] = card
                self._swarms[card.envelope.sender] = card.envelope.swarm_id

        topic = TOPICS['/swarm/robots']
        depth = QoSProfile(
            depth=64, reliability=topic.qos.reliability, durability=topic.qos.durability
        )
        subscription = self.node.create_subscription(msg.RobotCard, topic.name, hear, depth)
        try:
            yield
        finally:
            self.node.destroy_subscription(subscription)

    def _swarm_of(self, robot: str) -> str:
        """For the choice of keys, where this user has some of several swarms."""
        if self._swarm or robot in self._swarms:
            return self._swarm or self._swarms[robot]
        with self._hearing({}):
            self.spin_until(lambda: robot in self._swarms, HERE_S)
        return self._swarms.get(robot, '')

    def call(
        self,
        kind: Any,
        service: str,
        request: Any,
        timeout_s: float = 15.0,
        robot: str = '',
        *,
        again_s: float = ASK_AGAIN_S,
    ) -> Any:
        """Call a service of a robot (default: ours), again where no answer comes.

        Raises Unavailable, and NotAllowed.
        """
        robot = robot or self.robot
        futures = []
        end_s = time.monotonic() + timeout_s
        for _ in range(max(1, round(timeout_s / again_s))):
            expire_with(request, end_s)
            futures.append(self.call_async(kind, service, request, robot))
            if self.spin_until(lambda: any(one.done() for one in futures), again_s):
                answer = next(one.result() for one in futures if one.done())
                return answered(kind, answer)
        raise Unavailable(f'{robot} did not answer {service} within {timeout_s:.0f} s')

    def call_async(self, kind: Any, service: str, request: Any, robot: str = '') -> Any:
        """One request, and the future of its answer, which may never come."""
        name = f'/{robot or self.robot}/{service}'
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        if not self._found(self._clients[name].service_is_ready, robot or self.robot):
            raise Unavailable(f'{name} is not offered: does the robot run, with that part?')
        try:
            return self._clients[name].call_async(request)
        except NoCaller as error:
            raise NotAllowed(str(error)) from None

    def action(self, kind: Any, name: str) -> Any:
        full = f'/{self.robot}/{name}'
        client = signing_action(
            ActionClient(self.node, kind, full), self.node, kind, full, self._signer
        )
        if not self._found(client.server_is_ready, self.robot):
            raise Unavailable(f'{full} is not offered: does the robot run, with that part?')
        return client

    def _found(self, is_offered: Callable[[], bool], robot: str) -> bool:
        if self.spin_until(is_offered, self.find_s):
            return True
        is_there = any(
            namespace == f'/{robot}' for _, namespace in self.node.get_node_names_and_namespaces()
        )
        return is_there and self.spin_until(is_offered, self.offered_s)
