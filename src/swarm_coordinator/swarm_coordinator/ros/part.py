# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part `coordinator` of a robot process, as robot.py loads it."""

from dataclasses import dataclass

from rclpy.node import Node

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.ros.coordinator_node import CoordinatorNode


@dataclass(frozen=True)
class Part:
    node_name: str = 'coordinator'
    config_type: type = CoordinatorConfig
    addressed: bool = True

    def create(self, node: Node, config: CoordinatorConfig) -> CoordinatorNode:
        return CoordinatorNode(node, config)


PART = Part()
