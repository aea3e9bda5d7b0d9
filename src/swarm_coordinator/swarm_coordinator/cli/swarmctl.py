# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl: the swarm from a terminal. Owns arguments, tables and exit codes; decides nothing.

Exit codes: 0 done, 1 a job was not done or the thing is not there, 2 the request was refused as
wrong, 3 no robot or no quorum answered, 130 interrupted.
"""

import argparse
import contextlib
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from swarm_coordinator.cli.answers import INTERRUPTED, OK, REFUSED, UNAVAILABLE, say
from swarm_coordinator.cli.coordination_arguments import add_coordination
from swarm_coordinator.cli.file_arguments import add_files
from swarm_coordinator.cli.hardware_arguments import add_hardware
from swarm_coordinator.cli.job_arguments import add_jobs
from swarm_coordinator.cli.keys_arguments import add_keys, add_policy
from swarm_coordinator.cli.learning_arguments import add_learning
from swarm_coordinator.cli.sros2_arguments import add_sros2
from swarm_coordinator.core.modes.mode import Mode, mode_named
from swarm_coordinator.leaving import Leaving
from swarm_coordinator.security.callers import FOLDER

LEAVE_S = 5.0  # to take leave of DDS; chosen without data
OFFLINE = (  # need no robot and no ROS
    'batch_command.check', 'keys_commands.run', 'policy_commands.run', 'recover_command.recover',
    'sros2_command.create', 'sros2_command.policy',
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='swarmctl', description='Look at and use a robot swarm over ROS 2.'
    )
    parser.add_argument(
        '--robot', default='', help='ask this robot (default: one on this machine)'
    )
    parser.add_argument('--swarm', default='', help='only robots of this swarm')
    parser.add_argument(
        '--as', dest='caller', default='', metavar='NAME',
        help='sign requests as this operator (default: the only one with keys here)',
    )
    parser.add_argument(
        '--keys', dest='keys_dir', default='', metavar='DIR',
        help=f'folder of identities (default {FOLDER}/SWARM_ID)',
    )
    parser.add_argument('--json', action='store_true', help='print JSON instead of tables')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    commands.add_parser('status', help='leader, term, quorum, mode, jobs').set_defaults(
        run='swarm_commands.status'
    )
    commands.add_parser('robots', help='the members and their load').set_defaults(
        run='swarm_commands.robots'
    )
    _add_top(commands)
    add_jobs(commands)
    _add_mode(commands)
    add_files(commands)
    add_coordination(commands)
    _add_recover(commands)
    add_hardware(commands)
    add_learning(commands)
    add_keys(commands)
    add_policy(commands)
    add_sros2(commands)
    return parser


def _add_top(commands: Any) -> None:
    top = commands.add_parser('top', help='the swarm live on this terminal; q ends it')
    top.add_argument('--once', action='store_true', help='print what is heard now, and end')
    top.add_argument(
        '--period', type=_period, default=0.5, metavar='S', help='between two looks (default 0.5)'
    )
    top.set_defaults(run='top_command.top')


def _period(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.1 <= value <= 60.0:
        raise argparse.ArgumentTypeError(f'{text!r}: expected seconds, 0.1 to 60')
    return value


def _add_mode(commands: Any) -> None:
    commands.add_parser('mode', help='the mode in force and why').set_defaults(
        run='swarm_commands.mode'
    )
    override = commands.add_parser('override', help='decide the mode for a time').add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )
    setting = override.add_parser('set')
    setting.add_argument(
        'mode', type=_mode_argument, metavar='MODE', help=', '.join(mode.label for mode in Mode)
    )
    setting.add_argument('--reason', required=True)
    setting.add_argument('--owner', default='operator')
    setting.add_argument(
        '--for',
        dest='seconds',
        type=float,
        default=600.0,
        metavar='S',
        help='duration (default 600 s)',
    )
    setting.set_defaults(run='swarm_commands.override')
    clearing = override.add_parser('clear')
    clearing.add_argument('--reason', default='no longer needed')
    clearing.add_argument('--owner', default='operator')
    clearing.set_defaults(run='swarm_commands.clear_override')


def _add_recover(commands: Any) -> None:
    recover = commands.add_parser(
        'recover', help='for a quorum that is lost for ever: one stopped robot goes on alone'
    )
    recover.add_argument('--storage-dir', required=True, metavar='DIR', help='of that robot')
    recover.add_argument(
        '--voter', required=True, metavar='NAME', help='that robot; it becomes the only voter'
    )
    recover.add_argument(
        '--force', action='store_true', help='do it (default: only show what would be done)'
    )
    recover.set_defaults(run='recover_command.recover')


def _mode_argument(text: str) -> Mode:
    try:
        return mode_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(args: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(args)
    module, _, name = options.run.partition('.')
    command = getattr(importlib.import_module(f'swarm_coordinator.cli.{module}'), name)
    if options.run in OFFLINE:
        return int(command(options))
    # Imported late: --help, a wrong argument and what needs no robot answer without starting ROS.
    from swarm_coordinator.cli.client import NotAllowed, SwarmClient, Unavailable

    try:
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(SwarmClient(
                options.robot, options.swarm, keys_dir=options.keys_dir, caller=options.caller
            ))
            code = int(command(client, options))
            sys.stdout.flush()
            with Leaving(code, LEAVE_S):  # what was asked is answered
                stack.close()
        return code
    except NotAllowed as error:
        return say(str(error), REFUSED)
    except Unavailable as error:
        return say(str(error), UNAVAILABLE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return OK


if __name__ == '__main__':
    sys.exit(main())
