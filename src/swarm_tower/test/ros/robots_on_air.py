# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A part and a fake swarm in one executor, spun by the test itself."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import rclpy
from fake_swarm import FakeSwarm
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from swarm_tower.config import TowerConfig
from swarm_tower.ros.part import PART

WAIT_S = 20


class OnAir:
    """Call `until` to let time pass: it spins and beats until something is true."""

    def __init__(self, robots: int = 3, **parameters: Any) -> None:
        rclpy.init()
        self.tower_node = Node(PART.node_name, namespace='/robot_a')
        self.swarm_node = Node('fake_swarm')
        self.swarm = FakeSwarm(self.swarm_node, robots)
        config = TowerConfig(tower_port=0, window_ms=20, **parameters)
        self.tower = PART.create(self.tower_node, config)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.tower_node)
        self.executor.add_node(self.swarm_node)
        self.url = f'http://127.0.0.1:{self.tower.port}'
        self.beat_at = 0.0

    def state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f'{self.url}/api/v1/state', timeout=5) as answer:
            return json.load(answer)

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if time.monotonic() >= self.beat_at:
                self.beat_at = time.monotonic() + 0.1
                self.swarm.beat()
            self.executor.spin_once(timeout_sec=0.05)

    def until(self, true: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            self.spin(0.2)
            if found := true():
                return found
        raise AssertionError(f'did not come true within {WAIT_S} s: {what}')

    def close(self) -> None:
        self.tower.close()
        self.executor.shutdown()
        self.tower_node.destroy_node()
        self.swarm_node.destroy_node()
        rclpy.try_shutdown()
