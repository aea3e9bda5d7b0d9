# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the messages of receipts and reputation: nothing is lost on the way."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy')

from builtin_interfaces.msg import Time  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from receipt_samples import BAD, GOOD, attempt, half  # noqa: E402
from swarm_msgs.msg import (  # noqa: E402
    ExecWork,
    FileRef,
    JobOutcome,
    JobSpec,
    JobStatus,
    Receipt,
    Receipts,
    Reputation,
)

from swarm_learning.core.observation import Ending  # noqa: E402
from swarm_learning.core.reputation.auditor import AUDIT_NS  # noqa: E402
from swarm_learning.core.reputation.audits import AuditRequest  # noqa: E402
from swarm_learning.core.reputation.receipts import Role  # noqa: E402
from swarm_learning.core.reputation.standing import Standing  # noqa: E402
from swarm_learning.core.reputation.witness import Delivery, Work  # noqa: E402
from swarm_learning.ros import reputation_conversions as to  # noqa: E402
from swarm_learning.ros.auditor import spec_again  # noqa: E402

# Shares that float32 holds exactly, so that a round trip must be exact.
STANDING = Standing('r1', 0.875, 0.75, 12.5, 0.25, 0.5, 13.0, 4, 5, 6, False, True, 'good work')


def wire(message: object, kind: type) -> object:
    return deserialize_message(serialize_message(message), kind)


@pytest.mark.parametrize('role', list(Role))
@pytest.mark.parametrize('verdict', [GOOD, BAD])
def test_a_receipt_survives_the_wire(role: Role, verdict: object) -> None:
    one = half(attempt(2**40), role, verdict, nonce=2**64 - 1, promised_ms=7,  # type: ignore
               thief='r8', victim='r9', outputs_sha256='ab' * 32, signature=bytes(64),
               counter_nonce=2**63, countersignature=bytes(range(64)), asker='r7')
    sender, receipts = to.receipts_from_msg(
        wire(to.receipts_to_msg([one], 'swarm', one.issuer), Receipts))  # type: ignore[arg-type]
    assert sender == one.issuer
    assert [to.receipt_from_msg(each) for each in receipts] == [one]


def test_more_receipts_than_a_message_holds_are_refused_and_not_read() -> None:
    many = [half(attempt(number), Role.EXECUTOR, GOOD) for number in range(1, 66)]
    with pytest.raises(ValueError, match='64'):
        to.receipts_to_msg(many, 'swarm', 'r1')
    message = Receipts(receipts=[to.receipt_to_msg(one) for one in many])
    assert len(to.receipts_from_msg(message)[1]) == 64


@pytest.mark.parametrize('wrong', [{'role': 3}, {'verdict': 9}])
def test_a_role_or_verdict_that_there_is_not_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match='expected role 0 to 2'):
        to.receipt_from_msg(Receipt(**wrong))


def test_a_table_with_its_audits_survives_the_wire() -> None:
    audits = (AuditRequest('j1', 2, 'r3', 'r1', 2**64 - 1, bytes(range(64))),)
    message = wire(to.reputation_to_msg(
        [STANDING], 'swarm', 'r1', 3, 4, Time(sec=5), audits), Reputation)
    assert to.table_from_msg(message) == (STANDING,)  # type: ignore[arg-type]
    assert to.audits_from_msg(message) == audits  # type: ignore[arg-type]
    said = message.envelope  # type: ignore[attr-defined]
    assert (said.swarm_id, said.sender, message.term,  # type: ignore[attr-defined]
            message.log_index) == ('swarm', 'r1', 3, 4)  # type: ignore[attr-defined]


def test_an_outcome_becomes_the_logs_word() -> None:
    message = JobOutcome(
        log_index=3, stamp_ns=4, job_id='j', attempt=1, kind='exec', program='xz', robot_id='r1',
        origin='r2', outcome=JobOutcome.OUTCOME_STOLEN, run_ms=5, queue_ms=6, thief='r3',
        victim='r1')
    one = to.attempt_from_msg(message)
    assert one is not None
    assert (one.task, one.executor, one.requester, one.ending, one.thief, one.victim) == (
        'exec:xz', 'r1', 'r2', Ending.STOLEN, 'r3', 'r1')
    message.outcome = 99
    assert to.attempt_from_msg(message) is None


def job(**changes: object) -> JobStatus:
    outputs = [FileRef(name=name, size_bytes=5, sha256=list(range(32))) for name in ('a', 'b')]
    values = {'job_id': 'j', 'attempt': 2, 'origin': 'r2', 'phase': JobStatus.PHASE_DONE,
              'outputs': outputs, 'outputs_delivered': True, 'run_ms': 9,
              'spec': JobSpec(kind='exec', effects=JobSpec.EFFECTS_NONE)}
    return JobStatus(**{**values, **changes})


def test_a_delivery_is_told_to_the_one_that_asked_for_the_job() -> None:
    digest = to.outputs_digest(job().outputs)
    assert to.delivery_from_msg(job(), 'r2') == Delivery('j', 2, True, digest)
    assert to.delivery_from_msg(job(), 'r1') is None
    assert to.delivery_from_msg(job(phase=JobStatus.PHASE_RUNNING), 'r2') is None
    failed = to.delivery_from_msg(job(reason='not delivered: no room'), 'r2')
    assert failed is not None and not failed.delivered


def test_only_what_depends_on_its_inputs_alone_can_be_repeated() -> None:
    assert to.work_from_msg(job()) == Work(True, 9, (5, 5))
    inputs = [FileRef(name='in', size_bytes=7)]
    for kind, repeatable in (('python', True), ('encode', True), ('record', False),
                             ('call', False), ('pipeline', False)):
        spec = JobSpec(kind=kind, effects=JobSpec.EFFECTS_NONE, inputs=inputs)
        assert to.work_from_msg(job(spec=spec)) == Work(repeatable, 9, (5, 5), (7,))
    twice = JobSpec(kind='exec', effects=JobSpec.EFFECTS_IDEMPOTENT)
    assert not to.work_from_msg(job(spec=twice)).repeatable


def test_a_second_run_is_bound_to_its_auditor_and_goes_nowhere() -> None:
    spec = JobSpec(kind='exec', exec=[ExecWork(argv=['xz'])], outputs=['a'], requires=['gpu'],
                   retries=3, priority=9, labels=['people'], compute_unit='gpu')
    again = spec_again(spec, 'r3')
    assert (list(again.requires), list(again.labels)) == (['gpu', 'robot:r3'], ['audit'])
    assert (again.effects, again.retries, again.attempts_max) == (JobSpec.EFFECTS_NONE, 0, 1)
    assert again.priority < 0 < again.timeout_ms < again.deadline_ms < AUDIT_NS // 10**6
    assert (again.kind, again.exec, list(again.outputs)) == ('exec', spec.exec, ['a'])
    assert again.compute_unit == 'gpu' and list(spec.requires) == ['gpu']



def test_a_digest_of_outputs_hangs_on_names_and_contents_and_not_on_their_order() -> None:
    refs = list(job().outputs)
    other = FileRef(name='b', size_bytes=5, sha256=[0] * 32)
    assert to.outputs_digest(refs) == to.outputs_digest(refs[::-1])
    assert len({to.outputs_digest(refs), to.outputs_digest([refs[0], other]),
                to.outputs_digest(refs[:1]), to.outputs_digest([])}) == 4
