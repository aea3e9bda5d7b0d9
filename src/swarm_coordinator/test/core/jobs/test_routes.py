# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is remembered of routes: bounded, in integers, and the same after a snapshot."""

from __future__ import annotations

import random

import pytest
from coordinator_samples import R1, R2, log_with_robots
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs import routes
from swarm_coordinator.core.jobs.routes import RECENT_MAX, Route, RouteBook
from swarm_coordinator.core.replicated.command import FailJob
from swarm_coordinator.core.replicated.snapshot import (
    MalformedSnapshot,
    decode_state,
    encode_state,
)

KEY = ('exec:xz', R1, 'cpu')
OUTCOMES = ('done', 'failed', 'timed_out', 'lease_expired', 'stolen', 'refused', 'cancelled')


def route_with(*runs_ms: int) -> Route:
    route = Route()
    for run_ms in runs_ms:
        route.note('done', run_ms)
    return route


def test_unknown_route_has_no_times_and_the_success_of_a_newcomer() -> None:
    assert (Route().mean_ms(), Route().p95_ms(), Route().success_permille()) == (0, 0, 909)


@pytest.mark.parametrize(
    ('runs', 'mean', 'p95'),
    [((7,), 7, 7), ((1, 2), 1, 2), (range(1, 21), 10, 19), (range(20, 0, -1), 10, 19),
     (range(1, 33), 16, 31)],
)
def test_mean_and_p95_are_integers_of_the_last_runs(
    runs: tuple[int, ...], mean: int, p95: int
) -> None:
    route = route_with(*runs)
    assert (route.mean_ms(), route.p95_ms()) == (mean, p95)


def test_old_run_times_are_forgotten_but_not_that_they_were_done() -> None:
    route = route_with(*[10_000] * RECENT_MAX, *[10] * RECENT_MAX)
    assert (route.mean_ms(), route.samples, route.done) == (10, RECENT_MAX, 2 * RECENT_MAX)


def test_success_follows_the_last_outcomes() -> None:
    route = route_with(*[5] * RECENT_MAX)
    best = route.success_permille()
    for _ in range(RECENT_MAX):
        route.note('lease_expired', 0)
    worst = route.success_permille()
    assert best > 950 and worst < 100
    for _ in range(RECENT_MAX):
        route.note('done', 5)
    assert route.success_permille() == best


def test_being_stolen_from_says_nothing_of_success() -> None:
    route = route_with(5)
    before = route.success_permille()
    route.note('stolen', 0)
    assert (route.success_permille(), route.stolen) == (before, 1)


def test_what_says_nothing_of_a_route_makes_none() -> None:
    book = RouteBook()
    book.record(KEY, 'refused', 0)
    book.record(KEY, 'cancelled', 0)
    assert len(book) == 0 and book.get(*KEY) is None


def test_least_recently_used_route_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, 'ROUTES_MAX', 2)
    book = RouteBook()
    for task in ('a', 'b', 'a', 'c'):
        book.record((task, R1, ''), 'done', 1)
    assert [key[0] for key, _ in book.items()] == ['a', 'c']
    assert book.of_task('b') == []
    book.check_invariants()


def test_routes_of_a_task_and_of_a_robot_come_in_order_of_their_names() -> None:
    book = RouteBook()
    for task, robot, unit in (('x', R2, ''), ('x', R1, 'gpu'), ('x', R1, ''), ('w', R1, '')):
        book.record((task, robot, unit), 'done', 1)
    assert [one[:2] for one in book.of_task('x')] == [(R1, ''), (R1, 'gpu'), (R2, '')]
    assert [one[:2] for one in book.of_robot(R1)] == [('w', ''), ('x', ''), ('x', 'gpu')]


@given(seed=st.integers(0, 2**32))
def test_two_books_with_the_same_past_are_equal_whatever_it_was(seed: int) -> None:
    rng = random.Random(seed)
    one, other = RouteBook(), RouteBook()
    for _ in range(60):
        key = (rng.choice('ab'), RobotId(rng.choice('xy')), '')
        outcome, run_ms = rng.choice(OUTCOMES), rng.randint(-5, 2**33)
        one.record(key, outcome, run_ms)
        other.record(key, outcome, run_ms)
        one.check_invariants()
    assert one == other
    other.record(('a', RobotId('x'), ''), 'done', 1)
    assert one != other


def test_routes_are_learnt_from_the_log_and_survive_a_snapshot() -> None:
    log = log_with_robots()
    for number in range(3):
        log.submit(f'j{number}')
        log.complete(log.grant(R2, f'j{number}'), f'j{number}')
    log.submit('j9')
    log.do(FailJob('j9', log.grant(R2, 'j9'), 5, 1, 'x'))
    again = decode_state(encode_state(log.state)).routes
    assert again == log.state.routes
    route = again.get('exec:true', R2)
    assert route is not None
    assert (route.done, route.failed, route.mean_ms()) == (3, 1, 10)
    assert route.success_permille() == (3 * 10 + 20) * 1000 // (4 * 10 + 22)


def test_snapshot_with_impossible_routes_is_refused() -> None:
    log = log_with_robots()
    log.submit('j1')
    log.complete(log.grant())
    data = encode_state(log.state)
    row = b'["exec:true","r1","",1,0,0,0,1,[10],%d]' % log.stamp_ns
    assert row in data
    for good, bad in (
        (b',1,0,0,0,1,', b',2,0,0,0,1,'), (b',1,0,0,0,1,', b',1,0,0,0,2,'),
        (b',1,0,0,0,1,', b',1,0,0,-1,1,'), (b'[10]', b'[-1]'), (b'[10]', b'[4294967296]'),
        (row, row + b',' + row),
    ):
        with pytest.raises(MalformedSnapshot):
            decode_state(data.replace(row, row.replace(good, bad)))
