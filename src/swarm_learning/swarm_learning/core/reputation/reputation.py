# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what this robot believes of the quality of others' work, and why; refuses to know messages,
clocks, and whether a robot can be reached (that is suspicion).

Every learner keeps the whole table from the same outcomes and receipts, so that a new leader has
it at once; only the leader's is published, and only the leader asks for audits. Time is the log's:
Unix ns of its entries or of now, and never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..observation import Ending
from . import document as kept
from .audits import AUDITORS, Audit, AuditRequest, Finding, Lots, choose
from .config import ReputationConfig
from .document import Document
from .evidence import Evidence, fade
from .ledger import Entry, Ledger
from .opinions import NS_PER_S, Opinions
from .receipts import Attempt, Receipt, Role, Verdict
from .rounds import Rounds
from .sampling import Sampling
from .score import Judgement, contradicts_log, judge, quality
from .standing import Known, Standing
from .steals import Steals
from .work import TaskBook

SCHEMA = 2
ROBOTS_MAX = 256
NS_PER_DAY = 86_400 * NS_PER_S
AGE_STEP = 1e-3         # of beliefs: a thousandth of the memory
GAIN_MIN = 0.05         # of a run time; less is the jitter of stamps (chosen without data)
REQUESTS_MAX = 64       # audits asked for at once
ASKED_MAX = 16          # auditors of one attempt that are heard of


class Reputation:
    """Feed it with hear_*, ask it for table, score, quality and audits_due.

    secret: at least 16 random bytes of this robot, drawn anew at each start; in no document.
    """

    def __init__(self, config: ReputationConfig, secret: bytes) -> None:
        self._config = config
        self._lots = Lots(secret)
        self._ledger = Ledger()
        self._tasks = TaskBook()
        self._steals = Steals()
        self._rounds = Rounds()
        self._sampling = Sampling()
        self._opinions = Opinions(config)
        self._newest_ns: int | None = None
        self._days_age = 0.0
        self._frozen = False
        self.outcomes = 0       # attempts that were judged

    # ---- what it hears

    def hear_outcome(self, attempt: Attempt) -> None:
        """The log's word on an attempt that ended; in the order of the log."""
        self._advance(attempt.stamp_ns)
        if self._frozen or self._now_ns is None:
            return
        takes = self._sampling.takes(attempt)
        if attempt.ending is Ending.STOLEN:
            self._hear_stolen(attempt)
            return
        self._steals.hear(attempt)
        if not takes:
            self._steals.close(attempt.job_id)
            return
        entry = self._ledger.hear_attempt(attempt, self._now_ns)
        if entry is None:
            return
        self._judge_overdue()
        for robot in (attempt.requester, attempt.executor):
            self._meet(robot)
        if attempt.own_work or not (attempt.good or attempt.bad):
            self._judge(entry)      # nobody's word could change that it counts nothing
        else:
            self._judge_if_complete(entry)
        self._judge_waiting_for(attempt.executor)

    def hear_receipt(self, receipt: Receipt, sender: str) -> None:
        """What one party says. sender: who the message came from."""
        if self._frozen or self._now_ns is None:
            return
        if receipt.role is Role.AUDITOR:
            entry = self._ledger.hear_word(receipt, sender)
            if entry is not None:
                self._conclude(entry)
            return
        entry = self._ledger.hear_half(receipt, sender, self._now_ns)
        if entry is not None and entry.attempt is not None:
            self._judge_if_complete(entry)

    def lacks(self, half: Receipt) -> bool:
        """Whether a party's word that another robot passes on is news."""
        return self._ledger.lacks(half)

    def distrust_kept(self) -> None:
        """Words that were kept count only when they are proven again (prove)."""
        self._ledger.distrust_kept()

    def prove(self, fits: Callable[[Receipt], bool | None], most: int) -> None:
        """Check at most so many of them; fits: None = it cannot be told yet."""
        for entry in self._ledger.prove(fits, most):
            if entry.attempt is not None and entry.attempt.key in self._ledger.pending:
                self._judge_if_complete(entry)

    def hear_audits(self, requests: Sequence[AuditRequest]) -> None:
        """The leader has asked for these; where another robot leads. One that is not judged here
        yet is remembered until it is."""
        for request in requests[:REQUESTS_MAX]:
            entry = self._ledger.known((request.job_id, request.attempt))
            if entry is None or self._frozen:
                continue
            asked = entry.asked if entry.audit is None else entry.audit.asked
            if request.auditor not in asked and len(asked) < ASKED_MAX:
                asked.append(request.auditor)
            if entry.attempt is not None and entry.attempt.key in self._ledger.looked_at:
                _open_audit(entry)

    def attempt(self, job_id: str, attempt: int) -> Attempt | None:
        """The log's word on an attempt that may still be looked at; None = it is not known."""
        entry = self._ledger.known((job_id, attempt))
        return None if entry is None else entry.attempt

    def tick(self, stamp_ns: int) -> None:
        """Time has gone by: judge those whose receipts did not come."""
        self._advance(stamp_ns)
        now_ns = self._now_ns
        if self._frozen or now_ns is None:
            return
        self._judge_overdue()
        self._ledger.forget_old(
            now_ns - round(self._config.settle_s * NS_PER_S),
            now_ns - round(self._config.audit_s * NS_PER_S))

    def freeze(self, frozen: bool) -> None:
        """Frozen: nothing is learned and nothing fades; everything is still used."""
        self._frozen = frozen

    def log_began_anew(self) -> None:
        """The swarm was recovered or made anew, and its log counts from the start again."""
        self._ledger.begin_anew()

    # ---- audits: asked for by the leader's

    def audits_due(
        self,
        present: Sequence[str],
        may_audit: Callable[[Attempt], bool] = lambda attempt: True,
    ) -> tuple[AuditRequest, ...]:
        """Whom to ask to look again at what; call at every tick where this robot leads.

        present: robots that can be asked. may_audit: whether anything can be seen of it at all.
        """
        if self._frozen:
            return ()
        requests: list[AuditRequest] = []
        for key, entry in self._ledger.looking():
            if len(requests) + AUDITORS > REQUESTS_MAX:
                break
            assert entry.attempt is not None
            if not entry.drawn:
                entry.drawn = True
                if entry.audit is None and self._drawn(entry) and may_audit(entry.attempt):
                    claimed = None if entry.contested else Verdict.GOOD
                    entry.audit = Audit(claimed, more=1 if claimed else AUDITORS)
            if entry.audit is not None:
                requests.extend(self._ask(key, entry, present))
            if entry.audit is None or not entry.audit.more:
                del self._ledger.to_look[key]
        return tuple(requests)

    def _drawn(self, entry: Entry) -> bool:
        """A contested attempt is looked at the likelier the more its requester is believed: who
        was found lying denies much, and need not be looked into each time. A robot of which little
        is known is looked at more often, so that both good and bad ones are known sooner."""
        assert entry.attempt is not None
        share = self._config.audit_share
        if self._opinions.receipts(entry.attempt.executor) < self._config.audit_receipts:
            share = max(share, self._config.audit_share_newcomer)
        if entry.contested:
            share += (1.0 - share) * self.credibility(entry.attempt.requester)
        return self._lots.draw('audit', *entry.attempt.key, entry.attempt.log_index) < share

    def _ask(
        self, key: tuple[str, int], entry: Entry, present: Sequence[str]
    ) -> list[AuditRequest]:
        audit, attempt = entry.audit, entry.attempt
        assert audit is not None and attempt is not None
        if not audit.more:
            return []
        parties = (attempt.executor, attempt.requester)
        able = {name: self._opinions.weight(name) for name in present
                if name not in parties}
        requests = []
        while audit.more:
            auditor = choose(self._lots, key, able, audit.asked)
            if auditor is None:
                break
            audit.asked.append(auditor)
            audit.more -= 1
            requests.append(AuditRequest(*key, auditor))
        return requests

    def _conclude(self, entry: Entry) -> None:
        """Once: what the auditors found changes evidence and credibility."""
        audit, attempt = entry.audit, entry.attempt
        assert audit is not None and attempt is not None
        finding = audit.finding()
        if finding is Finding.OPEN or entry.closed:
            return
        entry.closed = True
        good = finding is Finding.GOOD
        agreed = [name for name, right in audit.dissent(finding) if right]
        if entry.contested or not good:
            self._revise(entry, good, agreed)
        else:
            # A third robot has seen it: what the requester said counts twice. Not the auditor's
            # own, or friends that give one another easy work would be praised by honest robots.
            self._witness(attempt.executor, [attempt.requester], True)
        self._judge_words(entry, good)
        for name, right in audit.dissent(finding):
            self._evidence.judged(name, right, self.age)
        self._opinions.stale()

    def _revise(self, entry: Entry, good: bool, auditors: Sequence[str]) -> None:
        """The auditors found another end than the parties had made count."""
        attempt = entry.attempt
        assert attempt is not None
        if entry.given is not None:
            rater, gave, took, age = entry.given
            left = fade(age, self.age)
            self._evidence.add(rater, attempt.executor, -gave * left, -took * left, self.age)
        # A requester whose complaint was right has seen the failure itself.
        right = [attempt.requester] if entry.contested and not good else auditors
        self._witness(attempt.executor, right, good)

    def _witness(self, executor: str, witnesses: Sequence[str], good: bool) -> None:
        """One success or failure, seen by all of them."""
        for name in witnesses:
            share = 1.0 / len(witnesses)
            self._evidence.add(name, executor, share * good, share * (not good), self.age)

    def _judge_words(self, entry: Entry, good: bool) -> None:
        """Parties that spoke were right or wrong. A requester that had the outputs it was told of
        could not know that others would come of the work: what it said was true."""
        attempt, audit = entry.attempt, entry.audit
        assert attempt is not None and audit is not None
        if entry.half(Role.EXECUTOR) is not None or not good:
            self._evidence.judged(attempt.executor, good, self.age)
        verdict = entry.verdict(Role.REQUESTER)
        if verdict is None:
            return
        told = entry.digest(Role.REQUESTER)
        deceived = not good and verdict is Verdict.GOOD and bool(told) and bool(
            audit.digests() - {told})
        if not deceived:
            self._evidence.judged(attempt.requester, (verdict is Verdict.GOOD) is good, self.age)

    # ---- judging

    def _judge_overdue(self) -> None:
        assert self._now_ns is not None
        since_ns = self._now_ns - round(self._config.settle_s * NS_PER_S)
        for entry in self._ledger.overdue(since_ns):
            self._judge(entry)

    def _judge_if_complete(self, entry: Entry) -> None:
        attempt = entry.attempt
        assert attempt is not None
        if not entry.complete():
            return
        steal = self._steals.of(attempt)
        if steal is None or steal.freed_ns is not None or not attempt.good:
            self._judge(entry)

    def _judge_waiting_for(self, victim: str) -> None:
        """Its end shows what stealing from it was worth."""
        for job_id in self._steals.from_victim(victim):
            for entry in [one for key, one in self._ledger.pending.items() if key[0] == job_id]:
                self._judge_if_complete(entry)

    def _judge(self, entry: Entry) -> None:
        attempt = entry.attempt
        assert attempt is not None and self._now_ns is not None
        judgement = judge(entry, self._config)
        for role in (Role.EXECUTOR, Role.REQUESTER):
            self._ledger.counted['conflicting'] += contradicts_log(entry, role)
        self._ledger.counted['conflicting'] += judgement.contested
        if attempt.good or attempt.bad:
            self._tasks.note(attempt.task, attempt.executor, attempt.good, attempt.run_ms)
        good, bad = self._weighed(attempt, judgement)
        if good or bad:
            self._evidence.add(attempt.requester, attempt.executor, good, bad, self.age)
            entry.given = (attempt.requester, good, bad, self.age)
        entry.contested = judgement.contested
        looked_at = judgement.agreed or judgement.contested
        self._ledger.judged(entry, self._now_ns, looked_at)
        if looked_at and entry.asked:
            _open_audit(entry)
        self._steals.close(attempt.job_id)
        self.outcomes += 1
        self._opinions.reconsider(attempt.executor)
        if not attempt.own_work and (attempt.good or attempt.bad):
            self._count_round(attempt)

    def _weighed(self, attempt: Attempt, judgement: Judgement) -> tuple[float, float]:
        good, bad = judgement.good, judgement.bad
        if bad:
            bad *= self._tasks.blame(attempt.task, attempt.executor)
        steal = self._steals.of(attempt)
        if steal is None or not good:
            return good, bad
        gain = self._steals.gain(steal, attempt.stamp_ns)
        if gain is None:
            return 0.0, 0.0     # nobody knows whether it helped
        known = self._known.get(attempt.executor, Known(0))
        if gain < GAIN_MIN:
            known.steals_useless += 1
            return 0.0, self._config.useless_steal
        known.steals_helpful += 1
        novelty = self._steals.novelty(steal, self.age, self._config.kappa)
        return good * gain * novelty, 0.0

    def _hear_stolen(self, attempt: Attempt) -> None:
        """Being stolen from is load, not incompetence, unless it took longer than the victim
        itself usually takes."""
        if attempt.thief == attempt.victim or attempt.victim != attempt.executor:
            return
        typical_ms = self._tasks.typical_ms(attempt.task, attempt.victim)
        self._steals.begin(attempt, typical_ms)
        overlong = self._tasks.overlong(attempt.task, attempt.victim, attempt.run_ms)
        if overlong and not attempt.own_work:
            self._evidence.add(
                attempt.requester, attempt.victim, 0.0, self._config.stall, self.age)
            self._opinions.reconsider(attempt.victim)

    @property
    def _evidence(self) -> Evidence:
        return self._opinions.evidence

    @property
    def _known(self) -> dict[str, Known]:
        return self._opinions.known

    # ---- ageing

    @property
    def _now_ns(self) -> int | None:
        return self._newest_ns

    @property
    def age(self) -> float:
        """How far everything has aged: rounds and days together."""
        return self._rounds.number / self._config.rounds_memory + self._days_age

    def _advance(self, stamp_ns: int) -> None:
        if self._newest_ns is None:
            self._newest_ns = stamp_ns
            return
        passed_ns = stamp_ns - self._newest_ns
        if passed_ns <= 0:
            return
        self._newest_ns = stamp_ns
        if self._frozen:
            return
        self._days_age += passed_ns / (self._config.days_memory * NS_PER_DAY)
        if self.age - self._opinions.age > AGE_STEP:
            self._opinions.grow_old(self.age)

    def _count_round(self, attempt: Attempt) -> None:
        if not self._rounds.count(attempt.requester, attempt.executor):
            return
        self._opinions.end_round(self.age)
        self._evidence.shrink(self._opinions.weight, self.age)

    def _meet(self, robot: str) -> None:
        if robot in self._known:
            return
        assert self._now_ns is not None
        self._known[robot] = Known(self._now_ns)
        if len(self._known) > ROBOTS_MAX:
            self._forget_some(robot)

    def _forget_some(self, newest: str) -> None:
        """Of whom the fewest receipts speak; some at once, because it is slow; never the one that
        has just come."""
        count = {robot: self._opinions.receipts(robot) for robot in self._known if robot != newest}
        least = sorted(count, key=lambda one: (count[one], one))[:ROBOTS_MAX // 16]
        for robot in least:
            self._opinions.forget(robot)
        gone = frozenset(least)
        self._evidence.forget(gone)
        self._tasks.forget(gone)
        self._steals.forget(gone)
        self._opinions.stale()

    # ---- what it believes

    def last_score(self, robot_id: str) -> float:
        """At the end of the last round; that is what its own word is weighed by."""
        return self._opinions.last_score(robot_id)

    def score(self, robot_id: str) -> float:
        """Lower bound in [0, 1]; of an unknown robot 0.21."""
        return self._opinions.score(robot_id)

    def credibility(self, robot_id: str) -> float:
        return self._opinions.credibility(robot_id)

    def quality(self, robot_id: str, fair: bool = False) -> float:
        """Factor in [0.5, 1] on the success of the robot's routes. fair: this job is one of those
        for which reputation does not count."""
        return 1.0 if fair else quality(self.score(robot_id))

    def fair_turn(self, *what: object) -> bool:
        """Whether for this job (or this advice) all robots count alike: a few of them, unknown
        beforehand. Newcomers get their start so, and robots that have healed show it. All count
        alike, so that a new name is worth no more than a bad one."""
        return self._lots.draw('fair', *what) < self._config.fair_share

    def may_lead(self, robot_id: str) -> bool:
        return not self._opinions.leader_lacks(robot_id, self._now_ns)

    def robots(self) -> tuple[str, ...]:
        return tuple(sorted(self._known))

    def counted(self) -> dict[str, int]:
        """What was dropped or had no effect, by why."""
        return {what: count for what, count in sorted(self._ledger.counted.items()) if count}

    def standing(self, robot_id: str) -> Standing:
        return self._opinions.standing(robot_id, self._now_ns)

    def table(self) -> tuple[Standing, ...]:
        return tuple(self.standing(robot) for robot in self.robots())

    def explain(self, robot_id: str) -> tuple[str, ...]:
        """For people."""
        return self._opinions.explain(robot_id, self._now_ns, self._rounds.number)

    def check_invariants(self) -> None:
        self._ledger.check_invariants()
        self._evidence.check_invariants()
        assert len(self._known) <= ROBOTS_MAX
        for robot in self._known:
            assert 0.0 <= self.score(robot) <= 1.0

    # ---- kept

    def document(self) -> Document:
        """Everything but the secret and the configuration; plain JSON, decimals exact."""
        return {
            'schema': SCHEMA,
            'frozen': self._frozen,
            'newest_ns': self._newest_ns,
            'days_age': self._days_age,
            'belief_age': self._opinions.age,
            'outcomes': self.outcomes,
            'known': [[robot, one.first_ns, one.steals_helpful, one.steals_useless]
                      for robot, one in self._known.items()],
            'last_round': [[robot, score] for robot, score in self._opinions.last_round.items()],
            'rounds': self._rounds.document(),
            'sampling': [self._sampling.span, self._sampling.count, self._sampling.share],
            'ledger': self._ledger.document(),
            'evidence': self._evidence.document(),
            'tasks': self._tasks.document(),
            'steals': self._steals.document(),
        }

    @classmethod
    def from_document(
        cls, document: Mapping[str, object], config: ReputationConfig, secret: bytes
    ) -> Reputation:
        """Goes on as if it had never stopped. Raises ValueError that says what was expected."""
        if document.get('schema') != SCHEMA:
            raise ValueError(f'schema: expected {SCHEMA}, found {document.get("schema")!r}')
        made = cls(config, secret)
        newest = document.get('newest_ns')
        made._newest_ns = None if newest is None else kept.whole(newest, 'newest_ns', -2**63)
        made._frozen = kept.flag(document.get('frozen'), 'frozen')
        made._days_age = kept.number(document.get('days_age'), 'days_age')
        made._opinions.age = kept.number(document.get('belief_age'), 'belief_age')
        made.outcomes = kept.whole(document.get('outcomes'), 'outcomes')
        for row in kept.rows(document, 'known', 4, ROBOTS_MAX):
            first, helpful, useless = (kept.whole(value, 'known', -2**63) for value in row[1:])
            made._known[kept.text(row[0], 'robot')] = Known(first, helpful, useless)
        for row in kept.rows(document, 'last_round', 2, ROBOTS_MAX):
            made._opinions.last_round[kept.text(row[0], 'robot')] = kept.number(
                row[1], 'score', 0.0, 1.0)
        made._restore_parts(document)
        made.check_invariants()
        return made

    def _restore_parts(self, document: Mapping[str, object]) -> None:
        sampling = document.get('sampling')
        if not isinstance(sampling, list) or len(sampling) != 3:
            raise ValueError('sampling: expected span, count and share')
        self._sampling = Sampling(
            kept.whole(sampling[0], 'span', -2**63), kept.whole(sampling[1], 'count'),
            kept.number(sampling[2], 'share', 0.0, 1.0))
        self._rounds = Rounds.from_document(kept.part(document, 'rounds'))
        self._ledger = Ledger.from_document(kept.part(document, 'ledger'))
        self._opinions.evidence = Evidence.from_document(kept.part(document, 'evidence'))
        self._tasks = TaskBook.from_document(kept.part(document, 'tasks'))
        self._steals = Steals.from_document(kept.part(document, 'steals'))


def _open_audit(entry: Entry) -> None:
    """Others have been asked to look again at what was judged here."""
    if entry.audit is None:
        entry.audit = Audit(None if entry.contested else Verdict.GOOD, entry.asked)
        entry.asked = []
