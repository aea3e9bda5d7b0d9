# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Each check must notice a run that was doctored, and have nothing against a good one."""

from __future__ import annotations

import random

from soak.report import bounds, table
from soak.verdict import (
    LATE_MS_MAX,
    MEMORY_KB_MAX,
    Moment,
    Quota,
    Tenth,
    flat,
    growths,
    kept,
    measured,
    memory_kb_max,
    punctual,
    settled,
    within,
)

HOUR_S = 3600.0


def life(kb_per_s: float = 0.0, descriptors_per_s: float = 0.0, begin_s: float = 0.0,
         end_s: float = HOUR_S) -> list[Moment]:
    """Warm-up, noise and an odd moment now and then, as real ones have."""
    rng, made = random.Random(1), []
    for number in range(int((end_s - begin_s) / 5)):
        at_s = begin_s + number * 5
        warm = 30_000 * min(1.0, (at_s - begin_s) / 60)
        odd = 50_000 if rng.random() < 0.02 else 0
        made.append(Moment(
            at_s, int(120_000 + warm + kb_per_s * at_s + rng.gauss(0, 300) + odd),
            int(40 + descriptors_per_s * at_s + rng.choice((0, 0, 1))), 20))
    return made


def test_a_flat_run_is_in_order_whatever_its_warm_up_and_noise() -> None:
    grown = growths({('r1', 1): life(), ('r2', 2): life()}, HOUR_S)
    assert len(grown) == 6
    assert not flat(grown, jobs=0) and not measured(grown, ['r1', 'r2'])


def test_memory_that_leaks_is_noticed_and_named() -> None:
    leak = 2 * MEMORY_KB_MAX / HOUR_S
    [complaint] = flat(growths({('r1', 1): life(), ('r2', 2): life(leak)}, HOUR_S), jobs=0)
    assert complaint.startswith('r2: resident_kb grows by')


def test_a_leak_is_noticed_over_many_short_lives_none_of_which_shows_it() -> None:
    leak = 3 * MEMORY_KB_MAX / HOUR_S
    lives = {
        ('r1', number): life(leak, begin_s=number * 1000.0, end_s=number * 1000.0 + 1000)
        for number in range(4)
    }
    [memory, *_] = growths(lives, 4000.0)
    assert memory.per_s * HOUR_S > 2 * MEMORY_KB_MAX


def test_descriptors_that_leak_are_noticed() -> None:
    found = flat(growths({('r1', 1): life(descriptors_per_s=20 / HOUR_S)}, HOUR_S), jobs=0)
    assert [one for one in found if 'descriptors' in one]


def test_what_the_swarm_remembers_of_jobs_may_grow_up_to_its_bound() -> None:
    assert memory_kb_max(0) < memory_kb_max(5_000) < memory_kb_max(10_000) == memory_kb_max(10**6)


def test_a_process_warms_up_before_it_is_judged() -> None:
    assert settled(life(), HOUR_S)[0].at_s == 360
    assert settled(life(end_s=86_400), 86_400)[0].at_s == 600


def test_robots_of_which_nothing_can_be_said_are_no_flat_ones() -> None:
    assert measured(growths({('r1', 1): life(end_s=60)}, HOUR_S), ['r1'])


def periods(rng: random.Random, late_ms: int = 0, slow_ms: int = 0) -> Tenth:
    each = [100 + slow_ms + rng.choice((0, 0, 1, 2)) for _ in range(950)]
    return Tenth(periods_ms={'r1': [*each, *[150 + late_ms] * 50]})


def test_a_steady_heartbeat_is_in_order() -> None:
    rng = random.Random(2)
    assert not punctual([periods(rng) for _ in range(10)])


def test_a_period_that_drifts_is_noticed() -> None:
    rng = random.Random(2)
    found = punctual([periods(rng, slow_ms=2 * number) for number in range(10)])
    assert any('tenth 10' in one for one in found)


def test_lateness_that_grows_is_noticed_and_one_bad_tenth_is_not() -> None:
    rng = random.Random(2)
    step = int(2 * LATE_MS_MAX / 9)
    assert punctual([periods(rng, late_ms=step * number) for number in range(10)])
    assert not punctual([periods(rng, late_ms=900 if number == 4 else 0) for number in range(10)])


def test_a_run_without_beacons_is_not_punctual() -> None:
    assert punctual([Tenth() for _ in range(10)])


def test_a_disk_beyond_its_quota_is_noticed() -> None:
    quotas = [Quota('log', 100), Quota('files', 50)]
    assert not within([Tenth(disk={'log': 100, 'files': 50})], quotas)
    [complaint] = within([Tenth(), Tenth(disk={'log': 101})], quotas)
    assert 'log took 101' in complaint


def test_jobs_that_are_lost_or_done_twice_are_named() -> None:
    assert not kept({'j1': ''}, {'j1': 1, 'audit': 1})
    found = kept({'j1': '', 'j2': 'ended as phase 4', 'j3': ''}, {'j1': 2, 'j2': 1})
    assert found == [
        'j2: ended as phase 4', 'j3: verified, and its completion is not in the log',
        'j1: completed 2 times in the log',
    ]


def test_the_table_has_a_row_for_each_tenth() -> None:
    lives = {('r1', 1): life()}
    tenths = [periods(random.Random(3)) for _ in range(10)]
    text = table(tenths, lives, HOUR_S, ['log'])
    assert len(text.splitlines()) == 12
    assert 'r1: memory' in bounds(growths(lives, HOUR_S), 0, [Quota('log', 1)])
