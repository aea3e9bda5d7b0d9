# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Calls of robots' services from any thread of any program: owns a node with a thread of its own,
and which robot is asked when one does not answer.

A call may be made from anywhere, a callback of the program's own executor included.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from swarm_msgs import msg

from swarm_coordinator.core.ids import checked_name
from swarm_coordinator.ros.asking_node import AskingNode, CallerKeys, signer_of
from swarm_coordinator.ros.requests import ASK_AGAIN_S, NotAllowed, Unavailable, expire_with
from swarm_coordinator.ros.requests import answered as answered_by
from swarm_coordinator.ros.topics import TOPICS
from swarm_coordinator.security.callers import NoCaller

CALL_S = 15.0
SPIN_S = 0.2
CARD_S = 1.5  # for the card of the robot that is asked
OFFERED_S = 0.5  # for a service of a robot to appear, where another robot could be asked
Self = TypeVar('Self', bound='RobotCalls')


class RobotCalls:
    """Use as a context manager, or call close().

    node_or_robot  a node in a robot's namespace (/<robot_id>), or the robot_id
    context        of rclpy; default: that of the node, or the default one; where that is not
                   initialised, one of its own, so that a plain script needs no rclpy
    keys_dir       folder of identities; default: environment SWARM_KEYS_DIR, else
                   ~/.ros/swarm/keys/<swarm_id>
    caller         whose keys requests are signed with; default: environment SWARM_AS, else the
                   only operator there, else the robot itself; without any they go unsigned
    """

    def __init__(
        self,
        node_or_robot: Node | str,
        context: Context | None = None,
        *,
        keys_dir: str = '',
        caller: str = '',
    ) -> None:
        if isinstance(node_or_robot, str):
            self.robot = checked_name(node_or_robot, 'robot')
        else:
            namespace = node_or_robot.get_namespace().strip('/')
            self.robot = checked_name(namespace, 'namespace of the node')
            context = context or node_or_robot.context
        self._own_context: Context | None = None
        self._swarm_of: dict[str, str] = {}  # robot -> swarm_id
        self._node = AskingNode(
            f'swarm_client_{os.getpid()}_{uuid.uuid4().hex[:8]}',
            context=context or self._usable_context(),
            signer=signer_of(CallerKeys(keys_dir, caller, self._heard_swarm_of)),
            namespace=f'/{self.robot}',
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._node.context)
        self._executor.add_node(self._node)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._answering = self.robot
        self._listen('/swarm/robots', self._hear_card)
        self._thread = threading.Thread(target=self._spin, name='swarm-client', daemon=True)
        self._thread.start()

    def _usable_context(self) -> Context:
        context = rclpy.get_default_context()
        if not context.ok():
            context = self._own_context = Context()
            rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
        return context

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leases that are still held run out by themselves. Safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._executor.wake()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        if self._own_context is not None:
            rclpy.try_shutdown(context=self._own_context)

    def _spin(self) -> None:
        try:
            while not self._closing.is_set():
                self._executor.spin_once(timeout_sec=SPIN_S)
        except (ExternalShutdownException, ShutdownException):
            pass

    # ---- robots

    def _hear_card(self, card: msg.RobotCard) -> None:
        self._swarm_of[card.envelope.sender] = card.envelope.swarm_id

    def _heard_swarm_of(self, robot: str) -> str:
        """For the choice of keys, where this user has some of several swarms."""
        end_s = time.monotonic() + CARD_S
        while robot not in self._swarm_of and time.monotonic() < end_s:
            self._closing.wait(SPIN_S / 4)
        return self._swarm_of.get(robot, '')

    @property
    def answering(self) -> str:
        """The robot that is asked what any robot can answer."""
        return self._answering

    def ask_another(self, silent: str) -> None:
        """From now on, if it was `silent` that was asked until now."""
        with self._lock:
            if silent != self._answering:
                return
            ours = self._swarm_of.get(self.robot)
            others = sorted(
                name for name, swarm in dict(self._swarm_of).items() if swarm == ours
            )
            robots = others or [self.robot]
            later = [name for name in robots if name > silent]
            self._answering = (later or robots)[0]

    # ---- calls

    def ask(
        self,
        kind: Any,
        service: str,
        request: Any,
        timeout_s: float = CALL_S,
        *,
        again_s: float = ASK_AGAIN_S,
        anywhere: bool = False,
    ) -> Any:
        """The answer of a robot's service; asked again where none comes.

        anywhere  another robot may be asked then
        Give the request an idempotency key, if it has one. Raises Unavailable.
        """
        answered = threading.Event()
        sent: list[tuple[Any, Any]] = []
        end_s = time.monotonic() + timeout_s
        try:
            while (left_s := end_s - time.monotonic()) > 0 and not self._closing.is_set():
                robot = self._answering if anywhere else self.robot
                client = self._client(kind, service, robot)
                patience_s = OFFERED_S if anywhere else ASK_AGAIN_S
                if not client.wait_for_service(timeout_sec=min(left_s, patience_s)):
                    self.ask_another(robot)
                    continue
                expire_with(request, end_s)
                future = _sent(client, request)
                sent.append((client, future))
                future.add_done_callback(lambda _: answered.set())
                if answered.wait(min(max(end_s - time.monotonic(), 0.0), again_s)):
                    answer = next(one.result() for _, one in sent if one.done())
                    return answered_by(kind, answer)
                self.ask_another(robot)
        finally:
            for client, future in sent:
                if not future.done():
                    client.remove_pending_request(future)
        raise Unavailable(
            f'/{self.robot}/{service} did not answer within {timeout_s:.0f} s: does '
            f'{self.robot} run, in this ROS domain?'
        )

    def send(
        self, kind: Any, service: str, request: Any, robot: str, done: Callable[[Any], None]
    ) -> Callable[[], None] | None:
        """Ask a robot once; `done` is called with the answer, from the client's thread. Returns
        what forgets the request, or None where the robot does not offer the service (yet)."""
        client = self._client(kind, service, robot)
        if not client.service_is_ready():
            return None
        future = _sent(client, request)
        future.add_done_callback(lambda one: done(one.result()))
        return lambda: client.remove_pending_request(future)

    def _client(self, kind: Any, service: str, robot: str = '') -> Any:
        with self._lock:
            name = (robot or self.robot, service)
            if name not in self._clients:
                self._clients[name] = self._node.create_client(kind, f'/{name[0]}/{service}')
            return self._clients[name]

    def _listen(self, topic: str, callback: Callable[[Any], Any]) -> Any:
        entry = TOPICS[topic]
        qos = QoSProfile(
            depth=100, reliability=entry.qos.reliability, durability=entry.qos.durability
        )
        return self._node.create_subscription(entry.kind, topic, callback, qos)


def _sent(client: Any, request: Any) -> Any:
    """Raises NotAllowed where nobody can be chosen to sign it."""
    try:
        return client.call_async(request)
    except NoCaller as error:
        raise NotAllowed(str(error)) from None
