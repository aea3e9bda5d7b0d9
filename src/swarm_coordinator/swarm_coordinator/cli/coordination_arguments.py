# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of swarmctl for leases, services, members, events and emergencies. Imports no ROS."""

import argparse
from typing import Any

from swarm_coordinator.core.replicated.event_log import SEVERITIES


def add_coordination(commands: Any) -> None:
    _add_lease(commands)
    _add_services(commands)
    _add_members(commands)
    _add_emergency(commands)
    _add_events(commands)


def _group(commands: Any, name: str, text: str) -> Any:
    return commands.add_parser(name, help=text).add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )


def pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition('=')
    if not key or not separator:
        raise argparse.ArgumentTypeError(f'{text!r}: expected KEY=VALUE')
    return key, value


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f'{text!r}: expected seconds, 0 to 86400')
    return value


def _add_lease(commands: Any) -> None:
    lease = _group(commands, 'lease', 'time-bounded exclusive rights')
    listing = lease.add_parser('list', help='who holds what, and who waits')
    listing.add_argument('resource', nargs='?', default='', metavar='RESOURCE')
    listing.set_defaults(run='lease_commands.list_leases')
    running = lease.add_parser(
        'run',
        help='hold a lease while a program runs: swarmctl lease run dock -- PROGRAM ARGS',
        description='The program gets SWARM_LEASE_TOKEN, and is ended if the lease is lost.',
    )
    running.add_argument('resource', metavar='RESOURCE')
    running.add_argument('--ttl', type=seconds, default=10.0, metavar='S', help='default 10 s')
    running.add_argument(
        '--wait', type=seconds, default=0.0, metavar='S', help='queue for so long (default 0)'
    )
    running.add_argument('--holder', default='', help='who holds it, for people')
    running.add_argument('argv', nargs='+', metavar='-- PROGRAM ARGS')
    running.set_defaults(run='lease_commands.run')
    release = lease.add_parser('release', help='end a lease whose holder is known to be gone')
    release.add_argument('resource', metavar='RESOURCE')
    release.add_argument('--token', type=int, required=True, help='as lease list shows it')
    release.set_defaults(run='lease_commands.release')


def _add_services(commands: Any) -> None:
    services = _group(commands, 'services', 'what robots offer to the swarm')
    finding = services.add_parser('list', help='find services')
    finding.add_argument('name', nargs='?', default='', metavar='NAME')
    finding.add_argument('--on', default='', metavar='ROBOT', help='only of this robot')
    finding.add_argument(
        '--capability', action='append', default=[], metavar='NAME', help='of its robot'
    )
    finding.add_argument(
        '--where', default='', help="conditions on metadata, e.g. 'floor >= 2, kind = lidar'"
    )
    finding.set_defaults(run='registry_commands.list_services')
    register = services.add_parser('register', help='offer a service of the asked robot')
    register.add_argument('name', metavar='NAME')
    register.add_argument('--type', default='', help='ROS type, e.g. nav_msgs/srv/GetMap')
    register.add_argument('--address', default='', help='ROS name or URL')
    register.add_argument(
        '--meta', type=pair, action='append', default=[], metavar='KEY=VALUE'
    )
    register.add_argument(
        '--ttl', type=seconds, default=0.0, metavar='S', help='0 = as long as the robot lives'
    )
    register.set_defaults(run='registry_commands.register')
    removing = services.add_parser('remove', help='offer it no longer')
    removing.add_argument('name', metavar='NAME')
    removing.set_defaults(run='registry_commands.remove')


def _add_members(commands: Any) -> None:
    members = _group(commands, 'members', 'who follows the log and who votes')
    members.add_parser('list', help='voters and non-voters').set_defaults(
        run='member_commands.list_members'
    )
    for name, text in (
        ('add', 'have a robot follow the log, without a vote'),
        ('promote', 'give a follower that has caught up a vote'),
        ('demote', 'take a vote away'),
        ('remove', 'send the log no longer'),
    ):
        one = members.add_parser(name, help=text)
        one.add_argument('robot_id', metavar='ROBOT')
        one.set_defaults(run='member_commands.change')
    transfer = members.add_parser('transfer', help='hand leadership over')
    transfer.add_argument('to', nargs='?', default='', metavar='ROBOT', help='default: fittest')
    transfer.set_defaults(run='member_commands.transfer')


def _add_emergency(commands: Any) -> None:
    emergency = _group(commands, 'emergency', 'stop the swarm; never waits for a quorum')
    raising = emergency.add_parser('raise', help='stop every robot that can be reached, now')
    raising.add_argument('--reason', required=True)
    raising.add_argument('--by', default='operator')
    raising.set_defaults(run='member_commands.raise_emergency')
    clearing = emergency.add_parser('clear', help='go on; needs a quorum')
    clearing.add_argument('--reason', required=True)
    clearing.add_argument('--by', default='operator')
    clearing.set_defaults(run='member_commands.clear_emergency')
    emergency.add_parser('show', help='as the asked robot knows it').set_defaults(
        run='member_commands.show_emergency'
    )


def _add_events(commands: Any) -> None:
    events = _group(commands, 'events', 'what happened in the swarm')
    listing = events.add_parser('list', help='durable events from the log')
    listing.add_argument(
        '--from', dest='from_index', type=int, default=0, metavar='INDEX', help='log index'
    )
    listing.add_argument(
        '--kind', action='append', default=[], metavar='KIND', help="e.g. 'job_*' (repeatable)"
    )
    listing.add_argument('--subject', action='append', default=[], metavar='NAME')
    listing.add_argument('--severity', choices=SEVERITIES, default='info', help='at least')
    listing.add_argument('--follow', action='store_true', help='go on as they come')
    listing.set_defaults(run='registry_commands.list_events')
    publish = events.add_parser('publish', help='say something to the swarm')
    publish.add_argument('kind', metavar='KIND')
    publish.add_argument('text', metavar='TEXT')
    publish.add_argument('--subject', default='')
    publish.add_argument('--severity', choices=SEVERITIES, default='info')
    publish.add_argument('--attribute', type=pair, action='append', default=[])
    publish.add_argument('--durable', action='store_true', help='through the log')
    publish.set_defaults(run='registry_commands.publish')
