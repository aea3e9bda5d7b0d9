# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What an entry of the catalogue lets a device offer, as capabilities with typed properties.

The first capability of an entry is its main one, such as 'sensor:imu'; jobs and requirements
name it. It says what the finer ones measure, so that one need can ask for a rate and a range.
"""

from hw_discovery.core.catalogue.entry import DeviceEntry, OfferedCapability
from hw_discovery.core.device import Capability, Property

PROPERTIES_MAX = 32     # of one capability; entries have less than ten


def offers_of(entry: DeviceEntry) -> tuple[Capability, ...]:
    """Return what a device of this entry gives, in the entry's order."""
    return tuple(_capability(one, entry) for one in entry.capabilities)


def _capability(offered: OfferedCapability, entry: DeviceEntry) -> Capability:
    properties = _own(offered)
    ros_type = offered.ros_type
    if ':' in offered.name:
        ros_type = ros_type or next(iter(entry.ros_types), '')
        for finer in entry.capabilities:
            if ':' not in finer.name:
                properties += _of_finer(finer)
    unique = {(p.name, p.unit): p for p in reversed(properties)}
    kept = sorted(unique.values(), key=lambda p: (p.name, p.unit))
    return Capability(offered.name, ros_type=ros_type, properties=tuple(kept[:PROPERTIES_MAX]))


def _own(offered: OfferedCapability) -> list[Property]:
    found = []
    if offered.rate_hz is not None:
        found.append(Property('rate', maximum=offered.rate_hz, unit='Hz'))
    if offered.minimum is not None or offered.maximum is not None:
        found.append(Property('range', offered.minimum, offered.maximum, offered.unit))
    if offered.count > 1:
        found.append(Property('axes', offered.count, offered.count, 'count'))
    return found


def _of_finer(finer: OfferedCapability) -> list[Property]:
    """Return what the main capability says of one that belongs to it, under that one's name."""
    found = [Property(finer.name, finer.minimum, finer.maximum, finer.unit)]
    if finer.rate_hz is not None:
        found.append(Property('rate', maximum=finer.rate_hz, unit='Hz'))
    return found
