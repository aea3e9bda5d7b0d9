# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Serialised messages made by hand, as the middleware would: for tests without ROS."""

from __future__ import annotations

import struct

from swarm_coordinator.core.identity.sealed import (
    BLANK,
    read_header,
    to_sign,
    with_signature,
)


def message(
    sender: str = 'beta',
    *,
    swarm_id: str = 'swarm',
    recipient: str = '',
    incarnation: int = 3,
    storage_id: int = 77,
    lineage: int = 0,
    sequence: int = 1,
    version: int = 1,
    signature: bytes = BLANK,
    body: bytes = b'body',
    order: str = '<',
) -> bytes:
    data = b''

    def pad(to: int) -> None:
        nonlocal data
        data += bytes(-len(data) % to)

    for name in (swarm_id, sender, recipient):
        text = name.encode() + b'\0'
        pad(4)
        data += struct.pack(f'{order}I', len(text)) + text
    for size, value in (
        (8, incarnation), (8, storage_id), (4, lineage), (8, sequence), (2, version),
    ):
        pad(size)
        data += struct.pack(order + {2: 'H', 4: 'I', 8: 'Q'}[size], value)
    pad(4)
    data += struct.pack(f'{order}I', len(signature)) + signature
    return (b'\x00\x01' if order == '<' else b'\x00\x00') + b'\0\0' + data + body


def toy_sign(key: bytes, data: bytes) -> bytes:
    """64 bytes that only fit this key and this data: enough where no cryptography is tested."""
    import hashlib

    return hashlib.blake2b(data, key=key).digest()


def toy_verify(key: bytes, data: bytes, signature: bytes) -> bool:
    return toy_sign(key, data) == signature


def sealed(topic: str, key: bytes, blank: bytes) -> bytes:
    at = read_header(blank).signature_at
    return with_signature(blank, at, toy_sign(key, to_sign(topic, blank)))
