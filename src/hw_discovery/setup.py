# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Installs hw_discovery as an ament_python package; owns nothing else."""

from setuptools import find_packages, setup

PACKAGE = 'hw_discovery'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test', 'test.*']),
    package_data={'hw_discovery': ['catalogue/*.yaml']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/udev', ['udev/60-swarm-hardware.rules']),
    ],
    install_requires=[
        'setuptools', 'dynamixel-sdk', 'pynmeagps', 'pyserial', 'pyubx2', 'pyudev', 'pyyaml',
        'smbus2', 'spidev', 'zeroconf'],
    zip_safe=True,
    maintainer='Swarm Stack maintainers',
    maintainer_email='maintainers@swarm-stack.example',
    description='Discovery of the hardware that a robot has, with evidence, and drivers.',
    license='Apache-2.0',
    entry_points={'swarm.parts': ['hw_discovery = hw_discovery.ros.part:PART']},
)
