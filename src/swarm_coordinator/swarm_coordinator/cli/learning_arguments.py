# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of swarmctl about what robots have learned. Imports no ROS."""

import argparse
import getpass
import re
from typing import Any

SUBJECTS = ('mode', 'route', 'reputation', 'regime', 'memory', 'affect', 'policy')
_SPAN = re.compile(r'(\d+(?:\.\d+)?)(s|min|h|d)$')
_SECONDS = {'s': 1.0, 'min': 60.0, 'h': 3600.0, 'd': 86_400.0}


def span(text: str) -> float:
    """Read '90s', '5min', '2h', '7d' as seconds."""
    match = _SPAN.match(text)
    if match is None:
        raise argparse.ArgumentTypeError(f'{text!r}: expected e.g. 90s, 5min, 2h, 7d')
    return float(match.group(1)) * _SECONDS[match.group(2)]


def quantile(text: str) -> float:
    """Read a share in [0, 1]."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f'{text!r}: expected a share from 0 to 1, e.g. 0.95')
    return value


def add_learning(commands: Any) -> None:
    learning = commands.add_parser(
        'learning', help='what the asked robot has learned, and whether it goes on learning'
    ).add_subparsers(dest='what', required=True, metavar='COMMAND')
    explain = learning.add_parser('explain', help='why the learner says what it says')
    explain.add_argument('subject', choices=SUBJECTS, metavar='SUBJECT', help=', '.join(SUBJECTS))
    explain.add_argument(
        'id', nargs='?', default='', metavar='ID',
        help='route: TASK/ROBOT[/UNIT]; reputation: ROBOT; policy: NAME',
    )
    explain.set_defaults(run='learning_commands.explain')
    _add_memory(learning)
    _add_freeze(learning)
    _add_policies(learning)
    models = learning.add_parser('models', help='learned files that the swarm has agreed on')
    models.add_argument('name', nargs='?', default='', metavar='NAME')
    models.set_defaults(run='learning_commands.models')


def _add_memory(learning: Any) -> None:
    memory = learning.add_parser('memory', help='what the swarm remembers of a time')
    memory.add_argument('channels', nargs='*', metavar='FIGURE', help='e.g. arousal; default all')
    memory.add_argument('--of', default='', metavar='ROBOT', help='default: the whole swarm')
    memory.add_argument(
        '--last', type=span, default=3600.0, metavar='SPAN', help='default 1h; 90s, 5min, 2h, 7d'
    )
    memory.add_argument('--until', type=span, default=0.0, metavar='SPAN', help='so long ago')
    memory.add_argument(
        '--quantile', type=quantile, action='append', default=[], metavar='SHARE',
        help='default 0.5 and 0.95',
    )
    memory.add_argument('--kind', default='', help='show single events of this kind only')
    memory.add_argument('--events', type=int, default=10, metavar='N', help='at most (default 10)')
    memory.set_defaults(run='learning_commands.memory')


def _add_freeze(learning: Any) -> None:
    freeze = learning.add_parser('freeze', help='use what was learned, and learn nothing more')
    freeze.add_argument(
        '--for', dest='seconds', type=float, default=0.0, metavar='S', help='default: until resume'
    )
    freeze.set_defaults(run='learning_commands.freeze')
    resume = learning.add_parser('resume', help='learn again')
    resume.set_defaults(run='learning_commands.resume')
    for one, reason in ((freeze, ''), (resume, 'no longer needed')):
        one.add_argument('--reason', required=not reason, default=reason, help='why')
        one.add_argument('--owner', default=_user(), help='who (default: this user)')


def _add_policies(learning: Any) -> None:
    listing = learning.add_parser('policies', help='versions of learned policies')
    listing.add_argument('name', nargs='?', default='', metavar='NAME')
    listing.set_defaults(run='learning_commands.policies')
    policy = learning.add_parser('policy', help='change which version is followed').add_subparsers(
        dest='action', required=True, metavar='ACTION'
    )
    load = policy.add_parser('load', help='bring one in; it starts as a shadow')
    load.add_argument('path', metavar='MANIFEST', help='on the machine of the asked robot')
    load.set_defaults(version=0)
    for action, text in (
        ('promote', 'a shadow becomes a canary, a canary active'),
        ('rollback', 'the version before it is active again'),
        ('remove', 'forget one that is not active'),
    ):
        one = policy.add_parser(action, help=text)
        one.add_argument('name', metavar='NAME')
        one.add_argument('version', type=int, metavar='VERSION')
        one.set_defaults(path='')
    for one in policy.choices.values():
        one.add_argument('--reason', required=True, help='why')
        one.add_argument('--owner', default=_user(), help='who (default: this user)')
        one.set_defaults(run='learning_commands.policy')


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return 'operator'
