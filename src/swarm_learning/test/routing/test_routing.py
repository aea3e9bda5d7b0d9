# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what is learnt of routes, and what is chosen by it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.observation import Ending
from swarm_learning.core.routing import (
    BacklogCost,
    LiteralCost,
    RouteKey,
    Routing,
    RoutingConfig,
)
from swarm_learning.core.routing.routes import RouteTable
from swarm_learning.core.routing.sizes import Sizes

S = 1_000_000_000
A, B, C = RouteKey('exec:xz', 'r1'), RouteKey('exec:xz', 'r2'), RouteKey('exec:xz', 'r3')
PLACES = [('r1', ''), ('r2', ''), ('r3', '')]


def learnt(runs: int = 30, **config: float) -> Routing:
    """r1 takes 100 ms, r2 400, r3 100 and fails every other time; second by second."""
    routing = Routing(RoutingConfig(**config))  # type: ignore[arg-type]
    for at in range(runs):
        routing.hear(A, 'done', 100.0, at * S)
        routing.hear(B, 'done', 400.0, at * S)
        routing.hear(C, 'done' if at % 2 else 'failed', 100.0, at * S)
    return routing


def best(routing: Routing, stamp_ns: int) -> str:
    return routing.choose('exec:xz', PLACES, stamp_ns).place[0]


# ---- formulas


def test_untried_route_costs_the_assumed_time_over_two_of_2_2_successes() -> None:
    choice = Routing().choose('exec:xz', PLACES, 0)
    assert choice.work_ms == pytest.approx([500.0] * 3)
    assert choice.cost_ms == pytest.approx([500.0 * 2.2 / 2] * 3)


def test_prediction_is_the_formula_worked_by_hand() -> None:
    routing = Routing(RoutingConfig(tau_s=10.0))
    routing.hear(A, 'done', 100.0, 0)
    routing.hear(B, 'done', 400.0, 0)
    routing.hear(A, 'failed', 0.0, 10 * S)
    e = math.exp(-1.0)
    task_ms = 250.0  # both have the same weight
    ratio = (100 * e / task_ms + 1) / (e + 1)
    old = math.exp(-0.1)
    guess_ms = (100 * old + 2 * task_ms * ratio) / (old + 2)
    unit = (e + 2) / (e + 1 + 2.2)
    choice = routing.choose('exec:xz', PLACES[:1], 10 * S)
    assert choice.work_ms[0] == pytest.approx((100 * e + guess_ms) / (e + 1))
    assert choice.success[0] == pytest.approx((e + 4 * unit) / (e + 1 + 4))


def test_new_task_on_a_slow_robot_is_predicted_slow() -> None:
    routing = learnt()
    routing.hear(RouteKey('exec:tar', 'r1'), 'done', 1000.0, 30 * S)
    work = routing.choose('exec:tar', PLACES, 30 * S).work_ms
    assert work[1] > 1.5 * work[2]


def test_cost_adds_backlog_work_and_transfer_and_divides_by_success() -> None:
    costs = BacklogCost()(*(np.array([one]) for one in (100.0, 50.0, 10.0, 0.5)))
    assert costs[0] == pytest.approx(320.0)


def test_literal_cost_is_the_backlog_cost_of_an_idle_robot_without_files() -> None:
    work, success, nothing = np.array([50.0, 70.0]), np.array([0.5, 0.9]), np.zeros(2)
    literal = LiteralCost()(np.array([9e9, 1.0]), work, np.array([5.0, 5.0]), success)
    assert literal == pytest.approx(BacklogCost()(nothing, work, nothing, success))


def test_literal_cost_sends_everything_to_one_robot_and_ours_does_not() -> None:
    for cost, robots in ((LiteralCost(), 1), (BacklogCost(), 3)):
        routing = learnt()
        routing.cost = cost
        chosen = set()
        for number in range(30):
            choice = routing.choose('exec:xz', PLACES, 30 * S)
            chosen.add(choice.place)
            routing.sent(str(number), RouteKey('exec:xz', *choice.place), 30 * S)
        assert len(chosen) == robots, cost.name


def test_files_that_must_be_brought_make_a_robot_dearer() -> None:
    routing = learnt()
    assert best(routing, 30 * S) == 'r1'
    assert routing.choose('exec:xz', PLACES, 30 * S, [900.0, 0.0, 0.0]).place != ('r1', '')


def test_quality_is_a_factor_on_success() -> None:
    routing = learnt()
    before = routing.choose('exec:xz', PLACES, 30 * S).success
    routing.hear_quality({'r1': 0.5})
    after = routing.choose('exec:xz', PLACES, 30 * S).success
    assert after[0] == pytest.approx(before[0] / 2) and after[1] == before[1]
    with pytest.raises(ValueError, match='quality of r1: expected above 0 to 1'):
        routing.hear_quality({'r1': 0.0})


# ---- forgetting


def test_slow_robot_loses_its_share_within_five_runs_and_evidence_of_it_fades() -> None:
    routing = learnt(tau_s=10.0)
    assert best(routing, 30 * S) == 'r1'
    for at in range(5):
        routing.hear(A, 'done', 2000.0, (30 + at) * S)
    assert best(routing, 35 * S) != 'r1'
    # Nothing is heard of it any more: an hour later it is as good as the others are thought to be.
    later = routing.choose('exec:xz', PLACES, 3600 * S)
    assert later.work_ms[0] == pytest.approx(later.work_ms[1], rel=1e-3)


def test_one_giant_job_makes_a_robot_look_slow_by_at_most_eight_runs() -> None:
    routing = learnt(tau_s=1e6)
    routing.hear(A, 'done', 3e6, 30 * S)
    assert routing.choose('exec:xz', PLACES, 30 * S).work_ms[0] < 100 * (30 + 8.5) / 30


def test_failing_robot_loses_its_share_and_is_tried_again_as_failures_fade() -> None:
    routing = learnt(tau_s=10.0)
    for at in range(4):
        for _ in range(2):
            routing.hear(A, 'failed', 0.0, (30 + at) * S)
    low = routing.choose('exec:xz', PLACES, 34 * S)
    assert low.place != ('r1', '') and low.success[0] < 0.6
    assert routing.choose('exec:xz', PLACES, 120 * S).success[0] > 0.88


def test_mean_of_a_task_that_rested_for_a_day_is_still_known() -> None:
    work = learnt().choose('exec:xz', PLACES, 86_400 * S).work_ms
    assert (work > 100).all() and (work < 400).all()


def test_attempt_that_was_stolen_while_it_ran_too_long_counts_as_slow_not_as_failed() -> None:
    routing = learnt()
    before = routing.choose('exec:xz', PLACES, 30 * S)
    routing.hear(A, 'stolen', 5000.0, 30 * S)
    after = routing.choose('exec:xz', PLACES, 30 * S)
    assert after.work_ms[0] > 1.2 * before.work_ms[0]
    assert after.success[0] == before.success[0]
    routing.hear(A, 'stolen', 1.0, 30 * S)  # says nothing: it had just begun
    assert routing.choose('exec:xz', PLACES, 30 * S).work_ms[0] == after.work_ms[0]


@pytest.mark.parametrize('ending', ['cancelled', 'refused', 'unheard of'])
def test_ending_that_says_nothing_of_the_route_teaches_nothing(ending: str) -> None:
    routing = Routing()
    assert not routing.hear(A, ending, 0.0, S)
    assert routing.estimates(S) == ()


# ---- what is under way


def test_backlog_is_what_was_sent_there_and_has_not_ended() -> None:
    routing = learnt()
    for number in range(3):
        routing.sent(f'j{number}', B, 30 * S)
    full = routing.choose('exec:xz', PLACES, 30 * S).backlog_ms[1]
    assert full == pytest.approx(3 * 400, rel=0.1)
    routing.hear(B, 'done', 400.0, 30 * S, 'j0')
    assert routing.choose('exec:xz', PLACES, 30 * S).backlog_ms[1] == pytest.approx(800, rel=0.1)


def test_run_past_twice_its_estimate_is_expected_to_take_as_long_again() -> None:
    routing = Routing()
    routing.hear(B, 'done', 400.0, 0)
    routing.sent('j', B, S)
    backlog = routing.choose('exec:xz', PLACES, 6 * S).backlog_ms[1]
    assert backlog == pytest.approx(5000.0)


def test_run_past_its_estimate_makes_its_route_dearer_before_it_ends() -> None:
    routing = learnt()
    routing.sent('j', A, 30 * S)
    before = routing.choose('exec:xz', PLACES, 30 * S).work_ms[0]
    assert routing.choose('exec:xz', PLACES, 40 * S).work_ms[0] > 1.2 * before


def test_long_job_of_a_task_with_two_sizes_has_just_begun_when_it_passes_the_mean() -> None:
    sizes = Sizes()
    for at in range(200):
        sizes.note(4.4 if at % 7 == 0 else 0.4)
    assert sizes.residual(1.2) == pytest.approx(3.2, rel=0.2)
    assert sizes.residual(0.0) == pytest.approx(1.0, rel=0.2)
    assert sizes.residual(100.0) is None and sizes.overtime() > 4


def test_report_counts_less_the_time_since_and_with_what_was_sent_since() -> None:
    routing = learnt()
    routing.hear_load('r1', 1000.0, 30 * S)
    assert routing.choose('exec:xz', PLACES, 30 * S + S // 2).backlog_ms[0] == 500.0
    routing.sent('j', A, 30 * S, estimate_ms=100.0)
    assert routing.choose('exec:xz', PLACES, 30 * S + S // 2).backlog_ms[0] == 600.0
    routing.hear(A, 'done', 100.0, 31 * S, 'j')
    routing.hear_load('r1', 50.0, 31 * S)
    assert routing.choose('exec:xz', PLACES, 31 * S).backlog_ms[0] == 50.0
    with pytest.raises(ValueError, match='at least one slot'):
        routing.hear_load('r1', math.nan, 31 * S)


def test_robot_with_free_slots_has_no_backlog() -> None:
    routing = learnt()
    routing.hear_load('r1', 0.0, 30 * S, slots=2)
    routing.sent('j', A, 30 * S, estimate_ms=100.0)
    assert routing.choose('exec:xz', PLACES, 30 * S).backlog_ms[0] == 50.0


# ---- probing


def test_probe_asks_the_three_cheapest_and_commits_to_the_best_that_answered() -> None:
    routing = Routing()
    places = [(f'r{number}', '') for number in range(6)]
    for number in range(6):
        routing.hear(RouteKey('t', f'r{number}'), 'done', 100.0 * (number + 1), 0)
    choice = routing.choose('t', places, 0)
    assert choice.to_probe() == ('r0', 'r1', 'r2')
    committed = choice.committed({'r0': 5000.0, 'r1': 0.0, 'r2': 900.0}, routing.cost)
    assert committed.place == ('r1', '')
    assert sorted(committed.order) == list(range(6))


def test_probe_that_nobody_answers_falls_back_on_what_was_known() -> None:
    choice = learnt().choose('exec:xz', PLACES, 30 * S)
    assert choice.committed({}, BacklogCost()).place == choice.place


# ---- bounds


def test_least_useful_route_is_forgotten_first() -> None:
    routing = Routing(RoutingConfig(routes_max=16))
    for number in range(40):
        key = RouteKey('t', f'r{number}')
        for _ in range(5 if number < 8 else 1):
            routing.hear(key, 'done', 10.0, number * S)
        routing.check_invariants()
    known = {one.robot_id for one in routing.estimates(40 * S)}
    assert len(known) == 16
    assert {f'r{number}' for number in range(8)} <= known
    assert 'r39' in known and 'r8' not in known


def test_estimates_may_be_limited_to_those_with_the_most_evidence() -> None:
    routing = learnt()
    routing.hear(RouteKey('exec:new', 'r1'), 'done', 10.0, 30 * S)
    assert len(routing.estimates(30 * S)) == 4
    few = routing.estimates(30 * S, 3)
    assert [one.task for one in few] == ['exec:xz'] * 3
    assert [one.cost_ms for one in few] == sorted(one.cost_ms for one in few)


def test_outcome_that_a_new_leader_repeats_counts_once() -> None:
    class Outcome:
        job_id, attempt, kind, program, robot_id = 'j', 1, 'exec', 'xz', 'r1'
        compute_unit, run_ms, ending = '', 100, Ending.DONE

    routing = Routing()
    assert routing.hear_outcome(Outcome(), S) and not routing.hear_outcome(Outcome(), S)
    (one,) = routing.estimates(S)
    assert (one.task, one.robot_id, one.samples) == ('exec:xz', 'r1', 1)


def test_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match='at most 256 characters'):
        Routing().hear(RouteKey('x' * 300, 'r1'), 'done', 1.0, 0)


@pytest.mark.parametrize('field', [
    {'tau_s': 0.0}, {'tau_s': math.inf}, {'routes_max': 1.5}, {'success_min': 2.0},
    {'prior_trials': 1.0},
])
def test_setting_out_of_range_is_refused_with_its_name(field: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        RoutingConfig(**field)  # type: ignore[arg-type]


# ---- frozen, explained


def test_frozen_it_neither_learns_nor_forgets_and_is_still_used() -> None:
    routing = learnt()
    before = routing.choose('exec:xz', PLACES, 30 * S).cost_ms
    routing.freeze(True, 30 * S)
    for at in range(30, 60):
        routing.hear(A, 'failed', 9000.0, at * S)
    assert (routing.choose('exec:xz', PLACES, 600 * S).cost_ms == before).all()
    routing.freeze(False, 600 * S)
    assert routing.choose('exec:xz', PLACES, 600 * S).cost_ms == pytest.approx(before)


def test_every_figure_of_a_route_is_explained() -> None:
    routing = learnt()
    routing.hear_quality({'r3': 0.8})
    for at in range(6):
        routing.hear(C, 'failed', 0.0, (30 + at) * S)
    said = routing.explain(*C, 36 * S)
    (terms,) = routing.choose('exec:xz', [C[1:]], 36 * S).ranking(1)
    for word in ('success', 'work', 'backlog', 'quality', 'breaker', 'cost'):
        assert any(one.startswith(word) for one in said), word
    assert any(f'cost {terms.cost_ms:.0f} ms' in one for one in said)
    assert any(f'work {terms.work_ms:.0f} ms' in one for one in said)
    assert routing.explain('never:seen', 'r9', '', 36 * S)[0].endswith('nobody has tried it')


def test_ninetieth_of_100_covers_nine_of_ten_lognormal_runs() -> None:
    rng = np.random.default_rng(5)
    routing, inside = Routing(RoutingConfig(tau_s=1000.0)), 0
    for at, run_ms in enumerate(np.exp(rng.normal(5.0, 0.6, 600)).tolist()):
        if at >= 100:
            inside += run_ms <= routing.estimates(at * S)[0].p90_ms
        routing.hear(A, 'done', run_ms, at * S)
    assert 0.87 <= inside / 500 <= 0.93


# ---- restart

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(['hear', 'send', 'load', 'freeze']), st.integers(0, 3), st.integers(0, 2),
        st.sampled_from(['done', 'failed', 'stolen', 'timed out']), st.floats(0.0, 1e5),
    ),
    max_size=60,
)


def happen(routing: Routing, number: int, event: tuple[str, int, int, str, float]) -> None:
    what, robot, task, ending, figure = event
    key, stamp_ns = RouteKey(f't{task}', f'r{robot}'), number * S
    if what == 'hear':
        routing.hear(key, ending, figure, stamp_ns, f'j{number - 5}')
    elif what == 'send':
        routing.sent(f'j{number}', key, stamp_ns)
    elif what == 'load':
        routing.hear_load(f'r{robot}', figure, stamp_ns, slots=task + 1)
    else:
        routing.freeze(task == 0, stamp_ns)


@settings(max_examples=40, deadline=None)
@given(before=EVENTS, after=EVENTS)
def test_restored_from_text_it_goes_on_bit_for_bit(
    before: list[tuple[str, int, int, str, float]], after: list[tuple[str, int, int, str, float]]
) -> None:
    config = RoutingConfig(routes_max=6)
    running = Routing(config)
    for number, event in enumerate(before):
        happen(running, number, event)
    restored = Routing.from_document(json.loads(json.dumps(running.document())), config)
    for number, event in enumerate(after, len(before)):
        for one in (running, restored):
            happen(one, number, event)
            one.check_invariants()
        assert running.estimates(number * S) == restored.estimates(number * S)
    assert running.document() == restored.document()


@pytest.mark.parametrize(('path', 'value'), [
    (('schema',), 2), (('routes',), None), (('routes', 0, 'sums', 0), 'nan'),
    (('routes', 0, 'sums', 0), '-0x1p0'), (('routes', 0, 'key'), ['a', 'b']),
    (('routes', 0, 'breaker'), [0, 0, -1, 0]), (('routes', 1, 'key'), ['exec:xz', 'r1', '']),
    (('loads', 0, 'jobs', 0, 3), '1 ms'), (('quality',), {'r1': '0x0p0'}),
    (('sizes', 0, 'counts'), []), (('attempts',), [['j']]), (('frozen_ns',), -1),
])
def test_document_with_a_wrong_figure_is_refused(path: tuple[object, ...], value: object) -> None:
    routing = learnt()
    routing.sent('j', A, 30 * S)
    document = json.loads(json.dumps(routing.document()))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match='expected'):
        Routing.from_document(document)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.floats(0, 1e9)), max_size=80))
def test_whatever_happens_costs_are_finite_and_positive(
    events: list[tuple[int, bool, float]]
) -> None:
    routing = Routing(RoutingConfig(routes_max=12))
    for number, (robot, good, run_ms) in enumerate(events):
        routing.hear(RouteKey('t', f'r{robot}'), 'done' if good else 'failed', run_ms, number * S)
        routing.check_invariants()
        choice = routing.choose('t', [(f'r{one}', '') for one in range(31)], number * S)
        assert np.isfinite(choice.cost_ms).all() and (choice.cost_ms > 0).all()


def test_table_grows_to_its_limit_and_not_beyond() -> None:
    table = RouteTable(RoutingConfig(routes_max=100))
    for number in range(150):
        table.done(table.row(RouteKey('t', f'r{number}'), number * S), 1.0, number * S)
        table.check_invariants()
    assert len(table) == 100
