# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When a running job counts as stuck, by its route and by what it has said itself."""

from __future__ import annotations

from coordinator_samples import MS, R1, AppliedLog, log_with_robots, spec

from swarm_coordinator.core.jobs.job import Effects, JobSpec
from swarm_coordinator.core.jobs.routes import Route
from swarm_coordinator.core.jobs.stuck import SAMPLES_MIN, STUCK_MS_MIN, TIMES_P95, stuck
from swarm_coordinator.core.replicated.command import Renewal, RenewJobs


def running(what: JobSpec | None = None) -> tuple[AppliedLog, int]:
    log = log_with_robots()
    log.submit('j1', what)
    token = log.grant()
    log.start(token)
    return log, token


def route_of(run_ms: int, runs: int = SAMPLES_MIN) -> Route:
    route = Route()
    for _ in range(runs):
        route.note('done', run_ms)
    return route


def is_stuck(log: AppliedLog, route: Route | None, after_ms: int) -> bool:
    return stuck(log.job(), route, log.stamp_ns + after_ms * MS)


def say(log: AppliedLog, token: int, sequence: int) -> None:
    log.do(RenewJobs((Renewal('j1', token, 10, sequence),)))


def test_silent_job_of_an_unknown_route_is_never_stuck() -> None:
    log, _ = running()
    assert not is_stuck(log, None, 10**9)
    assert not is_stuck(log, route_of(1000, SAMPLES_MIN - 1), 10**9)


def test_silent_job_is_stuck_after_three_times_what_nearly_all_took_on_its_route() -> None:
    log, _ = running()
    route, limit_ms = route_of(20_000), TIMES_P95 * 20_000
    assert not is_stuck(log, route, limit_ms) and is_stuck(log, route, limit_ms + 1)


def test_nothing_is_stuck_before_half_a_minute() -> None:
    log, token = running()
    assert not is_stuck(log, route_of(1), STUCK_MS_MIN)
    say(log, token, 1)
    assert not is_stuck(log, None, STUCK_MS_MIN) and is_stuck(log, None, STUCK_MS_MIN + 1)


def test_job_that_speaks_seldom_is_given_three_times_its_own_interval() -> None:
    log, token = running()
    log.wait(60_000)
    say(log, token, 1)
    assert not is_stuck(log, None, 180_000) and is_stuck(log, None, 180_001)


def test_each_new_word_starts_the_time_anew_and_a_renewal_without_one_does_not() -> None:
    log, token = running()
    say(log, token, 1)
    log.wait(STUCK_MS_MIN)
    say(log, token, 1)
    assert is_stuck(log, None, 1)
    say(log, token, 2)
    assert not is_stuck(log, None, STUCK_MS_MIN)


def test_waiting_leased_ended_and_once_only_jobs_are_not_stuck() -> None:
    log = log_with_robots()
    log.submit()
    assert not is_stuck(log, route_of(1), 10**9)
    token = log.grant(R1)
    assert not is_stuck(log, route_of(1), 10**9)
    log.complete(token)
    assert not is_stuck(log, route_of(1), 10**9)
    log, _ = running(spec(effects=Effects.ONCE))
    assert not is_stuck(log, route_of(1), 10**9)
