# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The schedule of faults: the same for the same seed, fair, and never more than a swarm bears."""

from __future__ import annotations

import pytest

from chaos.schedule import KINDS, LEADER, Strike, schedule

NAMES = ('r1', 'r2', 'r3', 'r4', 'r5')
MINUTE_MS = 60_000
SEEDS = range(1, 30)


def overlapping(strike: Strike, others: tuple[Strike, ...]) -> list[Strike]:
    return [
        other for other in others
        if other is not strike
        and other.at_ms < strike.ends_ms and strike.at_ms < other.ends_ms
    ]


def test_same_seed_gives_the_same_faults_at_the_same_times() -> None:
    assert schedule(7, 10 * MINUTE_MS, NAMES) == schedule(7, 10 * MINUTE_MS, NAMES)
    assert schedule(7, 10 * MINUTE_MS, NAMES) != schedule(8, 10 * MINUTE_MS, NAMES)


def test_longer_run_begins_like_a_shorter_one() -> None:
    short = schedule(7, 2 * MINUTE_MS, NAMES)
    assert short and schedule(7, 10 * MINUTE_MS, NAMES)[:len(short)] == short


@pytest.mark.parametrize('seed', SEEDS)
def test_every_kind_strikes_before_any_strikes_again(seed: int) -> None:
    kinds = [strike.kind for strike in schedule(seed, 20 * MINUTE_MS, NAMES)]
    assert len(kinds) > 2 * len(KINDS)
    for at in range(0, len(kinds) - len(KINDS), len(KINDS)):
        assert set(kinds[at:at + len(KINDS)]) == set(KINDS)


@pytest.mark.parametrize('seed', SEEDS)
def test_faults_are_over_in_time_and_few_at_a_time(seed: int) -> None:
    plan = schedule(seed, 10 * MINUTE_MS, NAMES)
    assert max(strike.ends_ms for strike in plan) <= 10 * MINUTE_MS
    for strike in plan:
        low, high = KINDS[strike.kind].lasts_ms
        assert low <= strike.lasts_ms <= high and strike.amount in KINDS[strike.kind].amounts
        assert len(strike.victims) == KINDS[strike.kind].victims
        meanwhile = overlapping(strike, plan)
        assert len(meanwhile) <= 2 and not (KINDS[strike.kind].alone and meanwhile)
        for other in meanwhile:
            assert not {*strike.victims} & {*other.victims}, 'two faults of one robot'
            assert other.kind != strike.kind


def test_leader_is_among_the_victims_and_faults_overlap_at_times() -> None:
    plans = [schedule(seed, 10 * MINUTE_MS, NAMES) for seed in SEEDS]
    struck = [strike for plan in plans for strike in plan if KINDS[strike.kind].victims]
    assert len(struck) / 5 < sum(LEADER in one.victims for one in struck) < len(struck) * 4 / 5
    assert any(overlapping(strike, plan) for plan in plans for strike in plan)


def test_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match='unknown fault flood: expected kill, '):
        schedule(1, MINUTE_MS, NAMES, ['flood'])
