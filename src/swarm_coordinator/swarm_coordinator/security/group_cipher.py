# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keys that are wrapped for one process of a robot, under X25519.

Owns from what a wrapping key is derived: the secret of the exchange keys in both certificates, and
that of two keys that the processes drew when they started. The second is on no disk: who steals a
robot later cannot read what was recorded.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from swarm_coordinator.core.identity.concealed import AUTHENTICATION_BYTES
from swarm_coordinator.core.identity.group_keys import HANDED_MAX, KEY_BYTES, Peer
from swarm_coordinator.security import keys
from swarm_coordinator.security.keys import decrypt, derived, encrypt

SECRETS_MAX = 512
_HANDOVER = b'swarm key handover 1\0'
_ONCE = bytes(12)  # the nonce where a key is derived for one text only


def draw(count: int) -> bytes:
    return os.urandom(count)


@dataclass(frozen=True)
class Way:
    """From whom to whom keys go, and which."""

    swarm_id: str
    giver: Peer
    taker: Peer
    key_epoch: int

    @property
    def purpose(self) -> bytes:
        parts = []
        for one in (self.giver, self.taker):
            name = one.robot_id.encode()
            parts += [struct.pack('>IQ', len(name), one.life), name, one.exchange_key]
        swarm = hashlib.sha256(self.swarm_id.encode()).digest()
        return _HANDOVER + swarm + struct.pack('>Q', self.key_epoch) + b''.join(parts)


class Exchange:
    """What one process wraps its keys with, and opens those of others. `agree(public)` is the
    secret with the owner of the exchange key in a certificate (Keyring.agree)."""

    def __init__(self, agree: Callable[[bytes], bytes]) -> None:
        self._private = keys.make_exchange_key()
        self.public = keys.public_bytes(self._private)
        self._agree = agree
        self._secret_of_lives = lru_cache(SECRETS_MAX)(self._agreed)

    def _agreed(self, public: bytes) -> bytes:
        return keys.agreed_secret(self._private, public)

    def _key(self, way: Way, certified: bytes, exchange_key: bytes) -> bytes:
        secret = self._agree(certified) + self._secret_of_lives(exchange_key)
        return derived(secret, way.purpose)

    def secret_with(self, public: bytes) -> bytes:
        """What only the owner of `public` and this process of this robot can make, with the key
        of the certificate and with that of the process; to be hashed before use. Raises
        ValueError. Nothing of it is kept: anybody may ask."""
        return self._agree(public) + self._agreed(public)

    def wrap(self, way: Way, certified: bytes, given: tuple[bytes, ...]) -> bytes:
        """`certified`: the exchange key in the taker's certificate. Raises ValueError for a key
        that makes no secret."""
        key = self._key(way, certified, way.taker.exchange_key)
        # The same way wraps the same keys only: what a name stands for never changes, and how
        # many older ones go along follows from it.
        return encrypt(key, _ONCE, b''.join(given), b'')

    def unwrap(self, way: Way, certified: bytes, wrapped: bytes) -> tuple[bytes, ...]:
        """`certified`: the exchange key in the giver's certificate. Raises ValueError."""
        count, left = divmod(len(wrapped) - AUTHENTICATION_BYTES, KEY_BYTES)
        if left or not 1 <= count <= HANDED_MAX:
            raise ValueError(f'{len(wrapped)} bytes: expected 1 to {HANDED_MAX} wrapped keys')
        key = self._key(way, certified, way.giver.exchange_key)
        text = decrypt(key, _ONCE, wrapped, b'')
        return tuple(text[at : at + KEY_BYTES] for at in range(0, len(text), KEY_BYTES))
