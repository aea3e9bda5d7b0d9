# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about how facts of the swarm become snapshots."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_learning.core.observation import Ending, Mode
from swarm_learning.core.regimes.gather import DUE_AFTER_S, Gatherer
from swarm_learning.core.swarm import NO_ROBOTS, SwarmView

SECOND_NS = 1_000_000_000
VIEW = SwarmView(0.3, 0.8, 0.2, 4, 0.1, 'r1')


def gatherer() -> Gatherer:
    made = Gatherer(0)
    made.hear_mode(Mode.NORMAL, 1, 0)
    return made


def goodput(made: Gatherer, second: int) -> float:
    told = made.snapshot(VIEW, second * SECOND_NS)
    assert told is not None and told.goodput is not None
    return told.goodput


def test_nothing_is_told_before_figures_and_a_mode_are_known() -> None:
    made = Gatherer(0)
    assert made.snapshot(VIEW, SECOND_NS) is None
    made.hear_mode(Mode.NORMAL, 1, SECOND_NS)
    assert made.snapshot(NO_ROBOTS, SECOND_NS) is None
    assert made.snapshot(VIEW, SECOND_NS) is not None


def test_an_idle_swarm_does_all_that_is_due() -> None:
    assert goodput(gatherer(), 100) == 1.0


@pytest.mark.parametrize('ending', [
    Ending.FAILED, Ending.TIMED_OUT, Ending.LEASE_EXPIRED, Ending.REFUSED])
def test_a_bad_ending_lowers_goodput(ending: Ending) -> None:
    made = gatherer()
    made.hear_outcome('a', 1, ending, SECOND_NS)
    assert goodput(made, 1) == 0.5


@pytest.mark.parametrize('ending', [Ending.CANCELLED, Ending.STOLEN, None])
def test_what_people_cancel_and_what_moves_counts_nothing(ending: Ending | None) -> None:
    made = gatherer()
    made.hear_outcome('a', 1, ending, SECOND_NS)
    assert goodput(made, 1) == 1.0


def test_an_outcome_that_is_repeated_counts_once() -> None:
    made = gatherer()
    for _ in range(5):
        made.hear_outcome('a', 1, Ending.FAILED, SECOND_NS)
    assert goodput(made, 1) == 0.5


def test_jobs_that_wait_shortly_cost_nothing() -> None:
    made = gatherer()
    for second in range(40):
        made.hear_jobs(20 if second % 4 == 0 else 0, second * SECOND_NS)
        assert goodput(made, second + 1) == 1.0


def test_jobs_that_wait_on_are_due() -> None:
    made = gatherer()
    for second in range(10):
        made.hear_jobs(9, second * SECOND_NS)
    assert goodput(made, 10) == pytest.approx(1 / 10)


def test_a_view_of_waiting_jobs_holds_until_the_next_one() -> None:
    made = gatherer()
    made.hear_jobs(9, SECOND_NS)
    assert goodput(made, 2) == 1.0
    assert goodput(made, 2 + int(DUE_AFTER_S)) == pytest.approx(1 / 10)
    made.hear_jobs(0, 8 * SECOND_NS)
    assert goodput(made, 9) == 1.0


def test_with_a_steady_flow_goodput_is_tau_by_tau_and_wait() -> None:
    made, jobs = gatherer(), 0
    for second in range(1, 200):
        for _ in range(5):
            jobs += 1
            made.hear_outcome(f'j{jobs}', 1, Ending.DONE, second * SECOND_NS)
        made.hear_jobs(50, second * SECOND_NS)     # a wait of 10 s
    assert goodput(made, 199) == pytest.approx(0.5, abs=0.02)


def test_switches_of_mode_and_leader_are_counted_by_the_second() -> None:
    made = gatherer()
    made.hear_leader('r1')
    made.snapshot(VIEW, SECOND_NS)
    made.hear_mode(Mode.DEFENSIVE, 2, SECOND_NS)
    made.hear_mode(Mode.NORMAL, 3, 2 * SECOND_NS)
    made.hear_leader('')
    made.hear_leader('r2')
    told = made.snapshot(VIEW, 3 * SECOND_NS)
    assert told is not None
    assert (told.switches_per_s, told.defensive_share, told.mode) == (1.5, 0.5, Mode.NORMAL)
    after = made.snapshot(VIEW, 4 * SECOND_NS)
    assert after is not None and after.switches_per_s == 0.0


def test_a_renewed_override_and_an_older_view_are_no_switch() -> None:
    made = gatherer()
    made.hear_mode(Mode.NORMAL, 7, SECOND_NS)
    made.hear_mode(Mode.DEFENSIVE, 6, SECOND_NS)
    told = made.snapshot(VIEW, 2 * SECOND_NS)
    assert told is not None and (told.switches_per_s, told.mode) == (0.0, Mode.NORMAL)


def test_the_first_leader_is_no_change() -> None:
    made = gatherer()
    made.hear_leader('r1')
    told = made.snapshot(VIEW, SECOND_NS)
    assert told is not None and told.switches_per_s == 0.0


def test_an_impossible_count_is_refused() -> None:
    with pytest.raises(ValueError, match='waiting: expected'):
        gatherer().hear_jobs(-1, SECOND_NS)


FACTS = st.lists(st.one_of(
    st.tuples(st.just('outcome'), st.integers(0, 40), st.sampled_from(list(Ending))),
    st.tuples(st.just('jobs'), st.integers(0, 100)),
    st.tuples(st.just('mode'), st.sampled_from(Mode)),
    st.tuples(st.just('leader'), st.sampled_from(['', 'a', 'b'])),
    st.tuples(st.just('snapshot')),
), max_size=60)


def tell(made: Gatherer, fact: tuple[object, ...], i: int) -> object:
    now_ns = (i + 1) * 300_000_000
    kind, *rest = fact
    if kind == 'outcome':
        made.hear_outcome(f'j{rest[0]}', 1, rest[1], now_ns)  # type: ignore[arg-type]
    elif kind == 'jobs':
        made.hear_jobs(rest[0], now_ns)  # type: ignore[arg-type]
    elif kind == 'mode':
        made.hear_mode(rest[0], i + 2, now_ns)  # type: ignore[arg-type]
    elif kind == 'leader':
        made.hear_leader(str(rest[0]))
    else:
        return made.snapshot(VIEW, now_ns)
    return None


@given(FACTS, st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_a_gatherer_goes_on_bit_for_bit_after_a_restart(
    facts: list[tuple[object, ...]], cut: int
) -> None:
    whole, first = gatherer(), gatherer()
    told = [tell(whole, fact, i) for i, fact in enumerate(facts)]
    for i, fact in enumerate(facts[:cut]):
        tell(first, fact, i)
    again = Gatherer.from_document(json.loads(json.dumps(first.document())))
    after = [tell(again, fact, i) for i, fact in enumerate(facts) if i >= cut]
    assert after == told[cut:] and again.document() == whole.document()


@pytest.mark.parametrize('broken', [
    {'done': 'x'}, {'waiting': [[1]]}, {'mode': 'asleep'}, {'told_ns': 1.5}, {'waiting': 3},
    {'switches': None}, {'attempts': [['a', 1]] * 600}])
def test_a_broken_document_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Gatherer.from_document({**gatherer().document(), **broken})
