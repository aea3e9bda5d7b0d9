# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about the swarm as a whole: status, robots, mode."""

import argparse
import time
from typing import Any

from swarm_msgs import srv

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import OK, UNAVAILABLE, exit_code, print_json, say
from swarm_coordinator.core.ids import start_number
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.registry.suspicion import Liveness


def status(client: Any, options: argparse.Namespace) -> int:
    answer = client.call(srv.Status, 'status', srv.Status.Request())
    state = answer.state
    facts = {
        'swarm': state.envelope.swarm_id,
        'asked': answer.robot_id,
        'leader': state.leader or None,
        'term': state.term,
        'voters_heard': state.voters_heard,
        'voters': state.voters,
        'quorum': state.quorum,
        'voters_awaited': list(state.awaited_voter_ids),
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
        return print_json(facts)
    voters = f'{state.voters_heard} of {state.voters} voters heard, {state.quorum} needed'
    if state.awaited_voter_ids:
        voters += f'; never came: {", ".join(state.awaited_voter_ids)}'
    jobs = ', '.join(f'{count} {name}' for name, count in _counts(state).items() if count)
    rows = [
        ('swarm', f'{state.envelope.swarm_id}, as {answer.robot_id} sees it'),
        ('leader', f'{state.leader or "none"}, term {state.term}; {voters}'),
        ('mode', f'{facts["mode"]}: {state.mode.reason}'),
        ('log', f'{state.commit_index} committed, {answer.applied_index} applied here'),
        ('jobs', jobs or 'none'),
        ('robots', ', '.join(_robot_word(robot) for robot in state.robots) or 'none registered'),
        ('disk', f'{answer.storage_dir}, fsync p99 {answer.fsync_p99_us / 1000:.1f} ms'),
    ]
    print('\n'.join(f'{name:8}{text}' for name, text in rows))
    return OK if state.leader else say('no leader: too few voters can be reached', UNAVAILABLE)


def _counts(state: Any) -> dict[str, int]:
    names = (
        'waiting',
        'leased',
        'running',
        'done',
        'failed',
        'expired',
        'cancelled',
        'quarantined',
    )
    return {name: getattr(state, f'jobs_{name}') for name in names}


def _robot_word(robot: Any) -> str:
    phase = Liveness(robot.phase)
    return (
        robot.robot_id if phase is Liveness.HEALTHY else f'{robot.robot_id} ({phase.name.lower()})'
    )


def robots(client: Any, options: argparse.Namespace) -> int:
    state = client.call(srv.Status, 'status', srv.Status.Request()).state
    rows = [
        {
            'robot': robot.robot_id,
            'role': 'leader'
            if robot.robot_id == state.leader
            else 'voter'
            if robot.voter
            else 'non-voter',
            'phase': Liveness(robot.phase).name.lower(),
            'start': start_number(robot.incarnation),
            'heard_s': None
            if robot.heard_ms_ago == robot.UNKNOWN_AGE
            else robot.heard_ms_ago / 1000,
            'running': robot.running_jobs,
            'held': robot.held_jobs,
            'slots': robot.job_slots,
            'offers': sorted(one.name for one in robot.capabilities),
        }
        for robot in state.robots
    ]
    if options.json:
        return print_json(rows)
    print(
        tables.table(
            ('robot', 'role', 'phase', 'heard', 'start', 'jobs', 'offers'),
            [
                (
                    row['robot'],
                    row['role'],
                    row['phase'],
                    '-' if row['heard_s'] is None else tables.age(row['heard_s']),
                    row['start'],
                    f'{row["running"]}+{row["held"] - row["running"]}/{row["slots"]}',
                    ' '.join(row['offers']),
                )
                for row in rows
            ],
        )
    )
    return OK


def mode(client: Any, options: argparse.Namespace) -> int:
    mode = client.call(srv.Status, 'status', srv.Status.Request()).state.mode
    facts = {
        'mode': Mode(mode.mode).label,
        'reason': mode.reason,
        'epoch': mode.mode_epoch,
        'policy': Mode(mode.policy_mode).label,
        'override': {
            'owner': mode.override_owner,
            'reason': mode.override_reason,
            'expires_ns': mode.override_expires_ns,
        }
        if mode.overridden
        else None,
    }
    if options.json:
        return print_json(facts)
    print(f'{facts["mode"]}: {mode.reason}')
    if mode.overridden:
        left = tables.age(max(0.0, mode.override_expires_ns / 1e9 - time.time()))
        print(
            f'override by {mode.override_owner} for another {left}; without it: {facts["policy"]}'
        )
    return OK


def override(client: Any, options: argparse.Namespace) -> int:
    request = srv.SetOverride.Request(
        mode=options.mode.value,
        owner=options.owner,
        reason=options.reason,
        duration_ms=max(0, round(options.seconds * 1000)),
    )
    answer = client.call(srv.SetOverride, 'set_override', request)
    if (code := exit_code(answer)) == OK:
        print(f'committed in entry {answer.log_index}')
    return code


def clear_override(client: Any, options: argparse.Namespace) -> int:
    request = srv.ClearOverride.Request(owner=options.owner, reason=options.reason)
    answer = client.call(srv.ClearOverride, 'clear_override', request)
    if (code := exit_code(answer)) == OK:
        print(f'committed in entry {answer.log_index}')
    return code
