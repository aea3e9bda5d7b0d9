# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A process with one learner that hears and does nothing else, for bench/learner.py; or, with
`bare`, with a node that hears the same topics and does nothing at all.

    python -m bench._learner_robot bare|learner PERIOD_MS
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs.msg import Heartbeat, JobOutcomes, LocalState, SwarmEvent, SwarmState

BEACON = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
OUTCOMES = QoSProfile(depth=100)
LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def main(kind: str, period_ms: int) -> None:
    rclpy.init()
    node = Node('learning', namespace='/r1')
    made: Any = None
    if kind == 'learner':
        from swarm_learning.core.config import LearningConfig
        from swarm_learning.ros.part import PART

        made = PART.create(node, LearningConfig(period_ms=period_ms))
    else:
        for type_, topic, qos in (
            (LocalState, 'local_state', LATCHED), (Heartbeat, '/swarm/heartbeat', BEACON),
            (JobOutcomes, '/swarm/outcomes', OUTCOMES),
            (SwarmState, '/swarm/state', LATCHED),
            (SwarmEvent, '/swarm/events', OUTCOMES),
        ):
            node.create_subscription(type_, topic, lambda _: None, qos)
    gc.collect()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    print('up', flush=True)
    try:
        with suppress(KeyboardInterrupt, ExternalShutdownException):
            executor.spin()
    finally:
        if made is not None:
            made.close()


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]))
