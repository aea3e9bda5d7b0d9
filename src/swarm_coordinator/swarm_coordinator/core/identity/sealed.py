# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The envelope of a protocol message as bytes on the wire: read and sealed, the rest not decoded.

Owns where the fields of swarm_msgs/Envelope lie in a serialised message (CDR, as ROS 2 sends it,
in the sender's byte order) and over which bytes a signature goes: the name of the topic and the
whole message, with zeros in place of the signature. So a message can be refused before it is
decoded, and a signature for one topic is of no use on another. Refuses to know keys, certificates
and messages.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SIGNATURE_BYTES = 64  # Ed25519
BLANK = bytes(SIGNATURE_BYTES)
NAME_BYTES_MAX = 256
_CONTEXT = b'swarm message 1\0'
_ENCAPSULATION = 4  # bytes before the data; fields are aligned from behind them
_LITTLE, _BIG = b'\x00\x01', b'\x00\x00'


@dataclass(frozen=True, slots=True)
class Header:
    """What an envelope says; `signature_at` is where the signature begins in the message."""

    swarm_id: str
    sender: str
    recipient: str  # '' = everybody
    incarnation: int
    storage_id: int
    lineage: int
    sequence: int
    protocol_version: int
    signature_at: int
    signed: bool  # there is a signature; whether it is good is for others


def read_header(raw: bytes) -> Header:
    """The envelope at the beginning of a serialised message. Raises ValueError."""
    if raw[:2] == _LITTLE:
        order = '<'
    elif raw[:2] == _BIG:
        order = '>'
    else:
        raise ValueError(f'message begins with {raw[:2].hex()}: expected 0000 or 0001 (CDR)')
    try:
        return _read(raw, order)
    except struct.error:
        raise ValueError(f'message of {len(raw)} bytes ends within its envelope') from None


def _read(raw: bytes, order: str) -> Header:
    at = _ENCAPSULATION
    names = []
    for _ in range(3):
        at = _aligned(at, 4)
        (length,) = struct.unpack_from(f'{order}I', raw, at)
        if not 1 <= length <= NAME_BYTES_MAX:
            raise ValueError(f'name of {length} bytes in an envelope: 1 to {NAME_BYTES_MAX}')
        at += 4
        text = raw[at : at + length]
        # One within it would end the name for the middleware, and not for us.
        if len(text) < length or text.find(0) != length - 1:
            raise ValueError('name in an envelope: expected one zero byte, at its end')
        try:
            names.append(text[:-1].decode())
        except UnicodeDecodeError:
            raise ValueError(f'name {text[:40]!r} in an envelope is not UTF-8') from None
        at += length
    at = _aligned(at, 8)
    incarnation, storage_id, lineage, sequence, version = struct.unpack_from(
        f'{order}QQI4xQH', raw, at
    )
    at = _aligned(at + 34, 4)
    (length,) = struct.unpack_from(f'{order}I', raw, at)
    at += 4
    if length not in (0, SIGNATURE_BYTES) or len(raw) < at + length:
        raise ValueError(f'signature of {length} bytes: expected none or {SIGNATURE_BYTES}')
    return Header(
        names[0], names[1], names[2], incarnation, storage_id, lineage, sequence, version, at,
        length > 0,
    )


def _aligned(at: int, to: int) -> int:
    return at + (_ENCAPSULATION - at) % to


def padded(raw: bytes) -> bytes:
    """DDS fills a message up to whole words on the way: it is signed as it will arrive."""
    return raw + bytes(-len(raw) % 4)


def to_decode(raw: bytes) -> bytes:
    """Without what is not signed: Fast DDS 3.2 believes bytes 2 and 3 and reads beyond the end.
    Raises ValueError for what is no CDR."""
    if len(raw) < 2 * _ENCAPSULATION or raw[:2] not in (_LITTLE, _BIG):
        raise ValueError(f'{len(raw)} bytes that begin with {raw[:2].hex()}: expected CDR')
    return raw[:2] + b'\0\0' + raw[_ENCAPSULATION:]


def to_sign(topic: str, blank: bytes) -> bytes:
    """What is signed of a padded message that was serialised with BLANK as its signature. Bytes
    2 and 3 belong to the middleware, which may count there what it has filled up."""
    return b'%s%s\0%s%s' % (_CONTEXT, topic.encode(), blank[:2], blank[_ENCAPSULATION:])


def with_signature(blank: bytes, signature_at: int, signature: bytes) -> bytes:
    """The message with its signature in place."""
    return blank[:signature_at] + signature + blank[signature_at + SIGNATURE_BYTES :]


def parted(raw: bytes, header: Header) -> tuple[bytes, bytes]:
    """The message as it was when it was signed, and its signature."""
    at = header.signature_at
    signature = raw[at : at + SIGNATURE_BYTES]
    return with_signature(raw, at, BLANK), signature
