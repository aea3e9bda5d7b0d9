# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a sensor of the kernel measures is taken from the names of its files alone."""

from typing import Any

from hw_discovery.buses.host_scan import HostScanner


def test_channels_are_named_without_reading_one(fake_sysfs: Any) -> None:
    here = fake_sysfs.add(
        '/devices/platform/i2c-1/1-0068/iio:device0', 'iio', kind='bus',
        attributes={'name': 'mpu6050'})
    for name in ('in_accel_x_raw', 'in_accel_y_raw', 'in_temp_input', 'in_accel_scale',
                 'in_voltage0_raw', 'sampling_frequency'):
        (here / name).mkdir()            # who reads it gets an error
    (node,) = HostScanner(('iio',), fake_sysfs.root).scan().nodes
    assert node.attributes == {'name': 'mpu6050', 'channels': 'in_accel in_temp in_voltage'}
