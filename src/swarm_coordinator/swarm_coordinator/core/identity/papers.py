# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Two files that people carry: the request of a robot, and the papers that the authority answers.

Owns their formats. Neither holds anything secret. Refuses to check signatures.
"""

from __future__ import annotations

from dataclasses import dataclass

from swarm_coordinator.core.identity import canonical, revocation
from swarm_coordinator.core.identity.certificate import ENCODED_BYTES_MAX, SignedCertificate
from swarm_coordinator.core.identity.refusal import damaged
from swarm_coordinator.core.identity.revocation import SignedRevocations
from swarm_coordinator.core.ids import RobotId

REQUEST_BYTES_MAX = 1024
# Line ends and quotes within JSON take a character more.
PAPERS_BYTES_MAX = ENCODED_BYTES_MAX + revocation.ENCODED_BYTES_MAX + 8192

_REQUEST_CONTEXT = b'swarm key request 1\0'
_REQUEST_FIELDS = frozenset({'exchange_key', 'robot_id', 'sign_key', 'swarm_id'})
_PAPERS_FIELDS = frozenset({'certificate', 'revocations'})


@dataclass(frozen=True)
class KeyRequest:
    """The public keys that a robot made for itself, signed with the private one to show that it
    has it."""

    swarm_id: str
    robot_id: RobotId
    sign_key: bytes
    exchange_key: bytes
    signature: bytes

    @property
    def body(self) -> bytes:
        return canonical.write_object({
            'swarm_id': self.swarm_id,
            'robot_id': self.robot_id,
            'sign_key': self.sign_key.hex(),
            'exchange_key': self.exchange_key.hex(),
        })

    @staticmethod
    def to_sign(body: bytes) -> bytes:
        return _REQUEST_CONTEXT + body

    def encode(self) -> bytes:
        signed = ((canonical.key_id(self.sign_key), self.signature),)
        return canonical.write_signed(self.body, signed)

    @classmethod
    def decode(cls, data: bytes) -> KeyRequest:
        body, signatures = canonical.read_signed(data, 'key request', REQUEST_BYTES_MAX, 1)
        fields = canonical.read_object(body, _REQUEST_FIELDS, 'key request', REQUEST_BYTES_MAX)
        key_bytes = canonical.KEY_BYTES
        ((key, signature),) = signatures
        request = cls(
            canonical.name(fields['swarm_id'], 'swarm_id'),
            RobotId(canonical.name(fields['robot_id'], 'robot_id')),
            canonical.hex_bytes(fields['sign_key'], key_bytes, 'sign_key'),
            canonical.hex_bytes(fields['exchange_key'], key_bytes, 'exchange_key'),
            signature,
        )
        if key != canonical.key_id(request.sign_key):
            raise damaged('key request', 'the signature of the sign_key in it')
        return request


@dataclass(frozen=True)
class Papers:
    """What `swarmctl keys install` takes: a certificate, or none where only the list is new."""

    certificate: SignedCertificate | None
    revocations: SignedRevocations

    def encode(self) -> bytes:
        certificate = self.certificate.encode().decode() if self.certificate else ''
        return canonical.write_object({
            'certificate': certificate,
            'revocations': self.revocations.encode().decode(),
        })

    @classmethod
    def decode(cls, data: bytes) -> Papers:
        fields = canonical.read_object(data, _PAPERS_FIELDS, 'papers', PAPERS_BYTES_MAX)
        for name, text in fields.items():
            if not isinstance(text, str) or not text.isascii():
                raise damaged(name, 'ASCII text')
        certificate = fields['certificate']
        return cls(
            SignedCertificate.decode(certificate.encode()) if certificate else None,
            SignedRevocations.decode(fields['revocations'].encode()),
        )
