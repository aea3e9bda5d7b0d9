# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A part and a fake swarm in one executor, spun by the test itself."""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from fake_swarm import FakeSwarm
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from swarm_msgs.msg import JobStatus

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
        self._folder = tempfile.TemporaryDirectory()
        self.tower = PART.create(self.tower_node, self.config(**parameters))
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.tower_node)
        self.executor.add_node(self.swarm_node)
        self.url = f'http://127.0.0.1:{self.tower.port}'
        self.beat_at = 0.0

    def config(self, **parameters: Any) -> TowerConfig:
        tokens = f'{self._folder.name}/tokens.json'
        return TowerConfig(
            **{'tower_port': 0, 'window_ms': 20, 'tower_tokens': tokens, **parameters}
        )

    def token(self) -> str:
        """What lets a page act."""
        document = json.loads(Path(self.config().tower_tokens).read_text())
        return str(document['tokens'][0]['token'])

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
        self._folder.cleanup()


def busy_swarm(air: OnAir) -> None:
    """Jobs at all ends, a mind and a machine."""
    swarm = air.swarm
    for i in range(5):
        swarm.put_job(f'job-{i}', JobStatus.PHASE_DONE, 'robot_b', exit_code=0, run_ms=1200)
    swarm.put_job('job-5', JobStatus.PHASE_RUNNING, 'robot_a', progress_permille=400)
    swarm.put_job('job-6', JobStatus.PHASE_FAILED, 'robot_c', exit_code=3, reason='exit code 3')
    swarm.publish_jobs(*swarm.jobs)
    swarm.publish_consciousness()
    swarm.publish_inventory('robot_b')
    swarm.publish_state()
