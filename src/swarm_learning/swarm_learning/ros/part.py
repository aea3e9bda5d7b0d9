# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the learner as a part of a robot process; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rclpy.node import Node

from ..core.config import LearningConfig
from .learning_node import Learning, robot_id_of
from .learning_services import LearningServices
from .memory_node import Remembering
from .policy_desk import PolicyDesk


@dataclass(frozen=True)
class LearningPart:
    """What a robot process needs to run the learner."""

    node_name: str = 'learning'
    config_type: type[LearningConfig] = LearningConfig

    def create(self, node: Node, config: LearningConfig) -> Learning:
        """Raises ValueError if neither the settings nor the namespace name the robot."""
        robot_id = config.robot_id or robot_id_of(node)
        learning = Learning(node, replace(config, robot_id=robot_id))
        Remembering(node, learning.config, learning)
        PolicyDesk(node, learning.config, learning)
        LearningServices(node, learning)
        return learning


PART = LearningPart()
