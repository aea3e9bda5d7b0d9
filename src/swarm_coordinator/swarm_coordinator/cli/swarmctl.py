# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl: the swarm from a terminal. Owns arguments, tables and exit codes; decides nothing.

Exit codes: 0 done, 1 the job failed or the thing is not there, 2 the request was refused as wrong,
3 no robot or no quorum answered, 130 interrupted.
"""

import argparse
import json
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swarm_coordinator.cli import tables
from swarm_coordinator.core.jobs.job import Effects
from swarm_coordinator.core.modes.mode import Mode, mode_named
from swarm_coordinator.core.registry.suspicion import Liveness

OK, FAILED, REFUSED, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130
PAGE = 500
PHASES = (
    'submitted',
    'leased',
    'running',
    'done',
    'failed',
    'expired',
    'cancelled',
    'quarantined',
)
ENDED = frozenset({3, 4, 5, 6, 7})
DONE = 3


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='swarmctl', description='Look at and use a robot swarm over ROS 2.'
    )
    parser.add_argument('--robot', default='', help='ask this robot (default: one on this machine)')
    parser.add_argument('--swarm', default='', help='only robots of this swarm')
    parser.add_argument('--json', action='store_true', help='print JSON instead of tables')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    commands.add_parser('status', help='leader, term, quorum, mode, jobs').set_defaults(run=_status)
    commands.add_parser('robots', help='the members and their load').set_defaults(run=_robots)
    _add_jobs(commands)
    _add_mode(commands)
    hardware = commands.add_parser('hardware', help='what a robot has').add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )
    hardware.add_parser('list', help='devices of the asked robot').set_defaults(run=_hardware)
    return parser


def _add_jobs(commands: Any) -> None:
    jobs = commands.add_parser('jobs', help='submit and follow jobs').add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )
    submit = jobs.add_parser(
        'submit', help='run a program in the swarm: swarmctl jobs submit --in F -- PROGRAM ARGS'
    )
    submit.add_argument('--in', dest='inputs', action='append', default=[], metavar='FILE',
                        help='input file, put into the folder of the job (repeatable)')
    submit.add_argument('--out', dest='outputs', action='append', default=[], metavar='NAME',
                        help='output file of the job that comes back (repeatable)')
    submit.add_argument('--output-dir', default='', metavar='DIR',
                        help='where outputs are put (default: with --out, the current folder)')
    submit.add_argument('--timeout', type=float, default=0.0, metavar='S', help='run time limit')
    submit.add_argument('--attempts', type=int, default=0, metavar='N', help='at most (default 3)')
    submit.add_argument('--priority', type=int, default=0, metavar='N', help='higher first')
    submit.add_argument('--effects', choices=[one.value for one in Effects], default='idempotent',
                        help='what running it twice would do')
    submit.add_argument('--label', dest='labels', action='append', default=[], metavar='TEXT')
    submit.add_argument('--key', default='', help='idempotency key: the same key, the same job')
    submit.add_argument('--no-wait', action='store_true', help='print the job id and end')
    submit.add_argument('argv', nargs='+', metavar='-- PROGRAM ARGS')
    submit.set_defaults(run=_submit)
    listing = jobs.add_parser('list', help='jobs, oldest first')
    listing.add_argument('--phase', action='append', default=[], choices=PHASES)
    listing.add_argument('--label', dest='labels', action='append', default=[], metavar='TEXT')
    listing.set_defaults(run=_list)
    watch = jobs.add_parser('watch', help='follow jobs until they have ended')
    watch.add_argument('job_ids', nargs='*', metavar='JOB', help='default: all')
    watch.add_argument('--label', dest='labels', action='append', default=[], metavar='TEXT')
    watch.set_defaults(run=_watch)
    cancel = jobs.add_parser('cancel', help='end a job')
    cancel.add_argument('job_id', metavar='JOB')
    cancel.add_argument('--reason', default='cancelled by swarmctl')
    cancel.set_defaults(run=_cancel)
    explain = jobs.add_parser('explain', help='the story of a job')
    explain.add_argument('job_id', metavar='JOB')
    explain.set_defaults(run=_explain)


def _add_mode(commands: Any) -> None:
    commands.add_parser('mode', help='the mode in force and why').set_defaults(run=_mode)
    override = commands.add_parser('override', help='decide the mode for a time').add_subparsers(
        dest='what', required=True, metavar='COMMAND'
    )
    setting = override.add_parser('set')
    setting.add_argument('mode', type=_mode_argument, metavar='MODE',
                         help=', '.join(mode.label for mode in Mode))
    setting.add_argument('--reason', required=True)
    setting.add_argument('--owner', default='operator')
    setting.add_argument('--for', dest='seconds', type=float, default=600.0, metavar='S',
                         help='duration (default 600 s)')
    setting.set_defaults(run=_override)
    clearing = override.add_parser('clear')
    clearing.add_argument('--reason', default='no longer needed')
    clearing.add_argument('--owner', default='operator')
    clearing.set_defaults(run=_clear_override)


def _mode_argument(text: str) -> Mode:
    try:
        return mode_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(args: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(args)
    # Imported late: --help and a wrong argument answer without starting ROS.
    from swarm_coordinator.cli.client import SwarmClient, Unavailable

    try:
        with SwarmClient(options.robot, options.swarm) as client:
            return int(options.run(client, options))
    except Unavailable as error:
        return _say(str(error), UNAVAILABLE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return OK


def _say(text: str, code: int) -> int:
    print(f'swarmctl: {text}', file=sys.stderr)
    return code


def _code(response: Any) -> int:
    """Exit code of an answer with `code` and `reason`; says what went wrong."""
    if response.code == type(response).ACCEPTED:
        return OK
    refused = response.code == type(response).REFUSED
    return _say(response.reason, REFUSED if refused else UNAVAILABLE)


def _print_json(value: Any) -> int:
    print(json.dumps(value, indent=2))
    return OK


# ---- the swarm


def _status(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import srv

    answer = client.call(srv.Status, 'status', srv.Status.Request())
    state = answer.state
    facts = {
        'swarm': state.swarm_id,
        'asked': answer.robot_id,
        'leader': state.leader or None,
        'term': state.term,
        'voters_heard': state.voters_heard,
        'voters': state.voters,
        'quorum': state.quorum,
        'commit_index': state.commit_index,
        'applied_index': answer.applied_index,
        'mode': Mode(state.mode.mode).label,
        'mode_reason': state.mode.reason,
        'jobs': _counts(state),
        'robots': len(state.robots),
        'timing_profile': answer.timing_profile,
        'storage_dir': answer.storage_dir,
        'fsync_p99_ms': answer.fsync_p99_us / 1000,
    }
    if options.json:
        return _print_json(facts)
    voters = f'{state.voters_heard} of {state.voters} voters heard, {state.quorum} needed'
    jobs = ', '.join(f'{count} {name}' for name, count in _counts(state).items() if count)
    rows = [
        ('swarm', f'{state.swarm_id}, as {answer.robot_id} sees it'),
        ('leader', f'{state.leader or "none"}, term {state.term}; {voters}'),
        ('mode', f'{facts["mode"]}: {state.mode.reason}'),
        ('log', f'{state.commit_index} committed, {answer.applied_index} applied here'),
        ('jobs', jobs or 'none'),
        ('robots', ', '.join(_robot_word(robot) for robot in state.robots) or 'none registered'),
        ('disk', f'{answer.storage_dir}, fsync p99 {answer.fsync_p99_us / 1000:.1f} ms'),
    ]
    print('\n'.join(f'{name:8}{text}' for name, text in rows))
    return OK if state.leader else _say('no leader: too few voters can be reached', UNAVAILABLE)


def _counts(state: Any) -> dict[str, int]:
    names = ('waiting', 'leased', 'running', 'done', 'failed', 'expired', 'cancelled',
             'quarantined')
    return {name: getattr(state, f'jobs_{name}') for name in names}


def _robot_word(robot: Any) -> str:
    phase = Liveness(robot.phase)
    return robot.robot_id if phase is Liveness.HEALTHY else f'{robot.robot_id} ({phase.name.lower()})'


def _robots(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import srv

    state = client.call(srv.Status, 'status', srv.Status.Request()).state
    rows = [
        {
            'robot': robot.robot_id,
            'role': 'leader' if robot.robot_id == state.leader else
                    'voter' if robot.voter else 'non-voter',
            'phase': Liveness(robot.phase).name.lower(),
            'start': robot.incarnation,
            'heard_s': None if robot.heard_ms_ago == robot.UNKNOWN_AGE
                       else robot.heard_ms_ago / 1000,
            'running': robot.running_jobs,
            'held': robot.held_jobs,
            'slots': robot.job_slots,
            'offers': sorted(one.name for one in robot.capabilities),
        }
        for robot in state.robots
    ]
    if options.json:
        return _print_json(rows)
    print(tables.table(
        ('robot', 'role', 'phase', 'heard', 'start', 'jobs', 'offers'),
        [
            (
                row['robot'], row['role'], row['phase'],
                '-' if row['heard_s'] is None else tables.age(row['heard_s']),
                row['start'], f'{row["running"]}+{row["held"] - row["running"]}/{row["slots"]}',
                ' '.join(row['offers']),
            )
            for row in rows
        ],
    ))
    return OK


# ---- jobs


def _submit(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import msg, srv

    paths = [Path(name).resolve() for name in options.inputs]
    for path in paths:
        if not path.is_file():
            return _say(f'--in {path}: no such file, or not a regular one', REFUSED)
    output_dir = options.output_dir or ('.' if options.outputs else '')
    request = srv.SubmitJob.Request(
        spec=msg.JobSpec(
            kind='exec',
            argv=options.argv,
            outputs=options.outputs,
            timeout_ms=round(options.timeout * 1000),
            attempts_max=options.attempts,
            effects=[one.value for one in Effects].index(options.effects),
            priority=options.priority,
            labels=options.labels,
        ),
        input_paths=[str(path) for path in paths],
        output_dir=str(Path(output_dir).resolve()) if output_dir else '',
        idempotency_key=options.key or uuid.uuid4().hex,
    )
    answer = client.call(srv.SubmitJob, 'submit_job', request, 30.0)
    if (code := _code(answer)) != OK:
        return code
    if options.no_wait:
        return _print_json({'job_id': answer.job_id}) if options.json else print(answer.job_id) or OK
    return _follow(client, [answer.job_id], [], options.json)


def _jobs(client: Any, ids: Sequence[str], labels: Sequence[str], phases: Sequence[int]) -> list[Any]:
    """All matching jobs, page by page."""
    from swarm_msgs import srv

    found: list[Any] = []
    while True:
        request = srv.ListJobs.Request(
            job_ids=list(ids),
            labels=list(labels),
            phases=list(phases),
            after=found[-1].job_id if found else '',
            limit=PAGE,
        )
        page = client.call(srv.ListJobs, 'list_jobs', request).jobs
        found += page
        if len(page) < PAGE:
            return found


def _list(client: Any, options: argparse.Namespace) -> int:
    phases = [PHASES.index(phase) for phase in options.phase]
    return _show(_jobs(client, (), options.labels, phases), options.json)


def _show(jobs: Sequence[Any], as_json: bool) -> int:
    if as_json:
        return _print_json([_job_facts(job) for job in jobs])
    print(tables.table(
        ('job', 'phase', 'robot', 'attempt', 'run', 'command', 'note'),
        [
            (
                job.job_id, PHASES[job.phase], job.robot_id or '-', job.attempt or '-',
                f'{job.run_ms / 1000:.2f} s' if job.run_ms else '-',
                ' '.join(job.spec.argv)[:60], job.reason[:80],
            )
            for job in jobs
        ],
    ))
    return OK


def _job_facts(job: Any) -> dict[str, Any]:
    return {
        'job_id': job.job_id,
        'phase': PHASES[job.phase],
        'origin': job.origin,
        'robot': job.robot_id or None,
        'attempt': job.attempt,
        'token': job.token,
        'argv': list(job.spec.argv),
        'labels': list(job.spec.labels),
        'exit_code': None if job.exit_code == job.NO_EXIT_CODE else job.exit_code,
        'run_ms': job.run_ms,
        'outputs': [
            {'name': ref.name, 'size_bytes': ref.size_bytes, 'sha256': bytes(ref.sha256).hex()}
            for ref in job.outputs
        ],
        'delivered': job.outputs_delivered,
        'reason': job.reason,
    }


def _watch(client: Any, options: argparse.Namespace) -> int:
    return _follow(client, options.job_ids, options.labels, options.json)


def _follow(client: Any, ids: Sequence[str], labels: Sequence[str], as_json: bool) -> int:
    """A line for each job that ends, a progress bar below; ends when all have."""
    from swarm_msgs import msg

    from swarm_coordinator.ros.topics import TOPICS

    changed = [True]
    topic = TOPICS['/swarm/jobs']
    client.node.create_subscription(
        msg.JobUpdates, topic.name, lambda _: changed.__setitem__(0, True), topic.qos
    )
    line, told = tables.StatusLine(), set[str]()
    while True:
        jobs = _jobs(client, ids, labels, ())
        missing = set(ids) - {job.job_id for job in jobs}
        if missing:
            line.end()
            return _say(f'no such job: {", ".join(sorted(missing))}', FAILED)
        ended = [job for job in jobs if _settled(job)]
        for job in ended:
            if job.job_id not in told and not as_json:
                line.print(_ending(job))
            told.add(job.job_id)
        line.show(f'{tables.bar(len(ended), len(jobs))} done or ended')
        if len(ended) == len(jobs):
            line.end()
            failed = [job for job in jobs if job.phase != DONE or job.reason]
            if as_json:
                _print_json([_job_facts(job) for job in jobs])
            return FAILED if failed else OK
        changed[0] = False
        # Updates come as messages; asking again now and then covers a lost leader.
        client.spin_until(lambda: changed[0], 1.0)


def _settled(job: Any) -> bool:
    return job.phase in ENDED and (job.phase != DONE or job.outputs_delivered)


def _ending(job: Any) -> str:
    text = f'{job.job_id} {PHASES[job.phase]}'
    if job.phase == DONE:
        octets = sum(ref.size_bytes for ref in job.outputs)
        text += f' on {job.robot_id} in {job.run_ms / 1000:.2f} s'
        text += f', {tables.size(octets)} back' if job.outputs else ''
    return f'{text}: {job.reason}' if job.reason else text


def _cancel(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import srv

    request = srv.CancelJob.Request(job_id=options.job_id, reason=options.reason)
    return _code(client.call(srv.CancelJob, 'cancel_job', request))


def _explain(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import srv

    request = srv.Explain.Request(subject=srv.Explain.Request.SUBJECT_JOB, id=options.job_id)
    answer = client.call(srv.Explain, 'explain', request)
    if not answer.found:
        return _say(answer.reason, FAILED)
    if options.json:
        return _print_json(
            [{'stamp_ns': s.stamp_ns, 'log_index': s.log_index, 'what': s.what}
             for s in answer.story]
        )
    for story in answer.story:
        clock = time.strftime('%H:%M:%S', time.localtime(story.stamp_ns / 1e9))
        print(f'{clock}.{story.stamp_ns // 1_000_000 % 1000:03}  {story.log_index:>6}  {story.what}')
    return OK


# ---- mode and hardware


def _mode(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import srv

    mode = client.call(srv.Status, 'status', srv.Status.Request()).state.mode
    facts = {
        'mode': Mode(mode.mode).label,
        'reason': mode.reason,
        'epoch': mode.mode_epoch,
        'policy': Mode(mode.policy_mode).label,
        'override': {'owner': mode.override_owner, 'reason': mode.override_reason,
                     'expires_ns': mode.override_expires_ns} if mode.overridden else None,
    }
    if options.json:
        return _print_json(facts)
    print(f'{facts["mode"]}: {mode.reason}')
    if mode.overridden:
        left = tables.age(max(0.0, mode.override_expires_ns / 1e9 - time.time()))
        print(f'override by {mode.override_owner} for another {left}; without it: {facts["policy"]}')
    return OK


def _override(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import srv

    request = srv.SetOverride.Request(
        mode=options.mode.value,
        owner=options.owner,
        reason=options.reason,
        duration_ms=max(0, round(options.seconds * 1000)),
    )
    answer = client.call(srv.SetOverride, 'set_override', request)
    if (code := _code(answer)) == OK:
        print(f'committed in entry {answer.log_index}')
    return code


def _clear_override(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import srv

    request = srv.ClearOverride.Request(owner=options.owner, reason=options.reason)
    answer = client.call(srv.ClearOverride, 'clear_override', request)
    if (code := _code(answer)) == OK:
        print(f'committed in entry {answer.log_index}')
    return code


def _hardware(client: Any, options: argparse.Namespace) -> int:
    from swarm_msgs import srv

    answer = client.call(srv.ListDevices, 'list_devices', srv.ListDevices.Request())
    verdicts = ('unknown', 'ambiguous', 'identified')
    rows = [
        {
            'device': device.device_id,
            'name': device.name,
            'ids': f'{device.vendor_id}:{device.product_id}'.strip(':'),
            'path': device.device_path,
            'driver': device.driver,
            'verdict': verdicts[device.verdict],
            'confidence': round(device.confidence, 2),
            'alternatives': list(device.alternatives),
        }
        for device in answer.devices
    ]
    if options.json:
        return _print_json(rows)
    print(tables.table(
        ('device', 'name', 'ids', 'path', 'driver', 'verdict'),
        [
            (row['device'], row['name'], row['ids'] or '-', row['path'] or '-',
             row['driver'] or '-', f'{row["verdict"]} {row["confidence"]:.0%}')
            for row in rows
        ],
    ))
    return OK


if __name__ == '__main__':
    sys.exit(main())
