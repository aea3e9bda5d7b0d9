# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Sensors behind the kernel's Industrial I/O: the driver has already checked who they are."""

import re

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree

_DEVICE = re.compile(r'iio:device\d+$')          # 'trigger0' and the like are no sensors
CONFIDENCE_DRIVER = 0.8                          # most drivers read an identity; not all do
# Channel types of Documentation/ABI/testing/sysfs-bus-iio, and what they measure here.
_MEASURES = {
    'in_accel': 'linear_acceleration', 'in_anglvel': 'angular_velocity',
    'in_magn': 'magnetic_field', 'in_rot': 'orientation', 'in_pressure': 'pressure',
    'in_temp': 'temperature', 'in_humidityrelative': 'relative_humidity',
    'in_illuminance': 'illuminance', 'in_distance': 'range', 'in_voltage': 'voltage',
    'in_current': 'current', 'in_power': 'power', 'out_voltage': 'analog_output'}
_IMU = {'linear_acceleration', 'angular_velocity'}


def recognise(tree: NodeTree) -> list[Finding]:
    """Return the devices; one that shares its chip with another has a node of its own."""
    return [_finding(n) for n in tree.of('iio')
            if _DEVICE.match(n.sys_name) and not n.is_virtual]


def _finding(node: KernelNode) -> Finding:
    name = node.attribute('name') or node.property('OF_NAME')
    channels = node.attribute('channels').split()
    names = sorted({_MEASURES[c] for c in channels if c in _MEASURES})
    if set(names) >= _IMU:
        names.append('sensor:imu')
    holder = node.parent_path.rpartition('/')[2]
    return Finding(
        bus=BusKind.PLATFORM, sysfs_path=node.sysfs_path,
        name=f'{name or node.sys_name} served by the kernel', driver=node.driver,
        verdict=Verdict.IDENTIFIED if name else Verdict.UNKNOWN,
        confidence=CONFIDENCE_DRIVER if name else 0.0,
        # The number of a device is given in the order of probing: it is no identity.
        port_id=f'iio:{holder}/{name}', nested_id=f'iio/{name or "device"}',
        device_path=node.device_path, capabilities=tuple(Capability(n) for n in names),
        evidence=(Observation(
            node.source, f'{node.sysfs_path}/name', name,
            'the kernel driver found it' + (f'; it has {" ".join(channels)}' if channels
                                            else '; its channels are not known')),))
