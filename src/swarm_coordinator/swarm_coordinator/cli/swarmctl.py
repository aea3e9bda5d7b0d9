# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl: the swarm from a terminal. Owns arguments, tables and exit codes; decides nothing.

Exit codes: 0 done, 1 the job failed or the thing is not there, 2 the request was refused as wrong,
3 no robot or no quorum answered, 130 interrupted.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from swarm_coordinator.cli.answers import INTERRUPTED, OK, UNAVAILABLE, say
from swarm_coordinator.cli.coordination_arguments import add_coordination
from swarm_coordinator.core.jobs.job import Effects, JobPhase
from swarm_coordinator.core.modes.mode import Mode, mode_named

PHASES = tuple(phase.value for phase in JobPhase)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='swarmctl', description='Look at and use a robot swarm over ROS 2.'
    )
    parser.add_argument(
        '--robot', default='', help='ask this robot (default: one on this machine)'
    )
    parser.add_argument('--swarm', default='', help='only robots of this swarm')
    parser.add_argument('--json', action='store_true', help='print JSON instead of tables')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    commands.add_parser('status', help='leader, term, quorum, mode, jobs').set_defaults(
        run='swarm_commands.status'
    )
    commands.add_parser('robots', help='the members and their load').set_defaults(
        run='swarm_commands.robots'
    )
    _add_jobs(commands)
    _add_mode(commands)
    add_coordination(commands)
    _add_recover(commands)
    hardware = commands.add_parser('hardware', help='what a robot has').add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )
    hardware.add_parser('list', help='devices of the asked robot').set_defaults(
        run='swarm_commands.hardware'
    )
    return parser


def _add_jobs(commands: Any) -> None:
    jobs = commands.add_parser('jobs', help='submit and follow jobs').add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )
    submit = jobs.add_parser(
        'submit', help='run a program in the swarm: swarmctl jobs submit --in F -- PROGRAM ARGS'
    )
    submit.add_argument(
        '--in',
        dest='inputs',
        action='append',
        default=[],
        metavar='FILE',
        help='input file, put into the folder of the job (repeatable)',
    )
    submit.add_argument(
        '--out',
        dest='outputs',
        action='append',
        default=[],
        metavar='NAME',
        help='output file of the job that comes back (repeatable)',
    )
    submit.add_argument(
        '--output-dir',
        default='',
        metavar='DIR',
        help='where outputs are put (default: with --out, the current folder)',
    )
    submit.add_argument('--timeout', type=float, default=0.0, metavar='S', help='run time limit')
    submit.add_argument('--attempts', type=int, default=0, metavar='N', help='at most (default 3)')
    submit.add_argument('--priority', type=int, default=0, metavar='N', help='higher first')
    submit.add_argument(
        '--effects',
        choices=[one.value for one in Effects],
        default='idempotent',
        help='what running it twice would do',
    )
    submit.add_argument('--label', dest='labels', action='append', default=[], metavar='TEXT')
    submit.add_argument('--key', default='', help='idempotency key: the same key, the same job')
    submit.add_argument('--no-wait', action='store_true', help='print the job id and end')
    submit.add_argument('argv', nargs='+', metavar='-- PROGRAM ARGS')
    submit.set_defaults(run='job_commands.submit')
    listing = jobs.add_parser('list', help='jobs, oldest first')
    listing.add_argument('--phase', action='append', default=[], choices=PHASES)
    listing.add_argument('--label', dest='labels', action='append', default=[], metavar='TEXT')
    listing.set_defaults(run='job_commands.list_jobs')
    watch = jobs.add_parser('watch', help='follow jobs until they have ended')
    watch.add_argument('job_ids', nargs='*', metavar='JOB', help='default: all')
    watch.add_argument('--label', dest='labels', action='append', default=[], metavar='TEXT')
    watch.set_defaults(run='job_commands.watch')
    cancel = jobs.add_parser('cancel', help='end a job')
    cancel.add_argument('job_id', metavar='JOB')
    cancel.add_argument('--reason', default='cancelled by swarmctl')
    cancel.set_defaults(run='job_commands.cancel')
    explain = jobs.add_parser('explain', help='the story of a job')
    explain.add_argument('job_id', metavar='JOB')
    explain.set_defaults(run='job_commands.explain')


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
    recover.set_defaults(run='recover_command.recover', offline=True)


def _mode_argument(text: str) -> Mode:
    try:
        return mode_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(args: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(args)
    module, _, name = options.run.partition('.')
    command = getattr(importlib.import_module(f'swarm_coordinator.cli.{module}'), name)
    if getattr(options, 'offline', False):
        return int(command(options))
    # Imported late: --help, a wrong argument and what needs no robot answer without starting ROS.
    from swarm_coordinator.cli.client import SwarmClient, Unavailable

    try:
        with SwarmClient(options.robot, options.swarm) as client:
            return int(command(client, options))
    except Unavailable as error:
        return say(str(error), UNAVAILABLE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return OK


if __name__ == '__main__':
    sys.exit(main())
