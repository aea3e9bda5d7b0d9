# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Requests of services that only the robot which is asked can read, and answers that only it can
give (swarm_msgs/AskConcealed).

Owns what is sent, its bounds, and the bytes that keys, bodies and introductions are bound to: a
body fits one service, one direction and one request; a key one caller and one process of one
robot. Refuses to know keys and how messages travel.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import Enum

from swarm_coordinator.core.identity.certificate import ENCODED_BYTES_MAX
from swarm_coordinator.core.identity.concealed import AUTHENTICATION_BYTES
from swarm_coordinator.core.identity.sealed import SIGNATURE_BYTES

BODY_BYTES_MAX = 8 << 20  # as of a message
EXCHANGE_KEY_BYTES = 32
REASON_CHARS_MAX = 500
_BODY, _KEY = b'swarm concealed request 1\0', b'swarm asking 1\0'
_INTRODUCTION = b'swarm introduction 1\0'


class Way(Enum):
    """In which direction a body goes."""

    REQUEST = b'?'
    ANSWER = b'!'


class ConcealedReason(Enum):
    """Why a concealed request was not opened."""

    MALFORMED = 'concealed request cannot be read'
    UNREADABLE = 'concealed request cannot be decrypted'
    MUTED = 'concealed requests out of credit'


class NotOpened(ValueError):
    """The text says what was expected."""

    def __init__(self, reason: ConcealedReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """`life` 0 = who is there?"""

    life: int
    exchange_key: bytes
    number: int
    body: bytes

    def check(self) -> None:
        """Raises NotOpened for what cannot be a request."""
        if len(self.exchange_key) != EXCHANGE_KEY_BYTES:
            _malformed('exchange_key', len(self.exchange_key), f'{EXCHANGE_KEY_BYTES}')
        if not AUTHENTICATION_BYTES <= len(self.body) <= BODY_BYTES_MAX:
            expected = f'{AUTHENTICATION_BYTES} to {BODY_BYTES_MAX}'
            _malformed('body', len(self.body), expected)


def _malformed(what: str, length: int, expected: str) -> None:
    raise NotOpened(
        ConcealedReason.MALFORMED, f'{what}: {length} bytes, expected {expected}'
    )


@dataclass(frozen=True, slots=True)
class Answered:
    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Introduction:
    """Of one process of a robot, signed by its robot."""

    life: int
    exchange_key: bytes
    certificate: bytes
    signature: bytes

    def check(self) -> None:
        """Raises ValueError for what cannot be one."""
        for what, length, low, high in (
            ('exchange_key', len(self.exchange_key), EXCHANGE_KEY_BYTES, EXCHANGE_KEY_BYTES),
            ('certificate', len(self.certificate), 1, ENCODED_BYTES_MAX),
            ('signature', len(self.signature), SIGNATURE_BYTES, SIGNATURE_BYTES),
        ):
            if not low <= length <= high:
                raise ValueError(f'{what} of an introduction: {length} bytes, expected {low}'
                                 + (f' to {high}' if low != high else ''))
        if not self.life:
            raise ValueError('introduction without a life')

    def to_sign(self, swarm_id: str, robot_id: str) -> bytes:
        return b''.join((
            _INTRODUCTION, _text(swarm_id), _text(robot_id), struct.pack('>Q', self.life),
            self.exchange_key, hashlib.sha256(self.certificate).digest(),
        ))


def robot_of(service: str) -> str:
    """`service` is a full name: /<robot_id>/..."""
    return service.split('/', 2)[1]


def key_purpose(
    way: Way, swarm_id: str, robot_id: str, introduction: Introduction, caller_key: bytes
) -> bytes:
    """What the key for one direction between a caller and a process of a robot is derived for."""
    return b''.join((
        _KEY, way.value, _text(swarm_id), _text(robot_id),
        struct.pack('>Q', introduction.life), introduction.exchange_key, caller_key,
    ))


def bound(way: Way, service: str, number: int) -> bytes:
    """What a body cannot be exchanged against. `number` of the request, also for its answer;
    `service`: its full name, without the suffix."""
    return b''.join((_BODY, way.value, struct.pack('>Q', number), service.encode()))


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack('>I', len(data)) + data
