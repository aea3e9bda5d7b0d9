# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about who is kept out, for how long, and that never all of them are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.routing import RouteKey, Routing, RoutingConfig
from swarm_learning.core.routing.breaker import Breaker, Phase, ejected

S = 1_000_000_000
CONFIG = RoutingConfig()


def broken(failures: int = 5, stamp_ns: int = S) -> Breaker:
    breaker = Breaker()
    for _ in range(failures):
        breaker.failed(stamp_ns, CONFIG)
    return breaker


def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    assert broken(4).phase(S) is Phase.CLOSED
    assert broken(5).phase(S) is Phase.OPEN
    interrupted = broken(4)
    interrupted.succeeded()
    interrupted.failed(S, CONFIG)
    assert interrupted.phase(S) is Phase.CLOSED


def test_it_stays_open_for_30_s_times_how_often_it_opened() -> None:
    breaker = broken()
    assert breaker.keeps_out(30 * S) and not breaker.keeps_out(31 * S)
    breaker.failed(31 * S, CONFIG)  # the attempt that was to decide
    assert breaker.keeps_out(90 * S) and not breaker.keeps_out(91 * S)


def test_failures_that_end_while_it_is_open_do_not_prolong_it() -> None:
    breaker = broken()
    breaker.failed(10 * S, CONFIG)
    assert not breaker.keeps_out(31 * S)


def test_half_open_lets_one_attempt_through() -> None:
    breaker = broken()
    assert breaker.phase(31 * S) is Phase.HALF_OPEN
    breaker.dispatched(31 * S, CONFIG)
    assert breaker.keeps_out(32 * S)
    assert not breaker.keeps_out(62 * S), 'the attempt was lost without a word'
    breaker.succeeded()
    assert not breaker.keeps_out(32 * S) and breaker.phase(32 * S) is Phase.CLOSED


def test_each_success_takes_one_off_how_often_it_opened() -> None:
    breaker = broken()
    breaker.failed(31 * S, CONFIG)
    assert breaker.opened == 2
    breaker.succeeded()
    breaker.succeeded()
    assert breaker.opened == 0


@pytest.mark.parametrize(('phase', 'words'), [
    (Phase.OPEN, 'kept out for 30 s more'), (Phase.HALF_OPEN, 'the next job tries it'),
    (Phase.CLOSED, ''),
])
def test_it_says_what_it_does(phase: Phase, words: str) -> None:
    breaker = Breaker() if phase is Phase.CLOSED else broken()
    stamp_ns = 40 * S if phase is Phase.HALF_OPEN else S
    assert breaker.phase(stamp_ns) is phase and words in breaker.told(stamp_ns)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_never_more_than_a_third_of_the_candidates_are_ejected(failures: list[int]) -> None:
    breakers = [broken(one) for one in failures]
    out = ejected(breakers, S, CONFIG.ejected_share_max)
    assert len(out) <= len(failures) / 3
    kept = [one for at, one in enumerate(failures) if at not in out and one >= 5]
    assert all(failures[at] >= max(kept, default=0) for at in out), 'the worst go first'


def test_robot_that_fails_in_a_row_gets_nothing_while_another_can() -> None:
    routing = Routing()
    places = [('r1', ''), ('r2', ''), ('r3', '')]
    for robot, ending, run_ms in (('r1', 'done', 10), ('r2', 'done', 9000), ('r3', 'done', 9000)):
        routing.hear(RouteKey('t', robot), ending, run_ms, S)
    for _ in range(5):
        routing.hear(RouteKey('t', 'r1'), 'failed', 0, S)
    choice = routing.choose('t', places, S)
    assert choice.kept_out == 1 and choice.ranking()[-1].ejected
    assert choice.ranking()[-1].robot_id == 'r1' and 'r1' not in choice.to_probe()
    assert routing.choose('t', places[:1], S).place == ('r1', ''), 'nobody else can'
    (one,) = [one for one in routing.estimates(S) if one.ejected]
    assert one.robot_id == 'r1' and 'failed 5 times in a row' in one.reason


def test_breaker_lets_go_where_jobs_would_wait_on_all_others() -> None:
    routing = Routing()
    places = [('r1', ''), ('r2', ''), ('r3', '')]
    for robot, run_ms in (('r1', 10), ('r2', 1000), ('r3', 1000)):
        for _ in range(20):
            routing.hear(RouteKey('t', robot), 'done', run_ms, S)
    for _ in range(5):
        routing.hear(RouteKey('t', 'r1'), 'failed', 0, S)
    assert routing.choose('t', places, S).place != ('r1', '')
    for number, robot in enumerate(('r2', 'r3', 'r2', 'r3')):
        routing.sent(f'j{number}', RouteKey('t', robot), S)
    choice = routing.choose('t', places, S)
    assert choice.place == ('r1', '') and choice.kept_out == 0
