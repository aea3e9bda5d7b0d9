# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what makes a receipt believable: signs what this robot says, and finds out whose word a
receipt of others really is. Refuses to know keys and certificates, and to weigh anything.

A receipt with one good signature is its issuer's word. With a second one, of the other party over
its own receipt of the same, it is the word of both, whoever brings it. An auditor's word needs
both: its own, and that of the robot which asked for it over its request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from .audits import AuditRequest
from .receipts import Receipt, Role, half_of, malformed, other_half_of, role_problem
from .statements import bytes_of_receipt, bytes_of_request, request_of


class Keys(Protocol):
    """What a robot with keys can do. verify: None = no certificate of that robot counts now."""

    def sign(self, data: bytes, /) -> bytes: ...

    def verify(self, robot_id: str, data: bytes, signature: bytes, /) -> bool | None: ...


@dataclass(frozen=True)
class Examined:
    """Words that are proven, and why the rest is refused; '' = all of it is proven."""

    words: tuple[Receipt, ...]
    refused: str = ''


class Notary:
    """Of one robot. check() may be called from another thread."""

    def __init__(self, swarm_id: str, robot_id: str, keys: Keys, nonce: Callable[[], int]) -> None:
        self._swarm_id, self._robot_id = swarm_id, robot_id
        self._keys, self._nonce = keys, nonce

    def signed(self, receipt: Receipt) -> Receipt:
        """What this robot says, with its signature."""
        return replace(receipt, signature=self._keys.sign(self._bytes(receipt)))

    def asked(self, requests: Sequence[AuditRequest]) -> tuple[AuditRequest, ...]:
        """Requests of this robot, with its signature."""
        made = [replace(one, asker=self._robot_id, nonce=self._nonce()) for one in requests]
        return tuple(replace(one, signature=self._keys.sign(
            bytes_of_request(self._swarm_id, one))) for one in made)

    def is_asked(self, request: AuditRequest) -> bool:
        """Whether its asker has signed it."""
        return self._keys.verify(
            request.asker, bytes_of_request(self._swarm_id, request), request.signature) is True

    def fits(self, half: Receipt) -> bool | None:
        """Whether its issuer has signed it; None = nobody knows its certificate now."""
        return self._keys.verify(half.issuer, self._bytes(half), half.signature)

    def check(self, receipt: Receipt) -> Examined:
        """Whose word it is, wherever it comes from."""
        if malformed(receipt):
            return Examined((), 'malformed')
        problem = role_problem(receipt)
        if problem:
            return Examined((), problem)
        if not receipt.signature:
            return Examined((), 'unsigned')
        if not self.fits(half_of(receipt)):
            return Examined((), 'forged')
        if receipt.role is Role.AUDITOR:
            proven = self.is_asked(request_of(receipt))
            return Examined((receipt,)) if proven else Examined((), 'forged')
        return self._with_other(receipt)

    def _with_other(self, receipt: Receipt) -> Examined:
        """Who passes on a false signature has lied, and is not believed either. A signature of a
        robot that is known no longer confirms nothing."""
        mine, other = half_of(receipt), other_half_of(receipt)
        if other is None:
            return Examined((mine,))
        fits = self.fits(other)
        if fits is None:
            return Examined((mine,), 'unconfirmed')
        return Examined((mine, other)) if fits else Examined((), 'forged')

    def _bytes(self, receipt: Receipt) -> bytes:
        return bytes_of_receipt(self._swarm_id, half_of(receipt))
