# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot may do while it is alone, stopped or on its way out."""

from __future__ import annotations

from coordinator_samples import MS, R1, log_with_robots

from swarm_coordinator.core.conduct import LEAVING_NS, Conduct
from swarm_coordinator.core.emergency import Emergency, Raised
from swarm_coordinator.core.events import ModeFollowed
from swarm_coordinator.core.log_clock import LogClock
from swarm_coordinator.core.modes.local import LocalPolicy
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.worker import ProcessEnd, StartProcess, StopProcess, Worker

SILENCE_NS = LocalPolicy().leader_silence_ns_max
STARTED_NS = 10**9


class PromptLog(LogClock):
    """Every grant is seen here as soon as it is made."""

    def lease_until_ns(self, expires_ns: int, ttl_ns: int, now_ns: int) -> int:
        return now_ns + ttl_ns


class Robot:
    def __init__(self) -> None:
        self.worker = Worker(R1, 1, 1, clock=PromptLog())
        self.emergency = Emergency(R1)
        self.subject = Conduct(self.worker, self.emergency, STARTED_NS)

    def at_work(self) -> int:
        """The token of what runs."""
        log = log_with_robots()
        log.submit()
        token = log.grant(R1)
        [start] = self.worker.job_changed(log.job(), STARTED_NS)
        assert isinstance(start, StartProcess)
        return token

    def follow(
        self, now_ns: int, mode: Mode = Mode.NORMAL, leads: bool = False
    ) -> ModeFollowed | None:
        return self.subject.follow(mode, leads, None, 0, now_ns)


def test_emergency_comes_before_leaving_and_leaving_before_the_mode() -> None:
    robot = Robot()
    token = robot.at_work()
    robot.subject.leave(STARTED_NS)
    robot.emergency.handle(Raised('r1', 'smoke'), STARTED_NS)
    assert robot.subject.stop_or_go(STARTED_NS) == [StopProcess('j1', token, 'emergency')]
    other = Robot()
    token = other.at_work()
    other.subject.leave(STARTED_NS)
    [stop] = other.subject.stop_or_go(STARTED_NS)
    assert stop == StopProcess('j1', token, 'its robot leaves')


def test_robot_says_why_it_takes_no_work() -> None:
    robot = Robot()
    assert robot.subject.no_work() == ''
    robot.follow(STARTED_NS, Mode.MAINTENANCE)
    assert robot.subject.no_work() == 'is in mode maintenance, which takes no new jobs'
    robot.emergency.handle(Raised('r1', 'smoke'), STARTED_NS)
    assert robot.subject.no_work() == 'is stopped by an emergency'


def test_mode_is_told_when_it_changes_and_only_then() -> None:
    robot = Robot()
    assert robot.follow(STARTED_NS) is None
    told = robot.follow(STARTED_NS, Mode.CONSERVE)
    assert told == ModeFollowed(Mode.CONSERVE, 'as the swarm')
    assert robot.follow(STARTED_NS, Mode.CONSERVE) is None
    assert robot.subject.local.mode is Mode.CONSERVE


def test_silence_of_a_robot_that_led_begins_when_it_leads_no_longer() -> None:
    robot = Robot()
    robot.subject.heard_leader(STARTED_NS)
    lost_ns = STARTED_NS + 10 * SILENCE_NS
    assert robot.follow(lost_ns, leads=True) is None
    assert robot.follow(lost_ns + SILENCE_NS) is None
    told = robot.follow(lost_ns + SILENCE_NS + MS)
    assert told is not None and told.reason == 'no word from a leader for 5 s'


def test_robot_that_hears_no_leader_is_careful_until_it_hears_one() -> None:
    robot = Robot()
    now_ns = STARTED_NS + SILENCE_NS + 1
    assert robot.follow(now_ns - 1) is None
    told = robot.follow(now_ns)
    assert told is not None and 'no word from a leader' in told.reason
    robot.subject.heard_leader(now_ns)
    assert robot.follow(now_ns + SILENCE_NS) == ModeFollowed(Mode.NORMAL, 'as the swarm')
    assert robot.follow(now_ns + SILENCE_NS + 1) is not None


def test_leader_need_not_hear_itself() -> None:
    assert Robot().follow(STARTED_NS + 9 * SILENCE_NS, leads=True) is None


def test_robot_leaves_once() -> None:
    robot = Robot()
    assert robot.subject.goodbye(STARTED_NS) is None
    assert robot.subject.leave(STARTED_NS) and not robot.subject.leave(STARTED_NS)
    assert robot.subject.goodbye(STARTED_NS + 5) == LEAVING_NS - 5
    assert robot.subject.goodbye(STARTED_NS + 6) is None and robot.subject.leaving


def test_goodbye_waits_for_what_runs_and_its_report_and_not_for_ever() -> None:
    patient, hasty = Robot(), Robot()
    for robot in (patient, hasty):
        token = robot.at_work()
        robot.subject.leave(STARTED_NS)
        robot.subject.stop_or_go(STARTED_NS)
        assert robot.subject.goodbye(STARTED_NS) is None
    end = ProcessEnd('j1', token, None, 5, (), 'its robot leaves', stopped=True)
    patient.worker.process_ended(end, STARTED_NS + MS)
    assert patient.subject.goodbye(STARTED_NS + MS) is None, 'what it did is not told'
    patient.worker.said(STARTED_NS + MS)
    assert patient.subject.goodbye(STARTED_NS + MS) == LEAVING_NS - MS
    assert hasty.subject.goodbye(STARTED_NS + LEAVING_NS - 1) is None
    assert hasty.subject.goodbye(STARTED_NS + LEAVING_NS + 1) == 0
