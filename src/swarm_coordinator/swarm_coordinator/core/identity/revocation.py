# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which certificates count no longer, and which keys of the authority count: one signed list.

Both are in one list with one number, so that a robot needs to hear of one thing to follow a
revocation and a change of the authority's key. A list is signed by the authority's keys: all
that it has, so that a robot that knows only an older one can follow.

Owns the list and its bytes. Refuses to check signatures.
"""

from __future__ import annotations

from dataclasses import dataclass

from swarm_coordinator.core.identity import canonical
from swarm_coordinator.core.identity.certificate import TIME_S_MAX
from swarm_coordinator.core.identity.refusal import damaged
from swarm_coordinator.core.identity.weak_keys import is_weak

ENCODED_BYTES_MAX = 65_536
REVOKED_MAX = 1_800  # 35 bytes each: the list stays below its bytes
AUTHORITIES_MAX = 4  # one, two while changing over; more is a mistake
NUMBER_MAX = 2**53

_CONTEXT = b'swarm revocations 1\0'
_FIELDS = frozenset({'authorities', 'made', 'number', 'revoked', 'swarm_id'})


@dataclass(frozen=True)
class RevocationList:
    swarm_id: str
    number: int  # from 1; each list replaces those with a lower one
    made: int  # unix seconds
    authorities: tuple[bytes, ...]  # public keys whose certificates count; sorted
    revoked: frozenset[str]  # serial numbers

    def __post_init__(self) -> None:
        canonical.name(self.swarm_id, 'swarm_id')
        canonical.whole_number(self.number, 1, NUMBER_MAX, 'number')
        canonical.whole_number(self.made, 0, TIME_S_MAX, 'made')
        if not 1 <= len(self.authorities) <= AUTHORITIES_MAX:
            raise damaged('authorities', f'1 to {AUTHORITIES_MAX} keys')
        if any(len(key) != canonical.KEY_BYTES for key in self.authorities):
            raise damaged('authorities', f'keys of {canonical.KEY_BYTES} bytes')
        if any(map(is_weak, self.authorities)):
            raise damaged('authorities', 'keys with which only their owner can sign')
        if len(self.revoked) > REVOKED_MAX:
            raise damaged('revoked', f'at most {REVOKED_MAX} serial numbers')

    def encode(self) -> bytes:
        return canonical.write_object({
            'swarm_id': self.swarm_id,
            'number': self.number,
            'made': self.made,
            'authorities': sorted(key.hex() for key in self.authorities),
            'revoked': sorted(self.revoked),
        })

    @classmethod
    def decode(cls, body: bytes) -> RevocationList:
        fields = canonical.read_object(body, _FIELDS, 'revocation list', ENCODED_BYTES_MAX)
        revoked = canonical.strings(fields['revoked'], 'revoked', REVOKED_MAX)
        for serial in revoked:
            canonical.hex_bytes(serial, 16, 'revoked')
        keys = canonical.strings(fields['authorities'], 'authorities', AUTHORITIES_MAX)
        return cls(
            swarm_id=fields['swarm_id'],
            number=fields['number'],
            made=fields['made'],
            authorities=tuple(
                canonical.hex_bytes(key, canonical.KEY_BYTES, 'authorities') for key in keys
            ),
            revoked=frozenset(revoked),
        )


@dataclass(frozen=True)
class SignedRevocations:
    body: bytes  # RevocationList.encode()
    signatures: tuple[tuple[str, bytes], ...]  # (authority, signature), in the order of names

    @staticmethod
    def to_sign(body: bytes) -> bytes:
        return _CONTEXT + body

    @property
    def revocations(self) -> RevocationList:
        return RevocationList.decode(self.body)

    def encode(self) -> bytes:
        return canonical.write_signed(self.body, self.signatures)

    @classmethod
    def decode(cls, data: bytes) -> SignedRevocations:
        """Raises IdentityRefused for anything that encode() does not write. The signatures are
        not checked here."""
        body, signatures = canonical.read_signed(
            data, 'revocation list', ENCODED_BYTES_MAX, AUTHORITIES_MAX
        )
        names = [authority for authority, _ in signatures]
        if sorted(set(names)) != names:
            raise damaged('revocation list', 'one signature of each authority, in order')
        RevocationList.decode(body)
        return cls(body, signatures)
