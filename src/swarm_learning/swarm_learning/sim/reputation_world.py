# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A market of jobs in which some robots work badly and lie: owns who does and says what; refuses
to know how reputation is computed.

Every round a number of jobs is handed out. Each has a random requester and a few random
candidates, of which the one with the highest score gets it; a few jobs go to any candidate. The
log, the receipts of both parties and the auditors' words go to the policy. Policies are compared
in the same scenarios: who asks for what, who is a candidate, and how lucky each attempt is are
drawn from the seed alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Protocol

from ..core.observation import Ending
from ..core.reputation.audits import AuditRequest
from ..core.reputation.receipts import Attempt, Receipt, Role, Verdict

NS_PER_S = 1_000_000_000
ROUND_S = 60
START_NS = 1_700_000_000 * NS_PER_S


@dataclass(frozen=True)
class Attack:
    """What the malicious robots do, besides working badly.

    claims       they report failed work as done
    own_jobs     jobs a round that each submits and runs itself, and praises
    forged       receipts a round for jobs that never were, praising itself and its friends
    ring_jobs    jobs a round that each has a friend run (real, trivial, and done)
    praise       as requesters they call their friends' failed work good
    slander      as requesters they call others' good work bad
    poison       jobs a round of each that fail wherever they run
    silent       as parties they send no receipts when these would speak against them
    false_audits as auditors they say the opposite where it helps them
    works_well   share of work done well when they want to
    on_off       rounds of good work and of bad work by turns; 0 = always bad
    renamed      rounds after which they come back under new names; 0 = never
    """

    claims: bool = True
    own_jobs: int = 0
    forged: int = 0
    ring_jobs: int = 0
    praise: bool = False
    slander: bool = False
    poison: int = 0
    silent: bool = False
    false_audits: bool = False
    on_off: int = 0
    renamed: int = 0
    sybils: int = 0


ATTACKS: dict[str, Attack] = {
    'none': Attack(claims=False),
    'deceit': Attack(),
    'self-promotion': Attack(own_jobs=5, forged=5),
    'collusion': Attack(forged=5, ring_jobs=2, praise=True),
    'slander': Attack(slander=True),
    'collusion + slander': Attack(forged=5, ring_jobs=2, praise=True, slander=True),
    'sybil x20': Attack(praise=True, slander=True, sybils=20),
    'whitewashing': Attack(claims=False, renamed=20),
    'on-off': Attack(on_off=25),
    'poisoned jobs': Attack(poison=2, slander=True),
    'silence': Attack(silent=True),
    'dishonest auditors': Attack(praise=True, slander=True, false_audits=True),
    'all at once': Attack(own_jobs=2, forged=2, ring_jobs=2, praise=True, slander=True, poison=1,
                          false_audits=True),
}


@dataclass(frozen=True)
class Market:
    """Sizes and chances of the world."""

    robots: int = 20
    malicious: int = 6
    rounds: int = 200
    jobs: int = 40
    candidates: int = 4
    any_candidate: float = 0.05
    works_well: float = 0.95
    works_badly: float = 0.30
    audit_error: float = 0.03


@dataclass(frozen=True)
class Rating:
    """What a system without log and receipts gets to hear."""

    rater: str
    robot: str
    good: bool


class Policy(Protocol):
    """What is compared."""

    def score(self, robot: str) -> float: ...
    def hear_rating(self, rating: Rating) -> None: ...
    def hear_attempt(self, attempt: Attempt) -> None: ...
    def hear_receipt(self, receipt: Receipt, sender: str) -> None: ...
    def audits_due(self, present: list[str]) -> tuple[AuditRequest, ...]: ...
    def round_over(self, stamp_ns: int, robots: list[str]) -> None: ...


@dataclass
class Course:
    """What came of it. share: of the jobs of the second half that went to malicious robots."""

    share: float = 0.0
    auc: float = 0.0
    honest_score: float = 0.0       # mean over honest robots and the second half
    victim_score: float = 0.0       # of one honest robot
    malicious_score: float = 0.0
    jobs: int = 0
    audits: int = 0


@dataclass
class _Tally:
    jobs: int = 0
    to_malicious: int = 0
    audits: int = 0
    aucs: list[float] = field(default_factory=list)
    honest: list[float] = field(default_factory=list)
    victim: list[float] = field(default_factory=list)
    malicious: list[float] = field(default_factory=list)


class World:
    """One course of one scenario."""

    def __init__(self, market: Market, attack: Attack, policy: Policy, seed: int) -> None:
        self.market, self.attack, self.policy = market, attack, policy
        self._luck = random.Random(seed)            # the scenario: the same for every policy
        self._lies = random.Random(seed + 1_000_003)    # nonces, audit errors: may differ
        count = market.malicious + attack.sybils
        self.malicious = [f'm{number:02}' for number in range(count)]
        self.honest = [f'r{number:02}' for number in range(market.robots - market.malicious)]
        self.stamp_ns, self.index, self.number = START_NS, 0, 0
        self._truth: dict[tuple[str, int], tuple[bool, str, str, int]] = {}
        self._tally = _Tally()

    @property
    def robots(self) -> list[str]:
        return self.honest + self.malicious

    def run(self) -> Course:
        for number in range(self.market.rounds):
            self.play_round(number)
        return self.course()

    def play_round(self, number: int) -> None:
        self.number = number
        if self.attack.renamed and number and number % self.attack.renamed == 0:
            self.malicious = [f'm{number}-{one}' for one in range(len(self.malicious))]
        for turn in range(self.market.jobs):
            self.stamp_ns = START_NS + (number * ROUND_S * NS_PER_S
                                        + turn * ROUND_S * NS_PER_S // self.market.jobs)
            self._play_job()
        self._play_extras()
        self._play_audits()
        self.policy.round_over(START_NS + (number + 1) * ROUND_S * NS_PER_S, self.robots)
        if number >= self.market.rounds // 2:
            self._measure(number)

    def _play_job(self) -> None:
        robots, luck = self.robots, self._luck
        requester = robots[luck.randrange(len(robots))]
        others = [robot for robot in robots if robot != requester]
        candidates = luck.sample(others, self.market.candidates)
        anybody, fortune = luck.random() < self.market.any_candidate, luck.random()
        chosen = candidates[0]      # they are in random order, so that equals are drawn by lot
        if not anybody:
            chosen = max(candidates, key=self.policy.score)
        if self.number >= self.market.rounds // 2:
            self._tally.jobs += 1
            self._tally.to_malicious += chosen in self.malicious
        self.attempt(requester, chosen, fortune < self._chance(chosen))

    def _chance(self, robot: str) -> float:
        if robot in self.honest:
            return self.market.works_well
        period = self.attack.on_off
        well = period and self.number // period % 2 == 0
        return self.market.works_well if well else self.market.works_badly

    def attempt(self, requester: str, executor: str, good: bool, poisoned: bool = False) -> None:
        """One attempt with all that is said of it."""
        self.index += 1
        liar = executor in self.malicious and self.attack.claims
        ending = Ending.DONE if (good or liar) and not poisoned else Ending.FAILED
        attempt = Attempt(
            self.index, self.stamp_ns, f'job{self.index}', 1,
            f'poison{requester}' if poisoned else 'work', executor, requester, ending, 1000)
        self._truth[attempt.key] = (good, executor, requester, self.index)
        self.policy.hear_attempt(attempt)
        said = self._requester_says(requester, executor, good)
        if executor != requester or executor in self.malicious:
            self.policy.hear_rating(Rating(requester, executor, said))
        mine = Verdict.GOOD if ending is Ending.DONE else Verdict.BAD
        if not (self.attack.silent and executor in self.malicious and mine is Verdict.BAD):
            self._send(attempt, Role.EXECUTOR, executor, mine)
        theirs = Verdict.GOOD if said else Verdict.BAD
        if not (self.attack.silent and requester in self.malicious and theirs is Verdict.GOOD):
            self._send(attempt, Role.REQUESTER, requester, theirs)

    def _requester_says(self, requester: str, executor: str, good: bool) -> bool:
        if requester in self.malicious:
            if self.attack.praise and executor in self.malicious:
                return True
            if self.attack.slander and executor in self.honest:
                return False
        return good

    def _send(self, attempt: Attempt, role: Role, issuer: str, verdict: Verdict) -> None:
        self.policy.hear_receipt(Receipt(
            attempt.job_id, attempt.attempt, attempt.log_index, role, issuer, attempt.executor,
            attempt.requester, verdict, self._lies.getrandbits(64)), issuer)

    # ---- what malicious robots do besides

    def _play_extras(self) -> None:
        attack, lies = self.attack, self._lies
        for robot in self.malicious:
            for _ in range(attack.own_jobs):
                self.attempt(robot, robot, True)
            friends = [one for one in self.malicious if one != robot]
            for _ in range(attack.ring_jobs):
                self.attempt(robot, friends[lies.randrange(len(friends))], True)
            for _ in range(attack.poison):
                victim = self.honest[lies.randrange(len(self.honest))]
                self.attempt(robot, victim, False, poisoned=True)
            for _ in range(attack.forged):
                self._forge(robot, friends[lies.randrange(len(friends))])

    def _forge(self, robot: str, friend: str) -> None:
        """Praise for work that never was, from itself, from a friend, and in another's name."""
        for requester, sender in ((robot, robot), (friend, friend), (self.honest[0], robot)):
            self.policy.hear_rating(Rating(requester if requester == sender else sender, robot,
                                           True))
            job = f'forged{self._lies.getrandbits(40)}'
            for role, issuer in ((Role.EXECUTOR, robot), (Role.REQUESTER, requester)):
                self.policy.hear_receipt(Receipt(
                    job, 1, self.index, role, issuer, robot, requester, Verdict.GOOD,
                    self._lies.getrandbits(64)), sender)

    # ---- audits

    def _play_audits(self) -> None:
        for _ in range(4):
            requests = self.policy.audits_due(self.robots)
            if not requests:
                return
            for request in requests:
                self._tally.audits += 1
                self._look_again(request)

    def _look_again(self, request: AuditRequest) -> None:
        good, executor, requester, index = self._truth[(request.job_id, request.attempt)]
        says = good != (self._lies.random() < self.market.audit_error)
        if self.attack.false_audits and request.auditor in self.malicious:
            if executor in self.malicious or requester in self.malicious:
                says = executor in self.malicious
            else:
                says = False
        self.policy.hear_receipt(Receipt(
            request.job_id, request.attempt, index, Role.AUDITOR, request.auditor, executor,
            requester, Verdict.GOOD if says else Verdict.BAD, self._lies.getrandbits(64)),
            request.auditor)

    # ---- measuring

    def _measure(self, number: int) -> None:
        if number % 5:
            return
        honest = [self.policy.score(robot) for robot in self.honest]
        malicious = [self.policy.score(robot) for robot in self.malicious]
        tally = self._tally
        tally.aucs.append(auc(honest, malicious))
        tally.honest.append(sum(honest) / len(honest))
        tally.victim.append(honest[0])
        tally.malicious.append(sum(malicious) / len(malicious))

    def course(self) -> Course:
        tally = self._tally
        return Course(
            tally.to_malicious / max(1, tally.jobs), _mean(tally.aucs), _mean(tally.honest),
            _mean(tally.victim), _mean(tally.malicious), tally.jobs, tally.audits)


def auc(good: list[float], bad: list[float]) -> float:
    """Chance that a random good robot has a higher score than a random bad one."""
    wins = sum((one > other) + 0.5 * (one == other) for one in good for other in bad)
    return wins / (len(good) * len(bad))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def jobs_until_known(
    market: Market, attack: Attack, policy: Policy, seed: int, works_well: float,
    score: float = 0.75, warm_rounds: int = 60, jobs_max: int = 400,
) -> int | None:
    """Jobs that an honest newcomer must do until its score reaches `score`; None = never.

    It joins a swarm that knows itself, and gets two jobs a round from random robots.
    """
    world = World(market, attack, policy, seed)
    for number in range(warm_rounds):
        world.play_round(number)
    luck = random.Random(seed + 77)
    for job in range(jobs_max):
        requester = world.robots[luck.randrange(len(world.robots))]
        world.attempt(requester, 'newcomer', luck.random() < works_well)
        if policy.score('newcomer') >= score:
            return job + 1
        if job % 2:
            world.play_round(warm_rounds + job // 2)
    return None
