# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Puts the staging of a robot together as its configuration and its ROS environment say."""

import logging
import os
import time
from collections.abc import Callable, Mapping

from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.core.files.beacon_gaps import BeaconGaps
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.runner.file_server import FileServer, MakeCipher
from swarm_coordinator.runner.shared_pace import SharedPace
from swarm_coordinator.runner.stager import Stager
from swarm_coordinator.runner.staging_giver import StagingLink
from swarm_coordinator.storage.blob_store import BlobStore

MS = 1_000_000


def stays_on_loopback(environment: Mapping[str, str]) -> bool:
    """Whether DDS speaks to this machine only; the direct path reaches no further."""
    discovery = environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '').upper()
    return discovery in ('LOCALHOST', 'OFF') or environment.get('ROS_LOCALHOST_ONLY') == '1'


def is_secured(environment: Mapping[str, str]) -> bool:
    return environment.get('ROS_SECURITY_ENABLE', '').lower() == 'true'


def make_stager(
    store: BlobStore,
    link: StagingLink,
    config: CoordinatorConfig,
    log: logging.Logger,
    encrypted: bool = False,
) -> Stager:
    """`encrypted`: files travel so over the direct path, as messages do."""
    late_ns = config.profile.heartbeat_ms * MS // 2
    pace = SharedPace(config.files_mb_per_s_max, late_ns)
    server = None
    if config.files_direct and not is_secured(os.environ):
        server = FileServer(pace, stays_on_loopback(os.environ), _cipher(encrypted))
    stager = Stager(store, link, RobotId(config.robot_id), log, pace, server)
    if server is not None:
        server.sent = stager.traffic.sent
    return stager


def _cipher(encrypted: bool) -> MakeCipher | None:
    if not encrypted:
        return None
    from swarm_coordinator.security.file_cipher import FileCipher

    return FileCipher


def beacon_lateness(stager: Stager, config: CoordinatorConfig) -> Callable[[RobotId], None]:
    """What tells the stager of beacons that come late; call it for each beacon."""
    gaps = BeaconGaps(config.profile.heartbeat_ms * MS)
    return lambda sender: stager.late(gaps.heard(sender, time.monotonic_ns()))
