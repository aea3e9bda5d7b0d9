# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The authority of a swarm: a folder, mode 0700, that only the operator has.

    authority-<id>.pem   its private keys
    register.json        what it has issued and revoked
    revocations.json     papers without a certificate: what robots need to know, nothing secret

Owns who gets a certificate and what a change of the authority's own key takes. Each change is one
replaced register; what follows from it is made again if a crash came between. Refuses to know how
papers reach a robot, and the time.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swarm_coordinator.core.identity import canonical
from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.core.identity.certificate import Certificate, Role, SignedCertificate, date
from swarm_coordinator.core.identity.papers import PAPERS_BYTES_MAX, KeyRequest, Papers
from swarm_coordinator.core.identity.refusal import IdentityRefused, damaged
from swarm_coordinator.core.identity.revocation import (
    AUTHORITIES_MAX,
    RevocationList,
    SignedRevocations,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.security import keys, register, trust
from swarm_coordinator.security.key_files import (
    alone,
    check_private_folder,
    make_private_folder,
    read_private,
    remove,
    write_private,
)
from swarm_coordinator.security.register import Register, Revoked

REVOCATIONS = 'revocations.json'
DAY_S = 86_400
DAYS_MAX = 3660
# A certificate begins a little before it is made: clocks differ, and robots have no patience.
BACKDATED_S = 300
SERIAL_CHARS_MIN = 8  # of a serial number that a person types


@dataclass(frozen=True)
class Issued:
    """One line of the register."""

    signed: SignedCertificate
    certificate: Certificate
    revoked: Revoked | None
    is_latest: bool  # of those of its robot
    authority_counts: bool  # false: signed by a key that is retired


class Authority:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, swarm_id: str, now_s: float) -> Authority:
        """Makes the folder and the first key. Raises IdentityRefused if there is an authority."""
        canonical.name(swarm_id, 'swarm_id')
        make_private_folder(folder)
        authority = cls(folder)
        with alone(folder):
            if (folder / register.FILE).exists():
                raise IdentityRefused(
                    'conflict',
                    f'{folder}: there is an authority already, of swarm '
                    f'{register.load(folder).swarm_id}',
                )
            public = authority._make_key()
            authority._store(Register(swarm_id, 1, int(now_s), (public,), (), (), {}))
        return authority

    @classmethod
    def open(cls, folder: Path) -> Authority:
        """Raises IdentityRefused where there is none, or others may read it."""
        if not (folder / register.FILE).exists():
            raise IdentityRefused(
                'missing',
                f'{folder}: there is no authority here: swarmctl keys init makes one, '
                'or name its folder with --keys',
            )
        check_private_folder(folder)
        authority = cls(folder)
        with alone(folder):
            authority._complete(register.load(folder))
        return authority

    @property
    def register(self) -> Register:
        return register.load(self.folder)

    def papers(self, signed: SignedCertificate | None = None) -> Papers:
        """A certificate with what its robot needs to know besides."""
        return replace(self._published(), certificate=signed)

    def issue(
        self,
        request: KeyRequest,
        roles: Sequence[Role],
        now_s: float,
        days: int,
        new_keys: bool = False,
    ) -> SignedCertificate:
        """A certificate for the keys of a request. `new_keys`: a robot that is known changes its
        keys; its former certificates go on to count until they are revoked."""
        trust.check_request(request)
        with self._change(now_s) as change:
            held = change.register
            if request.swarm_id != held.swarm_id:
                raise IdentityRefused(
                    'wrong_swarm',
                    f'{request.robot_id} asks to be in swarm {request.swarm_id}, this is the '
                    f'authority of {held.swarm_id}',
                )
            _check_keys(held, request, now_s, new_keys)
            return self._certify(change, request, tuple(roles), now_s, days)

    def renew(
        self, robot_id: str, now_s: float, days: int, roles: Sequence[Role] = ()
    ) -> SignedCertificate:
        """A later certificate for the keys that a robot has; the former goes on to count."""
        with self._change(now_s) as change:
            known = [
                found
                for _, found in change.register.of(robot_id)
                if found.serial not in change.register.revoked
            ]
            if not known:
                raise _not_issued(change.register, robot_id)
            last = known[-1]
            return self._certify(change, last, tuple(roles) or last.roles, now_s, days)

    def revoke(self, which: str, now_s: float, reason: str) -> list[Certificate]:
        """All that count of a robot, by its name, or one by its serial number (the beginning is
        enough). Returns those that were revoked by this."""
        register.checked_reason(reason)
        with self._change(now_s) as change:
            held = change.register
            found = [signed.certificate for signed in held.issued]
            matching = [one for one in found if one.robot_id == which] or [
                one
                for one in found
                if len(which) >= SERIAL_CHARS_MIN and one.serial.startswith(which)
            ]
            new = [one for one in matching if one.serial not in held.revoked]
            if not new:
                raise _not_issued(held, which)
            why = Revoked(int(now_s), reason)
            change.register = _listed_anew(
                replace(held, revoked=held.revoked | {one.serial: why for one in new}), now_s
            )
            return new

    def rotate(self, now_s: float) -> str:
        """A new key of the authority beside the old one; certificates are signed with it from now
        on. Returns its name."""
        with self._change(now_s) as change:
            held = change.register
            if len(held.authorities) >= AUTHORITIES_MAX:
                raise IdentityRefused(
                    'full', f'{AUTHORITIES_MAX} keys of the authority count; retire one first'
                )
            public = self._make_key()
            change.register = _listed_anew(
                replace(held, authorities=(*held.authorities, public)), now_s
            )
            return key_id(public)

    def retire(self, which: str, now_s: float, force: bool = False) -> str:
        """A key of the authority counts no longer, nor does any certificate that it has signed.
        Raises IdentityRefused while robots have no other one, unless `force`."""
        with self._change(now_s) as change:
            held = change.register
            found = [key for key in held.authorities if key_id(key).startswith(which)]
            if len(found) != 1 or len(which) < SERIAL_CHARS_MIN:
                raise IdentityRefused(
                    'missing', f'{which}: expected one of {_full_names(held.authorities)}'
                )
            if held.authorities == (found[0],):
                raise IdentityRefused(
                    'conflict', 'it is the only key of the authority: swarmctl keys rotate first'
                )
            left = tuple(key for key in held.authorities if key != found[0])
            stranded = [] if force else _stranded(held, left, now_s)
            if stranded:
                raise IdentityRefused(
                    'conflict',
                    f'{", ".join(stranded)} would have no certificate that counts: renew them '
                    'first (swarmctl keys renew), or --force if the key was stolen',
                )
            retired = (*held.retired, found[0])
            change.register = _listed_anew(
                replace(held, authorities=left, retired=retired), now_s
            )
            return key_id(found[0])

    def issued(self) -> list[Issued]:
        """Oldest first."""
        held = self.register
        both = [(signed, signed.certificate) for signed in held.issued]
        latest = {found.robot_id: found.serial for _, found in both}
        counting = set(map(key_id, held.authorities))
        return [
            Issued(
                signed,
                found,
                held.revoked.get(found.serial),
                latest[found.robot_id] == found.serial,
                signed.authority in counting,
            )
            for signed, found in both
        ]

    @contextlib.contextmanager
    def _change(self, now_s: float) -> Iterator[_Change]:
        """Nobody else changes the register meanwhile; nothing is stored if an error comes."""
        check_private_folder(self.folder)
        with alone(self.folder):
            held = register.load(self.folder)
            change = _Change(held.without_forgotten(now_s))
            yield change
            if change.register != held:
                self._store(change.register)

    def _certify(
        self,
        change: _Change,
        holder: KeyRequest | Certificate,
        roles: tuple[Role, ...],
        now_s: float,
        days: int,
    ) -> SignedCertificate:
        canonical.whole_number(days, 1, DAYS_MAX, 'days')
        held = change.register
        certificate = Certificate(
            serial=secrets.token_hex(16),
            swarm_id=held.swarm_id,
            robot_id=RobotId(holder.robot_id),
            roles=tuple(sorted(set(roles), key=lambda role: role.value)),
            sign_key=holder.sign_key,
            exchange_key=holder.exchange_key,
            not_before=int(now_s) - BACKDATED_S,
            not_after=int(now_s) + days * DAY_S,
        )
        body, public = certificate.encode(), held.authorities[-1]
        signature = self._key(public).sign(SignedCertificate.to_sign(body))
        signed = SignedCertificate(body, signature, key_id(public))
        change.register = replace(held, issued=(*held.issued, signed))
        return signed

    def _store(self, held: Register) -> None:
        register.store(self.folder, held)
        self._complete(held)

    def _complete(self, held: Register) -> None:
        """Make what follows from the register, unless it is there already."""
        wanted = RevocationList(
            held.swarm_id,
            held.number,
            held.made,
            tuple(sorted(held.authorities)),
            frozenset(held.revoked),
        ).encode()
        try:
            is_there = self._published().revocations.body == wanted
        except IdentityRefused as error:
            if error.reason not in ('missing', 'damaged'):
                raise
            is_there = False
        if not is_there:
            self._publish(held, wanted)
            self._remove_other_keys(held)

    def _publish(self, held: Register, body: bytes) -> None:
        data = SignedRevocations.to_sign(body)
        signatures = tuple(
            (key_id(public), self._key(public).sign(data))
            for public in sorted((*held.authorities, *held.retired), key=key_id)
        )
        papers = Papers(None, SignedRevocations(body, signatures))
        write_private(self.folder / REVOCATIONS, papers.encode())

    def _published(self) -> Papers:
        return Papers.decode(read_private(self.folder / REVOCATIONS, PAPERS_BYTES_MAX))

    def _remove_other_keys(self, held: Register) -> None:
        kept = {self._path(public) for public in (*held.authorities, *held.retired)}
        for path in sorted(self.folder.glob('authority-*.pem')):
            if path not in kept:
                remove(path)

    def _make_key(self) -> bytes:
        """Durable before anything names it."""
        private = keys.make_sign_key()
        public = keys.public_bytes(private)
        write_private(self._path(public), keys.to_pem(private))
        return public

    def _key(self, public: bytes) -> keys.Ed25519PrivateKey:
        path = self._path(public)
        try:
            private = keys.sign_key_from_pem(read_private(path))
        except IdentityRefused:
            raise
        except ValueError as error:
            raise damaged(str(path), str(error)) from error
        if keys.public_bytes(private) != public:
            raise damaged(str(path), f'the private key of {key_id(public)}')
        return private

    def _path(self, public: bytes) -> Path:
        return self.folder / f'authority-{key_id(public)}.pem'


@dataclass
class _Change:
    register: Register


def _listed_anew(held: Register, now_s: float) -> Register:
    """What needs a new list; of the retired keys the last ones go on to sign it, as many as there
    is room for."""
    room = AUTHORITIES_MAX - len(held.authorities)
    retired = held.retired[max(0, len(held.retired) - room):]
    return replace(held, number=held.number + 1, made=int(now_s), retired=retired)


def _check_keys(held: Register, request: KeyRequest, now_s: float, new_keys: bool) -> None:
    """Whether these keys may have a certificate under that name."""
    both = [(signed.certificate, held.revoked.get(signed.certificate.serial)) for signed
            in held.issued]
    with_these = [(found, why) for found, why in both if found.sign_key == request.sign_key]
    for found, why in with_these:
        if why is not None:
            raise IdentityRefused(
                'revoked',
                f'the keys of {request.robot_id} were revoked ({why.reason}): make new ones on '
                'the robot with swarmctl keys request --new-keys',
            )
        if found.robot_id != request.robot_id:
            raise IdentityRefused(
                'conflict', f'{found.robot_id} has the same keys: each robot makes its own'
            )
    if with_these or new_keys:
        return
    for found, why in both:
        if found.robot_id == request.robot_id and why is None and found.not_after > now_s:
            raise IdentityRefused(
                'conflict',
                f'{found.robot_id} has a certificate for other keys until '
                f'{date(found.not_after)}. If it is the same robot with new keys, add '
                '--new-keys; if it is another robot, give it another name',
            )


def _stranded(held: Register, left: tuple[bytes, ...], now_s: float) -> list[str]:
    """Robots that have a certificate which counts, but none of a key that is left."""
    counting = [
        (signed.authority, signed.certificate)
        for signed in held.issued
        if signed.certificate.serial not in held.revoked and signed.certificate.not_after > now_s
    ]
    names = set(map(key_id, left))
    safe = {found.robot_id for authority, found in counting if authority in names}
    return sorted({found.robot_id for _, found in counting} - safe)


def _not_issued(held: Register, which: str) -> IdentityRefused:
    names = sorted({signed.certificate.robot_id for signed in held.issued})
    shown = ', '.join(names[:20]) or 'none yet'
    return IdentityRefused(
        'missing', f'{which}: there is no certificate of it that counts; issued to: {shown}'
    )


def _full_names(authorities: tuple[bytes, ...]) -> str:
    return ', '.join(map(key_id, authorities))
