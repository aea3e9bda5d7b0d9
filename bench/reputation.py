# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who gets the jobs when robots lie: share and ranking of malicious robots under thirteen attacks.

A market of 20 robots of which 6 are malicious (with 20 more names where the attack is Sybil), 200
rounds of 40 jobs (swarm_learning/sim/reputation_world.py): good robots do 95 % of their work well,
malicious ones 30 %, auditors err in 3 %. A job goes to the best of four random candidates, and in
5 % to any of them, so that without Sybils the malicious get 1.5 % at least. The share is that of
the second half. AUC: chance that a random honest robot stands above a random malicious one, mean
over the second half. All policies meet the same requesters, candidates and luck. The seeds begin
at 1000; development used others.

`peer` of the shares is the best of naive sum, Beta and EigenTrust (with three robots trusted
beforehand), which believe raters and know no log.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace

from bench.run import write_samples
from bench.statistics import iqm_row
from bench.table import AT_LEAST, AT_MOST, Row, row, tail
from swarm_learning.sim.reputation_policies import Beta, EigenTrust, NaiveSum, Ours
from swarm_learning.sim.reputation_world import (
    ATTACKS,
    Course,
    Market,
    Policy,
    World,
    jobs_until_known,
)
from swarm_learning.sim.steal_world import GAMES, play

SEEDS, SEEDS_QUICK = 20, 3
FIRST_SEED = 1000
MARKET = Market()
ROUNDS_QUICK = 150
SHARE_MAX = 0.03
SYBIL_FLOOR = 0.95 * (26 / 40) ** 4 + 0.05 * 26 / 40    # all four candidates are bad
AUC_MIN, AUC_MIN_ON_OFF = 0.97, 0.95
STEAL_GAIN_MIN, STEAL_GAIN_MAX = 0.5, 0.02
BESIDE = ('none', 'self-promotion', 'collusion', 'slander', 'collusion + slander', 'on-off')
BASELINES: dict[str, Callable[[], Policy]] = {
    'naive sum': NaiveSum, 'Beta': Beta, 'EigenTrust': EigenTrust}
NEWCOMER = Market(jobs=20)
NEWCOMERS_OF_A_SEED = 3

Task = tuple[str, str, int, Market]


def course_of(task: Task) -> Course:
    policy, attack, seed, market = task
    made = Ours(seed) if policy == 'ours' else BASELINES[policy]()
    return World(market, ATTACKS[attack], made, seed).run()


def newcomer_of(task: tuple[str, int, float]) -> int | None:
    attack, seed, works_well = task
    return jobs_until_known(NEWCOMER, ATTACKS[attack], Ours(seed), seed, works_well)


def measure(quick: bool) -> list[Row]:
    seeds = range(FIRST_SEED, FIRST_SEED + (SEEDS_QUICK if quick else SEEDS))
    market = replace(MARKET, rounds=ROUNDS_QUICK) if quick else MARKET
    with multiprocessing.get_context('fork').Pool(os.cpu_count()) as pool:
        tasks: list[Task] = [('ours', attack, seed, market) for attack in ATTACKS
                             for seed in seeds]
        tasks += [(name, attack, seed, market) for name in BASELINES for attack in BESIDE
                  for seed in seeds]
        courses = dict(zip(tasks, pool.map(course_of, tasks, chunksize=1), strict=True))
        rows = [made for attack in ATTACKS for made in attack_rows(attack, courses)]
        rows += victim_rows(courses)
        count = NEWCOMERS_OF_A_SEED * len(seeds)
        for attack in ('none', 'collusion + slander'):
            jobs = pool.map(newcomer_of, [(attack, seeds[0] + number, 0.95)
                                          for number in range(count)])
            rows += newcomer_rows(attack, jobs)
        bad = pool.map(newcomer_of, [('none', seed, 0.6) for seed in seeds])
        rows.append(row('newcomer that does 60 % well reaches 0.75', 'of seeds',
                        [float(one is not None) for one in bad], target=0.0))
    rows += steal_rows(seeds)
    write_samples('reputation', {
        f'{task[0]}, {task[1]}, {task[2]}': vars(course) for task, course in courses.items()})
    return rows


def of(courses: dict[Task, Course], policy: str, attack: str, figure: str) -> list[float]:
    return [float(getattr(course, figure)) for task, course in courses.items()
            if task[:2] == (policy, attack)]


def attack_rows(attack: str, courses: dict[Task, Course]) -> list[Row]:
    peers = {name: of(courses, name, attack, 'share') for name in BASELINES if attack in BESIDE}
    best = min(peers, key=lambda name: sum(peers[name])) if peers else ''
    note = ', '.join(f'{name} {sum(values) / len(values):.3f}' for name, values in peers.items())
    sybil = attack.startswith('sybil')
    share = iqm_row(
        f'{attack}: share', '', of(courses, 'ours', attack, 'share'),
        peer=peers[best] if peers else SYBIL_FLOOR if sybil else None,
        peer_name=best or ('floor' if sybil else ''),
        target=SYBIL_FLOOR * 1.05 if sybil else SHARE_MAX, note=note)
    aucs = {name: of(courses, name, attack, 'auc') for name in BASELINES if attack in BESIDE}
    ranking = iqm_row(
        f'{attack}: AUC', '', of(courses, 'ours', attack, 'auc'), better=AT_LEAST,
        peer=max(aucs.values(), key=sum) if aucs else None,
        peer_name='best of them' if aucs else '',
        target=AUC_MIN_ON_OFF if attack == 'on-off' else AUC_MIN,
        note=', '.join(f'{name} {sum(values) / len(values):.2f}' for name, values in aucs.items()))
    return [share, ranking]


def victim_rows(courses: dict[Task, Course]) -> list[Row]:
    """Beside the same seed without the attack."""
    def loss(attack: str, figure: str) -> list[float]:
        calm, hit = of(courses, 'ours', 'none', figure), of(courses, 'ours', attack, figure)
        return [one - other for one, other in zip(calm, hit, strict=True)]

    rows = [iqm_row(f'{attack}: score that honest robots lose', '', loss(attack, 'honest_score'),
                    target=0.05)
            for attack in ('slander', 'collusion + slander', 'poisoned jobs', 'all at once')]
    gain = [-one for one in loss('whitewashing', 'share')]
    rows.append(iqm_row('whitewashing: share gained by it', '', gain, target=0.0))
    audits = [audits / jobs / 2 for audits, jobs in zip(
        of(courses, 'ours', 'none', 'audits'), of(courses, 'ours', 'none', 'jobs'), strict=True)]
    rows.append(iqm_row('audits per job, no attack', '', audits))
    return rows


def newcomer_rows(attack: str, jobs: list[int | None]) -> list[Row]:
    known = [400.0 if one is None else float(one) for one in jobs]
    return [row(f'newcomer, {attack}: jobs until 0.75, median', 'jobs', known),
            tail(f'newcomer, {attack}: jobs until 0.75, p95', 'jobs', known, 95, target=40.0)]


def steal_rows(seeds: range) -> list[Row]:
    rows = []
    for name, game in GAMES.items():
        results = [play(game, seed) for seed in seeds]
        rows.append(iqm_row(f'steals, {name}: score that the thief gains', '',
                            [one.thief_gain for one in results],
                            target=STEAL_GAIN_MIN if game.helpful else STEAL_GAIN_MAX,
                            better=AT_LEAST if game.helpful else AT_MOST))
        rows.append(iqm_row(f'steals, {name}: score that its victim loses', '',
                            [one.victim_loss for one in results], target=0.02))
    return rows
