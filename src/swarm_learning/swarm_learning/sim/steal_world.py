# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots that steal jobs from one another: helpfully, from idle ones, or to and fro. Owns who
steals what and how long work takes; refuses to know how reputation is computed.

Every second a few jobs are granted to workers, who take a second each and queue what they hold.
A thief takes over jobs that were granted to its victim. The log and both parties' receipts go to
the shipping core; everybody tells the truth, so that only the rules about steals are tested.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field

from ..core.observation import Ending
from ..core.reputation.config import ReputationConfig
from ..core.reputation.receipts import Attempt, Receipt, Role, Verdict
from ..core.reputation.reputation import Reputation

NS_PER_MS = 1_000_000
START_MS = 1_700_000_000_000
RUN_MS = 1000
ORIGINS = ('o1', 'o2', 'o3', 'o4', 'o5', 'o6')
WARM_JOBS = 240     # of the others, so that raters are believed before the game begins


@dataclass(frozen=True)
class Game:
    """busy_ms: what its victim still has to do when it is robbed; slower: run time of the thief
    beside usual; back: the victim steals too, by turns; completes: share that the thief does;
    victims: how many are robbed by turns; helpful: it should gain by it."""

    helpful: bool = False
    busy_ms: int = 0
    slower: float = 1.0
    back: bool = False
    completes: float = 1.0
    victims: int = 1


GAMES: dict[str, Game] = {
    'helpful': Game(helpful=True, busy_ms=5000, victims=6),
    'robs idle robots': Game(),
    'too slow to help': Game(busy_ms=500, slower=4.0),
    'does not finish': Game(busy_ms=5000, completes=0.2),
    'to and fro': Game(busy_ms=5000, back=True),
}


@dataclass
class Result:
    """thief_gain, victim_loss: of score, beside the same own work without steals."""

    thief_score: float
    thief_gain: float
    victim_loss: float
    helpful: int
    useless: int


@dataclass
class _Log:
    reputation: Reputation
    rng: random.Random
    index: int = 0
    now_ms: int = START_MS
    jobs: int = 0
    nonce: int = field(default=0)

    def end(
        self, job: str, number: int, executor: str, origin: str, ending: Ending, at_ms: int,
        run_ms: int, thief: str = '', victim: str = '',
    ) -> None:
        self.index += 1
        one = Attempt(self.index, at_ms * NS_PER_MS, job, number, 'work', executor, origin,
                      ending, run_ms, 0, thief, victim)
        self.reputation.hear_outcome(one)
        if ending is Ending.STOLEN:
            return
        verdict = Verdict.GOOD if one.good else Verdict.BAD
        for role, issuer in ((Role.EXECUTOR, executor), (Role.REQUESTER, origin)):
            self.nonce += 1
            self.reputation.hear_receipt(Receipt(
                job, number, self.index, role, issuer, executor, origin, verdict, self.nonce,
                'work', 0, run_ms), issuer)

    def job(self) -> tuple[str, str]:
        self.jobs += 1
        return f'job{self.jobs}', ORIGINS[self.rng.randrange(len(ORIGINS))]


def play(game: Game, seed: int, steals: int = 60) -> Result:
    """Besides what it steals the thief runs only what it was busy with when it was robbed."""
    played, calm = _course(game, seed, steals, True), _course(game, seed, steals, False)
    thief = played.standing('thief')
    return Result(played.score('thief'), played.score('thief') - calm.score('thief'),
                  calm.score('victim0') - played.score('victim0'),
                  thief.steals_helpful, thief.steals_useless)


def _course(game: Game, seed: int, steals: int, robbed: bool) -> Reputation:
    secret = hashlib.sha256(f'steals {seed}'.encode()).digest()
    log = _Log(Reputation(ReputationConfig(), secret), random.Random(seed))
    victims = [f'victim{number}' for number in range(game.victims)]
    for number in range(WARM_JOBS):
        job, origin = log.job()
        others = [one for one in (*ORIGINS, *victims) if one != origin]
        log.now_ms += RUN_MS
        log.end(job, 1, others[number % len(others)], origin, Ending.DONE, log.now_ms, RUN_MS)
    for turn in range(steals):
        thief, victim = 'thief', victims[turn % len(victims)]
        if game.back and turn % 2:
            thief, victim = victim, thief
        completes = log.rng.random() < game.completes
        _play_turn(log, game, thief, victim, completes, robbed)
        log.now_ms += 2 * RUN_MS
        _own_job(log, victim, log.now_ms, RUN_MS)
    return log.reputation


def _play_turn(
    log: _Log, game: Game, thief: str, victim: str, completes: bool, robbed: bool
) -> None:
    """It steals now and is done a run later; what its victim was busy with ends in its time."""
    job, origin = log.job()
    run_ms = round(RUN_MS * game.slower)
    if robbed:
        log.end(job, 1, victim, origin, Ending.STOLEN, log.now_ms, 0, thief, victim)
    if game.busy_ms and game.busy_ms < run_ms:
        _own_job(log, victim, log.now_ms + game.busy_ms, game.busy_ms)
    if robbed:
        ending = Ending.DONE if completes else Ending.FAILED
        log.end(job, 2, thief, origin, ending, log.now_ms + run_ms, run_ms)
    if game.busy_ms >= run_ms:
        _own_job(log, victim, log.now_ms + game.busy_ms, game.busy_ms)
    log.now_ms += max(run_ms, game.busy_ms)


def _own_job(log: _Log, robot: str, at_ms: int, since_ms: int) -> None:
    """It began that long ago, or a run ago, whichever is longer: it was busy then."""
    job, origin = log.job()
    log.end(job, 1, robot, origin, Ending.DONE, at_ms, max(RUN_MS, since_ms + 1))
