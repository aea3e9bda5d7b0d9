# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The simulated swarm keeps its promises under faults and heals after them.

A failure prints the command that repeats it, and that shrinks it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from swarm_coordinator.core.raft import PROFILES, RobotId, Role, TimeoutNow
from swarm_coordinator.sim.campaign import Choice, Totals, run_seed
from swarm_coordinator.sim.cluster import Cluster
from swarm_coordinator.sim.failover import failover_ms, histogram
from swarm_coordinator.sim.network import QUALITIES, Network
from swarm_coordinator.sim.run import run
from swarm_coordinator.sim.scenario import schedule_of
from swarm_coordinator.sim.schedule import Settings
from swarm_coordinator.sim.timeline import Timeline

REGISTERS = (80, Choice(length_ms=30_000))
SERVICES = (20, Choice(length_ms=30_000, workload='services'))
SHORT = REGISTERS[1]
WIFI = PROFILES['wifi']


@pytest.fixture(scope='module')
def totals() -> Totals:
    """All seeds, once: the tests below look at different sides of them."""
    made = Totals()
    for seeds, choice in (REGISTERS, SERVICES):
        for seed in range(seeds):
            report, cpu_s = run_seed(seed, choice)
            made.add(report, cpu_s)
            if report.violation is not None:
                print(f'{report.violation}\n  {choice.command(seed)}')
    return made


def test_promises_hold_under_faults_and_the_swarm_heals(totals: Totals) -> None:
    assert not totals.failed, [(one.seed, str(one.violation)) for one in totals.failed]


def test_every_situation_is_reached(totals: Totals) -> None:
    """A simulation in which nothing happens would pass every check."""
    missing = totals.missing('registers', 'services')
    assert not missing, [one.value for one in missing]


def test_runs_have_work_in_them(totals: Totals) -> None:
    assert totals.sums['messages'] > 8_000 * totals.seeds
    assert totals.sums['commits'] > 400 * totals.seeds
    assert totals.sums['elections'] > 3 * totals.seeds
    assert totals.sums['operations'] > 5 * totals.sums['unanswered']


@pytest.mark.parametrize('profile', ['wired', 'mesh', 'congested'])
def test_promises_hold_in_every_profile(profile: str) -> None:
    for seed in range(1000, 1002):
        choice = replace(SHORT, profile=profile)
        report, _ = run_seed(seed, choice)
        assert report.violation is None, f'{report.violation}\n  {choice.command(seed)}'


def test_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    code = (
        'from swarm_coordinator.sim.campaign import Choice, run_seed\n'
        'for seed in (7, 8, 9, 10):\n'
        '    work = ("registers", "services")[seed % 2]\n'
        '    print(run_seed(seed, Choice(workload=work, length_ms=8_000))[0])'
    )
    printed = {
        subprocess.run(
            [sys.executable, '-c', code], env={**os.environ, 'PYTHONHASHSEED': hash_seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for hash_seed in ('1', '2')
    }
    assert len(printed) == 1 and printed.pop().count('digest=') == 4


def test_digest_tells_runs_apart() -> None:
    one, two = (run(schedule_of(seed, length_ms=3_000)) for seed in (1, 2))
    assert one.digest != two.digest


def test_leaving_out_a_step_leaves_the_rest_of_the_run_repeatable() -> None:
    schedule = schedule_of(5, length_ms=6_000)
    half = schedule.with_steps(schedule.steps[::2])
    assert run(half).digest == run(half).digest


@pytest.mark.parametrize('voters', [3, 5])
def test_failover_at_wifi_meets_its_bounds(voters: int) -> None:
    times_ms = sorted(failover_ms(seed, WIFI, voters) for seed in range(60))
    print(histogram(times_ms))
    assert times_ms[len(times_ms) // 2] <= 1000
    assert times_ms[-1] <= 2500


def quiet(seed: int, voters: int = 3, non_voters: int = 0) -> Cluster:
    """A swarm without faults that has a leader."""
    cluster = Cluster(Settings(seed=seed, voters=voters, non_voters=non_voters))
    assert cluster.run_until_led(5_000) is not None
    return cluster


def test_idle_swarm_sends_one_beacon_per_robot_and_period_and_nothing_else() -> None:
    cluster = quiet(3, voters=5, non_voters=2)
    cluster.run_ms(2_000)
    cluster.network.broadcasts.clear()
    cluster.network.sent.clear()
    cluster.run_ms(10_000)
    periods = 10_000 // WIFI.heartbeat_ms
    counts = {kind.__name__: count for kind, count in cluster.network.broadcasts.items()}
    assert {kind.__name__ for kind in cluster.network.sent} == set(counts)
    assert set(counts) == {'Heartbeat', 'HeartbeatReply'}
    assert abs(counts['Heartbeat'] - periods) <= 1
    assert counts['HeartbeatReply'] <= 6 * periods * 1.05


def cut(cluster: Cluster, sender: str, recipient: str) -> None:
    cluster.network.link(sender, recipient).cuts += 1  # type: ignore[arg-type]


def test_leader_that_hears_nobody_is_replaced_although_it_is_still_heard() -> None:
    """One-way partition: followers that hear it never time out, so check-quorum must act."""
    cluster = quiet(5)
    old = cluster.leaders[0]
    others = [name for name in cluster.robots if name != old.name]
    for other in others:
        cut(cluster, other, old.name)
    cluster.run_ms(3_500)
    assert old.core.role is not Role.LEADER
    assert cluster.leaders and cluster.leaders[0].name in others


def test_robot_that_hears_nobody_does_not_disturb_a_working_leader() -> None:
    cluster = quiet(6, voters=5)
    leader = cluster.leaders[0]
    cluster.run_ms(500)
    term = leader.core.term
    deaf = next(name for name in cluster.robots if name != leader.name)
    for other in cluster.robots:
        if other != deaf:
            cut(cluster, other, deaf)
    cluster.run_ms(10_000)
    for link in cluster.network.all_links():
        link.cuts = 0
    cluster.run_ms(5_000)
    assert (leader.core.role, leader.core.term) == (Role.LEADER, term)


def test_packets_between_sides_of_a_partial_partition_still_reach_the_third() -> None:
    """A and B cut off from each other, both reach C: the leader must be one that C hears."""
    cluster = quiet(8)
    names = list(cluster.robots)
    cut(cluster, names[0], names[1])
    cut(cluster, names[1], names[0])
    cluster.run_ms(20_000)
    leader = cluster.leaders[0]
    index = leader.core.commit_index
    leader.propose_batch([b'x'])
    cluster.run_ms(1_000)
    assert leader.core.commit_index > index


def test_poor_link_loses_doubles_and_reorders() -> None:
    timeline = Timeline()
    arrived: list[int] = []
    network = Network(timeline, 'x')
    a, b = RobotId('a'), RobotId('b')
    network.connect({a: lambda message: None, b: lambda message: arrived.append(message.term)})
    network.link(a, b).set_quality(QUALITIES['poor'])
    for term in range(1000):
        network.send(a, TimeoutNow(a, b, term))
        timeline.run_until(timeline.now_us + 1_000)
    timeline.run_until(10_000_000)
    assert 150 < network.lost < 250 and 50 < network.doubled < 150
    assert len(arrived) == 1000 - network.lost + network.doubled
    assert arrived != sorted(arrived)
    assert network.sent == {TimeoutNow: 1000}
