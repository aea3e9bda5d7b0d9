# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Builds the flight recorder of a tower, and what its recordings are shown with. Owns nothing.

What reads and writes files is loaded only where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rclpy.node import Node

from swarm_tower.config import TowerConfig
from swarm_tower.core.view import SwarmView

if TYPE_CHECKING:
    from swarm_tower.recorder.travel import Recordings
    from swarm_tower.ros.recorder_feed import RecorderFeed

MIB = 2**20


def view_of(config: TowerConfig, domain_id: int) -> Callable[[int], SwarmView]:
    """Return what makes an empty picture that begins at a time."""
    return lambda start_ns: SwarmView(
        config.swarm_id, domain_id, config.stale_after_ms, config.lost_after_ms, start_ns
    )


def recordings_of(config: TowerConfig, domain_id: int) -> Recordings | None:
    """Start recording, if it is asked for."""
    if not config.recorder_dir:
        return None
    from swarm_tower.recorder.recorder import Recorder, Settings
    from swarm_tower.recorder.travel import Recordings
    from swarm_tower.ros.recorder_decoding import FactDecoder
    from swarm_tower.ros.recorder_schemas import schema_of

    settings = Settings(
        Path(config.recorder_dir).expanduser(),
        config.swarm_id,
        ring_bytes=config.recorder_ring_mb * MIB,
        kept_bytes=config.recorder_kept_mb * MIB,
        tail_s=config.recorder_tail_s,
    )
    return Recordings(
        view_of(config, domain_id), lambda: FactDecoder(config), Recorder(settings, schema_of),
        settings.folder,
    )


def recorder_feed(
    node: Node, config: TowerConfig, recordings: Recordings | None
) -> RecorderFeed | None:
    """Return what hears for the recorder, if there is one."""
    if recordings is None or recordings.recorder is None:
        return None
    from swarm_tower.ros.recorder_feed import RecorderFeed

    return RecorderFeed(node, recordings.recorder, config.swarm_id)
