# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Attempts and receipts that tests of reputation share: r1 works for r2."""

from __future__ import annotations

from dataclasses import replace

from swarm_learning.core.observation import Ending
from swarm_learning.core.reputation.receipts import Attempt, Receipt, Role, Verdict
from swarm_learning.core.reputation.reputation import Reputation

S = 1_000_000_000
GOOD, BAD, NO_FAULT = Verdict.GOOD, Verdict.BAD, Verdict.NO_FAULT


def attempt(number: int = 1, ending: Ending = Ending.DONE, **changes: object) -> Attempt:
    base = Attempt(number, 1000 * S + number, f'j{number}', 1, 'exec:xz', 'r1', 'r2', ending, 100)
    return replace(base, **changes)  # type: ignore[arg-type]


def half(one: Attempt, role: Role, verdict: Verdict, **changes: object) -> Receipt:
    issuer = {Role.EXECUTOR: one.executor, Role.REQUESTER: one.requester, Role.AUDITOR: 'r3'}[role]
    nonce = one.log_index * 10 + list(Role).index(role)
    base = Receipt(one.job_id, one.attempt, one.log_index, role, issuer, one.executor,
                   one.requester, verdict, nonce, one.task, run_ms=one.run_ms)
    return replace(base, **changes)  # type: ignore[arg-type]


def hear(reputation: Reputation, receipt: Receipt) -> None:
    """From who issued it."""
    reputation.hear_receipt(receipt, receipt.issuer)


def deal(reputation: Reputation, one: Attempt) -> None:
    """An attempt of which both parties say what the log says."""
    reputation.hear_outcome(one)
    verdict = GOOD if one.good else BAD
    hear(reputation, half(one, Role.EXECUTOR, verdict))
    hear(reputation, half(one, Role.REQUESTER, verdict))
