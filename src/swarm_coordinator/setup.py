# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Installs swarm_coordinator as an ament_python package; owns nothing else."""

from glob import glob

from setuptools import find_packages, setup

PACKAGE = 'swarm_coordinator'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test', 'test.*']),
    package_data={PACKAGE: ['sros2/*.xml']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/launch', sorted(glob('launch/*.launch.py'))),
        (f'share/{PACKAGE}/config', sorted(glob('config/*.yaml'))),
        (f'share/{PACKAGE}/policy', sorted(glob('policy/*.yaml'))),
        (f'share/{PACKAGE}/rviz', sorted(glob('rviz/*.rviz'))),
        (f'share/{PACKAGE}/rqt', sorted(glob('rqt/*.perspective'))),
    ],
    python_requires='>=3.10',
    install_requires=['setuptools', 'cryptography', 'psutil', 'PyYAML'],
    zip_safe=True,
    maintainer='Swarm Stack maintainers',
    maintainer_email='maintainers@swarm-stack.example',
    description='Elects a leader among robots, agrees on jobs, leases and modes, and runs them.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'robot = swarm_coordinator.ros.robot:main',
            'swarmctl = swarm_coordinator.cli.swarmctl:main',
        ],
        'swarm.parts': ['coordinator = swarm_coordinator.ros.part:PART'],
    },
)
