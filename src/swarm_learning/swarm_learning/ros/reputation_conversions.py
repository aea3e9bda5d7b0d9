# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the translation between messages and reputation's types; decides nothing.

What a message says that is outside its documented range raises ValueError here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from builtin_interfaces.msg import Time
from swarm_msgs.msg import Audit, JobOutcome, JobStatus, Receipts, RobotReputation
from swarm_msgs.msg import Receipt as ReceiptMsg
from swarm_msgs.msg import Reputation as ReputationMsg

from ..core.reputation.audits import AuditRequest
from ..core.reputation.receipts import SIGNATURE_BYTES, Attempt, Receipt, Role, Verdict
from ..core.reputation.reputation import ROBOTS_MAX
from ..core.reputation.standing import Standing
from ..core.reputation.witness import Delivery, Work
from .conversions import ENDING_BY_NUMBER, envelope_of

RECEIPTS_MAX = 64       # of one message, as swarm_msgs/msg/Receipts says
AUDITS_MAX = 64
UINT32_MAX = 2**32 - 1
REPEATABLE = frozenset({'exec', 'python', 'encode'})    # the others take in the world as it is now

ROLE_BY_NUMBER: dict[int, Role] = {
    ReceiptMsg.ROLE_EXECUTOR: Role.EXECUTOR,
    ReceiptMsg.ROLE_REQUESTER: Role.REQUESTER,
    ReceiptMsg.ROLE_AUDITOR: Role.AUDITOR,
}
NUMBER_BY_ROLE = {role: number for number, role in ROLE_BY_NUMBER.items()}
VERDICT_BY_NUMBER: dict[int, Verdict] = {
    ReceiptMsg.VERDICT_GOOD: Verdict.GOOD,
    ReceiptMsg.VERDICT_BAD: Verdict.BAD,
    ReceiptMsg.VERDICT_NO_FAULT: Verdict.NO_FAULT,
}
NUMBER_BY_VERDICT = {verdict: number for number, verdict in VERDICT_BY_NUMBER.items()}


def attempt_from_msg(msg: JobOutcome) -> Attempt | None:
    """The log's word; None: an outcome that this version does not know."""
    ending = ENDING_BY_NUMBER.get(msg.outcome)
    if ending is None:
        return None
    return Attempt(
        log_index=msg.log_index, stamp_ns=msg.stamp_ns, job_id=msg.job_id, attempt=msg.attempt,
        task=f'{msg.kind}:{msg.program}' if msg.program else msg.kind, executor=msg.robot_id,
        requester=msg.origin, ending=ending, run_ms=msg.run_ms, queue_ms=msg.queue_ms,
        thief=msg.thief, victim=msg.victim, bytes_out=msg.bytes_out)


def receipt_to_msg(receipt: Receipt) -> ReceiptMsg:
    return ReceiptMsg(
        job_id=receipt.job_id, attempt=receipt.attempt, log_index=receipt.log_index,
        role=NUMBER_BY_ROLE[receipt.role], issuer=receipt.issuer, executor=receipt.executor,
        requester=receipt.requester, task=receipt.task,
        verdict=NUMBER_BY_VERDICT[receipt.verdict], promised_ms=receipt.promised_ms,
        run_ms=receipt.run_ms, thief=receipt.thief, victim=receipt.victim,
        outputs_sha256=receipt.outputs_sha256, nonce=receipt.nonce,
        signature=list(receipt.signature), asker=receipt.asker,
        counter_nonce=receipt.counter_nonce, countersignature=list(receipt.countersignature))


def receipt_from_msg(msg: ReceiptMsg) -> Receipt:
    """Raises ValueError for a role or a verdict that there is not."""
    role, verdict = ROLE_BY_NUMBER.get(msg.role), VERDICT_BY_NUMBER.get(msg.verdict)
    if role is None or verdict is None:
        raise ValueError(f'receipt: expected role 0 to {len(ROLE_BY_NUMBER) - 1} and verdict 0 '
                         f'to {len(VERDICT_BY_NUMBER) - 1}, got {msg.role} and {msg.verdict}')
    return Receipt(
        job_id=msg.job_id, attempt=msg.attempt, log_index=msg.log_index, role=role,
        issuer=msg.issuer, executor=msg.executor, requester=msg.requester, task=msg.task,
        verdict=verdict, promised_ms=msg.promised_ms, run_ms=msg.run_ms, thief=msg.thief,
        victim=msg.victim, outputs_sha256=msg.outputs_sha256, nonce=msg.nonce,
        signature=_signature(msg.signature), asker=msg.asker, counter_nonce=msg.counter_nonce,
        countersignature=_signature(msg.countersignature))


def _signature(given: Sequence[int]) -> bytes:
    """Raises ValueError for what is longer than any."""
    if len(given) > SIGNATURE_BYTES:
        raise ValueError(f'receipt: expected a signature of {SIGNATURE_BYTES} bytes or none, '
                         f'got {len(given)}')
    return bytes(given)


def receipts_to_msg(receipts: Sequence[Receipt], swarm_id: str, sender: str) -> Receipts:
    """At most 64 of them."""
    if len(receipts) > RECEIPTS_MAX:
        raise ValueError(f'expected at most {RECEIPTS_MAX} receipts, got {len(receipts)}')
    return Receipts(envelope=envelope_of(swarm_id, sender),
                    receipts=[receipt_to_msg(one) for one in receipts])


def receipts_from_msg(msg: Receipts) -> tuple[str, list[ReceiptMsg]]:
    """Who sent them, and those that are read; convert each alone, one bad is no reason to lose
    the others."""
    return msg.envelope.sender, list(msg.receipts[:RECEIPTS_MAX])


def standing_to_msg(one: Standing) -> RobotReputation:
    return RobotReputation(
        robot_id=one.robot_id, mean=one.mean, lower_bound=one.lower_bound,
        successes=one.successes, failures=one.failures, credibility=one.credibility,
        receipts=min(round(one.receipts), UINT32_MAX), raters=one.raters,
        steals_helpful=min(one.steals_helpful, UINT32_MAX),
        steals_useless=min(one.steals_useless, UINT32_MAX), newcomer=one.newcomer,
        may_lead=one.may_lead, reason=one.reason)


def standing_from_msg(msg: RobotReputation) -> Standing:
    return Standing(
        robot_id=msg.robot_id, mean=msg.mean, lower_bound=msg.lower_bound,
        successes=msg.successes, failures=msg.failures, credibility=msg.credibility,
        receipts=float(msg.receipts), raters=msg.raters, steals_helpful=msg.steals_helpful,
        steals_useless=msg.steals_useless, newcomer=msg.newcomer, may_lead=msg.may_lead,
        reason=msg.reason)


def reputation_to_msg(
    table: Sequence[Standing], swarm_id: str, sender: str, term: int, log_index: int,
    stamp: Time, audits: Sequence[AuditRequest] = (),
) -> ReputationMsg:
    """What the leader's learner publishes; goes into Advice.reputations, too (robots)."""
    return ReputationMsg(
        envelope=envelope_of(swarm_id, sender), stamp=stamp, term=term, log_index=log_index,
        robots=[standing_to_msg(one) for one in table[:ROBOTS_MAX]],
        audits=[Audit(job_id=one.job_id, attempt=one.attempt, auditor=one.auditor,
                      nonce=one.nonce, signature=list(one.signature))
                for one in audits[:AUDITS_MAX]])


def table_from_msg(msg: ReputationMsg) -> tuple[Standing, ...]:
    return tuple(standing_from_msg(one) for one in msg.robots[:ROBOTS_MAX])


def audits_from_msg(msg: ReputationMsg) -> tuple[AuditRequest, ...]:
    """What the leader asks others to look at again."""
    asker = msg.envelope.sender
    return tuple(
        AuditRequest(one.job_id, one.attempt, one.auditor, asker, one.nonce, bytes(one.signature))
        for one in msg.audits[:AUDITS_MAX] if len(one.signature) <= SIGNATURE_BYTES)


def delivery_from_msg(job: JobStatus, robot_id: str) -> Delivery | None:
    """Of a job that this robot asked for and that is done; None: any other."""
    if job.origin != robot_id or job.phase != JobStatus.PHASE_DONE:
        return None
    # With a reason the log says why they could not be delivered.
    return Delivery(job.job_id, job.attempt, bool(job.outputs_delivered) and not job.reason,
                    outputs_digest(job.outputs))


def outputs_digest(outputs: Sequence[Any]) -> str:
    """SHA-256 over names and digests of outputs, by name; '' = there are none."""
    if not outputs:
        return ''
    total = hashlib.sha256()
    for ref in sorted(outputs, key=lambda one: one.name):
        total.update(len(ref.name.encode()).to_bytes(4, 'big') + ref.name.encode())
        total.update(bytes(bytearray(ref.sha256)))
    return total.hexdigest()


def work_from_msg(job: JobStatus) -> Work:
    repeatable = job.spec.effects == job.spec.EFFECTS_NONE and job.spec.kind in REPEATABLE
    return Work(repeatable, job.run_ms, tuple(ref.size_bytes for ref in job.outputs),
                tuple(ref.size_bytes for ref in job.spec.inputs))
