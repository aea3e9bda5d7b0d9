# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot says of work and takes of it, each time by the routes as they are."""

from __future__ import annotations

from coordinator_samples import MS, R1, R2, AppliedLog, log_with_robots

from swarm_coordinator.core.exchange import Exchange
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import UNKNOWN_WORK_MS, Estimate, RouteAdvice
from swarm_coordinator.core.replicated.command import StealJobs
from swarm_coordinator.core.workplace import Workplace

TASK = 'exec:true'


def exchange(log: AppliedLog, robot: RobotId = R2) -> Exchange:
    """Its worker holds what the log says."""
    workplace = Workplace(robot, 1, 1)
    workplace.jobs_changed(list(log.state.jobs), log.state, 0)
    return Exchange(workplace)


def granted(robot: RobotId, *job_ids: str) -> AppliedLog:
    log = log_with_robots()
    for job_id in job_ids:
        log.submit(job_id)
        log.grant(robot, job_id)
    return log


def queued_ms(subject: Exchange, log: AppliedLog, now_ns: int = 0) -> int:
    return subject.queued_work_ms(log.state, log.stamp_ns, now_ns)


def steal(subject: Exchange, log: AppliedLog) -> StealJobs | None:
    return subject.steal(None, log.state, log.stamp_ns, 0)


def test_queued_work_follows_what_is_learnt_of_the_route() -> None:
    log = granted(R2, 'j1', 'j2')
    subject = exchange(log)
    assert queued_ms(subject, log) == 2 * UNKNOWN_WORK_MS
    for _ in range(20):
        log.state.routes.record((TASK, R2, ''), 'done', 10, log.stamp_ns)
    assert queued_ms(subject, log) == 20


def test_advice_counts_until_it_has_expired() -> None:
    log = granted(R2, 'j1')
    subject = exchange(log)
    subject.advice = RouteAdvice({(TASK, R2, ''): Estimate(70, 1000, 5)}, expires_ns=9 * MS)
    assert queued_ms(subject, log) == 70
    assert queued_ms(subject, log, 9 * MS) == UNKNOWN_WORK_MS


def test_offer_says_what_waits_here_and_why_nothing_is_taken() -> None:
    log = granted(R2, 'j1')
    log.submit('j2')
    offer = exchange(log).offer(['j2'], 'rests', log.state, log.stamp_ns, 0)
    assert (offer.backlog_ms, offer.refused) == (UNKNOWN_WORK_MS, ('rests',))


def test_routes_are_those_of_the_state_as_it_is() -> None:
    log = log_with_robots()
    subject = exchange(log)
    assert subject.routes(log.state, log.stamp_ns, 0) == []
    for robot in (R1, R2):
        log.state.routes.record((TASK, robot, ''), 'done', 10, log.stamp_ns)
    [route] = subject.routes(log.state, log.stamp_ns, 0, robot_id='r2')
    assert (route.task, route.robot_id) == (TASK, R2)


def test_robot_with_nothing_to_do_takes_what_waits_elsewhere() -> None:
    log = granted(R1, 'j1', 'j2')
    found = steal(exchange(log), log)
    assert found is not None and [one.job_id for one in found.steals] == ['j2']


def test_robot_steals_nothing_while_there_is_other_work() -> None:
    log = granted(R1, 'j1', 'j2')
    subject = exchange(log)
    log.submit('j3')
    assert steal(subject, log) is None, 'the leader will give it to somebody'
    log.grant(R2, 'j3')
    assert steal(exchange(log), log) is None, 'it has its own'


def test_life_that_the_log_does_not_know_steals_nothing() -> None:
    log = granted(R1, 'j1', 'j2')
    assert steal(Exchange(Workplace(R2, 2, 1)), log) is None
    assert steal(Exchange(Workplace(RobotId('r9'), 1, 1)), log) is None
