# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Encryption of one file's way over its own connection, from the pass key of the offer.

Owns what is derived from that key: what the receiver proves itself with, which is all that the
network sees of it, and the key of the stream. A pass key is good for one connection, so frames are
numbered from nothing, and each is bound to its place in the file.
"""

from __future__ import annotations

import struct

from swarm_coordinator.core.identity.concealed import nonce
from swarm_coordinator.security.keys import decrypt, derived, encrypt

ADMISSION_BYTES = 16  # as many as a pass key, which it stands for


class FileCipher:
    """Both ends count frames: one object for one direction of one connection."""

    def __init__(self, pass_key: bytes) -> None:
        self.admission = derived(pass_key, b'swarm file admission 1\0')[:ADMISSION_BYTES]
        self._key = derived(pass_key, b'swarm file stream 1\0')
        self._number = 0

    def encrypt(self, offset: int, data: bytes) -> bytes:
        """The next frame: 16 bytes longer than the data."""
        return encrypt(self._key, self._next(), data, struct.pack('>Q', offset))

    def decrypt(self, offset: int, frame: bytes) -> bytes:
        """Raises ValueError for anything but the next frame of this place."""
        return decrypt(self._key, self._next(), frame, struct.pack('>Q', offset))

    def _next(self) -> bytes:
        self._number += 1
        return nonce(self._number)
