# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which requests of services are let in: who asks, whether that is proven, and whether it may.

Owns the order of the questions, cheap ones first, and the memory of requests that were had. What
unproven requests can cost is bounded: each that fails a check of keys draws on a credit that all
strangers share, because rclpy does not tell from whom a request came; sessions that have proven
themselves have a credit of their own besides, so that strangers do not shut them out. Certificates
and the check of signatures are passed in; refuses to know files, clocks and ROS.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from swarm_coordinator.core.identity.certificate import (
    ENCODED_BYTES_MAX,
    Certificate,
    date,
    span,
)
from swarm_coordinator.core.identity.credit import SECOND_NS, Account
from swarm_coordinator.core.identity.policy import NOBODY, STOP, Caller, Policy, needed
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.identity.request_bytes import SIGNATURE_BYTES, to_sign

CLOCKS_OFF_S = 300  # that a request's stamp may be off, both ways
STARTED_S = 5.0  # before its start a robot heard nothing, and knows no request of that time
KEPT_NS = 2 * CLOCKS_OFF_S * SECOND_NS  # after that a request that was had is too old anyway
CALLERS_MAX = 256
SESSIONS_MAX = 1024  # of one caller; each swarmctl is one
NUMBERS = 1024  # requests of a session that may come late
NAME_CHARS_MAX = 64


class RequestReason(Enum):
    """Why a request was refused."""

    ANONYMOUS = 'request is not signed'
    MALFORMED = 'request with a malformed credential'
    SWARM = 'request of another swarm'
    RECIPIENT = 'request for another robot'
    CLOCK = 'request of another time'
    REPLAYED = 'request had before'
    CERTIFICATE = 'request with a certificate that is not good'
    FORGED = 'signature of a request does not fit'
    DENIED = 'request is not allowed'
    MUTED = 'requests out of credit'


@dataclass(frozen=True)
class Denied:
    """`text`: what was expected and what to do."""

    reason: RequestReason
    text: str


@dataclass
class _Session:
    """`seen`: one bit for each number below the highest."""

    account: Account
    used_ns: int
    newest_ms: int = 0
    highest: int = 0
    seen: int = 0

    def had(self, number: int) -> bool:
        below = self.highest - number
        return below >= 0 and (below >= NUMBERS or bool(self.seen >> below & 1))

    def take(self, number: int, stamp_ms: int, now_ns: int) -> None:
        if number > self.highest:
            shift = min(number - self.highest, NUMBERS)
            self.seen = (self.seen << shift | 1) & ((1 << NUMBERS) - 1)
            self.highest = number
        else:
            self.seen |= 1 << (self.highest - number)
        self.used_ns, self.newest_ms = now_ns, max(self.newest_ms, stamp_ms)


@dataclass
class _Heard:
    """Of one caller. Sessions that had to be forgotten leave their newest stamp: what is as old
    and of a session that is not known may be of one of them."""

    sessions: OrderedDict[int, _Session] = field(default_factory=OrderedDict)
    floor_ms: int = 0

    def forget(self, now_ns: int) -> None:
        while self.sessions:
            oldest = next(iter(self.sessions.values()))
            over = len(self.sessions) > SESSIONS_MAX
            if not over and now_ns - oldest.used_ns <= KEPT_NS:
                return
            if over:
                self.floor_ms = max(self.floor_ms, oldest.newest_ms)
            self.sessions.popitem(last=False)


class RequestDoor:
    """admit(encoded certificate, Unix time) gives the certificate or raises IdentityRefused;
    verify(public key, data, signature) tells whether a signature is good. `started_ns`: when this
    robot began (monotonic). Not for several threads at once."""

    def __init__(
        self,
        swarm_id: str,
        robot_id: str,
        policy: Policy,
        admit: Callable[[bytes, float], Certificate],
        verify: Callable[[bytes, bytes, bytes], bool],
        started_ns: int,
    ) -> None:
        self._swarm_id, self._robot_id, self.policy = swarm_id, robot_id, policy
        self._admit, self._verify, self._started_ns = admit, verify, started_ns
        self._heard: OrderedDict[str, _Heard] = OrderedDict()
        self._forgotten_ms = 0  # newest stamp of a caller that had to be forgotten
        self._strangers = Account(started_ns)
        self.counts: Counter[RequestReason] = Counter()
        self.last = ''

    def check(
        self, service: str, kind: str, request: Any, now_ns: int, wall_s: float
    ) -> Caller | Denied:
        """`service` is its full name, `kind` that of its type. `now_ns` is monotonic, `wall_s`
        Unix time."""
        found = self._look(service, kind, request, now_ns, wall_s)
        if isinstance(found, Denied):
            self.counts[found.reason] += 1
            who = str(request.credential.caller)[:NAME_CHARS_MAX] or 'somebody'
            self.last = f'{who} to {service}: {found.reason.value}'
        return found

    def caller_of(self, credential: Any, wall_s: float) -> Caller:
        """Of a request that was let in."""
        if not credential.caller:
            return NOBODY
        try:
            return _caller(self._admit(bytes(credential.certificate), wall_s))
        except IdentityRefused:  # it ended since
            return NOBODY

    def _look(
        self, service: str, kind: str, request: Any, now_ns: int, wall_s: float
    ) -> Caller | Denied:
        if kind == STOP:
            return NOBODY
        credential = request.credential
        if not (credential.caller or credential.certificate or credential.signature):
            text = self.policy.refusal(kind, NOBODY, needed(kind, request))
            return Denied(RequestReason.ANONYMOUS, text) if text else NOBODY
        denied = (
            self._misshapen(credential)
            or self._misdirected(credential)
            or self._of_another_time(credential, now_ns, wall_s)
        )
        if denied is not None:
            return denied
        heard = self._heard.get(credential.caller)
        session = heard.sessions.get(credential.session) if heard is not None else None
        denied = self._had(credential, heard, session)
        if denied is not None:
            return denied
        account = self._credit(session, now_ns)
        if account is None:
            return Denied(RequestReason.MUTED, (
                f'{self._robot_id} has had too many requests with wrong credentials; try again in '
                'some seconds. The log of the robot names them'
            ))
        caller = self._proven(service, kind, request, wall_s)
        if isinstance(caller, Denied):
            account.charge()
            return caller
        session = self._note(credential, now_ns)
        text = self.policy.refusal(kind, caller, needed(kind, request))
        if text:
            session.account.charge()
            return Denied(RequestReason.DENIED, text)
        return caller

    # ---- cheap questions

    def _misshapen(self, credential: Any) -> Denied | None:
        for what, length, low, high in (
            ('caller', len(credential.caller), 1, NAME_CHARS_MAX),
            ('certificate', len(credential.certificate), 1, ENCODED_BYTES_MAX),
            ('signature', len(credential.signature), SIGNATURE_BYTES, SIGNATURE_BYTES),
        ):
            if not low <= length <= high:
                expected = f'{low}' if low == high else f'{low} to {high}'
                return Denied(RequestReason.MALFORMED, (
                    f'credential.{what}: length {length}, expected {expected}; to ask without a '
                    'signature leave all of it empty'
                ))
        return None

    def _misdirected(self, credential: Any) -> Denied | None:
        if credential.swarm_id != self._swarm_id:
            return Denied(RequestReason.SWARM, (
                f'the request is signed for swarm {credential.swarm_id[:NAME_CHARS_MAX]!r}, '
                f'{self._robot_id} is of swarm {self._swarm_id!r}: use the keys of that one '
                '(swarmctl --keys DIR)'
            ))
        if credential.recipient != self._robot_id:
            return Denied(RequestReason.RECIPIENT, (
                f'the request is signed for {credential.recipient[:NAME_CHARS_MAX]!r}, this is '
                f'{self._robot_id}: sign it for the robot that is asked'
            ))
        return None

    def _of_another_time(self, credential: Any, now_ns: int, wall_s: float) -> Denied | None:
        age_s = wall_s - credential.stamp_ms / 1000
        side = 'behind' if age_s > 0 else 'ahead'
        # Asked so that a clock that is no number at all is refused.
        if not -CLOCKS_OFF_S <= age_s <= CLOCKS_OFF_S:
            return Denied(RequestReason.CLOCK, (
                f'the request was made at {date(credential.stamp_ms / 1000)}, the clock of '
                f'{self._robot_id} says {date(wall_s)}: {span(abs(age_s))} {side}, at most '
                f'{span(CLOCKS_OFF_S)}. Set both clocks by NTP'
            ))
        if age_s > (now_ns - self._started_ns) / SECOND_NS + STARTED_S:
            return Denied(RequestReason.CLOCK, (
                f'the request was made {span(age_s)} ago, before {self._robot_id} started, and '
                f'may have been had then: ask again. If it was made just now, the clock of the '
                f'caller is {span(age_s)} behind: set both clocks by NTP'
            ))
        return None

    def _had(
        self, credential: Any, heard: _Heard | None, session: _Session | None
    ) -> Denied | None:
        if session is not None:
            had = session.had(credential.sequence)
        else:
            floor_ms = self._forgotten_ms if heard is None else heard.floor_ms
            had = 0 < credential.stamp_ms <= floor_ms
        if not had:
            return None
        return Denied(RequestReason.REPLAYED, (
            f'request {credential.sequence} of this session of {credential.caller} was had '
            'before: each request is signed anew, with the next number'
        ))

    def _credit(self, session: _Session | None, now_ns: int) -> Account | None:
        """Who pays if it is not proven; None if nobody can."""
        own = session.account if session is not None else None
        for account in (own, self._strangers):
            if account is not None:
                account.refill(now_ns)
                if not account.muted:
                    return account
        return None

    # ---- proof

    def _proven(
        self, service: str, kind: str, request: Any, wall_s: float
    ) -> Caller | Denied:
        credential = request.credential
        try:
            certificate = self._admit(bytes(credential.certificate), wall_s)
        except IdentityRefused as error:
            return Denied(RequestReason.CERTIFICATE, str(error))
        if certificate.robot_id != credential.caller:
            return Denied(RequestReason.CERTIFICATE, (
                f'the certificate is of {certificate.robot_id}, the request of '
                f'{credential.caller}: sign with the keys of the certificate'
            ))
        try:
            data = to_sign(service, kind, request)
        except ValueError as error:
            return Denied(RequestReason.MALFORMED, f'the request cannot be read: {error}')
        if not self._verify(certificate.sign_key, data, bytes(credential.signature)):
            return Denied(RequestReason.FORGED, (
                f'the signature does not fit: the request was changed on the way, or not signed '
                f'with the key of {credential.caller}, or for another service than {service}'
            ))
        return _caller(certificate)

    def _note(self, credential: Any, now_ns: int) -> _Session:
        heard = self._heard.get(credential.caller)
        if heard is None:
            heard = self._heard[credential.caller] = _Heard(floor_ms=self._forgotten_ms)
            if len(self._heard) > CALLERS_MAX:
                _, gone = self._heard.popitem(last=False)
                newest = (one.newest_ms for one in gone.sessions.values())
                self._forgotten_ms = max(self._forgotten_ms, gone.floor_ms, *newest)
        self._heard.move_to_end(credential.caller)
        session = heard.sessions.get(credential.session)
        if session is None:
            session = heard.sessions[credential.session] = _Session(Account(now_ns), now_ns)
        heard.sessions.move_to_end(credential.session)
        session.take(credential.sequence, credential.stamp_ms, now_ns)
        heard.forget(now_ns)
        return session


def _caller(certificate: Certificate) -> Caller:
    return Caller(certificate.robot_id, frozenset(role.value for role in certificate.roles))
