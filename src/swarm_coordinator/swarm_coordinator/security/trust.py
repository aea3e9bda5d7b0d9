# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whether a signature fits: of a certificate, a revocation list, a request.

Owns which key has to have signed what, and which list may follow which. Refuses to know files
and the time.
"""

from __future__ import annotations

from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.core.identity.certificate import Certificate, SignedCertificate
from swarm_coordinator.core.identity.papers import KeyRequest
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.identity.revocation import RevocationList, SignedRevocations
from swarm_coordinator.security.keys import signature_fits


def certified(signed: SignedCertificate, authorities: tuple[bytes, ...]) -> Certificate:
    """The certificate, if one of these keys has signed it."""
    certificate = signed.certificate
    key = {key_id(public): public for public in authorities}.get(signed.authority)
    if key is None:
        raise IdentityRefused(
            'unknown_authority',
            f'the certificate of {certificate.robot_id} is of authority '
            f'{short(signed.authority)}, trusted here: {names(authorities)}. One authority has to '
            'issue the certificates of all robots: enrol this robot or that one with it '
            '(swarmctl keys request)',
        )
    if not signature_fits(key, signed.signature, signed.to_sign(signed.body)):
        raise IdentityRefused(
            'forged',
            f'the certificate of {certificate.robot_id} was changed after authority '
            f'{short(signed.authority)} signed it, or that authority never did',
        )
    return certificate


def listed(signed: SignedRevocations, trusted: tuple[bytes, ...]) -> RevocationList:
    """The list, if one of the trusted keys and each key that it names has signed it."""
    found = signed.revocations
    by_id = {key_id(public): public for public in (*trusted, *found.authorities)}
    signers = dict(signed.signatures)
    for name, signature in signed.signatures:
        key = by_id.get(name)
        if key and not signature_fits(key, signature, signed.to_sign(signed.body)):
            raise IdentityRefused(
                'forged',
                f'revocation list {found.number}: it was changed after authority {short(name)} '
                'signed it, or that authority never did',
            )
    unsigned = [key for key in found.authorities if key_id(key) not in signers]
    if unsigned:
        raise IdentityRefused(
            'forged', f'revocation list {found.number}: {names(tuple(unsigned))} has not signed it'
        )
    if not any(key_id(key) in signers for key in trusted):
        raise IdentityRefused(
            'unknown_authority',
            f'revocation list {found.number}: signed by {", ".join(map(short, signers))}, trusted '
            f'here: {names(trusted)}',
        )
    return found


def following(signed: SignedRevocations, known: SignedRevocations) -> RevocationList | None:
    """The list, if it may replace the known one; None if it is the known one."""
    before, after = known.revocations, signed.revocations
    if after.swarm_id != before.swarm_id:
        raise IdentityRefused(
            'wrong_swarm',
            f'revocation list of swarm {after.swarm_id}, this is swarm {before.swarm_id}',
        )
    if signed.body == known.body:
        return None
    if after.number < before.number:
        raise IdentityRefused(
            'rolled_back',
            f'revocation list {after.number} is older than {before.number}, which is known here',
        )
    found = listed(signed, before.authorities)
    if after.number == before.number:
        raise IdentityRefused(
            'conflict',
            f'there are two revocation lists with number {after.number}: two copies of the '
            "authority's folder are in use. Keep one, and revoke there again what the other had",
        )
    return found


def check_request(request: KeyRequest) -> None:
    if not signature_fits(request.sign_key, request.signature, request.to_sign(request.body)):
        raise IdentityRefused(
            'forged', f'the key request of {request.robot_id} was changed after it was made'
        )


def short(name: str) -> str:
    return name[:8]


def names(authorities: tuple[bytes, ...]) -> str:
    return ', '.join(short(key_id(public)) for public in authorities) or 'none'
