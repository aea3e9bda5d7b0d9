# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Installs swarm_learning as an ament_python package; owns nothing else."""

from setuptools import find_packages, setup

PACKAGE = 'swarm_learning'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test', 'test.*']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ],
    install_requires=['setuptools'],
    zip_safe=True,
    maintainer='Swarm Stack maintainers',
    maintainer_email='maintainers@swarm-stack.example',
    description="Control signals of one robot and of its swarm, and advice on the swarm's mode.",
    license='Apache-2.0',
    entry_points={'swarm.parts': ['learning = swarm_learning.ros.part:PART']},
)
