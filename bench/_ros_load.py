# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Closed-loop load on a robot's service: one ROS client process, so many requests under way.

    python -m bench._ros_load ROBOT CLIENTS SECONDS

Prints {"took_ms": [...], "lost": n} as JSON. A request without an answer for LOST_S is counted as
lost, and another one is asked in its place.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from swarm_msgs import srv

from swarm_coordinator.ros.asking_node import AskingNode
from swarm_coordinator.ros.robot import best_executor_type, quiet_context

LOST_S = 2.0  # as long as a ROS client of ours waits before it asks again
FIND_S = 5.0
STEP_S = 0.2
DEPTH = 256  # answers that may wait for this process; by default a client keeps 10


class Load:
    def __init__(self, node: Node, robot: str) -> None:
        self._client = node.create_client(
            srv.ClearOverride, f'/{robot}/clear_override', qos_profile=QoSProfile(depth=DEPTH)
        )
        self._pending: dict[int, float] = {}
        self._numbers = itertools.count()
        self._end = 0.0
        self.took_ms: list[float] = []
        self.lost = 0

    def is_found(self) -> bool:
        return bool(self._client.service_is_ready())

    def begin(self, clients: int, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        for _ in range(clients):
            self._ask()

    def is_over(self) -> bool:
        for number in [n for n, s in self._pending.items() if s + LOST_S < time.monotonic()]:
            del self._pending[number]
            self.lost += 1
            self._ask_again()
        return not self._pending

    def _ask_again(self) -> None:
        if time.monotonic() < self._end:
            self._ask()

    def _ask(self) -> None:
        number, asked = next(self._numbers), time.monotonic()
        self._pending[number] = asked

        def told(future: Any) -> None:
            answer = future.result()
            if self._pending.pop(number, None) is None:
                return  # late: it was counted as lost
            if answer.log_index:
                self.took_ms.append((time.monotonic() - asked) * 1000)
            self._ask_again()

        request = srv.ClearOverride.Request(owner='bench', reason='measured')
        self._client.call_async(request).add_done_callback(told)


def main(robot: str, clients: int, seconds: float) -> None:
    with quiet_context(None) as quiet:
        executor_type = best_executor_type(quiet)
    rclpy.init()
    node = AskingNode('bench_load', enable_rosout=False, start_parameter_services=False)
    load = Load(node, robot)
    executor = executor_type()
    executor.add_node(node)
    limit = time.monotonic() + FIND_S
    while not load.is_found() and time.monotonic() < limit:
        executor.spin_once(timeout_sec=STEP_S)
    executor.spin_once(timeout_sec=STEP_S)  # the robot has to find us too
    load.begin(clients, seconds)
    while not load.is_over():
        executor.spin_once(timeout_sec=STEP_S)
    print(json.dumps({'took_ms': load.took_ms, 'lost': load.lost}), flush=True)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
