# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Installs swarm_learning as an ament_python package; owns nothing else."""

from setuptools import find_packages, setup

PACKAGE = 'swarm_learning'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test', 'test.*']),
    package_data={PACKAGE: ['models/*/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ],
    install_requires=['setuptools'],
    # To train and export policies on a ground station; no robot imports it.
    extras_require={
        'gym': ['gymnasium>=1.0,<2'],
        'deep': ['gymnasium>=1.0,<2', 'stable-baselines3>=2.0', 'torch'],
    },
    zip_safe=False,  # models are found by their path
    maintainer='Swarm Stack maintainers',
    maintainer_email='maintainers@swarm-stack.example',
    description="Control signals of one robot and of its swarm, and advice on the swarm's mode.",
    license='Apache-2.0',
    entry_points={'swarm.parts': ['learning = swarm_learning.ros.part:PART']},
)
