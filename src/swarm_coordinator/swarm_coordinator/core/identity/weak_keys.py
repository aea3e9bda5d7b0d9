# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ed25519 public keys for which anybody can make a signature that fits.

The curve has a few points of small order (RFC 8032, section 5.1: the cofactor is 8). With one of
them as public key, a signature with scalar 0 fits one message in a few, with the neutral point
every message, and OpenSSL accepts them. A member could sign with one and deny it.

Owns the test. Refuses to know other kinds of bad keys; a robot that gives its key away cannot be
told from outside.
"""

from __future__ import annotations

_P = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
# The second coordinate is all of an encoded point but its highest bit; it may be written with
# the prime added where that fits.
_SMALL = frozenset({0, 1, _P - 1, _P, _P + 1, _ORDER_8, _P - _ORDER_8})


def is_weak(sign_key: bytes) -> bool:
    return int.from_bytes(sign_key, 'little') & (2**255 - 1) in _SMALL
