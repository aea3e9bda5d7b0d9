# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of swarmctl about the identity of robots and people, and about
what they may. Imports no ROS and no cryptography."""

import argparse
from typing import Any

from swarm_coordinator.core.identity.certificate import Role
from swarm_coordinator.security.callers import FOLDER

DAYS = 365
DAYS_MAX = 3660
ROLES = tuple(role.value for role in Role)


def days(text: str) -> int:
    value = int(text) if text.isdecimal() and len(text) < 6 else 0
    if not 1 <= value <= DAYS_MAX:
        raise argparse.ArgumentTypeError(f'{text!r}: expected days, 1 to {DAYS_MAX}')
    return value


def add_keys(commands: Any) -> None:
    keys = commands.add_parser(
        'keys', help='who belongs to the swarm: its authority and the certificates of robots'
    ).add_subparsers(dest='what', required=True, metavar='COMMAND')
    _add_robot(keys)
    _add_authority(keys)
    for one in keys.choices.values():
        one.add_argument(
            '--swarm-id', default='swarm', metavar='ID', help='the swarm (default swarm)'
        )
        one.add_argument(
            '--keys', metavar='DIR',
            help=f'folder of the authority and of robots (default {FOLDER}/SWARM_ID)',
        )
        one.set_defaults(run='keys_commands.run')


def add_policy(commands: Any) -> None:
    policy = commands.add_parser(
        'policy', help='who may ask robots for what'
    ).add_subparsers(dest='what', required=True, metavar='COMMAND')
    check = policy.add_parser('check', help='whether a policy file is right')
    check.add_argument('file', metavar='FILE')
    show = policy.add_parser('show', help='what it gives to whom')
    show.add_argument('file', metavar='FILE', nargs='?', default='', help='default: as shipped')
    for one in policy.choices.values():
        one.set_defaults(run='policy_commands.run')


def _add_robot(keys: Any) -> None:
    request = keys.add_parser('request', help='on a robot: make keys and ask for a certificate')
    request.add_argument('name', metavar='NAME', help='robot_id')
    request.add_argument(
        '--new-keys', action='store_true', help='change the keys of a robot that has some'
    )
    request.add_argument('--out', metavar='FILE', help='default NAME.request')
    install = keys.add_parser('install', help='on a robot: take what the authority has issued')
    install.add_argument('file', metavar='FILE', help='NAME.papers, or revocations.json')
    install.add_argument('name', metavar='NAME', nargs='?', help='default: whom it is for')
    install.add_argument(
        '--authority', default='', metavar='ID', help='refuse papers of any other authority'
    )
    check = keys.add_parser('check', help='whether keys and certificates here are in order')
    check.add_argument('names', metavar='NAME', nargs='*', help='default: every robot there')


def _add_authority(keys: Any) -> None:
    keys.add_parser('init', help='make the authority of a swarm')
    issue = keys.add_parser('issue', help='admit a robot: issue a certificate')
    issue.add_argument(
        'name', metavar='NAME', nargs='?', help='make its keys here too, in a folder to copy'
    )
    issue.add_argument('--request', metavar='FILE', help='what the robot asked for')
    _add_roles(issue, required=True)
    issue.add_argument(
        '--new-keys', action='store_true', help='a robot that is known has changed its keys'
    )
    issue.add_argument('--out', metavar='PATH', help='file of the papers, or the folder to make')
    renew = keys.add_parser('renew', help='a later certificate for the same keys')
    renew.add_argument('names', metavar='NAME', nargs='*')
    renew.add_argument('--all', action='store_true', help='of every robot that has a good one')
    _add_roles(renew, required=False)
    renew.add_argument('--out', default='.', metavar='DIR', help='for NAME.papers (default here)')
    for one in (issue, renew):
        one.add_argument(
            '--days', type=days, default=DAYS, metavar='N', help=f'how long (default {DAYS})'
        )
    revoke = keys.add_parser('revoke', help='a robot, or one certificate, counts no longer')
    revoke.add_argument('which', metavar='NAME', help='a robot, or a serial number')
    revoke.add_argument('--reason', required=True, help='why')
    listing = keys.add_parser('list', help='certificates that were issued')
    listing.add_argument(
        '--all', action='store_true', help='also former ones (default: the last of each robot)'
    )
    keys.add_parser('rotate', help='a new key of the authority, beside the old one')
    retire = keys.add_parser('retire', help='a former key of the authority counts no longer')
    retire.add_argument('authority', metavar='ID')
    retire.add_argument(
        '--force', action='store_true', help='also if robots are left without a certificate'
    )


def _add_roles(parser: Any, required: bool) -> None:
    parser.add_argument(
        '--role', action='append', choices=ROLES, required=required, metavar='ROLE',
        help=', '.join(ROLES) + ('; again for more' if required else ' (default: as before)'),
    )
