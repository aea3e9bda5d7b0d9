# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what one robot says of the attempts that it was a party to; refuses to know what is
believed of anybody.

It speaks as executor as soon as the log has the end of its attempt, and as requester when it has
what it asked for: at once where the job has no outputs or has failed, and after their delivery
where there are some. Outputs that never come leave it silent: that is no proof of bad work, since
a link may be down, and silence counts nothing for a success. An honest robot thus never calls
work bad that the log calls done, unless its user does (complain).

Where receipts are signed, what it says carries the other party's signature too, if that one has
said the same before; a requester waits a moment for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..observation import Ending
from .receipts import Attempt, Receipt, Role, Verdict, confirmed
from .sampling import Sampling

OPEN_MAX = 1024         # attempts whose outputs are waited for; the oldest goes unsaid
DELIVERED_MAX = 1024    # jobs whose delivery was heard before their end
SEND_MAX = 64           # receipts of one message, as swarm_msgs/msg/Receipts says
STOP_NS = 10_000_000_000    # what fails so soon after an emergency stop is nobody's fault
CONFIRM_NS = 3_000_000_000  # a requester waits for the executor's word, which is said at once
WAIT_NS = 100_000_000_000   # for outputs: a little less than receipts are waited for


@dataclass(frozen=True)
class Delivery:
    """What the log says of a job that is done: whether its outputs are at its origin.

    outputs_sha256: over the digests of its outputs, in the order of the log; '' = it has none
    """

    job_id: str
    attempt: int
    delivered: bool
    outputs_sha256: str = ''


@dataclass
class _Said:
    """Waits to be sent, at most until then (by the log's reckoning)."""

    receipt: Receipt
    until_ns: int | None = None


class Witness:
    """One for the learner of a robot. nonce: a source of 64 random bits, made at the edge.
    confirms: receipts are signed, and what both parties say carries the signatures of both."""

    def __init__(
        self, robot_id: str, nonce: Callable[[], int], confirms: bool = False
    ) -> None:
        if not robot_id:
            raise ValueError("robot_id: expected the name of this robot, got ''")
        self._robot_id = robot_id
        self._nonce = nonce
        self._confirms = confirms
        self._theirs: dict[tuple[str, int], Receipt] = {}
        self._sampling = Sampling()
        self._stopped_ns: int | None = None
        self._open: dict[tuple[str, int], Attempt] = {}
        self._delivered: dict[tuple[str, int], Delivery] = {}
        self._promised: dict[str, int] = {}
        self._seen: dict[tuple[str, int], None] = {}
        self._to_send: list[_Said] = []

    def hear_receipt(self, half: Receipt) -> None:
        """What is proven to be another robot's word; kept if it is the other party's."""
        other = half.requester if half.role is Role.EXECUTOR else half.executor
        if not self._confirms or half.role is Role.AUDITOR or other != self._robot_id:
            return
        self._theirs[half.key] = half
        if len(self._theirs) > OPEN_MAX:
            del self._theirs[next(iter(self._theirs))]

    def hear_stop(self, stamp_ns: int) -> None:
        """An emergency stop is, or was just, in force."""
        self._stopped_ns = stamp_ns

    def promised(self, job_id: str, run_ms: int) -> None:
        """What was predicted of a job here when it was granted; 0 = nothing."""
        self._promised[job_id] = max(0, min(run_ms, 2**32 - 1))
        if len(self._promised) > OPEN_MAX:
            del self._promised[next(iter(self._promised))]

    def hear_outcome(self, attempt: Attempt) -> None:
        """Every outcome of the log, in its order, also those of others."""
        takes = self._sampling.takes(attempt)
        mine = self._robot_id in (attempt.executor, attempt.requester)
        if not takes or not mine or attempt.own_work or attempt.key in self._seen:
            return
        self._seen[attempt.key] = None
        if len(self._seen) > 4 * OPEN_MAX:
            del self._seen[next(iter(self._seen))]
        if attempt.executor == self._robot_id:
            self._say_as_executor(attempt)
        elif attempt.good:
            self._await_outputs(attempt)
        elif attempt.bad:
            self._say(attempt, Role.REQUESTER, self._fault(attempt))

    def hear_delivery(self, delivery: Delivery) -> None:
        """The log's word on a job of this robot that is done."""
        key = (delivery.job_id, delivery.attempt)
        if not delivery.delivered:
            return
        attempt = self._open.pop(key, None)
        if attempt is not None:
            self._say(attempt, Role.REQUESTER, Verdict.GOOD, delivery.outputs_sha256)
        elif key not in self._seen:
            self._delivered[key] = delivery
            if len(self._delivered) > DELIVERED_MAX:
                del self._delivered[next(iter(self._delivered))]

    def complain(self, job_id: str, attempt: int) -> bool:
        """Its user says that what came of the job is not what was asked for. False: too late."""
        found = self._open.pop((job_id, attempt), None)
        if found is None:
            return False
        self._say(found, Role.REQUESTER, Verdict.BAD)
        return True

    def waiting(self) -> tuple[str, ...]:
        """Jobs of this robot whose outputs are waited for, the oldest first."""
        return tuple(job_id for job_id, _ in self._open)

    def tick(self, stamp_ns: int) -> tuple[tuple[Receipt, ...], ...]:
        """What is to be sent now, as messages. stamp_ns: Unix time, by the log's reckoning."""
        for key, attempt in list(self._open.items()):
            if attempt.stamp_ns > stamp_ns - WAIT_NS:
                break
            del self._open[key]
        said = self._said(stamp_ns)
        return tuple(tuple(said[at:at + SEND_MAX]) for at in range(0, len(said), SEND_MAX))

    def _said(self, stamp_ns: int) -> list[Receipt]:
        """What need not wait any longer, with the other party's signature where there is one."""
        said, waiting = [], []
        for one in self._to_send:
            theirs = self._theirs.get(one.receipt.key)
            if one.until_ns is None:
                one.until_ns = stamp_ns + CONFIRM_NS
            awaits = self._confirms and one.receipt.role is Role.REQUESTER
            if awaits and theirs is None and stamp_ns < one.until_ns:
                waiting.append(one)
                continue
            self._theirs.pop(one.receipt.key, None)
            said.append(one.receipt if theirs is None else confirmed(one.receipt, theirs))
        self._to_send = waiting[-OPEN_MAX:]
        return said

    def _say_as_executor(self, attempt: Attempt) -> None:
        if attempt.good:
            self._say(attempt, Role.EXECUTOR, Verdict.GOOD)
        elif attempt.bad:
            self._say(attempt, Role.EXECUTOR, self._fault(attempt))
        elif attempt.ending is not Ending.STOLEN:
            self._say(attempt, Role.EXECUTOR, Verdict.NO_FAULT)
        self._promised.pop(attempt.job_id, None)

    def _await_outputs(self, attempt: Attempt) -> None:
        delivery = self._delivered.pop(attempt.key, None)
        if delivery is not None:
            self._say(attempt, Role.REQUESTER, Verdict.GOOD, delivery.outputs_sha256)
            return
        self._open[attempt.key] = attempt
        if len(self._open) > OPEN_MAX:
            del self._open[next(iter(self._open))]

    def _fault(self, attempt: Attempt) -> Verdict:
        stopped = self._stopped_ns is not None and (
            abs(attempt.stamp_ns - self._stopped_ns) <= STOP_NS)
        return Verdict.NO_FAULT if stopped else Verdict.BAD

    def _say(
        self, attempt: Attempt, role: Role, verdict: Verdict, outputs_sha256: str = ''
    ) -> None:
        self._to_send.append(_Said(Receipt(
            job_id=attempt.job_id, attempt=attempt.attempt, log_index=attempt.log_index,
            role=role, issuer=self._robot_id, executor=attempt.executor,
            requester=attempt.requester, verdict=verdict, nonce=self._nonce(),
            task=attempt.task, promised_ms=self._promised.get(attempt.job_id, 0),
            run_ms=min(attempt.run_ms, 2**32 - 1), thief=attempt.thief, victim=attempt.victim,
            outputs_sha256=outputs_sha256)))


def auditor_says(
    robot_id: str, attempt: Attempt, nonce: int, found_sha256: str | None, logged_sha256: str
) -> Receipt:
    """The word of an auditor that looked. found_sha256: over the digests of the outputs that it
    found or made itself; None: it could not look, which says nothing of anybody."""
    if found_sha256 is None:
        verdict = Verdict.NO_FAULT
    else:
        verdict = Verdict.GOOD if found_sha256 == logged_sha256 else Verdict.BAD
    return Receipt(
        job_id=attempt.job_id, attempt=attempt.attempt, log_index=attempt.log_index,
        role=Role.AUDITOR, issuer=robot_id, executor=attempt.executor,
        requester=attempt.requester, verdict=verdict, nonce=nonce, task=attempt.task,
        run_ms=min(attempt.run_ms, 2**32 - 1), outputs_sha256=found_sha256 or '')


@dataclass(frozen=True)
class Work:
    """What decides whether and how an attempt can be looked at again."""

    repeatable: bool        # it says effects == EFFECTS_NONE, and depends on its inputs alone
    run_ms: int
    output_bytes: Sequence[int]
    input_bytes: Sequence[int] = ()


RERUN_MS_MAX = 5_000            # a second run costs no more than this (chosen without data)
RECHECK_BYTES_MAX = 4 << 20     # nor does fetching the outputs


def how_to_audit(work: Work, reruns: bool = True) -> str:
    """'rerun': run it again and compare the digests of the outputs; 'recheck': fetch the outputs
    of the log and compare theirs; '': nothing can be seen of it. reruns: this robot may."""
    if not work.output_bytes:
        return ''
    short = work.run_ms <= RERUN_MS_MAX and sum(work.input_bytes) <= RECHECK_BYTES_MAX
    if reruns and work.repeatable and short:
        return 'rerun'
    return 'recheck' if sum(work.output_bytes) <= RECHECK_BYTES_MAX else ''
