# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A message that only members can read, as bytes on the wire (swarm_msgs/Concealed).

Owns how it is laid out, what is encrypted and to what the encryption is bound besides. A message
keeps its envelope, and its rest is encrypted: bound to the name of the topic and the envelope, so
that a body fits one envelope on one topic only. Refuses to know keys, and whether the signature is
good: that is asked first.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from swarm_coordinator.core.identity.sealed import SIGNATURE_BYTES, Header, padded

SUFFIX = '/concealed'  # of the topic on which it travels
AUTHENTICATION_BYTES = 16  # that ChaCha20-Poly1305 adds
NUMBER_MAX = (1 << 64) - 1
_CONTEXT = b'swarm concealed 1\0'
_ENCAPSULATION = 4
_FIELDS = 'QQI'  # key_epoch, number, bytes of the body


@dataclass(frozen=True, slots=True)
class Concealed:
    """What lies behind the envelope."""

    key_epoch: int
    number: int
    body: bytes


class Keyless(ValueError):
    """The key was not handed over yet."""


def nonce(number: int) -> bytes:
    """12 bytes. Each key belongs to one process, which uses each number once."""
    return struct.pack('>4xQ', number)


def bound(topic: str, raw: bytes, header: Header, key_epoch: int) -> bytes:
    """What is not encrypted and yet cannot be exchanged."""
    envelope = raw[_ENCAPSULATION : header.signature_at]
    name = topic.encode()
    return b'%s%s\0%s%s%s' % (_CONTEXT, name, raw[:2], struct.pack('>Q', key_epoch), envelope)


def body_at(header: Header) -> int:
    """Where a message goes on behind its envelope."""
    return header.signature_at + SIGNATURE_BYTES


def wrapped(envelope: bytes, concealed: Concealed) -> bytes:
    """The message. `envelope`: its first bytes, up to and with the signature."""
    order = _order(envelope)
    gap = bytes((_ENCAPSULATION - len(envelope)) % 8)
    fields = struct.pack(
        order + _FIELDS, concealed.key_epoch, concealed.number, len(concealed.body)
    )
    return padded(envelope + gap + fields + concealed.body)


def unwrapped(raw: bytes, header: Header) -> Concealed:
    """Raises ValueError."""
    at = body_at(header)
    at += (_ENCAPSULATION - at) % 8
    form = _order(raw) + _FIELDS
    if len(raw) < at + struct.calcsize(form):
        raise ValueError(f'message of {len(raw)} bytes ends before what is concealed')
    key_epoch, number, length = struct.unpack_from(form, raw, at)
    at += struct.calcsize(form)
    if length < AUTHENTICATION_BYTES or len(padded(raw[: at + length])) != len(raw):
        left = len(raw) - at
        raise ValueError(f'{length} bytes are concealed, as it says; there are {left}')
    return Concealed(key_epoch, number, raw[at : at + length])


def _order(raw: bytes) -> str:
    return '<' if raw[1:2] == b'\x01' else '>'
