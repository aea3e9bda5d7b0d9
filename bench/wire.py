# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bytes per second on the wire and processor time per robot, against the number of robots.

An idle swarm (profile wifi, 3 voters, the others non-voters, no jobs) in a network namespace of
its own, where nftables counts every packet with its IP and UDP headers (see _wire_field.py); DDS's
own traffic is told apart by its ports. A robot writes one beacon per period whatever the swarm's
size (`messages written`), but DDS sends a copy to every robot that listens, unless it is set up
for multicast: both are shown, beside the figure of the smallest swarm.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from typing import Any

from bench._swarm import ROOT
from bench.peers import Missing
from bench.run import write_samples
from bench.table import Row, row

SIZES, SIZES_QUICK = (3, 5, 10, 20), (3, 5)
PROGRAMS = {
    'nft': 'apt-get install nftables', 'ip': 'apt-get install iproute2',
    'unshare': 'apt-get install util-linux',
}


def measure(quick: bool) -> list[Row]:
    check()
    seconds = 5.0 if quick else 20.0
    taken = {}
    for count in SIZES_QUICK if quick else SIZES:
        taken[count] = counted(count, seconds)
        print(f'{count} robots counted', flush=True)
    write_samples('wire', taken)
    smallest = min(taken)
    return [
        one for count, now in taken.items()
        for one in rows_of(count, now, smallest, taken[smallest])
    ]


def check() -> None:
    """Raises Missing."""
    for program, command in PROGRAMS.items():
        if shutil.which(program) is None:
            raise Missing(program, command)


def counted(count: int, seconds: float) -> dict[str, Any]:
    alone = ['unshare', '--net'] if os.geteuid() == 0 else ['unshare', '--net', '--map-root-user']
    said = subprocess.run(
        [*alone, sys.executable, '-m', 'bench._wire_field', str(count), str(seconds)],
        stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT,
    )
    return dict(json.loads(said.stdout.splitlines()[-1]))


def rows_of(
    count: int, now: dict[str, Any], smallest: int, then: dict[str, Any]
) -> list[Row]:
    def each(what: str, unit: str, key: str, target: float | None = None) -> Row:
        peer = None if count == smallest else list(then[key].values())
        return row(f'{count} robots: {what}', unit, list(now[key].values()), peer=peer,
                   peer_name=f'{smallest} robots' if peer else '', target=target)

    # A beacon that a robot hears makes it say no more: as many messages as in the smallest swarm,
    # and a little for the views of the log, which only the leader writes.
    most = None if count == smallest else 1.2 * statistics.median(then['messages'].values())
    beacons = {name: rate * now['beacon_bytes'] for name, rate in now['messages'].items()}
    return [
        each('messages written by a robot', '/s', 'messages', most),
        row(f'{count} robots: a robot writes, as beacons of {now["beacon_bytes"]} bytes',
            'bytes/s', list(beacons.values())),
        each('sent by a robot, on the wire', 'bytes/s', 'sent'),
        each('heard by a robot, on the wire', 'bytes/s', 'heard'),
        row(f'{count} robots: of what a robot sends, DDS discovery', 'bytes/s',
            [now['discovery'] / count]),
        row(f'{count} robots: of what a robot sends, topics', 'bytes/s', [now['user'] / count]),
        each('processor of an idle robot', 'ms/s', 'cpu_ms'),
    ]
