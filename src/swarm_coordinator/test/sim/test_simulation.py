# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The simulated cluster keeps Raft's promises (Figure 3) under faults and heals after them.

A failure prints the seed; repeat it with `python -m swarm_coordinator.sim --seeds SEED`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from swarm_coordinator.core.raft import PROFILES, Entry, EntryKind, Role
from swarm_coordinator.sim.cluster import Cluster
from swarm_coordinator.sim.failover import failover_ms, histogram
from swarm_coordinator.sim.faults import run_seed
from swarm_coordinator.sim.promises import Disk, PromiseBroken, Promises

SEEDS = 80
WIFI = PROFILES['wifi']


@pytest.mark.parametrize('first', range(0, SEEDS, 10))
def test_promises_hold_under_faults_and_the_swarm_heals(first: int) -> None:
    for seed in range(first, first + 10):
        try:
            run_seed(seed)
        except Exception as error:
            command = f'python -m swarm_coordinator.sim --seeds {seed}'
            pytest.fail(f'{type(error).__name__}: {error}\nrepeat with: {command}')


def test_faults_do_something() -> None:
    """A simulation in which nothing happens would pass every check."""
    runs = [run_seed(seed) for seed in range(20)]
    assert sum(run.elections for run in runs) > 60
    assert sum(run.committed for run in runs) > 4_000


@pytest.mark.parametrize('profile', ['wired', 'mesh', 'congested'])
def test_promises_hold_in_every_profile(profile: str) -> None:
    for seed in range(1000, 1003):
        run_seed(seed, profile)


def test_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    code = 'from swarm_coordinator.sim.faults import run_seed; print(run_seed(7))'
    printed = {
        subprocess.run(
            [sys.executable, '-c', code], env={**os.environ, 'PYTHONHASHSEED': hash_seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for hash_seed in ('1', '2')
    }
    assert len(printed) == 1 and 'RunSummary' in printed.pop()


@pytest.mark.parametrize('voters', [3, 5])
def test_failover_at_wifi_meets_its_bounds(voters: int) -> None:
    times_ms = sorted(failover_ms(seed, WIFI, voters) for seed in range(60))
    print(histogram(times_ms))
    assert times_ms[len(times_ms) // 2] <= 1000
    assert times_ms[-1] <= 2500


def test_idle_swarm_sends_one_beacon_per_robot_and_period_and_nothing_else() -> None:
    cluster = Cluster(random.Random(3), WIFI, voters=5, non_voters=2)
    assert cluster.run_until_led(5_000) is not None
    cluster.run_ms(2_000)
    cluster.messages_sent.clear()
    cluster.run_ms(10_000)
    periods = 10_000 // WIFI.heartbeat_ms
    assert set(cluster.messages_sent) == {'Heartbeat', 'HeartbeatReply'}
    assert abs(cluster.messages_sent['Heartbeat'] - periods) <= 1
    assert cluster.messages_sent['HeartbeatReply'] <= 6 * periods * 1.05


def test_leader_that_hears_nobody_is_replaced_although_it_is_still_heard() -> None:
    """One-way partition: followers that hear it never time out, so check-quorum must act."""
    cluster = Cluster(random.Random(5), WIFI, voters=3)
    old = cluster.run_until_led(5_000)
    assert old is not None
    others = [name for name in cluster.robots if name != old.robot_id]
    cluster.network.cut.update((other, old.robot_id) for other in others)
    cluster.run_ms(3_500)
    assert old.core.role is not Role.LEADER
    assert cluster.leaders and cluster.leaders[0].robot_id in others


def test_robot_that_hears_nobody_does_not_disturb_a_working_leader() -> None:
    cluster = Cluster(random.Random(6), WIFI, voters=5)
    leader = cluster.run_until_led(5_000)
    assert leader is not None
    cluster.run_ms(500)
    term = leader.core.term
    deaf = next(name for name in cluster.robots if name != leader.robot_id)
    cluster.network.cut.update((other, deaf) for other in cluster.robots if other != deaf)
    cluster.run_ms(10_000)
    cluster.network.cut.clear()
    cluster.run_ms(5_000)
    assert (leader.core.role, leader.core.term) == (Role.LEADER, term)


def test_checker_notices_what_is_not_on_a_quorum_of_disks() -> None:
    voters = ('r1', 'r2', 'r3')
    disks = {name: Disk() for name in voters}
    promises = Promises(voters, disks)
    promises._applied_to['r1'] = 0
    entry = Entry(1, 1, EntryKind.NOOP, 0, b'')
    disks['r1'].entries.append(entry)
    with pytest.raises(PromiseBroken, match="only \\['r1'\\] have on disk"):
        promises.on_applied('r1', entry)
