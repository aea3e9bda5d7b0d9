# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a robot process loads the tower: the object behind the entry point swarm.parts."""

from __future__ import annotations

import time

from rclpy.node import Node

from swarm_tower.config import TowerConfig
from swarm_tower.core.view import SwarmView
from swarm_tower.ros.tower import Tower
from swarm_tower.web.hub import Hub
from swarm_tower.web.thread import WebThread


class TowerPart:
    """Name, parameters and construction of the part."""

    node_name = 'tower'
    config_type = TowerConfig

    def create(self, node: Node, config: TowerConfig) -> Tower:
        """Start listening and serving; ValueError if the port is in use."""
        domain_id = node.context.get_domain_id()
        view = SwarmView(
            config.swarm_id,
            domain_id,
            config.stale_after_ms,
            config.lost_after_ms,
            time.monotonic_ns(),
        )
        hub = Hub(view, config.window_ms, time.monotonic_ns, time.time_ns)
        web = WebThread(config, hub)
        node.get_logger().info(
            f'tower of swarm {config.swarm_id!r} (ROS domain {domain_id}): '
            f'http://{config.tower_host}:{web.port}'
        )
        return Tower(node, config, hub, web)


PART = TowerPart()
