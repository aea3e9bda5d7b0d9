# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How well jobs are routed and stolen, in simulated time; scenarios are fixed by their seeds.

A small edition of a larger evaluation: few seeds, so the bounds are wider than its targets.
"""

from __future__ import annotations

from functools import cache
from statistics import median

from job_yard import TASKS, Condition, Scenario, Yard, batch, stream

from swarm_coordinator.core.jobs.stealing import MOVES_MAX

# Robots of unequal speed: a good one, one that is four times slower, one that fails 30 %.
UNEQUAL = (Condition(fails=0), Condition(slow=4, fails=0), Condition(fails=0.3))
AT_ONCE = 10_000  # jobs ahead: a dispatcher that hands out what comes as it comes
SEEDS = (0, 1, 2, 3)


def least_span_ms(scenario: Scenario) -> float:
    """No assignment is faster: all work, on all robots at once, until the end."""
    work_ms = sum(
        TASKS[order.task] * scenario.draw(f'j{number:05}', 1)[0]
        for number, order in enumerate(scenario.orders)
    )
    return work_ms / sum((1 - one.fails) / one.slow for one in scenario.conditions[0])


@cache
def span(seed: int, policy: str, ahead: int = 1, stealing: bool = True) -> Yard:
    return Yard(batch(seed, 60, *UNEQUAL), policy, stealing, commit_ms=15, ahead=ahead).run()


def spans(policy: str, ahead: int = 1, stealing: bool = True) -> list[float]:
    """Makespans as multiples of the least."""
    return [
        span(seed, policy, ahead, stealing).makespan_ms
        / least_span_ms(span(seed, policy, ahead, stealing).scenario)
        for seed in SEEDS
    ]


def test_mean_time_of_a_job_is_close_to_that_of_a_clairvoyant() -> None:
    ratios = []
    for seed in SEEDS[:3]:
        scenario = stream(seed, load=0.6, period_s=100, duration_s=200)
        foreseen = Yard(scenario, 'clairvoyant').run().mean_ms()
        ratios.append(Yard(scenario).run().mean_ms() / foreseen)
    assert median(ratios) <= 1.2 and max(ratios) <= 1.35, ratios


def test_batch_on_unequal_robots_takes_little_longer_than_the_best_there_could_be() -> None:
    assert median(spans('cost')) <= 1.15 and max(spans('cost')) <= 1.25, spans('cost')


def test_batch_is_done_a_fifth_sooner_than_by_dispatchers_that_know_no_costs() -> None:
    for policy in ('round_robin', 'least_loaded'):
        others = spans(policy, AT_ONCE, stealing=False)
        assert median(spans('cost')) <= 0.8 * median(others), policy


def test_stealing_mends_what_was_handed_out_badly() -> None:
    without = spans('round_robin', AT_ONCE, stealing=False)
    assert median(spans('round_robin', AT_ONCE)) <= 0.5 * median(without)


def test_thrash_is_bounded() -> None:
    for policy, ahead in (('round_robin', AT_ONCE), ('cost', 1)):
        for seed in SEEDS:
            yard = span(seed, policy, ahead)
            assert max(job.moves for job in yard.state.jobs.values()) <= MOVES_MAX
            assert yard.moves <= len(yard.scenario.orders) / 2


def test_where_all_are_equal_next_to_nothing_moves() -> None:
    """Every move between equals is one that gains nothing."""
    even = [Condition(fails=0)] * 4
    moves = [Yard(batch(seed, 60, *even), stealing=True, commit_ms=15).run().moves
             for seed in SEEDS]
    assert sum(moves) <= 3 * len(SEEDS), moves
