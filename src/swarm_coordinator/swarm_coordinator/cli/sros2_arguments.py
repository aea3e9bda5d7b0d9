# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of swarmctl about DDS-Security. Imports no ROS."""

from typing import Any

from swarm_coordinator.sros2_policy import ROLES

KEYSTORE = '~/.ros/swarm/sros2'


def add_sros2(commands: Any) -> None:
    sros2 = commands.add_parser(
        'sros2', help='papers of DDS-Security, where the RMW has it'
    ).add_subparsers(dest='what', required=True, metavar='COMMAND')
    policy = sros2.add_parser('policy', help='print what somebody may publish, hear and call')
    create = sros2.add_parser(
        'create', help='make keys and signed permissions by "ros2 security"'
    )
    create.add_argument(
        '--keystore', default=KEYSTORE, metavar='DIR', help=f'default {KEYSTORE}'
    )
    for one, run in ((policy, 'policy'), (create, 'create')):
        one.add_argument('name', metavar='NAME', help='of the robot, the tower or the person')
        one.add_argument(
            '--role', action='append', required=True, choices=ROLES,
            help='again for a robot that is also a tower',
        )
        one.set_defaults(run=f'sros2_command.{run}')
