# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns who looks again at which attempt, and what a group of auditors has found; refuses to know
how one looks, and what follows from it.

The choice is made with a secret of the leader's learner after both parties have spoken, so that
neither can know while it speaks. Lots are keyed BLAKE2b of the attempt: the same attempt has the
same lot each time, and there is no generator whose state would have to be kept. The secret must
not leave the robot: it is no part of any document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from .receipts import Verdict

SECRET_BYTES_MIN = 16
AUDITORS = 3            # where a word contradicts another: two of three decide


class Lots:
    """Unpredictable, repeatable numbers in [0, 1)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES_MIN:
            raise ValueError(f'secret: expected at least {SECRET_BYTES_MIN} random bytes, '
                             f'got {len(secret)}')
        self._secret = bytes(secret)

    def draw(self, *what: object) -> float:
        said = b'\0'.join(str(one).encode('utf-8', 'surrogatepass') for one in what)
        digest = hashlib.blake2b(said, digest_size=8, key=self._secret[:64]).digest()
        return int.from_bytes(digest, 'big') / 2.0**64


@dataclass(frozen=True)
class AuditRequest:
    """A third robot shall look again at what came of an attempt. nonce, signature: of the robot
    that asks; b'' = it has not signed."""

    job_id: str
    attempt: int
    auditor: str
    asker: str = ''
    nonce: int = 0
    signature: bytes = b''


class Finding(Enum):
    """What the auditors have found."""

    OPEN = 'open'
    GOOD = 'good'
    BAD = 'bad'


@dataclass
class Audit:
    """Of one attempt. claimed: what its parties agree on; None = they contradict each other."""

    claimed: Verdict | None
    asked: list[str] = field(default_factory=list)
    words: dict[str, tuple[Verdict, str]] = field(default_factory=dict)  # verdict, digest
    more: int = 0           # auditors still to be asked

    def hear(self, auditor: str, verdict: Verdict, digest: str) -> None:
        self.words[auditor] = (verdict, digest)
        if len(self.asked) + self.more < AUDITORS and not self._confirmed():
            self.more = AUDITORS - len(self.asked)

    def finding(self) -> Finding:
        """One auditor may confirm what both parties say; it takes two of three to say anything
        else. So one that errs or lies costs two more looks, and nothing more."""
        if self._confirmed():
            return Finding.GOOD
        votes = [verdict for verdict, _ in self.words.values()]
        if 2 * votes.count(Verdict.GOOD) > AUDITORS:
            return Finding.GOOD
        return Finding.BAD if 2 * self._alike() > AUDITORS else Finding.OPEN

    def dissent(self, finding: Finding) -> list[tuple[str, bool]]:
        """Which auditors were right, where they did not all agree with the parties."""
        if self._confirmed() or finding is Finding.OPEN:
            return []
        return [(auditor, verdict.value == finding.value)
                for auditor, (verdict, _) in sorted(self.words.items())
                if verdict is not Verdict.NO_FAULT]

    def digests(self) -> set[str]:
        """Of the outputs, as those found who found them bad."""
        return {digest for verdict, digest in self.words.values()
                if verdict is Verdict.BAD and digest}

    def _alike(self) -> int:
        """How many found it bad and found the same instead. Where each finds something else, the
        job has no one right output, and nobody did it wrong."""
        found = [digest for verdict, digest in self.words.values() if verdict is Verdict.BAD]
        return max((found.count(digest) for digest in found), default=0)

    def _confirmed(self) -> bool:
        """All that was heard confirms the parties; what is no fault says nothing."""
        votes = {verdict for verdict, _ in self.words.values()}
        return self.claimed is Verdict.GOOD and votes == {Verdict.GOOD}


def choose(
    lots: Lots, key: tuple[str, int], able: Mapping[str, float], taken: Sequence[str]
) -> str | None:
    """An auditor by lot, weighted by how much each is believed; None if nobody is left.

    Where nobody is believed yet, all are alike: somebody must begin.
    """
    left = [(name, able[name]) for name in sorted(able) if name not in taken]
    if not left:
        return None
    total = sum(weight for _, weight in left)
    point = lots.draw('auditor', *key, len(taken))
    if total <= 0.0:
        return left[int(point * len(left))][0]
    point *= total
    for name, weight in left:
        point -= weight
        if point < 0.0:
            return name
    return left[-1][0]
