# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part in a process with an executor thread, as the robot process runs it."""

import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from hw_discovery.config import Config
from hw_discovery.ros.part import PART, HardwareDiscovery

WAIT_S = 20.0
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SENSOR = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)


class Robot:
    """One executor thread that spins the part's node and the test's own. `wait_s`: for each."""

    def __init__(self, config: Config, wait_s: float = WAIT_S) -> None:
        self.wait_s = wait_s
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node(PART.node_name, namespace=f'/{config.robot_id}', context=self.context)
        self.client_node = Node('asker', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.executor.add_node(self.client_node)
        self.part: HardwareDiscovery = PART.create(self.node, config)
        self.robot_id = config.robot_id
        self.news = threading.Condition()
        self.last: dict[str, Any] = {}
        self._is_closed = False
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self.part.close()
        self.executor.shutdown(self.wait_s)
        self._thread.join(self.wait_s)
        self.node.destroy_node()
        self.client_node.destroy_node()
        self.context.try_shutdown()

    def call(self, kind: Any, name: str, **fields: Any) -> Any:
        client = self.client_node.create_client(kind, f'/{self.robot_id}/{name}')
        assert client.wait_for_service(self.wait_s), name
        done = threading.Event()
        future = client.call_async(kind.Request(**fields))
        future.add_done_callback(lambda _: done.set())
        assert done.wait(self.wait_s), f'{name} did not answer'
        return future.result()

    def collect(self, kind: Any, topic: str, qos: Any = SENSOR) -> list[Any]:
        seen: list[Any] = []

        def on_message(msg: Any) -> None:
            with self.news:
                seen.append(msg)
                self.last[topic] = msg
                self.news.notify_all()

        full = topic if topic.startswith('/') else f'/{self.robot_id}/{topic}'
        self.client_node.create_subscription(kind, full, on_message, qos)
        return seen

    def wait_for(self, condition: Callable[[], bool], wait_s: float | None = None) -> None:
        with self.news:
            assert self.news.wait_for(condition, wait_s or self.wait_s), self.last
