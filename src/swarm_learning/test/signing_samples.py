# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots with keys, for tests: a keyed hash in the place of a signature, which only its robot can
make here, and certificates that can be taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count

from swarm_learning.core.reputation.notary import Notary


class Certificates:
    """Who is known, and whose certificate was taken back."""

    def __init__(self, *robots: str) -> None:
        self.known = set(robots)
        self.checked = 0

    def keys(self, robot_id: str) -> Signing:
        return Signing(self, robot_id)

    def notary(self, robot_id: str, swarm_id: str = 'swarm') -> Notary:
        numbers = count(1000)
        nonce: Callable[[], int] = lambda: next(numbers)  # noqa: E731
        return Notary(swarm_id, robot_id, self.keys(robot_id), nonce)


class Signing:
    """The keys of one robot."""

    def __init__(self, certificates: Certificates, robot_id: str) -> None:
        self._certificates, self._robot_id = certificates, robot_id

    def sign(self, data: bytes) -> bytes:
        return _of(self._robot_id, data)

    def verify(self, robot_id: str, data: bytes, signature: bytes) -> bool | None:
        self._certificates.checked += 1
        if robot_id not in self._certificates.known:
            return None
        return _of(robot_id, data) == signature


def _of(robot_id: str, data: bytes) -> bytes:
    return hashlib.blake2b(data, key=robot_id.encode()).digest()
