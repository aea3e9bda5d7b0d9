# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the bytes that are signed of a receipt and of a request to look again: each value behind
its length, so that no two statements have the same bytes; refuses to know keys.

A receipt is signed without what another robot adds to it. So the signature of one party can go
into the receipt of the other, and whoever has that can check both.
"""

from __future__ import annotations

from .audits import AuditRequest
from .receipts import Receipt, Role

RECEIPT, REQUEST = 'swarm receipt 1', 'swarm audit request 1'


def bytes_of_receipt(swarm_id: str, half: Receipt) -> bytes:
    """Of what one party says (receipts.half_of)."""
    return _packed(
        RECEIPT, swarm_id, half.job_id, half.attempt, half.log_index, half.role.value, half.issuer,
        half.executor, half.requester, half.task, half.verdict.value, half.promised_ms,
        half.run_ms, half.thief, half.victim, half.outputs_sha256, half.nonce, half.asker)


def bytes_of_request(swarm_id: str, request: AuditRequest) -> bytes:
    return _packed(REQUEST, swarm_id, request.job_id, request.attempt, request.auditor,
                   request.asker, request.nonce)


def request_of(word: Receipt) -> AuditRequest:
    """The request that an auditor's word answers, as the word has it."""
    assert word.role is Role.AUDITOR
    return AuditRequest(word.job_id, word.attempt, word.issuer, word.asker, word.counter_nonce,
                        word.countersignature)


def _packed(*values: str | int) -> bytes:
    packed = []
    for value in values:
        said = str(value).encode('utf-8', 'surrogatepass')
        packed.append(len(said).to_bytes(4, 'big') + said)
    return b''.join(packed)
