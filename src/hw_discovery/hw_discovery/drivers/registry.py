# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Drivers by the name that a catalogue entry gives as `own_driver`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from hw_discovery.drivers.fault import DriverFault

if TYPE_CHECKING:
    from hw_discovery.drivers.driver import Driver

# Imported when a device needs it: a robot without cameras needs no camera library.
DRIVERS: dict[str, tuple[str, str]] = {
    'gps': ('hw_discovery.drivers.gps.driver', 'GpsDriver'),
    'imu': ('hw_discovery.drivers.imu.driver', 'ImuDriver'),
    'lidar_ld': ('hw_discovery.drivers.lidar.ld_driver', 'LdLidarDriver'),
    'lidar_rplidar': ('hw_discovery.drivers.lidar.rplidar_driver', 'RplidarDriver'),
    'camera': ('hw_discovery.drivers.camera.driver', 'CameraDriver'),
    'servo_pca9685': ('hw_discovery.drivers.servo.pca9685_driver', 'Pca9685Driver'),
    'servo_dynamixel': ('hw_discovery.drivers.servo.dynamixel_driver', 'DynamixelDriver'),
    'stepper_grbl': ('hw_discovery.drivers.stepper.grbl_driver', 'GrblDriver'),
}
# What to install where an import fails; the names are those of Debian, Ubuntu and PyPI.
_PACKAGES = {
    'pynmeagps': 'pip: pynmeagps', 'pyubx2': 'pip: pyubx2',
    'serial': 'python3-serial or pip: pyserial', 'smbus2': 'python3-smbus2 or pip: smbus2',
    'dynamixel_sdk': 'ros-<distro>-dynamixel-sdk or pip: dynamixel-sdk',
    'trajectory_msgs': 'ros-<distro>-trajectory-msgs'}


def driver_class(name: str) -> type[Driver]:
    """Return the class; raise DriverFault that says what is missing."""
    try:
        module, kind = DRIVERS[name]
    except KeyError:
        raise DriverFault(
            f"no driver '{name}'; expected one of {', '.join(sorted(DRIVERS))}") from None
    try:
        found: type[Driver] = getattr(importlib.import_module(module), kind)
    except ImportError as error:
        hint = _PACKAGES.get((error.name or '').split('.')[0], '')
        raise DriverFault(f'driver {name} cannot start: {error}'
                          + (f'; install {hint}' if hint else '')) from error
    return found
