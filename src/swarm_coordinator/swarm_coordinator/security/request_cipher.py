# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Encrypts requests of services for one process of a robot, and its answers for who asked.

Owns from what the keys are derived: the secret of a key that the caller drew with the key in the
robot's certificate, and with the one that the process of the robot drew at its start. Only that
robot has the first, so who opens a request and answers it is proven; the second is on no disk, so
who steals the robot later reads nothing that was recorded. Owns also what is remembered of
callers, and what strangers may cost. Refuses to know messages and how they travel.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from swarm_coordinator.core.identity.certificate import Certificate
from swarm_coordinator.core.identity.concealed import NUMBER_MAX, nonce
from swarm_coordinator.core.identity.concealed_request import (
    Answered,
    Asked,
    ConcealedReason,
    Introduction,
    NotOpened,
    Way,
    bound,
    key_purpose,
    robot_of,
)
from swarm_coordinator.core.identity.credit import Account
from swarm_coordinator.core.identity.refusal import IdentityRefused, Refusal
from swarm_coordinator.security import keys
from swarm_coordinator.security.group_cipher import Exchange
from swarm_coordinator.security.keys import NotReadable, decrypt, derived, encrypt

PROVEN_MAX = 1024  # callers that are remembered: each swarmctl is one
STRANGERS_MAX = 64  # who has not proven itself yet
# Of a credit: a new key costs 0.2 ms, so all strangers together about 1.5 % of a core.
NEW_KEY_COST = 0.125
ROBOTS_MAX = 1024
SERVICES_MAX = 8192


class OwnKeys(Protocol):
    """What a robot needs of its keyring to introduce itself."""

    @property
    def encoded(self) -> bytes: ...

    def sign(self, data: bytes) -> bytes: ...


class CallerKeys(Protocol):
    """What a caller needs of its keyring to know a robot."""

    @property
    def swarm_id(self) -> str: ...

    def admit(self, encoded: bytes, now_s: float) -> Certificate: ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool: ...

    def refusal_of(self, certificate: Certificate, now_s: float) -> Refusal | None: ...


@dataclass(frozen=True, slots=True)
class _Pair:
    """Keys of the two directions between a caller and a process."""

    request: bytes
    answer: bytes


def _pair(
    secret: bytes, swarm_id: str, robot_id: str, introduction: Introduction, caller_key: bytes
) -> _Pair:
    made = (
        derived(secret, key_purpose(way, swarm_id, robot_id, introduction, caller_key))
        for way in (Way.REQUEST, Way.ANSWER)
    )
    return _Pair(*made)


# ---- the robot


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that could be read, and what its answer is encrypted with."""

    request: bytes
    caller_key: bytes
    number: int
    pair: _Pair


class Answering:
    """Of one process of a robot. Not for several threads at once; `counts` may be read."""

    def __init__(
        self, swarm_id: str, robot_id: str, life: int, exchange: Exchange, own: OwnKeys,
        now_ns: int,
    ) -> None:
        self._swarm_id, self._robot_id, self._life = swarm_id, robot_id, life
        self._exchange, self._own = exchange, own
        self._introduction: Introduction | None = None
        self._proven: OrderedDict[bytes, _Pair] = OrderedDict()
        self._strangers: OrderedDict[bytes, _Pair] = OrderedDict()
        self._credit = Account(now_ns)
        self._number = 0
        self.counts: Counter[ConcealedReason] = Counter()
        self.last = ''

    @property
    def introduction(self) -> Introduction:
        """Signed anew only when the certificate is another one."""
        found, encoded = self._introduction, self._own.encoded
        if found is None or found.certificate != encoded:
            found = Introduction(self._life, self._exchange.public, encoded, b'')
            signature = self._own.sign(found.to_sign(self._swarm_id, self._robot_id))
            found = Introduction(self._life, self._exchange.public, encoded, signature)
            self._introduction = found
        return found

    def opened(self, service: str, asked: Asked, now_ns: int) -> Opened | None:
        """None: it is for another process, or asks who is there. Raises NotOpened. `service` is
        its full name."""
        if asked.life != self._life:
            return None
        self._credit.refill(now_ns)
        try:
            asked.check()
            pair = self._known(asked.exchange_key)
            return self._read(service, asked, pair)
        except NotOpened as error:
            self.refused(service, error)
            raise

    def _known(self, caller_key: bytes) -> _Pair:
        for known in (self._proven, self._strangers):
            if caller_key in known:
                known.move_to_end(caller_key)
                return known[caller_key]
        if self._credit.muted:
            raise NotOpened(ConcealedReason.MUTED, (
                f'{self._robot_id} has had too many requests of strangers; try again in some '
                'seconds'
            ))
        self._credit.charge(NEW_KEY_COST)
        try:
            secret = self._exchange.secret_with(caller_key)
        except (ValueError, IdentityRefused):
            raise NotOpened(
                ConcealedReason.MALFORMED, 'exchange_key: expected an X25519 key'
            ) from None
        pair = _pair(secret, self._swarm_id, self._robot_id, self.introduction, caller_key)
        self._strangers[caller_key] = pair
        if len(self._strangers) > STRANGERS_MAX:
            self._strangers.popitem(last=False)
        return pair

    def _read(self, service: str, asked: Asked, pair: _Pair) -> Opened:
        tied = bound(Way.REQUEST, service, asked.number)
        try:
            text = decrypt(pair.request, nonce(asked.number), asked.body, tied)
        except NotReadable as error:
            raise NotOpened(ConcealedReason.UNREADABLE, str(error)) from None
        return Opened(text, asked.exchange_key, asked.number, pair)

    def refused(self, service: str, why: NotOpened) -> None:
        """Something that was sent here is not what it should be: counted, and paid for."""
        if why.reason is not ConcealedReason.MUTED:
            self._credit.charge()
        self.counts[why.reason] += 1
        self.last = f'somebody to {service}: {why.reason.value}'

    def proven(self, opened: Opened) -> None:
        """Who asked that has shown who it is: strangers do not crowd it out."""
        self._strangers.pop(opened.caller_key, None)
        self._proven[opened.caller_key] = opened.pair
        self._proven.move_to_end(opened.caller_key)
        if len(self._proven) > PROVEN_MAX:
            self._proven.popitem(last=False)

    def sealed(self, service: str, opened: Opened, answer: bytes) -> Answered:
        """The number of an answer is the process's own: a request that comes twice is answered
        twice."""
        self._number += 1
        tied = bound(Way.ANSWER, service, opened.number)
        body = encrypt(opened.pair.answer, nonce(self._number), answer, tied)
        return Answered(self._number, body)


# ---- the caller


@dataclass(frozen=True, slots=True)
class Met:
    """One process of a robot, as the caller knows it."""

    introduction: Introduction
    certificate: Certificate
    caller_key: bytes
    pair: _Pair


@dataclass(frozen=True, slots=True)
class Question:
    """A request under way."""

    service: str
    met: Met
    asked: Asked

    def opened(self, answered: Answered) -> bytes:
        """The answer, which is proven by that. Raises ValueError."""
        if not 0 < answered.number <= NUMBER_MAX:
            raise ValueError('answer without a number')
        tied = bound(Way.ANSWER, self.service, self.asked.number)
        return decrypt(self.met.pair.answer, nonce(answered.number), answered.body, tied)


@dataclass
class Asking:
    """Of one program that asks robots. Called from any thread."""

    _robots: OrderedDict[tuple[str, int], Met] = field(default_factory=OrderedDict)
    _services: OrderedDict[str, Met] = field(default_factory=OrderedDict)
    _latest: dict[str, Met] = field(default_factory=dict)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def meet(
        self, service: str, introduction: Introduction, own: CallerKeys, now_s: float
    ) -> Met:
        """The process that offers a service, from what it says of itself. Raises IdentityRefused
        or ValueError: it is not of the robot that is asked."""
        robot = robot_of(service)
        introduction.check()
        certificate = own.admit(introduction.certificate, now_s)
        if certificate.robot_id != robot:
            raise IdentityRefused(
                'wrong_robot', f'its certificate is of {certificate.robot_id[:64]!r}'
            )
        signed = introduction.to_sign(own.swarm_id, robot)
        if not own.verify(certificate.sign_key, signed, introduction.signature):
            raise IdentityRefused(
                'forged', f'its introduction was not signed with the key of {robot}'
            )
        with self._lock:
            met = self._robots.get((robot, introduction.life))
            if met is None or met.introduction != introduction:
                met = _met(own.swarm_id, introduction, certificate)
            self._keep(service, robot, met)
        return met

    def _keep(self, service: str, robot: str, met: Met) -> None:
        for table, key, most in (
            (self._robots, (robot, met.introduction.life), ROBOTS_MAX),
            (self._services, service, SERVICES_MAX),
        ):
            table[key] = met  # type: ignore[index]
            table.move_to_end(key)  # type: ignore[arg-type]
            if len(table) > most:
                table.popitem(last=False)
        self._latest.pop(robot, None)
        self._latest[robot] = met
        if len(self._latest) > ROBOTS_MAX:
            del self._latest[next(iter(self._latest))]

    def met(self, service: str) -> Met | None:
        """The process that offers it, as far as is known: most likely the one that was met last
        of that robot."""
        with self._lock:
            return self._services.get(service) or self._latest.get(robot_of(service))

    def sealed(self, service: str, met: Met, request: bytes) -> Question:
        with self._lock:
            self._number += 1
            number = self._number
        tied = bound(Way.REQUEST, service, number)
        body = encrypt(met.pair.request, nonce(number), request, tied)
        asked = Asked(met.introduction.life, met.caller_key, number, body)
        return Question(service, met, asked)


def _met(swarm_id: str, introduction: Introduction, certificate: Certificate) -> Met:
    private = keys.make_exchange_key()
    public = keys.public_bytes(private)
    secret = keys.agreed_secret(private, certificate.exchange_key) + keys.agreed_secret(
        private, introduction.exchange_key
    )
    pair = _pair(secret, swarm_id, certificate.robot_id, introduction, public)
    return Met(introduction, certificate, public, pair)
