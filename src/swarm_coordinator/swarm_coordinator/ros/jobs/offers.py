# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What this robot offers to jobs of the kinds that run a program of ours: owns the capabilities.

One function per kind; each returns nothing where something is missing, and absence() says what.
Nothing here imports rclpy: the robot process may ask before it has a context.
"""

import importlib.util

from swarm_coordinator.core.jobs.kinds.call_kind import checked_interface_type
from swarm_coordinator.core.replicated.command import CapabilitySpec
from swarm_coordinator.ros.jobs.interfaces import UnknownInterface, interface_class
from swarm_coordinator.ros.jobs.recording_file import MISSING, writers
from swarm_coordinator.runner.environment import PROGRAM_PATH
from swarm_coordinator.runner.jobs.encoders import Probe, ffmpeg_path, probe_encoders


def record_offers() -> tuple[CapabilitySpec, ...]:
    """`record`, where a recording can be written."""
    names = writers()
    if not names or importlib.util.find_spec('rclpy') is None:
        return ()
    return (CapabilitySpec('record', source=names[0]),)


def record_absence() -> str:
    """Why `record` is not offered; '' where it is."""
    return '' if record_offers() else MISSING


def call_offers(allowed: tuple[str, ...]) -> tuple[CapabilitySpec, ...]:
    """`call:<type>` of each allowed type that can be imported. Raises ValueError for a name that
    cannot be one."""
    return tuple(
        CapabilitySpec(f'call:{name}', source='config')
        for name in sorted(set(allowed)) if not _unusable(checked_interface_type(name))
    )


def call_absences(allowed: tuple[str, ...]) -> tuple[str, ...]:
    """A sentence for each allowed type that is not offered."""
    return tuple(why for name in sorted(set(allowed)) if (why := _unusable(name)))


def _unusable(name: str) -> str:
    try:
        interface_class(name)
    except UnknownInterface as error:
        return str(error)
    return ''


def probed_encoders(storage_dir: str) -> Probe:
    """The encoders that jobs here can use; kept in `storage_dir`. Takes seconds the first time:
    not for an executor's thread."""
    return probe_encoders(storage_dir, ffmpeg_path(PROGRAM_PATH))


def encode_offers(probe: Probe) -> tuple[CapabilitySpec, ...]:
    """`encode:<codec>`, and `encode:<codec>@<kind>` for each kind of compute unit that can do it:
    a job that asks for a unit requires the second. `probe`: of probe_encoders()."""
    found = []
    for codec, units in sorted(probe.encoders.items()):
        found.append(CapabilitySpec(f'encode:{codec}', source=f'ffmpeg {probe.version}'))
        found += [
            CapabilitySpec(f'encode:{codec}@{unit}', source=name)
            for unit, name in sorted(units.items())
        ]
    return tuple(found)
