# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Requests as tests of the core see them: the shape of messages, without ROS."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, fields
from typing import Any

from swarm_coordinator.core.identity.certificate import Certificate, Role
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.identity.request_bytes import to_sign

SERVICE = '/r1/cancel_job'
NOW_S = 1_800_000_000.0


class Message:
    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        return {one.name: one.metadata['type'] for one in fields(cls)}  # type: ignore[arg-type]


def told(kind: str, default: Any) -> Any:
    if callable(default):
        return field(default_factory=default, metadata={'type': kind})
    return field(default=default, metadata={'type': kind})


@dataclass
class Credential(Message):
    swarm_id: str = told('string', '')
    caller: str = told('string', '')
    recipient: str = told('string', '')
    stamp_ms: int = told('uint64', 0)
    session: int = told('uint64', 0)
    sequence: int = told('uint64', 0)
    certificate: bytes = told('sequence<uint8>', b'')
    signature: bytes = told('sequence<uint8>', b'')


@dataclass
class Part(Message):
    name: str = told('string', '')
    numbers: list[int] = told('sequence<int32>', list)


@dataclass
class Cancel(Message):
    credential: Credential = told('swarm_msgs/Credential', Credential)
    job_id: str = told('string', '')
    reason: str = told('string', '')
    expiry_ms: int = told('uint32', 0)
    weight: float = told('float', 0.0)
    is_urgent: bool = told('boolean', False)
    uuid: list[int] = told('uint8[16]', lambda: [0] * 16)
    labels: list[str] = told('sequence<string, 8>', list)
    parts: list[Part] = told('sequence<swarm_msgs/Part>', list)


def sign(name: str, data: bytes) -> bytes:
    """Stands for Ed25519: each name has a key that nobody else has."""
    return hmac.digest(f'key of {name}'.encode(), data, hashlib.sha512)


def public(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


class Authority:
    """What admit() and verify() of a keyring do, of certificates that are names and roles."""

    def __init__(self) -> None:
        self.admitted, self.verified = 0, 0
        self.refused: dict[bytes, IdentityRefused] = {}

    def admit(self, encoded: bytes, now_s: float) -> Certificate:
        self.admitted += 1
        if encoded in self.refused:
            raise self.refused[encoded]
        try:
            name, *roles = encoded.decode().split(',')
            return Certificate(
                '0' * 32, 'swarm', name, tuple(Role(one) for one in roles),  # type: ignore[arg-type]
                public(name), public(name), 0, 2**40 // 512,
            )
        except ValueError:
            raise IdentityRefused('forged', 'nobody has signed this certificate') from None

    def verify(self, key: bytes, data: bytes, signature: bytes) -> bool:
        self.verified += 1
        return any(
            public(name) == key and hmac.compare_digest(sign(name, data), signature)
            for name in ('anna', 'bob', 'eve', 'r1', 'r2')
        )


def signed(
    name: str = 'anna', role: str = 'operator', service: str = SERVICE, sequence: int = 1,
    session: int = 7, stamp_ms: int = int(NOW_S * 1000), recipient: str = 'r1',
    swarm_id: str = 'swarm', kind: str = 'CancelJob', key: str = '', **given: Any,
) -> Cancel:
    credential = Credential(
        swarm_id, name, recipient, stamp_ms, session, sequence, f'{name},{role}'.encode()
    )
    request = Cancel(credential, **{'job_id': 'r1-1-1', **given})
    credential.signature = sign(key or name, to_sign(service, kind, request))
    return request
