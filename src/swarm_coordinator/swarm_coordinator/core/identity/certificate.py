# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the authority of a swarm says of a robot: its name, its roles, its keys, and for how long.

Owns the certificate, its bytes, and the rules of its use. Refuses to know the time (an argument)
and whether a signature fits (security/keyring.py).
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum

from swarm_coordinator.core.identity import canonical
from swarm_coordinator.core.identity.refusal import Refusal, damaged
from swarm_coordinator.core.identity.weak_keys import is_weak
from swarm_coordinator.core.ids import RobotId

ENCODED_BYTES_MAX = 2048
TIME_S_MAX = 253_402_300_799  # the end of the year 9999, the last that datetime can show
CLOCK_SLACK_S = 300  # clocks without NTP drift by seconds a day; chosen without data
# Certificates begin when they are made: one that begins later than this has met a wrong clock.
CLOCK_OFF_S = 86_400

_CONTEXT = b'swarm certificate 1\0'
_SERIAL = re.compile(r'[0-9a-f]{32}\Z')
_FIELDS = frozenset({
    'exchange_key', 'not_after', 'not_before', 'robot_id', 'roles', 'serial', 'sign_key',
    'swarm_id',
})


class Role(Enum):
    """What a certificate lets its holder be. The membership of the log still decides who is."""

    VOTER = 'voter'  # may have a vote and lead, or follow without a vote
    NON_VOTER = 'non_voter'  # follows the log and works; never a vote
    OPERATOR = 'operator'  # a person or program that may command the swarm
    OBSERVER = 'observer'  # only listens


def role_named(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        known = ', '.join(role.value for role in Role)
        raise damaged(f'role={name[:40]!r}', f'one of {known}') from None


@dataclass(frozen=True)
class Certificate:
    """Raises IdentityRefused, a ValueError, for values that cannot be."""

    serial: str  # 32 lower case hex digits, random
    swarm_id: str
    robot_id: RobotId
    roles: tuple[Role, ...]  # at least one, each once; sorted by name
    sign_key: bytes  # Ed25519, public, 32 bytes
    exchange_key: bytes  # X25519, public, 32 bytes
    not_before: int  # unix seconds
    not_after: int  # unix seconds

    def __post_init__(self) -> None:
        if not isinstance(self.serial, str) or not _SERIAL.match(self.serial):
            raise damaged('serial', '32 lower case hex digits')
        canonical.name(self.swarm_id, 'swarm_id')
        canonical.name(self.robot_id, 'robot_id')
        names = [role.value for role in self.roles]
        if not names or sorted(set(names)) != names:
            raise damaged('roles', 'at least one role, each once, sorted by name')
        for name, key in (('sign_key', self.sign_key), ('exchange_key', self.exchange_key)):
            if not isinstance(key, bytes) or len(key) != canonical.KEY_BYTES:
                raise damaged(name, f'{canonical.KEY_BYTES} bytes')
        if is_weak(self.sign_key):
            raise damaged('sign_key', 'a key with which only its owner can sign')
        canonical.whole_number(self.not_before, 0, TIME_S_MAX, 'not_before')
        canonical.whole_number(self.not_after, self.not_before + 1, TIME_S_MAX, 'not_after')

    def encode(self) -> bytes:
        """The canonical bytes; equal certificates have equal bytes."""
        return canonical.write_object({
            'serial': self.serial,
            'swarm_id': self.swarm_id,
            'robot_id': self.robot_id,
            'roles': [role.value for role in self.roles],
            'sign_key': self.sign_key.hex(),
            'exchange_key': self.exchange_key.hex(),
            'not_before': self.not_before,
            'not_after': self.not_after,
        })

    @classmethod
    def decode(cls, body: bytes) -> Certificate:
        """Raises IdentityRefused for anything that encode() does not write."""
        fields = canonical.read_object(body, _FIELDS, 'certificate', ENCODED_BYTES_MAX)
        key_bytes = canonical.KEY_BYTES
        return cls(
            serial=fields['serial'],
            swarm_id=fields['swarm_id'],
            robot_id=fields['robot_id'],
            roles=tuple(
                role_named(name)
                for name in canonical.strings(fields['roles'], 'roles', len(Role))
            ),
            sign_key=canonical.hex_bytes(fields['sign_key'], key_bytes, 'sign_key'),
            exchange_key=canonical.hex_bytes(fields['exchange_key'], key_bytes, 'exchange_key'),
            not_before=fields['not_before'],
            not_after=fields['not_after'],
        )


@dataclass(frozen=True)
class SignedCertificate:
    body: bytes  # Certificate.encode()
    signature: bytes  # 64 bytes, of to_sign(body)
    authority: str  # which key of the authority: canonical.key_id() of its public part

    @staticmethod
    def to_sign(body: bytes) -> bytes:
        """What is signed. Begins with what it is, so that it can be taken for nothing else."""
        return _CONTEXT + body

    @property
    def certificate(self) -> Certificate:
        return Certificate.decode(self.body)

    def encode(self) -> bytes:
        return canonical.write_signed(self.body, ((self.authority, self.signature),))

    @classmethod
    def decode(cls, data: bytes) -> SignedCertificate:
        """Raises IdentityRefused for anything that encode() does not write. The signature is not
        checked here."""
        body, signatures = canonical.read_signed(data, 'certificate', ENCODED_BYTES_MAX, 1)
        Certificate.decode(body)
        ((authority, signature),) = signatures
        return cls(body, signature, authority)


def check(
    certificate: Certificate,
    now_s: float,
    swarm_id: str,
    revoked: Container[str],
    slack_s: float = CLOCK_SLACK_S,
) -> Refusal | None:
    """Why this certificate is not good now, in this swarm; None if it is.

    revoked  serial numbers
    slack_s  how far two clocks may be apart
    """
    who = f'the certificate of {certificate.robot_id}'
    if certificate.swarm_id != swarm_id:
        return Refusal(
            'wrong_swarm',
            f'{who} is for swarm {certificate.swarm_id}, this is swarm {swarm_id}: check '
            'swarm_id, or have the authority of this swarm issue one',
        )
    if certificate.serial in revoked:
        return Refusal(
            'revoked',
            f'{who} ({certificate.serial[:8]}) is revoked: only an operator can admit it again, '
            'with new keys (swarmctl keys request --new-keys, then issue)',
        )
    # Asked so that a clock that is no number at all is refused.
    if not now_s >= certificate.not_before - slack_s:
        return _too_early(certificate, now_s, who)
    if not now_s <= certificate.not_after + slack_s:
        return Refusal(
            'expired',
            f'{who} ended {span(now_s - certificate.not_after)} ago, on '
            f'{date(certificate.not_after)}; the clock here says {date(now_s)}. If that is right, '
            f'renew it: swarmctl keys renew {certificate.robot_id}',
        )
    return None


def _too_early(certificate: Certificate, now_s: float, who: str) -> Refusal:
    ahead_s = certificate.not_before - now_s
    begins = f'{who} begins on {date(certificate.not_before)}; the clock here says {date(now_s)}'
    if ahead_s > CLOCK_OFF_S:
        return Refusal(
            'clock_off',
            f'{begins}, {span(ahead_s)} before that. Set the clock here (timedatectl; a robot '
            'without a battery for its clock needs NTP), or, if it is right, the clock of the '
            'machine that issues certificates, and issue it again',
        )
    return Refusal(
        'not_yet',
        f'{begins}, {span(ahead_s)} before that: the clock here is behind, or that of the '
        'machine that issued it was ahead. Set them by NTP; the difference may be '
        f'{span(CLOCK_SLACK_S)}',
    )


def date(at_s: float) -> str:
    """'2026-11-21 08:30 UTC', for any number."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=at_s)
    except (OverflowError, ValueError):
        return f'{at_s} seconds after 1970'
    return moment.strftime('%Y-%m-%d %H:%M UTC')


def span(seconds: float) -> str:
    """'40 s', '7 min', '5 h', '12 days', '3 years'."""
    for size, unit, most in ((1, 's', 120), (60, 'min', 7200), (3600, 'h', 172_800)):
        if seconds < most:
            return f'{seconds / size:.0f} {unit}'
    days = seconds / 86_400
    return f'{days:.0f} days' if days < 730 else f'{days / 365.25:.0f} years'
