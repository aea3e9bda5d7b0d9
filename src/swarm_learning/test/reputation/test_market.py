# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about robots that work badly and lie: they get no more than the share handed out blindly.

A quick form of bench/reputation.py: one seed, 80 of its 200 rounds.
"""

from __future__ import annotations

from functools import cache

import pytest

from swarm_learning.sim.reputation_policies import Beta, EigenTrust, NaiveSum, Ours
from swarm_learning.sim.reputation_world import ATTACKS, Course, Market, World, jobs_until_known

MARKET = Market(rounds=80)
SEEDS = (0,)
SYBIL_FLOOR = 0.95 * (26 / 40) ** 4 + 0.05 * 26 / 40


@cache
def course(attack: str, seed: int) -> Course:
    return World(MARKET, ATTACKS[attack], Ours(seed), seed).run()


@pytest.mark.parametrize('attack', sorted(set(ATTACKS) - {'sybil x20', 'on-off'}))
def test_malicious_robots_get_only_what_is_handed_out_blindly(attack: str) -> None:
    for seed in SEEDS:
        found = course(attack, seed)
        assert found.share <= 0.03 and found.auc >= 0.95


def test_on_off_robots_fall_when_they_work_badly() -> None:
    found = [World(Market(rounds=150), ATTACKS['on-off'], Ours(seed), seed).run()
             for seed in SEEDS]
    assert all(one.share <= 0.05 and one.auc >= 0.85 for one in found)


def test_with_many_invented_names_only_chance_is_left_to_them() -> None:
    found = course('sybil x20', 0)
    assert found.share <= SYBIL_FLOOR * 1.15 and found.auc >= 0.97


@pytest.mark.parametrize('attack', ['slander', 'collusion + slander', 'poisoned jobs'])
def test_slandered_robots_lose_next_to_nothing(attack: str) -> None:
    for seed in SEEDS:
        assert course('none', seed).honest_score - course(attack, seed).honest_score <= 0.05


def test_a_new_name_is_worth_no_more_than_a_bad_one() -> None:
    for seed in SEEDS:
        assert course('whitewashing', seed).share <= course('none', seed).share + 0.002


@pytest.mark.parametrize('baseline', [NaiveSum, Beta, EigenTrust])
def test_the_attacks_are_real_for_those_who_believe_raters(
    baseline: type[NaiveSum | Beta | EigenTrust]
) -> None:
    found = World(MARKET, ATTACKS['collusion + slander'], baseline(), 0).run()
    assert found.share > course('collusion + slander', 0).share + 0.01


def test_an_honest_newcomer_is_known_soon_and_a_bad_one_never_as_good() -> None:
    market = Market(jobs=20)
    known = [jobs_until_known(market, ATTACKS['none'], Ours(seed), seed, 0.95)
             for seed in range(2)]
    assert all(jobs is not None and jobs <= 60 for jobs in known)
    assert jobs_until_known(market, ATTACKS['none'], Ours(0), 0, 0.5, jobs_max=100) is None


def test_the_same_seed_gives_the_same_course() -> None:
    small = Market(rounds=10)
    one, other = (World(small, ATTACKS['all at once'], Ours(5), 5).run() for _ in range(2))
    assert one == other
