# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keys for which anybody can sign: found by arithmetic on the curve, and tried on the library."""

from __future__ import annotations

from functools import lru_cache

import pytest

from swarm_coordinator.core.identity.weak_keys import is_weak
from swarm_coordinator.security import keys

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the base point, RFC 8032
NEUTRAL = (0, 1)
Point = tuple[int, int]


def added(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, P - 2, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P) % P,
    )


def times(factor: int, point: Point) -> Point:
    total = NEUTRAL
    while factor:
        if factor & 1:
            total = added(total, point)
        point, factor = added(point, point), factor >> 1
    return total


def point_with(y: int) -> Point | None:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    for x in (root := pow(square, (P + 3) // 8, P), root * pow(2, (P - 1) // 4, P) % P):
        if x * x % P == square:
            return x, y
    return None


@lru_cache
def small_points() -> list[Point]:
    """All eight: multiples of any point of order 8."""
    for y in range(2, 100):
        point = point_with(y)
        if point and times(4, found := times(ORDER, point)) != NEUTRAL:
            return [times(factor, found) for factor in range(8)]
    raise AssertionError('no point of order 8')


def encodings() -> list[bytes]:
    """Each point as it is written, and in the ways that are not the usual one."""
    found = set()
    for _, y in small_points():
        for written in (y, y + P):
            if written < 2**255:
                found |= {(written | sign << 255).to_bytes(32, 'little') for sign in (0, 1)}
    return sorted(found)


def is_forged(public: bytes) -> bool:
    """Whether somebody without the private key makes a signature for one of some messages."""
    commitments = [
        (y | (x & 1) << 255).to_bytes(32, 'little') for x, y in small_points()
    ]
    return any(
        keys.signature_fits(public, commitment + bytes(32), b'%d' % message)
        for commitment in commitments
        for message in range(32)
    )


def test_there_are_fourteen() -> None:
    assert len(encodings()) == 14


@pytest.mark.parametrize('public', encodings(), ids=bytes.hex)
def test_each_is_known_to_be_weak(public: bytes) -> None:
    assert is_weak(public)


def test_the_library_believes_anybody_who_signs_for_them() -> None:
    """Why they have to be known here."""
    if not all(map(is_forged, encodings())):
        pytest.skip('not here: this version of the library refuses some of them')


def test_keys_that_are_made_are_not_weak() -> None:
    for _ in range(20):
        assert not is_weak(keys.public_bytes(keys.make_sign_key()))
    assert not is_forged(keys.public_bytes(keys.make_sign_key()))
