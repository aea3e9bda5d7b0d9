# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Build of the package: the web assets travel inside the Python package, not in share/."""

from glob import glob

from setuptools import find_packages, setup

PACKAGE = 'swarm_tower'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test', 'test.*']),
    package_data={'swarm_tower.web': ['static/*.*', 'static/*/*.*', 'static/vendor/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/config', sorted(glob('config/*.*'))),
        (f'share/{PACKAGE}/grafana', sorted(glob('grafana/*.json'))),
    ],
    python_requires='>=3.10',
    install_requires=['setuptools', 'tornado>=6.1'],
    extras_require={
        'foxglove': ['foxglove-sdk>=0.16'],
        'otel': ['opentelemetry-sdk', 'opentelemetry-exporter-otlp-proto-http'],
    },
    zip_safe=False,
    maintainer='Swarm Stack maintainers',
    maintainer_email='maintainers@swarm-stack.example',
    description='Control tower of the robot swarm stack.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': ['swarm_replay = swarm_tower.ros.replay:main'],
        'swarm.parts': ['tower = swarm_tower.ros.part:PART'],
    },
)
