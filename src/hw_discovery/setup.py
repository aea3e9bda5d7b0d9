# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Installs hw_discovery as an ament_python package; owns nothing else."""

from setuptools import find_packages, setup

PACKAGE = 'hw_discovery'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test', 'test.*']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ],
    install_requires=['setuptools', 'pyudev'],
    zip_safe=True,
    maintainer='Swarm Stack maintainers',
    maintainer_email='maintainers@swarm-stack.example',
    description='Passive discovery of the hardware a robot really has, and of its hot-plug.',
    license='Apache-2.0',
    entry_points={'swarm.parts': ['hw_discovery = hw_discovery.ros.part:PART']},
)
