# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a swarm authority remembers: its keys' names, what it has issued and what it has revoked.

Owns the file `register.json` and what a valid one is. Holds no private key. Refuses to sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swarm_coordinator.core.identity import canonical
from swarm_coordinator.core.identity.certificate import TIME_S_MAX, Certificate, SignedCertificate
from swarm_coordinator.core.identity.refusal import IdentityRefused, damaged
from swarm_coordinator.core.identity.revocation import AUTHORITIES_MAX, NUMBER_MAX, REVOKED_MAX
from swarm_coordinator.security.key_files import read_private, write_private

FILE = 'register.json'
FILE_VERSION = 1
ISSUED_MAX = 10_000
FILE_BYTES_MAX = 16 * 1024 * 1024
REASON_CHARS_MAX = 200
# Clocks of robots may be behind: what has expired stays revoked for so long.
FORGOTTEN_AFTER_S = 90 * 86_400

_FIELDS = frozenset({
    'authorities', 'issued', 'made', 'number', 'retired', 'revoked', 'swarm_id', 'v',
})
_REVOKED_FIELDS = frozenset({'at', 'reason'})


@dataclass(frozen=True)
class Revoked:
    at: int  # unix seconds
    reason: str


@dataclass(frozen=True)
class Register:
    swarm_id: str
    number: int  # of the last revocation list
    made: int  # unix seconds: when that list was made
    authorities: tuple[bytes, ...]  # public keys that count; the last one signs certificates
    retired: tuple[bytes, ...]  # public keys that count no longer; they still sign lists
    issued: tuple[SignedCertificate, ...]  # oldest first
    revoked: dict[str, Revoked]  # by serial number

    def of(self, robot_id: str) -> list[tuple[SignedCertificate, Certificate]]:
        """Oldest first."""
        both = [(signed, signed.certificate) for signed in self.issued]
        return [(signed, found) for signed, found in both if found.robot_id == robot_id]

    def without_forgotten(self, now_s: float) -> Register:
        """Without what ended long ago, which nobody would accept anyway; of each robot the last
        certificate stays, so that it can be renewed."""
        both = [(signed, signed.certificate) for signed in self.issued]
        last = {
            found.robot_id: found.serial
            for _, found in both
            if found.serial not in self.revoked
        }
        kept = {
            found.serial: signed
            for signed, found in both
            if found.not_after + FORGOTTEN_AFTER_S > now_s
            or last.get(found.robot_id) == found.serial
        }
        revoked = {serial: why for serial, why in self.revoked.items() if serial in kept}
        return replace(self, issued=tuple(kept.values()), revoked=revoked)


def load(folder: Path) -> Register:
    path = folder / FILE
    try:
        return _decode(read_private(path, FILE_BYTES_MAX))
    except IdentityRefused as error:
        text = str(error)
        where = '' if text.startswith(str(path)) else f'{path}: '
        raise IdentityRefused(error.reason, f'{where}{text}') from None


def store(folder: Path, register: Register) -> None:
    if len(register.issued) > ISSUED_MAX:
        raise IdentityRefused(
            'full',
            f'{folder}: {ISSUED_MAX} certificates are as many as one authority keeps; each leaves '
            '90 days after its end. Issue fewer, for more days',
        )
    if len(register.revoked) > REVOKED_MAX:
        raise IdentityRefused(
            'full',
            f'{folder}: {REVOKED_MAX} revocations are as many as one list holds: change the '
            "authority's key instead (swarmctl keys rotate, renew, retire)",
        )
    write_private(folder / FILE, _encode(register))


def _encode(register: Register) -> bytes:
    return canonical.write_object({
        'v': FILE_VERSION,
        'swarm_id': register.swarm_id,
        'number': register.number,
        'made': register.made,
        'authorities': [key.hex() for key in register.authorities],
        'retired': [key.hex() for key in register.retired],
        'issued': [signed.encode().decode() for signed in register.issued],
        'revoked': {
            serial: {'at': why.at, 'reason': why.reason}
            for serial, why in register.revoked.items()
        },
    })


def _decode(data: bytes) -> Register:
    fields = canonical.read_object(data, _FIELDS, 'register', FILE_BYTES_MAX)
    canonical.whole_number(fields['v'], FILE_VERSION, FILE_VERSION, 'v')
    return Register(
        swarm_id=canonical.name(fields['swarm_id'], 'swarm_id'),
        number=canonical.whole_number(fields['number'], 1, NUMBER_MAX, 'number'),
        made=canonical.whole_number(fields['made'], 0, TIME_S_MAX, 'made'),
        authorities=_keys(fields['authorities'], 1, 'authorities'),
        retired=_keys(fields['retired'], 0, 'retired'),
        issued=tuple(
            SignedCertificate.decode(_ascii(text, 'issued'))
            for text in _listed(fields['issued'], ISSUED_MAX, 'issued')
        ),
        revoked=_revoked(fields['revoked']),
    )


def _keys(value: object, least: int, what: str) -> tuple[bytes, ...]:
    found = _listed(value, AUTHORITIES_MAX, what)
    if len(found) < least or len(set(map(str, found))) != len(found):
        raise damaged(what, f'{least} to {AUTHORITIES_MAX} different keys')
    return tuple(canonical.hex_bytes(one, canonical.KEY_BYTES, what) for one in found)


def _listed(value: object, most: int, what: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise damaged(what, f'a list of at most {most}')
    return value


def _ascii(value: object, what: str) -> bytes:
    if not isinstance(value, str) or not value.isascii():
        raise damaged(what, 'ASCII text')
    return value.encode()


def _revoked(value: object) -> dict[str, Revoked]:
    if not isinstance(value, dict) or len(value) > REVOKED_MAX:
        raise damaged('revoked', f'an object of at most {REVOKED_MAX}')
    found = {}
    for serial, why in value.items():
        canonical.hex_bytes(serial, 16, 'revoked')
        if not isinstance(why, dict) or why.keys() != _REVOKED_FIELDS:
            raise damaged('revoked', 'at and reason of each')
        at = canonical.whole_number(why['at'], 0, TIME_S_MAX, 'at')
        found[serial] = Revoked(at, checked_reason(why['reason']))
    return found


def checked_reason(value: object) -> str:
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= REASON_CHARS_MAX
        or not value.isprintable()
    ):
        raise damaged('reason', f'1 to {REASON_CHARS_MAX} printable characters')
    return value
