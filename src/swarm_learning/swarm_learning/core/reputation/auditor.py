# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how this robot answers requests to look again: one at a time, the oldest first, each with a
deadline; refuses to know how files are fetched and jobs are run.

An audit that cannot be carried out ends with the word that says nothing of anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .audits import AuditRequest
from .receipts import Attempt, Receipt
from .witness import Work, auditor_says, how_to_audit

NS_PER_S = 1_000_000_000
QUEUE_MAX = 64          # requests that wait, as many as one message has; the newest goes unheard
ANSWERED_MAX = 1024     # attempts that were looked at, which are not looked at twice
UNKNOWN_NS = 30 * NS_PER_S  # in which the log's word on an attempt must come here
AUDIT_NS = 60 * NS_PER_S    # for one audit: a run of 5 s, its files, and a busy robot

Key = tuple[str, int]
Find = Callable[[Key], Attempt | None]


@dataclass(frozen=True)
class LookUp:
    """Ask the coordinator for the job; answer JobHere with the same number."""

    number: int
    key: Key
    executor: str


@dataclass(frozen=True)
class Look:
    """Fetch the outputs ('recheck') or run it again ('rerun'); answer Looked."""

    number: int
    key: Key
    how: str


AuditStep = LookUp | Look


@dataclass(frozen=True)
class JobHere:
    """What the log has of the job. work None: there is nothing that could be looked at."""

    number: int
    work: Work | None
    outputs_sha256: str = ''


@dataclass(frozen=True)
class Looked:
    """Digest over the outputs that were found or made; None: it could not be done, and why."""

    number: int
    found_sha256: str | None
    why: str = ''


AuditAnswer = JobHere | Looked


@dataclass
class _Audit:
    number: int
    attempt: Attempt
    until_ns: int
    request: AuditRequest | None
    logged_sha256: str = ''


class Auditor:
    """Feed it with ask, hear and tick; now_ns is monotonic. nonce: 64 random bits, from the edge.
    find: the log's word on an attempt, as far as it was heard here."""

    def __init__(
        self, robot_id: str, nonce: Callable[[], int], find: Find, reruns: bool = True
    ) -> None:
        if not robot_id:
            raise ValueError("robot_id: expected the name of this robot, got ''")
        self._robot_id = robot_id
        self._nonce = nonce
        self._find = find
        self._reruns = reruns
        self._queue: dict[Key, tuple[int, AuditRequest | None]] = {}    # when it was asked for
        self._answered: dict[Key, None] = {}
        self._now: _Audit | None = None
        self._to_send: list[Receipt] = []
        self._numbers = 0
        self.looked = 0     # audits that found something, good or bad
        self.gave_up = 0    # that could not be carried out

    @property
    def busy(self) -> bool:
        return self._now is not None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def ask(
        self, job_id: str, attempt: int, now_ns: int, request: AuditRequest | None = None
    ) -> None:
        """The leader's learner wants it. What was asked before, or is too much, is not heard.
        request: signed by who asks; it goes into the answer."""
        key = (job_id, attempt)
        known = key in self._queue or key in self._answered or (
            self._now is not None and self._now.attempt.key == key)
        if not known and len(self._queue) < QUEUE_MAX:
            self._queue[key] = now_ns, request

    def hear(self, answer: AuditAnswer) -> tuple[AuditStep, ...]:
        """What came of a step. An answer to one that was given up has no effect."""
        audit = self._now
        if audit is None or answer.number != audit.number:
            return ()
        if isinstance(answer, Looked):
            self._end(answer.found_sha256)
            return ()
        how = '' if answer.work is None else how_to_audit(answer.work, self._reruns)
        if not how:
            self._end(None)
            return ()
        audit.logged_sha256 = answer.outputs_sha256
        return (Look(audit.number, audit.attempt.key, how),)

    def tick(self, now_ns: int) -> tuple[AuditStep, ...]:
        """Give up what takes too long, and begin with the next."""
        if self._now is not None and now_ns >= self._now.until_ns:
            self._end(None)
        if self._now is not None:
            return ()
        for key, (asked_ns, request) in list(self._queue.items()):
            attempt = self._find(key)
            if attempt is None and now_ns - asked_ns < UNKNOWN_NS:
                continue
            del self._queue[key]
            if attempt is not None and self._may_judge(attempt):
                return (self._begin(attempt, request, now_ns),)
        return ()

    def said(self) -> tuple[Receipt, ...]:
        """Words to be sent now."""
        said, self._to_send = tuple(self._to_send), []
        return said

    def check_invariants(self) -> None:
        assert len(self._queue) <= QUEUE_MAX and len(self._answered) <= ANSWERED_MAX

    def _may_judge(self, attempt: Attempt) -> bool:
        """Nobody judges its own work. A robot's own jobs are not looked at, and what auditors run
        again are own jobs: no audit is audited."""
        parties = (attempt.executor, attempt.requester)
        return self._robot_id not in parties and not attempt.own_work and attempt.good

    def _begin(
        self, attempt: Attempt, request: AuditRequest | None, now_ns: int
    ) -> LookUp:
        self._numbers += 1
        self._now = _Audit(self._numbers, attempt, now_ns + AUDIT_NS, request)
        return LookUp(self._numbers, attempt.key, attempt.executor)

    def _end(self, found_sha256: str | None) -> None:
        audit, self._now = self._now, None
        assert audit is not None
        self.looked += found_sha256 is not None
        self.gave_up += found_sha256 is None
        self._answered[audit.attempt.key] = None
        if len(self._answered) > ANSWERED_MAX:
            del self._answered[next(iter(self._answered))]
        said = auditor_says(
            self._robot_id, audit.attempt, self._nonce(), found_sha256, audit.logged_sha256)
        if audit.request is not None and audit.request.signature:
            said = replace(
                said, asker=audit.request.asker, counter_nonce=audit.request.nonce,
                countersignature=audit.request.signature)
        self._to_send.append(said)
