# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Between two lives of a robot: its goodbye, and what a life said that the log does not take."""

from __future__ import annotations

import random

import pytest
from coordinator_samples import MS, R1, registration, spec

from swarm_coordinator.core.conduct import LEAVING_NS
from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.events import (
    Answer,
    CapabilitiesChanged,
    Effect,
    Event,
    InputsReady,
    LeaveAsked,
    Left,
    ProcessEnded,
    Request,
    Tick,
)
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.raft import PROFILES, Entry, EntryKind, HardState, RaftCore
from swarm_coordinator.core.registration import RobotIdentity
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import CapabilitySpec, Issued, SubmitJob, encode
from swarm_coordinator.core.worker import (
    STOPPED_MS,
    FetchInputs,
    ProcessEnd,
    StartProcess,
    StopProcess,
)

WIFI = PROFILES['wifi']
TICK_NS = WIFI.tick_ms * MS
JOB = SubmitJob('r1-1-1', R1, spec('ffmpeg'), '', '')


class Robot:
    """The only voter; its inputs are there as soon as it asks for them."""

    def __init__(self, entries: tuple[Entry, ...] = (), ttl_ms: int = 6000) -> None:
        self.now_ns = 10**9
        raft = RaftCore(
            R1, (R1,), WIFI.timing, random.Random(1), HardState(1, None, 0), entries
        )
        identity = RobotIdentity(R1, 1, b'm' * 16, True, 'host', '0.1.0', 1)
        self.core = Coordinator(
            identity, raft, 100 * MS, ttl_ms, 20, self.now_ns, random.Random(1)
        )
        self.seen: list[Effect] = []

    def handle(self, *events: Event) -> list[Effect]:
        effects = self.core.handle(events, self.now_ns, 10**18 + self.now_ns)
        self.seen += effects
        for one in effects:
            if isinstance(one, FetchInputs):
                effects = [*effects, *self.handle(InputsReady(one.job_id, one.token))]
        return effects

    def ticks(self, count: int) -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(count):
            self.now_ns += TICK_NS
            effects += self.handle(Tick())
        return effects

    def at_work(self) -> StartProcess:
        self.handle(CapabilitiesChanged((CapabilitySpec('exec:ffmpeg'),)))
        self.ticks(25)
        self.handle(Request(1, JOB, 1000))
        self.ticks(10)
        [start] = [one for one in self.seen if isinstance(one, StartProcess)]
        return start

    @property
    def phase(self) -> Liveness:
        return self.core.state.members[R1].phase


def kinds(effects: list[Effect]) -> set[type]:
    return {type(one) for one in effects}


# ---- a goodbye


def test_robot_that_leaves_ends_its_jobs_before_it_says_goodbye() -> None:
    robot = Robot()
    start = robot.at_work()
    asked = robot.handle(LeaveAsked()) + robot.ticks(10)
    assert StopProcess(start.job_id, start.token, 'its robot leaves') in asked
    assert Left not in kinds(asked) and robot.phase is not Liveness.LEFT
    end = ProcessEnd(start.job_id, start.token, None, 5, (), 'its robot leaves', stopped=True)
    ended = robot.handle(ProcessEnded(end)) + robot.ticks(3)
    assert Left in kinds(ended) and robot.phase is Liveness.LEFT
    job = robot.core.state.jobs[JOB.job_id]
    assert job.phase is JobPhase.SUBMITTED and not job.losses


def test_robot_whose_process_does_not_end_leaves_without_a_goodbye() -> None:
    """What it holds stays its own until its lease has run out."""
    robot = Robot()
    robot.at_work()
    ticks = LEAVING_NS // TICK_NS
    assert Left not in kinds(robot.handle(LeaveAsked()) + robot.ticks(ticks - 1))
    assert Left in kinds(robot.ticks(1)) and robot.phase is not Liveness.LEFT
    assert robot.core.state.jobs[JOB.job_id].held
    assert Left not in kinds(robot.ticks(2 * ticks)), 'once is enough'


def test_what_was_done_is_told_before_the_goodbye() -> None:
    robot = Robot()
    start = robot.at_work()
    robot.handle(LeaveAsked())
    robot.core.worker.telling = 1   # other reports are on their way: this one waits a moment
    robot.handle(ProcessEnded(ProcessEnd(start.job_id, start.token, 0, 5, (), '')))
    assert robot.core.worker.reports
    robot.ticks(5)
    assert robot.phase is Liveness.LEFT
    assert robot.core.state.jobs[JOB.job_id].phase is JobPhase.DONE


def test_robot_that_leaves_starts_nothing() -> None:
    robot = Robot()
    robot.ticks(25)
    robot.handle(LeaveAsked())
    robot.handle(CapabilitiesChanged((CapabilitySpec('exec:ffmpeg'),)), Request(1, JOB, 1000))
    robot.ticks(10)
    assert StartProcess not in kinds(robot.seen)


# ---- its leases, if it says nothing


@pytest.mark.parametrize(('ttl_ms', 'grace_ms'), [(2_000, STOPPED_MS), (20_000, 5_000)])
def test_nobody_gets_a_job_before_its_process_must_have_ended(
    ttl_ms: int, grace_ms: int
) -> None:
    robot = Robot(ttl_ms=ttl_ms)
    robot.ticks(25)
    assert robot.core.leadership is not None and robot.core.leadership.grace_ms == grace_ms


# ---- what the log does not take


def test_command_of_a_life_that_the_log_knows_to_be_over_is_not_answered_as_taken() -> None:
    later = encode(Issued(R1, 2, 1, 1, registration(R1, incarnation=2)))
    robot = Robot((Entry(1, 1, EntryKind.COMMAND, 10**18, later),))
    robot.ticks(25)
    assert robot.core.leadership is not None
    effects = robot.handle(Request(1, JOB, 1000)) + robot.ticks(100)
    [answer] = [one for one in effects if isinstance(one, Answer)]
    known = JOB.job_id in robot.core.state.jobs
    assert known is not bool(answer.unavailable)
