# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of swarmctl about the hardware of a robot. Imports no ROS."""

import argparse
import getpass
import re
from dataclasses import dataclass
from typing import Any

from swarm_coordinator.cli.coordination_arguments import seconds

BUSES = (
    'unknown', 'usb', 'i2c', 'spi', 'serial', 'video', 'pci', 'network', 'input', 'platform',
    'can',
)  # by their numbers in HardwareDevice
OPERATIONS = (
    'listen', 'bare_read', 'register_read', 'wide_register_read', 'exchange', 'request',
)
NEED = 'NAME[=AMOUNT[UNIT]][,PROPERTY>=VALUE[UNIT]][,PROPERTY<=VALUE][,PROPERTY=WORD|WORD]'
_NUMBER = re.compile(r'([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s].*)?$')
_CONSTRAINT = re.compile(r'([a-z][a-z0-9_:]*)\s*(>=|<=|=)\s*(.+)$')


@dataclass(frozen=True)
class Constraint:
    """Of one property; None = no limit."""

    name: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ''
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Need:
    """What a device has to give."""

    name: str
    amount: float = 1.0
    unit: str = ''
    ros_type: str = ''
    constraints: tuple[Constraint, ...] = ()


def need(text: str) -> Need:
    """Read 'sensor:imu,rate>=100Hz,type=sensor_msgs/msg/Imu'."""
    first, *rest = (part.strip() for part in text.split(','))
    name, _, amount = first.partition('=')
    if not name:
        raise argparse.ArgumentTypeError(f'{text!r}: expected {NEED}')
    if set('<>=') & set(first.replace('=', '', 1)):
        raise argparse.ArgumentTypeError(
            f'{first!r}: a limit of a property stands behind a comma, as in '
            'sensor:lidar,rate>=5'
        )
    number, unit = _number(amount) if amount else (1.0, '')
    ros_type, found = '', []
    for part in rest:
        match = _CONSTRAINT.match(part)
        if match is None:
            raise argparse.ArgumentTypeError(f'{part!r}: expected e.g. rate>=100Hz')
        prop, sign, value = match.groups()
        if prop == 'type' and sign == '=':
            ros_type = value
        elif sign == '=':
            found.append(Constraint(prop, choices=tuple(value.split('|'))))
        else:
            limit, of = _number(value)
            found.append(
                Constraint(prop, minimum=limit, unit=of)
                if sign == '>='
                else Constraint(prop, maximum=limit, unit=of)
            )
    return Need(name, number, unit, ros_type, tuple(found))


def _number(text: str) -> tuple[float, str]:
    match = _NUMBER.match(text)
    if match is None:
        raise argparse.ArgumentTypeError(f'{text!r}: expected a number, and a unit behind it')
    return float(match.group(1)), (match.group(2) or '').strip()


def add_hardware(commands: Any) -> None:
    hardware = commands.add_parser('hardware', help='what a robot has').add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )
    listing = hardware.add_parser('list', help='devices of the asked robot')
    listing.add_argument('--bus', choices=BUSES, action='append', default=[], help='only there')
    listing.add_argument(
        '--capability', default='', metavar='NAME', help='only what gives it, e.g. sensor:imu'
    )
    listing.add_argument('--lost', action='store_true', help='also what is not there any more')
    listing.set_defaults(run='hardware_commands.list_devices')
    for name, text in (
        ('show', 'everything about one device'),
        ('explain', 'how it was identified, what was ruled out, what was not tried and why'),
        ('suggest', 'a file for the catalogue, for a device that it does not know'),
    ):
        one = hardware.add_parser(name, help=text)
        one.add_argument('device', metavar='DEVICE', help='id, path or a part of an id')
        one.set_defaults(run=f'hardware_commands.{name}')
    asking = hardware.add_parser(
        'negotiate',
        help='which devices meet these needs',
        description=f'A need: {NEED}; "type=" names the ROS message type.',
    )
    asking.add_argument('needs', nargs='+', type=need, metavar='NEED')
    asking.set_defaults(run='hardware_commands.negotiate')
    _add_claims(hardware)
    allow = hardware.add_parser(
        'allow', help='let discovery ask what it would not ask on its own, for a time'
    )
    allow.add_argument('place', metavar='PLACE', help='a port, i2c-1@0x68, spidev0.0')
    allow.add_argument('entry', metavar='ENTRY', help='of the catalogue')
    allow.add_argument('operation', choices=OPERATIONS, metavar='OPERATION',
                       help=', '.join(OPERATIONS))
    allow.add_argument('--reason', required=True, help='why you are sure that it does no harm')
    allow.add_argument('--owner', default=_user(), help='who allows it (default: this user)')
    allow.add_argument(
        '--for', dest='seconds', type=seconds, default=60.0, metavar='S',
        help='default 60 s; 0 takes it back',
    )
    allow.set_defaults(run='hardware_commands.allow')
    rescan = hardware.add_parser('rescan', help='look, and ask again, now')
    rescan.add_argument('buses', nargs='*', choices=[*BUSES, []], metavar='BUS',
                        help=', '.join(BUSES))
    rescan.set_defaults(run='hardware_commands.rescan')


def _add_claims(hardware: Any) -> None:
    claim = hardware.add_parser(
        'claim',
        help='use a device alone, for a time',
        description='A driver of the robot that holds the device, and its topics, stop until the '
        'claim is released or has expired.',
    )
    claim.add_argument(
        '--for', dest='seconds', type=seconds, default=60.0, metavar='S', help='default 60 s'
    )
    claim.set_defaults(run='hardware_commands.claim')
    release = hardware.add_parser('release', help='give it back')
    release.set_defaults(run='hardware_commands.release')
    for one in (claim, release):
        one.add_argument('device', metavar='DEVICE', help='id, path or a part of an id')
        one.add_argument(
            '--as', dest='claimant', default=_user(), metavar='NAME', help='default: this user'
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return 'operator'
