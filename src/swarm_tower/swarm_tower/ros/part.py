# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How a robot process loads the tower: the object behind the entry point swarm.parts."""

from __future__ import annotations

import os
import time

from rclpy.node import Node
from rclpy.utilities import get_rmw_implementation_identifier

from swarm_tower.config import TowerConfig
from swarm_tower.core.view import SwarmView
from swarm_tower.ros.recorder_start import recorder_feed, recordings_of
from swarm_tower.ros.robots import RobotAsker
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
            reach=_reach(),
        )
        hub = Hub(view, config.window_ms, time.monotonic_ns, time.time_ns)
        robots = RobotAsker(node, hub)
        recordings = recordings_of(config, domain_id)
        try:
            web = WebThread(config, hub, robots, recordings=recordings)
        except ValueError:
            if recordings is not None and recordings.recorder is not None:
                recordings.recorder.close()
            raise
        recorder = recorder_feed(node, config, recordings)
        node.get_logger().info(
            f'tower of swarm {config.swarm_id!r} (ROS domain {domain_id}): '
            f'http://{config.tower_host}:{web.port}; read-only without a token of '
            f'{config.tower_tokens}'
        )
        return Tower(node, config, hub, web, robots, recorder)


def _reach() -> dict[str, str]:
    """Return what decides, besides the domain, whom this process can hear; '' = not set."""
    return {
        'rmw': get_rmw_implementation_identifier(),
        'discovery_range': os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '').upper(),
    }


PART = TowerPart()
