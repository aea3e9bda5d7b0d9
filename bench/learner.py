# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a learner costs: processor time and memory at ten ticks a second in a swarm of sixteen.

A process with one learner (modes, routes, reputation, regimes, memory) that leads, and beside it
one with a bare node that hears the same topics. A third process plays sixteen robots: beacons at
10 Hz each, five ends of jobs a second, the leader's state and the own local state twice a second.
Processor time over the measured time, as a share of one core; resident memory at its end. The
core by itself, without ROS, is timed in this process: one tick, and one outcome.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import rclpy
from rclpy.node import Node
from swarm_msgs.msg import Envelope, Heartbeat, JobOutcome, JobOutcomes, LocalState, RobotStatus
from swarm_msgs.msg import SwarmState as SwarmStateMsg

from bench.table import Row, row
from swarm_coordinator.local_swarm import Domain
from swarm_learning.core.config import LearningConfig
from swarm_learning.core.learner import Learner
from swarm_learning.core.observation import (
    Beacon,
    Ending,
    Figures,
    Mode,
    Outcome,
    SwarmState,
    Tick,
)
from swarm_learning.core.observation import LocalState as LocalFacts
from swarm_learning.ros.keeper import Keeper
from swarm_learning.ros.learning_node import BEACON, LATCHED, OUTCOMES

ROBOTS, TASKS, PERIOD_MS = 16, 8, 100
CPU_PERCENT, RSS_MB = 10.0, 25.0
S = 1_000_000_000
SPOKEN = Envelope(swarm_id='swarm', sender='r1')


def measure(quick: bool) -> list[Row]:
    return [*_processes(20.0 if quick else 60.0, 1 if quick else 3), *_core(quick)]


def _processes(seconds: float, runs: int) -> list[Row]:
    ours, bare, ours_mb, bare_mb = [], [], [], []
    for _ in range(runs):
        with _played() as (processes, field):
            field.play(5.0)
            began = [_cpu_s(one) for one in processes]
            began_s = time.monotonic()
            field.play(seconds)
            took_s = time.monotonic() - began_s
            cpu = [(_cpu_s(one) - before) / took_s * 100
                   for one, before in zip(processes, began, strict=True)]
            bare.append(cpu[0])
            ours.append(cpu[1] - cpu[0])
            bare_mb.append(processes[0].memory_info().rss / 1e6)
            ours_mb.append(processes[1].memory_info().rss / 1e6 - bare_mb[-1])
    label = f'learner that leads {ROBOTS} robots, 10 Hz'
    return [
        row(f'{label}: processor beyond a bare node', '% of a core', ours, peer=_mean(bare),
            peer_name='the bare node, hearing the same', target=CPU_PERCENT),
        row(f'{label}: memory beyond a bare node', 'MB', ours_mb, peer=_mean(bare_mb),
            peer_name='the bare node, hearing the same', target=RSS_MB),
    ]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


class Played:
    """Sixteen robots that only talk."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._rng = random.Random(1)
        make = node.create_publisher
        self._beacons = make(Heartbeat, '/swarm/heartbeat', BEACON)
        self._outcomes = make(JobOutcomes, '/swarm/outcomes', OUTCOMES)
        self._state = make(SwarmStateMsg, '/swarm/state', LATCHED)
        self._local = make(LocalState, '/r1/local_state', LATCHED)
        self._round = 0
        self._index = 10

    def play(self, seconds: float) -> None:
        end_s = next_s = time.monotonic()
        end_s += seconds
        while next_s < end_s:
            self._say()
            next_s += PERIOD_MS / 1000
            time.sleep(max(0.0, next_s - time.monotonic()))  # the robots' own period

    def _say(self) -> None:
        self._round += 1
        for number in range(1, ROBOTS + 1):
            self._beacons.publish(Heartbeat(
                envelope=Envelope(swarm_id='swarm', sender=f'r{number}'),
                consciousness_age_ms=50, arousal=self._rng.random(), stability=0.9,
                pressure=self._rng.random(), curiosity=0.2, confidence=0.5,
                queued_work_ms=self._rng.randint(0, 5000)))
        if self._round % 2 == 0:
            self._end_a_job()
        if self._round % 5 == 0:
            self._tell_state()

    def _end_a_job(self) -> None:
        self._index += 1
        self._outcomes.publish(JobOutcomes(envelope=SPOKEN, outcomes=[JobOutcome(
            log_index=self._index, stamp_ns=time.time_ns(), job_id=f'job-{self._index}', attempt=1,
            kind='exec', program=f'p{self._rng.randrange(TASKS)}',
            robot_id=f'r{self._rng.randint(1, ROBOTS)}', origin=f'r{self._rng.randint(1, ROBOTS)}',
            outcome=JobOutcome.OUTCOME_DONE if self._rng.random() < 0.95 else
            JobOutcome.OUTCOME_FAILED, run_ms=self._rng.randint(50, 500))]))

    def _tell_state(self) -> None:
        stamp = self._node.get_clock().now().to_msg()
        robots = [RobotStatus(robot_id=f'r{n}', job_slots=2) for n in range(1, ROBOTS + 1)]
        self._state.publish(SwarmStateMsg(
            envelope=SPOKEN, stamp=stamp, leader='r1', term=1,
            log_index=self._index, robots=robots, jobs_waiting=self._rng.randint(0, 20)))
        self._local.publish(LocalState(
            robot_id='r1', cpu_load_permille=self._rng.randint(0, 1000), job_slots=2,
            leader='r1'))


@contextmanager
def _played() -> Iterator[tuple[list[psutil.Process], Played]]:
    domain = Domain()
    environment = {**_environment(), 'ROS_DOMAIN_ID': str(domain.number)}
    started = [
        subprocess.Popen([sys.executable, '-m', 'bench._learner_robot', kind, str(PERIOD_MS)],
                         env=environment, stdout=subprocess.PIPE)
        for kind in ('bare', 'learner')
    ]
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain.number)
    node = Node('played', context=context)
    try:
        for one in started:
            assert one.stdout is not None
            one.stdout.readline()
        yield [psutil.Process(one.pid) for one in started], Played(node)
    finally:
        for one in started:
            one.terminate()
            one.wait()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
        domain.close()


def _environment() -> dict[str, str]:
    return {**os.environ, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}


def _core(quick: bool) -> list[Row]:
    """One tick and one outcome, without ROS."""
    rng, now_ns = random.Random(2), 0
    config = LearningConfig(robot_id='r1', period_ms=PERIOD_MS)
    mind, run_times = Keeper(config, print).restored(now_ns)
    learner = Learner(config, now_ns, run_times, mind)
    slots = {f'r{number}': 2 for number in range(1, ROBOTS + 1)}
    ticks, outcomes = [], []
    for count in range(1, (600 if quick else 6000)):
        now_ns += PERIOD_MS * 1_000_000
        if count % 5 == 1:
            learner.handle(SwarmState(
                1, count, 'r1', ROBOTS, now_ns, Mode.NORMAL, 1, slots=slots), now_ns)
            learner.handle(LocalFacts('r1', cpu_load=rng.random(), leader='r1'), now_ns)
        for robot in slots:
            figures = Figures(rng.random(), 0.2, 0.5, 0.9, rng.random())
            learner.handle(Beacon(robot, figures, 50, now_ns, rng.randint(0, 5000)), now_ns)
        began = time.perf_counter()
        learner.handle(Outcome(
            f'j{count}', 1, 'exec', f'r{rng.randint(1, ROBOTS)}', Ending.DONE,
            rng.randint(50, 500), f'p{rng.randrange(TASKS)}', origin=f'r{rng.randint(1, ROBOTS)}',
            log_index=count, stamp_ns=now_ns), now_ns)
        outcomes.append((time.perf_counter() - began) * 1e6)
        began = time.perf_counter()
        learner.handle(Tick(now_ns), now_ns)
        ticks.append((time.perf_counter() - began) * 1e6)
    return [
        row("core: one tick of the leader's learner, 16 robots, 128 routes", 'us', ticks),
        row('core: one outcome', 'us', outcomes),
    ]

