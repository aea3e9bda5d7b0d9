# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about leases."""

import argparse
import os
import shutil
import signal
import subprocess
import time
from typing import Any

from swarm_msgs import srv

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import FAILED, OK, REFUSED, UNAVAILABLE, print_json, say
from swarm_coordinator.ros.swarm import LeaseLost, LeaseRefused, Swarm, Unavailable

ENDING_S = 5.0  # between asking a program to end and ending it
WAKE_S = 0.2


def list_leases(client: Any, options: argparse.Namespace) -> int:
    answer = client.call(
        srv.ListLeases, 'list_leases', srv.ListLeases.Request(resource=options.resource)
    )
    now_ns = time.time_ns()
    rows = [
        {
            'resource': lease.resource,
            'holder': lease.holder or None,
            'robot': lease.robot_id,
            'token': lease.token,
            'left_s': round(max(0, lease.expires_ns - now_ns) / 1e9, 1),
            'waiters': list(lease.waiters),
        }
        for lease in answer.leases
    ]
    if options.json:
        return print_json(rows)
    if not rows:
        print('nothing is held')
        return OK
    header = ('resource', 'holder', 'robot', 'token', 'left', 'waiting')
    print(
        tables.table(
            header,
            [
                (
                    row['resource'],
                    row['holder'] or '-',
                    row['robot'] or '-',
                    row['token'],
                    tables.age(row['left_s']),
                    ' '.join(row['waiters']) or '-',
                )
                for row in rows
            ],
        )
    )
    return OK


def release(client: Any, options: argparse.Namespace) -> int:
    request = srv.ReleaseLease.Request(resource=options.resource, token=options.token)
    answer = client.call(srv.ReleaseLease, 'release_lease', request)
    kinds = srv.ReleaseLease.Response
    if answer.code == kinds.RELEASED:
        print(f'{options.resource} is free')
        return OK
    return say(answer.reason, REFUSED if answer.code == kinds.REFUSED else UNAVAILABLE)


def run(client: Any, options: argparse.Namespace) -> int:
    """The exit code is the program's own, unless the lease was not granted or was lost."""
    if shutil.which(options.argv[0]) is None:
        return say(f'{options.argv[0]}: expected a program on the PATH', REFUSED)
    with Swarm(client.robot, keys_dir=options.keys_dir, caller=options.caller) as swarm:
        try:
            with swarm.lease(
                options.resource, options.ttl, options.wait, options.holder
            ) as lease:
                say(f'{lease.resource} is ours, token {lease.token}', OK)
                return _run_under(lease, options.argv)
        except LeaseRefused as error:
            return say(str(error), REFUSED)
        except Unavailable as error:
            return say(str(error), UNAVAILABLE)
        except LeaseLost as error:
            return say(str(error), FAILED)


def _run_under(lease: Any, argv: list[str]) -> int:
    environment = {
        **os.environ,
        'SWARM_LEASE_TOKEN': str(lease.token),
        'SWARM_LEASE_RESOURCE': lease.resource,
    }
    process = subprocess.Popen(argv, env=environment, start_new_session=True)
    try:
        while True:
            try:
                return process.wait(WAKE_S)
            except subprocess.TimeoutExpired:
                lease.check()
    finally:
        _end(process)


def _end(process: 'subprocess.Popen[bytes]') -> None:
    """With everything that it started: what the lease protects must have stopped."""
    for number, patience_s in ((signal.SIGTERM, ENDING_S), (signal.SIGKILL, None)):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
