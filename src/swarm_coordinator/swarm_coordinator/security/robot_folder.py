# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The folder with the identity of one robot, mode 0700:

    sign-<id>.pem, exchange-<id>.pem   its private keys, which never leave it
    certificate                        names the keys that count; replacing it is the changeover
    revocations                        the authority's keys and what it has revoked
    waiting                            the id of keys that wait for a certificate

Owns what is written there and in which order. Refuses to know who signs certificates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from swarm_coordinator.core.identity import certificate as certificates
from swarm_coordinator.core.identity import revocation
from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.core.identity.certificate import Certificate, SignedCertificate
from swarm_coordinator.core.identity.papers import KeyRequest, Papers
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.identity.revocation import RevocationList, SignedRevocations
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.security import keys, trust
from swarm_coordinator.security.key_files import (
    alone,
    cannot,
    check_private_folder,
    make_private_folder,
    read_private,
    remove,
    write_private,
)

CERTIFICATE, REVOCATIONS, WAITING = 'certificate', 'revocations', 'waiting'
WAITING_BYTES_MAX = 64

_Key = TypeVar('_Key', keys.Ed25519PrivateKey, keys.X25519PrivateKey)


@dataclass(frozen=True)
class KeyPair:
    name: str  # canonical.key_id() of the public key to verify with
    sign: keys.Ed25519PrivateKey
    exchange: keys.X25519PrivateKey


@dataclass(frozen=True)
class Identity:
    """All of it fits together; whether it is good now is another question."""

    signed: SignedCertificate
    certificate: Certificate
    pair: KeyPair
    signed_revocations: SignedRevocations
    revocations: RevocationList


def load(folder: Path) -> Identity:
    """Raises IdentityRefused that says which file is wrong, and how."""
    check_private_folder(folder)
    signed_list = _list_in(folder)
    signed = _certificate_in(folder)
    if signed is None or signed_list is None:
        raise IdentityRefused(
            'missing',
            f'{folder}: there is no {REVOCATIONS if signed else CERTIFICATE} in it: install the '
            "authority's answer to the key request (swarmctl keys install FILE)",
        )
    found = trust.listed(signed_list, signed_list.revocations.authorities)
    certificate = trust.certified(signed, found.authorities)
    pair = _pair_of(folder, certificate)
    return Identity(signed, certificate, pair, signed_list, found)


def request(
    folder: Path, swarm_id: str, robot_id: str, new_keys: bool = False
) -> KeyRequest:
    """For the keys that wait for a certificate, else for those in use: asking again gives the
    same request. Makes keys where there are none; `new_keys` makes some in any case. Those in use
    go on to be used until papers for the new ones are installed."""
    make_private_folder(folder)
    with alone(folder):
        signed = _certificate_in(folder)
        waiting = _waiting_in(folder, signed)
        if new_keys or not (waiting or signed):
            pair = _make_pair(folder)
            _forget_former_pairs(folder, signed)
        elif waiting:
            pair = _read_pair(folder, waiting)
        else:
            assert signed is not None
            pair = _pair_of(folder, signed.certificate)
        return signed_request(swarm_id, robot_id, pair)


def signed_request(swarm_id: str, robot_id: str, pair: KeyPair) -> KeyRequest:
    publics = keys.public_bytes(pair.sign), keys.public_bytes(pair.exchange)
    unsigned = KeyRequest(swarm_id, RobotId(robot_id), *publics, b'')
    signature = pair.sign.sign(unsigned.to_sign(unsigned.body))
    return KeyRequest(swarm_id, RobotId(robot_id), *publics, signature)


def install(
    folder: Path, papers: Papers, now_s: float, authority: str = '', robot_id: str = ''
) -> RevocationList:
    """Take papers for use. A robot that trusts nobody yet trusts the authority in the papers;
    `authority`, the name of its key, makes sure that it is the right one. Returns the list that
    is in force then."""
    check_private_folder(folder)
    with alone(folder):
        known = _list_in(folder)
        signed_list = _newer_list(papers, known, authority)
        revocations = signed_list.revocations
        if papers.certificate is not None:
            _check_papers(folder, papers.certificate, revocations, now_s, robot_id)
        if signed_list is not known:
            write_private(folder / REVOCATIONS, signed_list.encode())
        if papers.certificate is not None:
            write_private(folder / CERTIFICATE, papers.certificate.encode())
            _forget_former_pairs(folder, papers.certificate)
        return revocations


def take_list(folder: Path, signed: SignedRevocations) -> None:
    """Keep a revocation list, unless another process has kept a newer one meanwhile."""
    with alone(folder):
        known = _list_in(folder)
        number = signed.revocations.number
        if known is None or known.revocations.number < number:
            write_private(folder / REVOCATIONS, signed.encode())


def _newer_list(
    papers: Papers, known: SignedRevocations | None, authority: str
) -> SignedRevocations:
    offered = papers.revocations
    if authority and authority not in map(key_id, offered.revocations.authorities):
        raise IdentityRefused(
            'unknown_authority',
            f'the papers are of authority {trust.names(offered.revocations.authorities)}, '
            f'expected {authority}',
        )
    if known is None:
        if papers.certificate is None:
            raise IdentityRefused(
                'missing', 'this robot has no certificate yet, and there is none in these papers'
            )
        trust.listed(offered, offered.revocations.authorities)
        return offered
    is_older = offered.revocations.number < known.revocations.number
    if is_older and papers.certificate is not None:
        return known  # issued before the last revocation, which is known here already
    return known if trust.following(offered, known) is None else offered


def _check_papers(
    folder: Path, signed: SignedCertificate, list_: RevocationList, now_s: float, robot_id: str
) -> None:
    certificate = trust.certified(signed, list_.authorities)
    if robot_id and certificate.robot_id != robot_id:
        raise IdentityRefused(
            'wrong_robot', f'the papers are for {certificate.robot_id}, this is {robot_id}'
        )
    refusal = certificates.check(certificate, now_s, list_.swarm_id, list_.revoked)
    if refusal is not None:
        raise IdentityRefused(refusal.reason, refusal.sentence)
    _pair_of(folder, certificate)
    current = _certificate_in(folder)
    if current is not None and certificate.not_before < current.certificate.not_before:
        raise IdentityRefused(
            'rolled_back',
            f'the certificate in the papers is of {certificates.date(certificate.not_before)}; '
            f'the one in {folder} is newer, of '
            f'{certificates.date(current.certificate.not_before)}',
        )


def _certificate_in(folder: Path) -> SignedCertificate | None:
    path = folder / CERTIFICATE
    data = _if_there(path, certificates.ENCODED_BYTES_MAX)
    return None if data is None else _decoded(path, SignedCertificate.decode, data)


def _list_in(folder: Path) -> SignedRevocations | None:
    path = folder / REVOCATIONS
    data = _if_there(path, revocation.ENCODED_BYTES_MAX)
    return None if data is None else _decoded(path, SignedRevocations.decode, data)


_Decoded = TypeVar('_Decoded', SignedCertificate, SignedRevocations)


def _decoded(path: Path, decode: Callable[[bytes], _Decoded], data: bytes) -> _Decoded:
    try:
        return decode(data)
    except IdentityRefused as error:
        raise IdentityRefused(error.reason, f'{path}: {error}') from None


def _if_there(path: Path, bytes_max: int) -> bytes | None:
    try:
        return read_private(path, bytes_max)
    except IdentityRefused as error:
        if error.reason == 'missing':
            return None
        raise


def _pair_of(folder: Path, certificate: Certificate) -> KeyPair:
    name = key_id(certificate.sign_key)
    try:
        pair = _read_pair(folder, name)
    except IdentityRefused as error:
        if error.reason != 'missing':
            raise
        raise IdentityRefused(
            'other_keys',
            f'{folder}: the certificate of {certificate.robot_id} was made for other keys than '
            'those that are here: have one issued for the request that this robot makes '
            '(swarmctl keys request)',
        ) from None
    publics = keys.public_bytes(pair.sign), keys.public_bytes(pair.exchange)
    if publics != (certificate.sign_key, certificate.exchange_key):
        raise IdentityRefused(
            'other_keys', f'{folder}: the private keys are not those that the certificate names'
        )
    return pair


def _waiting_in(folder: Path, signed: SignedCertificate | None) -> str:
    """The name of the pair that waits for a certificate; '' if none does."""
    data = _if_there(folder / WAITING, WAITING_BYTES_MAX)
    name = (data or b'').decode('ascii', 'replace').strip()
    is_used = signed is not None and name == key_id(signed.certificate.sign_key)
    return '' if is_used or not (folder / f'sign-{name}.pem').exists() else name


def _read_pair(folder: Path, name: str) -> KeyPair:
    return KeyPair(
        name,
        _read_key(folder / f'sign-{name}.pem', keys.sign_key_from_pem),
        _read_key(folder / f'exchange-{name}.pem', keys.exchange_key_from_pem),
    )


def _read_key(path: Path, parse: Callable[[bytes], _Key]) -> _Key:
    try:
        return parse(read_private(path))
    except IdentityRefused:
        raise
    except ValueError as error:
        raise IdentityRefused('damaged', f'{path}: {error}') from error


def _make_pair(folder: Path) -> KeyPair:
    sign, exchange = keys.make_sign_key(), keys.make_exchange_key()
    pair = KeyPair(key_id(keys.public_bytes(sign)), sign, exchange)
    write_private(folder / f'exchange-{pair.name}.pem', keys.to_pem(exchange))
    write_private(folder / f'sign-{pair.name}.pem', keys.to_pem(sign))
    write_private(folder / WAITING, f'{pair.name}\n'.encode())  # last: what it names is whole
    return pair


def _forget_former_pairs(folder: Path, signed: SignedCertificate | None) -> None:
    """What is neither in use nor waiting: keys before a changeover, or those of a crash."""
    kept = {_waiting_in(folder, signed)}
    if signed is not None:
        kept.add(key_id(signed.certificate.sign_key))
    try:
        found = sorted(path.name for path in folder.glob('*-*.pem'))
    except OSError as error:
        raise cannot(folder, error) from error
    for name in found:
        kind, _, pair = name.removesuffix('.pem').partition('-')
        if kind in ('sign', 'exchange') and pair not in kept:
            remove(folder / name)
