# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of swarmctl for jobs. Imports no ROS."""

import argparse
from typing import Any

from swarm_coordinator.cli.coordination_arguments import pair, seconds
from swarm_coordinator.core.jobs.job import Effects, JobPhase

PHASES = tuple(phase.value for phase in JobPhase)
SUBMIT = """Give one kind of work:
  swarmctl jobs submit --in F --out F.xz -- xz -k F       a program (exec_allow)
  swarmctl jobs submit --python mod:fn --args '[1, 2]'    a function (python_allow)
  swarmctl jobs submit --record /scan /tf --for 5         topics into an MCAP file
  swarmctl jobs submit --call reset std_srvs/srv/Empty    a service or action
  swarmctl jobs submit --encode h264 in.avi               a media file"""
EXIT_CODES = """Exit code: 0 all done, 1 one was not done or is not known, 2 refused as wrong,
3 no robot or no quorum, 130 interrupted (jobs go on)."""


def add_jobs(commands: Any) -> None:
    jobs = commands.add_parser(
        'jobs',
        help='submit and follow jobs',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f'JOB is an id or the beginning of one.\n{EXIT_CODES}',
    ).add_subparsers(dest='what', required=True, metavar='COMMAND')
    _add_submit(jobs)
    _add_run(jobs)
    _add_list(jobs)
    _add_watch(jobs)
    _add_logs(jobs)
    _add_changes(jobs)
    explain = jobs.add_parser('explain', help='the story of a job, and why this route')
    explain.add_argument('job_id', metavar='JOB')
    explain.set_defaults(run='job_commands.explain')
    routes = jobs.add_parser('routes', help='what was learnt of robots: success, times, cost')
    routes.add_argument('task', nargs='?', default='', metavar='TASK', help="e.g. 'exec:xz'")
    routes.add_argument('--on', default='', metavar='ROBOT', help='only of this robot')
    routes.set_defaults(run='job_commands.routes')
    for command in jobs.choices.values():
        command.add_argument(
            '--json', action='store_true', default=argparse.SUPPRESS, help='instead of tables'
        )


def _add_submit(jobs: Any) -> None:
    submit = jobs.add_parser(
        'submit',
        help='have work done: swarmctl jobs submit --in F -- PROGRAM ARGS',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=SUBMIT,
        epilog=EXIT_CODES,
    )
    work = submit.add_argument_group('work')
    work.add_argument('argv', nargs='*', metavar='-- PROGRAM ARGS')
    work.add_argument('--env', type=pair, action='append', default=[], metavar='KEY=VALUE')
    work.add_argument('--stdin', default='', metavar='NAME', help='one of the inputs')
    work.add_argument('--folder', default='', metavar='NAME', help="below the job's folder")
    work.add_argument('--python', metavar='MODULE:FUNCTION')
    work.add_argument('--args', default='', metavar='JSON', help='a list, or an object of names')
    work.add_argument('--record', nargs='+', metavar='TOPIC')
    work.add_argument('--for', dest='seconds', type=seconds, default=0.0, metavar='S')
    work.add_argument('--messages', type=int, default=0, metavar='N', help='record at most N')
    work.add_argument('--call', nargs='+', metavar='NAME TYPE [JSON]')
    work.add_argument('--encode', nargs=2, metavar=('CODEC', 'FILE'))
    work.add_argument('--bitrate', type=int, default=0, metavar='KBPS')
    work.add_argument('--size', default='', metavar='WxH', help='0 for one of them: in proportion')
    _add_files(submit.add_argument_group('files'))
    _add_limits(submit.add_argument_group('limits and route'))
    _add_ending(submit)
    submit.add_argument('--label', dest='labels', action='append', default=[], metavar='TEXT')
    submit.add_argument('--key', default='', help='idempotency key: the same key, the same job')
    submit.set_defaults(run='submit_command.submit')


def _add_files(files: Any) -> None:
    files.add_argument(
        '--in', dest='inputs', action='append', default=[], metavar='FILE',
        help='put into the folder of the job (repeatable)',
    )
    files.add_argument(
        '--out', dest='outputs', action='append', default=[], metavar='NAME',
        help='file of the job that comes back (repeatable)',
    )
    files.add_argument(
        '--output-dir', default='', metavar='DIR', help='where (default: the current folder)'
    )


def _add_limits(limits: Any) -> None:
    for name, meaning in (
        ('timeout', 'run time of one attempt'),
        ('deadline', 'from now; then it expires'),
    ):
        limits.add_argument(f'--{name}', type=seconds, default=0.0, metavar='S', help=meaning)
    limits.add_argument(
        '--attempts', type=int, default=3, metavar='N', help='lost with their robot (default 3)'
    )
    limits.add_argument(
        '--retries', type=int, default=0, metavar='N', help='when the job itself fails'
    )
    limits.add_argument('--retry-delay', type=seconds, default=1.0, metavar='S', help='doubles')
    limits.add_argument(
        '--effects', choices=[one.value for one in Effects], default='idempotent',
        help='what running it twice would do',
    )
    limits.add_argument('--priority', type=int, default=0, metavar='N', help='higher first')
    limits.add_argument(
        '--requires', action='append', default=[], metavar='NAME', help='capability of the robot'
    )
    limits.add_argument('--memory', type=float, default=0.0, metavar='MB')
    limits.add_argument('--cpu', type=float, default=0.0, metavar='CORES')
    limits.add_argument('--file-size', type=float, default=0.0, metavar='MB')
    limits.add_argument('--battery', type=float, default=0.0, metavar='PERCENT', help='at least')
    limits.add_argument('--unit', default='', metavar='cpu|gpu|npu|ID')


def _add_ending(parser: Any) -> None:
    parser.add_argument('--no-wait', action='store_true', help='print ids and end')


def _add_run(jobs: Any) -> None:
    run = jobs.add_parser(
        'run',
        help='submit the jobs of a batch file',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description='The format is in docs/JOBS.md. After an interruption, the same file with the '
                    'same --run\ngoes on: what was submitted is followed, not repeated.',
        epilog=EXIT_CODES,
    )
    run.add_argument('file', metavar='FILE.yaml')
    run.add_argument(
        '--check', dest='run', action='store_const', const='batch_command.check',
        help='only say what would be done, or what is wrong; needs no robot',
    )
    run.add_argument(
        '--run', dest='run_name', default='', metavar='NAME',
        help='name of this run (default: a new one, which is printed)',
    )
    run.add_argument(
        '--retry-failed', action='store_true', help='with --run: have those run again'
    )
    _add_ending(run)
    run.set_defaults(run='batch_command.run')


def _add_list(jobs: Any) -> None:
    listing = jobs.add_parser('list', help='jobs, oldest first')
    listing.add_argument('--phase', action='append', default=[], choices=PHASES)
    _add_label(listing)
    listing.add_argument('--on', default='', metavar='ROBOT', help='that have this robot')
    listing.add_argument('--kind', default='', metavar='KIND', help='exec, python, ...')
    listing.add_argument(
        '--last', type=int, default=0, metavar='N', help='only the N newest (default: all)'
    )
    listing.set_defaults(run='job_commands.list_jobs')


def _add_label(parser: Any) -> None:
    parser.add_argument(
        '--label', dest='labels', action='append', default=[], metavar='TEXT',
        help='that have this label (repeatable: all of them)',
    )


def _add_watch(jobs: Any) -> None:
    watch = jobs.add_parser(
        'watch', help='follow jobs until they have ended', epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    watch.add_argument('job_ids', nargs='*', metavar='JOB', help='default: all not ended')
    _add_label(watch)
    watch.set_defaults(run='job_commands.watch')


def _add_logs(jobs: Any) -> None:
    logs = jobs.add_parser('logs', help='what a job wrote')
    logs.add_argument('job_id', metavar='JOB')
    logs.add_argument('-f', '--follow', action='store_true', help='go on until it has ended')
    logs.add_argument('--stderr', action='store_true', help='instead of its standard output')
    logs.add_argument('--attempt', type=int, default=0, metavar='N', help='default: the last')
    logs.add_argument(
        '--tail', type=int, default=0, metavar='BYTES', help='only the end (default: all)'
    )
    logs.set_defaults(run='job_commands.logs')


def _add_changes(jobs: Any) -> None:
    for name, text in (
        ('cancel', 'end jobs'),
        ('retry', 'have jobs run again that failed, expired, were cancelled or given up'),
    ):
        change = jobs.add_parser(name, help=text, description=text)
        change.add_argument('job_ids', nargs='*', metavar='JOB')
        _add_label(change)
        change.add_argument('--reason', default=f'{name} by swarmctl')
        change.set_defaults(run=f'job_commands.{name}')
