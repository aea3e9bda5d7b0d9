# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about stealing: a thief gains by having a job done sooner only; a victim loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from receipt_samples import S, attempt, deal

from swarm_learning.core.observation import Ending
from swarm_learning.core.reputation.config import ReputationConfig
from swarm_learning.core.reputation.receipts import Attempt
from swarm_learning.core.reputation.reputation import Reputation
from swarm_learning.sim.steal_world import GAMES, play

T = 1000 * S
INDEX: Iterator[int] = count(10**6)


def at(second: float, executor: str, run_s: float = 10.0, **changes: object) -> Attempt:
    """Ends so long after the start."""
    return attempt(next(INDEX), executor=executor, stamp_ns=T + round(second * S),
                   run_ms=round(run_s * 1000), **changes)


def stolen(second: float, job: str = 'x', run_s: float = 0.0) -> Attempt:
    return at(second, 'victim', run_s, ending=Ending.STOLEN, job_id=job, thief='thief',
              victim='victim')


def swarm() -> Reputation:
    """The victim's run time of the task is known: 10 s."""
    reputation = Reputation(ReputationConfig(), b'0123456789abcdef')
    for second in (0, 10, 20):
        deal(reputation, at(second, 'victim'))
    return reputation


def receipts(reputation: Reputation, robot: str) -> tuple[float, float]:
    pairs = reputation._evidence.of(robot, 0.0)
    return (pytest.approx(sum(pair.successes for _, pair in pairs), abs=1e-3),
            pytest.approx(sum(pair.failures for _, pair in pairs), abs=1e-3))


@pytest.mark.parametrize(('victim_ends', 'victim_ran', 'good', 'bad'), [
    (70.0, 45.0, 1.0, 0.0),     # busy until long after the thief was done
    (35.0, 10.0, 0.5, 0.0),     # it would have begun at 35 and been done at 45: 5 s were saved
    (30.2, 5.0, 0.0, 0.25),     # it was nearly free
    (60.0, 10.0, 0.0, 0.25),    # what it ran next began later: it was idle
])
def test_a_thief_gains_what_it_saved(
    victim_ends: float, victim_ran: float, good: float, bad: float
) -> None:
    reputation = swarm()
    reputation.hear_outcome(stolen(30.0))
    events = [(40.0, at(40.0, 'thief', 10.0, job_id='x', attempt=2)),
              (victim_ends, at(victim_ends, 'victim', victim_ran))]
    for _, one in sorted(events, key=lambda event: event[0]):
        deal(reputation, one)
    assert receipts(reputation, 'thief') == (good, bad)
    thief = reputation.standing('thief')
    assert (thief.steals_helpful, thief.steals_useless) == (int(good > 0), int(bad > 0))


def test_a_stolen_job_that_fails_is_a_failure_of_the_thief() -> None:
    reputation = swarm()
    reputation.hear_outcome(stolen(30.0))
    deal(reputation, at(40.0, 'thief', job_id='x', attempt=2, ending=Ending.FAILED))
    assert receipts(reputation, 'thief') == (0.0, 1.0)


def test_where_nobody_knows_what_the_victim_did_the_thief_gains_nothing() -> None:
    reputation = swarm()
    reputation.hear_outcome(stolen(30.0))
    deal(reputation, at(40.0, 'thief', job_id='x', attempt=2))
    reputation.tick(T + 300 * S)
    assert receipts(reputation, 'thief') == (0.0, 0.0)


def test_being_robbed_costs_nothing_unless_it_was_past_its_own_usual_time() -> None:
    for run_s, bad in ((0.0, 0.0), (9.0, 0.0), (30.0, 0.25)):
        reputation = swarm()
        for second in range(30, 120, 10):
            deal(reputation, at(second, 'victim'))
        reputation.hear_outcome(stolen(130.0, run_s=run_s))
        assert receipts(reputation, 'victim')[1] == bad


def test_robots_that_rob_one_another_gain_less_each_time() -> None:
    reputation = swarm()
    gained = []
    for turn in range(12):
        begin = 100.0 + turn * 60
        reputation.hear_outcome(stolen(begin, f'x{turn}'))
        before = sum(pair.successes for _, pair in reputation._evidence.of('thief', 0.0))
        deal(reputation, at(begin + 10, 'thief', job_id=f'x{turn}', attempt=2))
        deal(reputation, at(begin + 50, 'victim', 55.0))
        after = sum(pair.successes for _, pair in reputation._evidence.of('thief', 0.0))
        gained.append(after - before)
    assert gained[0] > 0.9 and gained[5] < 0.5 * gained[0] and gained[11] < 0.2 * gained[0]


@pytest.mark.parametrize('name', sorted(GAMES))
def test_no_game_with_steals_pays_but_the_helpful_one(name: str) -> None:
    result = play(GAMES[name], 3)
    assert abs(result.victim_loss) < 0.02
    assert result.thief_gain > 0.5 if GAMES[name].helpful else result.thief_gain < 0.02
