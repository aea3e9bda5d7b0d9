# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What one robot process signs with, and whose signatures it believes.

    keyring = Keyring.load(folder, 'swarm', 'r1')
    certificate = keyring.admit(encoded, now_s)     # of a peer; raises IdentityRefused
    keyring.verify(certificate.sign_key, data, signature)

Owns the keys in memory and the caches. Refuses to know messages and the time. Methods may be
called from several threads.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from swarm_coordinator.core.identity.certificate import (
    CLOCK_SLACK_S,
    Certificate,
    SignedCertificate,
    check,
)
from swarm_coordinator.core.identity.refusal import IdentityRefused, Refusal
from swarm_coordinator.core.identity.revocation import RevocationList, SignedRevocations
from swarm_coordinator.security import keys, robot_folder, trust
from swarm_coordinator.security.robot_folder import Identity

VERIFIED_KEYS_MAX = 512  # a key object takes under 1 kB; a swarm has some tens
ADMITTED_MAX = 512


class Keyring:
    def __init__(
        self, folder: Path, identity: Identity, slack_s: float = CLOCK_SLACK_S
    ) -> None:
        self.folder = folder
        self.swarm_id = identity.certificate.swarm_id
        self.robot_id = identity.certificate.robot_id
        self._slack_s = slack_s
        self._changing = threading.Lock()
        self._key_of = lru_cache(VERIFIED_KEYS_MAX)(keys.public_key)
        self._use(identity)

    @classmethod
    def load(
        cls, folder: Path, swarm_id: str, robot_id: str, slack_s: float = CLOCK_SLACK_S
    ) -> Keyring:
        """Raises IdentityRefused. An own certificate that is expired, not yet valid or revoked is
        loaded all the same: `refusal` tells, and the others will not admit it."""
        identity = robot_folder.load(Path(folder))
        _check_whose(identity.certificate, swarm_id, robot_id)
        return cls(Path(folder), identity, slack_s)

    @property
    def certificate(self) -> Certificate:
        return self._identity.certificate

    @property
    def encoded(self) -> bytes:
        """The own certificate as others admit() it."""
        return self._encoded

    @property
    def revocations(self) -> RevocationList:
        """In force; its `authorities` are the keys that are trusted."""
        return self._identity.revocations

    @property
    def encoded_revocations(self) -> bytes:
        """As others take_revocations() it."""
        return self._encoded_revocations

    def refusal(self, now_s: float) -> Refusal | None:
        """Why others will not admit this robot; None if they will."""
        try:
            self.admit(self._encoded, now_s)
        except IdentityRefused as error:
            return error.refusal
        return None

    def refusal_of(self, certificate: Certificate, now_s: float) -> Refusal | None:
        """Why an admitted certificate is good no longer; None if it is. Cheap: to be asked again
        as time passes and after a revocation."""
        return check(certificate, now_s, self.swarm_id, self.revocations.revoked, self._slack_s)

    def is_revoked(self, serial: str) -> bool:
        return serial in self.revocations.revoked

    def sign(self, data: bytes) -> bytes:
        """64 bytes. Begin `data` with what it is: a signature must fit one kind of thing only."""
        return self._identity.pair.sign.sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """Whether the owner of this public key, 32 bytes, has signed `data`."""
        try:
            key = self._key_of(public)
        except (ValueError, TypeError):
            return False
        return keys.fits(key, signature, data)

    def agree(self, public: bytes) -> bytes:
        """32 secret bytes that only this robot and the owner of an `exchange_key` can make; hash
        them with both keys before use. Raises IdentityRefused for a key that makes no secret."""
        try:
            return keys.agreed_secret(self._identity.pair.exchange, public)
        except ValueError:
            raise IdentityRefused('damaged', 'exchange_key: expected an X25519 key') from None

    def admit(self, encoded: bytes, now_s: float) -> Certificate:
        """The certificate of a peer, if it is good now. Raises IdentityRefused.

        The signature is verified once for each certificate; refused ones are not remembered, so
        limit how often a source may try (about 0.2 ms each).
        """
        certificate = self._certified(bytes(encoded))
        refusal = self.refusal_of(certificate, now_s)
        if refusal is not None:
            raise IdentityRefused(refusal.reason, refusal.sentence)
        return certificate

    def take_revocations(self, encoded: bytes) -> bool:
        """Put a newer list of the authority in force and keep it; False if it is the one in
        force. Raises IdentityRefused for a forged or older one. One that cannot be kept on the
        disk raises too; it is in force until the process ends."""
        signed = SignedRevocations.decode(encoded)
        with self._changing:
            found = trust.following(signed, self._identity.signed_revocations)
            if found is None:
                return False
            self._use(replace(self._identity, signed_revocations=signed, revocations=found))
            robot_folder.take_list(self.folder, signed)
            return True

    def reload(self) -> bool:
        """Take a renewed certificate, new keys or a newer list from the folder; whether anything
        changed. Raises IdentityRefused and goes on with what it has if they are not right."""
        with self._changing:
            identity, before = robot_folder.load(self.folder), self._identity
            _check_whose(identity.certificate, self.swarm_id, self.robot_id)
            trust.following(identity.signed_revocations, before.signed_revocations)
            if (identity.signed, identity.signed_revocations) == (
                before.signed,
                before.signed_revocations,
            ):
                return False  # and what was admitted need not be verified again
            self._use(identity)
            return True

    def _use(self, identity: Identity) -> None:
        """What was admitted under other keys of the authority is verified anew."""
        authorities = identity.revocations.authorities

        def certified(encoded: bytes) -> Certificate:
            return trust.certified(SignedCertificate.decode(encoded), authorities)

        self._encoded = identity.signed.encode()
        self._encoded_revocations = identity.signed_revocations.encode()
        self._certified = lru_cache(ADMITTED_MAX)(certified)
        self._identity = identity


def _check_whose(certificate: Certificate, swarm_id: str, robot_id: str) -> None:
    if certificate.swarm_id != swarm_id:
        raise IdentityRefused(
            'wrong_swarm',
            f'the certificate here is for swarm {certificate.swarm_id}, swarm_id is {swarm_id}',
        )
    if certificate.robot_id != robot_id:
        raise IdentityRefused(
            'wrong_robot',
            f'the certificate here is for robot {certificate.robot_id}, robot_id is {robot_id}',
        )
