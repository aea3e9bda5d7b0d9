# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bytes of memory per thing in the replicated state, and the time that its snapshot takes.

Ten thousand of a kind go through the state machine as log entries do (encoded, decoded,
applied), with tracemalloc counting what stays. In a figure is everything that this kind makes the
state keep: the object, its name and texts, indexes over it (queues, deadlines, keys) and its
story. Texts that repeat (names of robots, kinds of jobs, capabilities of the same build) are there
once, as in a swarm. Not in it: the log itself, and the kept events, which are bounded and have a
row of their own.

    member   a robot of one of four builds: host, version, three capabilities, its session
    lease    a resource held by one of 20 robots, with a key; `with a waiter` has one in its queue
    service  name, type, address, two pairs of metadata, a time to live; 20 robots with 500 each
    job      `waiting`: program and two arguments, one input, one output, a folder to deliver to;
             `done`: the same after grant, start, completion and delivery, with its outputs

The peer is what an in-process predecessor keeps per thing: at most twice that is promised. The
times are of 10,000 ended jobs and 1,000 leases: a snapshot is encoded on the thread of consensus,
the first one whole, later ones but for what did not change.
"""

from __future__ import annotations

import gc
import hashlib
import time
import tracemalloc
from collections.abc import Callable, Iterable

from bench.table import Row, row
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef, JobSpec
from swarm_coordinator.core.jobs.kinds.exec_kind import ExecWork
from swarm_coordinator.core.replicated.apply import apply_command
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    CapabilitySpec,
    Command,
    CompleteJob,
    DeliverOutputs,
    Grant,
    GrantJobs,
    Issued,
    RecordEvent,
    RegisterRobot,
    RegisterService,
    ReportJobs,
    StartJob,
    SubmitJob,
    decode,
    encode,
)
from swarm_coordinator.core.replicated.event_log import EVENTS_KEPT_MAX, EventLog
from swarm_coordinator.core.replicated.snapshot import StateEncoder, decode_state, encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState, earliest_due_ns

COUNT, COUNT_QUICK = 10_000, 2_000
ROBOTS = tuple(RobotId(f'robot_{number}') for number in range(20))
BUILDS = 4
STAMP_NS, STEP_NS = 1_763_700_000_000_000_000, 3_000_000
PREDECESSOR = {'member': 566.0, 'lease': 567.0, 'service': 329.0, 'job': 503.0}
MS_PER_S = 1e3


class Swarm:
    """A state and its log; `do` is what happens to a committed entry."""

    def __init__(self) -> None:
        self.state = ReplicatedState()
        self.serials: dict[RobotId, int] = {}
        for number, robot in enumerate(ROBOTS):
            self.do(member(robot, number), robot)

    def do(self, command: Command, robot: RobotId = ROBOTS[0]) -> int:
        serial = self.serials[robot] = self.serials.get(robot, 0) + 1
        data = encode(Issued(robot, 1, serial, serial, command))
        index = self.state.applied_index + 1
        done = apply_command(self.state, index, 1, STAMP_NS + index * STEP_NS, decode(data))
        assert not done.refused and not done.duplicate, done
        return index


def member(robot: RobotId, number: int) -> RegisterRobot:
    build = number % BUILDS
    return RegisterRobot(
        robot, 1, True, f'host-{robot}', '0.1.0', 2,
        (
            CapabilitySpec('exec:wordcount', 1000, '', 'configuration'),
            CapabilitySpec('compute', 4000 + build, 'cores', 'platform:cpu'),
            CapabilitySpec('lidar', 12_000 + build, 'm', 'usb:10c4:ea60'),
        ),
    )


def members(swarm: Swarm, count: int) -> None:
    for number in range(count):
        robot = RobotId(f'unit_{number:05}')
        swarm.do(member(robot, number), robot)
        del swarm.serials[robot]


def leases(swarm: Swarm, count: int) -> None:
    for number in range(count):
        robot = ROBOTS[number % len(ROBOTS)]
        key = hashlib.sha256(str(number).encode()).hexdigest()[:32]
        swarm.do(
            AcquireLease(f'dock/{number:05}', f'arm_{number:05}', robot, 1, 10_000, 0, key), robot
        )


def waiters(swarm: Swarm, count: int) -> None:
    leases(swarm, count)
    for number in range(count):
        robot = ROBOTS[(number + 1) % len(ROBOTS)]
        key = hashlib.sha256(str(-number).encode()).hexdigest()[:32]
        swarm.do(
            AcquireLease(f'dock/{number:05}', f'arm_{number:05}', robot, 1, 10_000, 60_000, key),
            robot,
        )


def services(swarm: Swarm, count: int) -> None:
    for number in range(count):
        robot = ROBOTS[number % len(ROBOTS)]
        pairs = (('floor', str(number % 7)), ('kind', 'lidar'))
        name, kind = f'map_{number:05}', 'nav_msgs/srv/GetMap'
        swarm.do(
            RegisterService(name, kind, f'/{robot}/{name}', robot, 1, pairs, 9000), robot
        )


def ref(name: str) -> FileRef:
    return FileRef(name, 51_234, hashlib.sha256(name.encode()).hexdigest())


def waiting_jobs(swarm: Swarm, count: int) -> None:
    for number in range(count):
        text = f'text_{number:05}.txt'
        work = ExecWork(('wordcount', text, 'out.txt'))
        spec = JobSpec(work, (ref(text),), ('out.txt',))
        swarm.do(SubmitJob(f'job-{number:05}', ROBOTS[0], spec, '/home/robot/out', ''))


def done_jobs(swarm: Swarm, count: int) -> None:
    waiting_jobs(swarm, count)
    for number in range(count):
        job_id, robot = f'job-{number:05}', ROBOTS[number % len(ROBOTS)]
        why = 'least work: holds 0 for 2 slots'
        token = swarm.do(GrantJobs((Grant(job_id, robot, 1, 1, 10_000, why),)))
        swarm.do(ReportJobs((StartJob(job_id, token),)), robot)
        result = (FileRef('out.txt', 123, hashlib.sha256(job_id.encode()).hexdigest()),)
        report = CompleteJob(job_id, token, 1234 + number, result, robot)
        swarm.do(ReportJobs((report,)), robot)
        swarm.do(DeliverOutputs(job_id, token, ''))


def events(swarm: Swarm, count: int) -> None:
    for number in range(count):
        text = f'the floor near dock {number} is wet'
        swarm.do(RecordEvent('lab/floor', 'warn', f'dock/{number:05}', text, '', (), ''))


def bytes_each(fill: Callable[[Swarm, int], None], count: int) -> float:
    """What `count` of them add to the state, divided by `count`."""
    swarm = Swarm()
    fill(Swarm(), 10)  # whatever is made once and stays
    gc.collect()
    tracemalloc.start()
    try:
        fill(swarm, count)
        if fill is not events:
            swarm.state.events = EventLog()
        gc.collect()
        kept = EVENTS_KEPT_MAX if fill is events else count
        return tracemalloc.get_traced_memory()[0] / min(count, kept)
    finally:
        tracemalloc.stop()


def milliseconds(what: Callable[[], object], runs: int) -> list[float]:
    taken = []
    for _ in range(runs):
        began_s = time.perf_counter()
        what()
        taken.append((time.perf_counter() - began_s) * MS_PER_S)
    return taken


def memory(count: int) -> Iterable[Row]:
    for label, kind, fill in (
        ('member', 'member', members),
        ('lease', 'lease', leases),
        ('lease with a waiter', '', waiters),
        ('service', 'service', services),
        ('job, waiting', 'job', waiting_jobs),
        ('job, done', 'job', done_jobs),
        ('kept event', '', events),
    ):
        peer = PREDECESSOR.get(kind)
        yield row(
            f'{label}: memory', 'B', [bytes_each(fill, count)],
            peer=peer, peer_name='in-process predecessor' if peer else '',
            target=2 * peer if peer else None,
        )


def times(count: int, runs: int) -> Iterable[Row]:
    swarm = Swarm()
    done_jobs(swarm, count)
    leases(swarm, count // 10)
    state, encoder = swarm.state, StateEncoder()
    data = encode_state(state)
    label = f'snapshot of {count} ended jobs, {count // 10} leases'
    yield row(f'{label}: size', 'MB', [len(data) / 1e6])
    yield row(f'{label}: encode, first', 'ms', milliseconds(lambda: encode_state(state), runs))
    encoder.encode(state)
    yield row(f'{label}: encode, again', 'ms', milliseconds(lambda: encoder.encode(state), runs))
    yield row(f'{label}: decode', 'ms', milliseconds(lambda: decode_state(data), runs))
    yield row('when is something due', 'ms', milliseconds(lambda: earliest_due_ns(state, 0), runs))


def measure(quick: bool) -> list[Row]:
    count = COUNT_QUICK if quick else COUNT
    return [*memory(count), *times(count, 3 if quick else 9)]
