# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a job is predicted to cost: shrinkage, fading, advice, jobs that take too long."""

from __future__ import annotations

import pytest
from coordinator_samples import R1, R2, R3, log_with_robots, ref, spec
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.costs import (
    COST_MS_MAX,
    FADE_NS,
    UNKNOWN_WORK_MS,
    Estimate,
    Estimates,
    RouteAdvice,
    cost_ms,
    failed_in_a_row,
    remaining_ms,
    staging_ms,
    transfer_ms,
)
from swarm_coordinator.core.jobs.routes import RouteBook

T0 = 10**15


def seen(
    *runs: tuple[str, RobotId, int, int], failed: tuple[tuple[str, RobotId, int], ...] = (),
    at_ns: int = T0,
) -> RouteBook:
    """(task, robot, run time, how often), and failures without a run time."""
    book = RouteBook()
    for task, robot, run_ms, count in runs:
        for _ in range(count):
            book.record((task, robot, ''), 'done', run_ms, at_ns)
    for task, robot, count in failed:
        for _ in range(count):
            book.record((task, robot, ''), 'failed', 0, at_ns)
    return book


def estimate(
    book: RouteBook, task: str, robot: RobotId, now_ns: int = T0, advice: RouteAdvice | None = None
) -> Estimate:
    subject = Estimates()
    subject.begin(book, now_ns, 0, advice)
    return subject.of(task, robot, '')


def test_task_that_nobody_ran_takes_the_default_and_probably_succeeds() -> None:
    assert estimate(RouteBook(), 'a', R1) == Estimate(UNKNOWN_WORK_MS, 909, 0)


def test_robot_that_never_ran_a_task_is_expected_to_take_what_others_take() -> None:
    assert estimate(seen(('a', R1, 300, 20)), 'a', R2).work_ms == 300


def test_robot_that_is_slow_at_one_task_is_expected_to_be_slow_at_others() -> None:
    book = seen(('a', R1, 100, 20), ('a', R2, 400, 20), ('b', R1, 1000, 20))
    assert estimate(book, 'b', R2).work_ms > 1300
    assert estimate(book, 'b', R3).work_ms == 1000


def test_few_runs_move_the_estimate_a_little_and_many_move_it_all_the_way() -> None:
    base = ('a', R1, 100, 20)
    one = estimate(seen(base, ('a', R2, 1000, 1)), 'a', R2).work_ms
    many = estimate(seen(base, ('a', R2, 1000, 30)), 'a', R2).work_ms
    assert 200 < one < 800 < many <= 1000


def test_new_runs_count_more_than_old_ones() -> None:
    book = seen(('a', R1, 100, 16), ('a', R1, 1000, 16))
    assert estimate(book, 'a', R1).work_ms > 650 > 550


def test_evidence_fades_so_that_a_robot_that_was_slow_or_failed_is_tried_again() -> None:
    book = seen(('a', R2, 100, 30), at_ns=T0)
    for _ in range(10):
        book.record(('a', R1, ''), 'done', 2000, T0)
        book.record(('a', R1, ''), 'failed', 0, T0)
    then, later = estimate(book, 'a', R1, T0), estimate(book, 'a', R1, T0 + 5 * FADE_NS)
    assert later.work_ms < then.work_ms / 2
    assert then.success_permille < 600 and later.success_permille > 800


def test_failures_and_lost_robots_lower_the_success() -> None:
    book = seen(failed=(('a', R1, 5),))
    assert estimate(book, 'a', R1).success_permille < 400
    lost = RouteBook()
    for _ in range(5):
        lost.record(('a', R1, ''), 'lease_expired', 0, T0)
    assert estimate(lost, 'a', R1) == estimate(book, 'a', R1)


def test_fresh_advice_comes_before_what_was_seen_and_stale_advice_is_ignored() -> None:
    book = seen(('exec:xz', R1, 100, 20))
    said = Estimate(7, 500, 3)
    for key in ('exec:xz', 'exec'):
        advice = RouteAdvice({(key, R1, ''): said}, expires_ns=1)
        assert estimate(book, 'exec:xz', R1, advice=advice) == said
        assert estimate(book, 'exec:xz', R2, advice=advice).samples == 0
    stale = RouteAdvice({('exec:xz', R1, ''): said}, expires_ns=0)
    assert estimate(book, 'exec:xz', R1, advice=stale).work_ms == 100


def test_advice_on_too_few_runs_falls_back_on_what_the_log_has_seen() -> None:
    book = seen(('a', R1, 100, 20))
    advice = RouteAdvice({('a', R1, ''): Estimate(7, 500, 2, 800, True, 'why')}, expires_ns=1)
    own, found = estimate(book, 'a', R1), estimate(book, 'a', R1, advice=advice)
    assert (found.work_ms, found.samples) == (own.work_ms, own.samples)
    assert found.success_permille == own.success_permille * 8 // 10
    assert (found.ejected, found.reason) == (True, 'why'), 'what it says of the robot counts'


def test_what_ended_after_the_advice_came_counts_beside_it() -> None:
    """A robot that is throttled is noticed before the learner speaks again."""
    book, subject = seen(('a', R1, 100, 20)), Estimates()
    advice = RouteAdvice({('a', R1, ''): Estimate(100, 990, 20)}, expires_ns=1)
    subject.begin(book, T0, 0, advice)
    assert subject.of('a', R1, '').work_ms == 100
    for outcome, run_ms in (('done', 400), ('failed', 0), ('done', 400)):
        book.record(('a', R1, ''), outcome, run_ms, T0)
    subject.begin(book, T0, 0, advice)
    assert subject.of('a', R1, '') == Estimate(160, round((8 * 990 + 2000) / 11), 20)
    fresh = RouteAdvice({('a', R1, ''): Estimate(250, 800, 23)}, expires_ns=1)
    subject.begin(book, T0, 0, fresh)
    assert subject.of('a', R1, '').work_ms == 250, 'it knows of them'


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_quality_is_a_factor_on_success_and_never_makes_it_nothing(
    success: int, quality: int
) -> None:
    said = Estimate(7, success, 9, quality)
    advice = RouteAdvice({('a', R1, ''): said}, expires_ns=1)
    found = estimate(RouteBook(), 'a', R1, advice=advice)
    assert found.success_permille == max(1, success * quality // 1000) <= success


def test_estimate_follows_the_log_at_the_next_look() -> None:
    book, subject = seen(('a', R1, 100, 3)), Estimates()
    subject.begin(book, T0, 0)
    before = subject.of('a', R1, '')
    book.record(('a', R1, ''), 'done', 900, T0)
    assert subject.of('a', R1, '') is before
    subject.begin(book, T0, 0)
    assert subject.of('a', R1, '').work_ms > before.work_ms


def test_failures_in_a_row_are_counted_from_the_last_success() -> None:
    book = seen(('a', R1, 1, 3), failed=(('a', R1, 4), ('b', R1, 2), ('c', R1, 50)))
    counts = [failed_in_a_row(route) for task in 'abc' for _, _, route in book.of_task(task)]
    assert counts == [4, 2, 32]


# ---- the formula


@pytest.mark.parametrize(
    ('work_ms', 'elapsed_ms', 'progress', 'expected'),
    [
        (1000, 0, 0, 1000),
        (1000, 400, 0, 600),
        (1000, 990, 0, 250),
        (1000, 1900, 0, 250),
        (1000, 2001, 0, 2001),
        (1000, 9000, 0, 9000),
        (1000, 9000, 900, 1000),
        (1000, 100, 10, 900),
    ],
)
def test_job_past_twice_its_estimate_is_expected_to_take_as_long_again(
    work_ms: int, elapsed_ms: int, progress: int, expected: int
) -> None:
    assert remaining_ms(work_ms, elapsed_ms, progress) == expected


times = st.integers(0, 2**31)


@given(times, times, times, st.integers(1, 1000))
def test_cost_grows_with_each_term_and_with_doubt(b: int, w: int, t: int, p: int) -> None:
    cost = cost_ms(b, w, t, p)
    assert b + w + t <= cost <= COST_MS_MAX or cost == COST_MS_MAX
    assert cost_ms(b + 1, w, t, p) >= cost <= cost_ms(b, w, t, max(1, p - 1))


def test_files_cost_nothing_where_they_are() -> None:
    log = log_with_robots()
    log.submit('j1', spec(inputs=(ref(size_bytes=1_000_000),)))
    job = log.job()
    assert staging_ms(job.spec, job.origin, R1) == 0
    assert staging_ms(job.spec, job.origin, R2) == transfer_ms(1_000_000) > 100
    assert transfer_ms(0) == 0
