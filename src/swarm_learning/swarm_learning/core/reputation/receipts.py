# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what can be said of one attempt at a job, by its parties and by the log, and whether such
a word is well-formed; refuses to judge anybody by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ..observation import Ending, Outcome

NAME_CHARS_MAX = 256    # of a robot, job or task; longer ones are nobody's
ATTEMPT_MAX = 255       # as the message has it
NONCE_MAX = 2**64 - 1
UINT32_MAX = 2**32 - 1
SIGNATURE_BYTES = 64    # Ed25519


class Role(Enum):
    """Who speaks."""

    EXECUTOR = 'executor'
    REQUESTER = 'requester'
    AUDITOR = 'auditor'


class Verdict(Enum):
    """What is said of the work. NO_FAULT: it ended for a reason that is nobody's."""

    GOOD = 'good'
    BAD = 'bad'
    NO_FAULT = 'no fault'


@dataclass(frozen=True)
class Attempt:
    """How the log says that an attempt ended; the word of no single robot.

    executor, requester   robot that ran it, robot that the job came from
    run_ms, queue_ms      run time; from submission or re-issue to the grant
    thief, victim         of an attempt that was stolen; else ''
    bytes_out             of its outputs
    """

    log_index: int
    stamp_ns: int
    job_id: str
    attempt: int
    task: str
    executor: str
    requester: str
    ending: Ending
    run_ms: int = 0
    queue_ms: int = 0
    thief: str = ''
    victim: str = ''
    bytes_out: int = 0

    def __post_init__(self) -> None:
        names = (self.job_id, self.executor, self.requester)
        if not all(0 < len(name) <= NAME_CHARS_MAX for name in names):
            raise ValueError('attempt: expected names of job, executor and requester of 1 to '
                             f'{NAME_CHARS_MAX} characters, got {names!r}'[:600])
        if any(len(name) > NAME_CHARS_MAX for name in (self.task, self.thief, self.victim)):
            raise ValueError(f'attempt: expected names of at most {NAME_CHARS_MAX} characters')
        if not 0 <= self.attempt <= ATTEMPT_MAX:
            raise ValueError(f'attempt: expected 0 to {ATTEMPT_MAX}, got {self.attempt}')
        if min(self.log_index, self.run_ms, self.queue_ms, self.bytes_out) < 0:
            raise ValueError('attempt: expected log_index, run_ms, queue_ms and bytes_out of at '
                             'least 0')

    @property
    def key(self) -> tuple[str, int]:
        return (self.job_id, self.attempt)

    @property
    def good(self) -> bool:
        return self.ending is Ending.DONE

    @property
    def bad(self) -> bool:
        """It failed where it ran. A lost robot, a stop and a cancelled job are nobody's fault."""
        return self.ending in (Ending.FAILED, Ending.TIMED_OUT)

    @property
    def own_work(self) -> bool:
        """A robot ran its own job: nobody else can confirm it."""
        return self.executor == self.requester


def attempt_of(outcome: Outcome) -> Attempt | None:
    """The log's word, as the learner hears it; None: it ended in a way that is not known here."""
    if outcome.ending is None:
        return None
    return Attempt(
        log_index=outcome.log_index, stamp_ns=outcome.stamp_ns, job_id=outcome.job_id,
        attempt=outcome.attempt,
        task=f'{outcome.kind}:{outcome.program}' if outcome.program else outcome.kind,
        executor=outcome.robot_id, requester=outcome.origin, ending=outcome.ending,
        run_ms=outcome.run_ms, queue_ms=outcome.queue_ms, thief=outcome.thief,
        victim=outcome.victim, bytes_out=outcome.bytes_out)


@dataclass(frozen=True)
class Receipt:
    """What one party says of one attempt. Fields as in swarm_msgs/msg/Receipt.

    signature           of the issuer; b'' = none
    asker               of an auditor's word: the robot that asked for it
    counter_nonce, countersignature
                        of the other party's own receipt of the same, or of the asker's request
    """

    job_id: str
    attempt: int
    log_index: int
    role: Role
    issuer: str
    executor: str
    requester: str
    verdict: Verdict
    nonce: int
    task: str = ''
    promised_ms: int = 0
    run_ms: int = 0
    thief: str = ''
    victim: str = ''
    outputs_sha256: str = ''
    signature: bytes = b''
    asker: str = ''
    counter_nonce: int = 0
    countersignature: bytes = b''

    @property
    def key(self) -> tuple[str, int]:
        return (self.job_id, self.attempt)


def half_of(receipt: Receipt) -> Receipt:
    """What the issuer itself says: without the other party's signature and what goes with it."""
    digest = '' if receipt.role is Role.EXECUTOR else receipt.outputs_sha256
    return replace(receipt, outputs_sha256=digest, counter_nonce=0, countersignature=b'')


def other_half_of(receipt: Receipt) -> Receipt | None:
    """The other party's own receipt, whose signature this one carries; None = it carries none."""
    if not receipt.countersignature or receipt.role is Role.AUDITOR:
        return None
    role = Role.REQUESTER if receipt.role is Role.EXECUTOR else Role.EXECUTOR
    issuer = receipt.executor if role is Role.EXECUTOR else receipt.requester
    return half_of(replace(
        receipt, role=role, issuer=issuer, nonce=receipt.counter_nonce,
        signature=receipt.countersignature))


def confirmed(mine: Receipt, theirs: Receipt) -> Receipt:
    """My receipt with the other party's signature, where both say the same; else as it was."""
    whole = replace(
        mine, promised_ms=theirs.promised_ms if mine.role is Role.REQUESTER else mine.promised_ms,
        outputs_sha256=mine.outputs_sha256 or theirs.outputs_sha256,
        counter_nonce=theirs.nonce, countersignature=theirs.signature)
    return whole if theirs.signature and other_half_of(whole) == half_of(theirs) else mine


def malformed(receipt: Receipt) -> str:
    """What is wrong with it on its own; '' = nothing."""
    names = (receipt.job_id, receipt.issuer, receipt.executor, receipt.requester)
    if not all(0 < len(name) <= NAME_CHARS_MAX for name in names):
        return f'names of 1 to {NAME_CHARS_MAX} characters are expected'
    if max(len(receipt.task), len(receipt.thief), len(receipt.victim)) > NAME_CHARS_MAX:
        return f'names of at most {NAME_CHARS_MAX} characters are expected'
    if not 0 <= receipt.attempt <= ATTEMPT_MAX or receipt.log_index < 0:
        return f'an attempt of 0 to {ATTEMPT_MAX} and a log index of at least 0 are expected'
    if not 0 <= receipt.nonce <= NONCE_MAX:
        return 'a nonce of 64 bits is expected'
    if not all(0 <= value <= UINT32_MAX for value in (receipt.promised_ms, receipt.run_ms)):
        return 'times of 32 bits are expected'
    digest = receipt.outputs_sha256
    if digest and (len(digest) != 64 or not all(c in '0123456789abcdef' for c in digest)):
        return 'a digest of 64 hexadecimal digits is expected'
    return _signatures_problem(receipt)


def _signatures_problem(receipt: Receipt) -> str:
    sizes = {len(receipt.signature), len(receipt.countersignature)}
    if not sizes <= {0, SIGNATURE_BYTES}:
        return f'signatures of {SIGNATURE_BYTES} bytes are expected'
    if not 0 <= receipt.counter_nonce <= NONCE_MAX or len(receipt.asker) > NAME_CHARS_MAX:
        return 'a nonce of 64 bits and a name of the asker are expected'
    if receipt.counter_nonce and not receipt.countersignature:
        return 'a nonce of the other receipt goes with its signature only'
    if receipt.asker and receipt.role is not Role.AUDITOR:
        return 'only an auditor is asked'
    return ''


def role_problem(receipt: Receipt) -> str:
    """Whether the issuer may speak in this role; '' = it may."""
    if receipt.executor == receipt.requester:
        return 'self_signed'
    if receipt.role is Role.EXECUTOR:
        return '' if receipt.issuer == receipt.executor else 'forged'
    if receipt.role is Role.REQUESTER:
        return '' if receipt.issuer == receipt.requester else 'forged'
    return 'forged' if receipt.issuer in (receipt.executor, receipt.requester) else ''


def fits(receipt: Receipt, attempt: Attempt) -> bool:
    """Whether it speaks of what the log has."""
    said = (receipt.log_index, receipt.executor, receipt.requester)
    return said == (attempt.log_index, attempt.executor, attempt.requester)
