# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the processes of jobs find in their environment: owns the names, and what is passed on of
the robot's own."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from swarm_coordinator.core.worker import StartProcess
from swarm_coordinator.runner.process_group import STORAGE_MARK

PROGRAM_PATH = '/usr/local/bin:/usr/bin:/bin'
# Programs of ours speak ROS, and need what the robot process was given for it.
ROS_NAMES = (
    'AMENT_', 'COLCON_', 'CYCLONEDDS_', 'FASTDDS_', 'FASTRTPS_', 'LD_LIBRARY_PATH', 'RCL_',
    'RCUTILS_', 'RMW_', 'ROS_', 'ZENOH_',
)


def job_environment(start: StartProcess, folder: Path, mark: str) -> dict[str, str]:
    """All that a job finds in its environment, besides SWARM_PROGRESS_FD."""
    return {
        'PATH': PROGRAM_PATH,
        'LANG': 'C.UTF-8',
        'HOME': str(folder),
        'TMPDIR': str(folder),
        'SWARM_JOB_ID': start.job_id,
        'SWARM_ATTEMPT': str(start.attempt),
        'SWARM_TOKEN': str(start.token),
        'SWARM_COMPUTE_UNIT': start.unit,
        STORAGE_MARK: mark,
    }


def own_environment(given: Mapping[str, str]) -> dict[str, str]:
    """What programs of ours need besides: where our code is, and how ROS is set up here."""
    found = {name: value for name, value in given.items() if name.startswith(ROS_NAMES)}
    found['PYTHONPATH'] = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return found
