# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What stands for the beginning of a log: Raft section 7, sent in chunks.

Owns the form of a snapshot and its reassembly from chunks that are lost, doubled and reordered.
Refuses to know what the state machine's bytes mean and when a snapshot is needed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from swarm_coordinator.core.raft.membership import Membership
from swarm_coordinator.core.raft.messages import CHUNK_BYTES_MAX, SnapshotChunk

SNAPSHOT_BYTES_MAX = 64 * 1024 * 1024   # held in memory twice while it is sent
CHUNKS_IN_FLIGHT_MAX = 4
HEADER_BYTES_MAX = 64 * 1024
FORMAT = 1


class MalformedSnapshot(ValueError):
    """Bytes that are no snapshot."""


class NewerFormat(MalformedSnapshot):
    """Of a version that came after this one; nothing is wrong with it."""

    def __init__(self, version: int) -> None:
        super().__init__(f'a snapshot of format {version}, this software reads up to {FORMAT}')
        self.version = version


@dataclass(frozen=True)
class Snapshot:
    """The state after entry `index`, instead of the entries up to it.

    index, term, stamp_ns  of the last entry it contains
    membership             that counts after that entry
    data                   the state machine, encoded by the caller
    """

    index: int
    term: int
    stamp_ns: int
    membership: Membership
    data: bytes

    def encode(self) -> bytes:
        """One line of JSON, then data; equal snapshots have equal bytes."""
        header = {
            'format': FORMAT,
            'index': self.index,
            'membership': self.membership.encode().decode(),
            'size': len(self.data),
            'stamp_ns': self.stamp_ns,
            'term': self.term,
        }
        text = json.dumps(header, ensure_ascii=True, separators=(',', ':'), sort_keys=True)
        return text.encode() + b'\n' + self.data

    @classmethod
    def decode(cls, encoded: bytes) -> Snapshot:
        """Raises MalformedSnapshot on everything that encode() would not have written."""
        end = encoded.find(b'\n', 0, HEADER_BYTES_MAX)
        try:
            header = json.loads(encoded[: max(end, 0)])
            if type(header['format']) is int and header['format'] > FORMAT:
                raise NewerFormat(header['format'])
            index, term, stamp_ns = header['index'], header['term'], header['stamp_ns']
            whole = all(type(number) is int for number in (index, term, stamp_ns))
            if not whole or index < 1 or term < 1:
                raise MalformedSnapshot(f'expected whole numbers, not {header}')
            membership = Membership.decode(header['membership'].encode())
            decoded = cls(index, term, stamp_ns, membership, encoded[end + 1 :])
        except NewerFormat:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise MalformedSnapshot(f'no snapshot: {error}') from error
        if decoded._header_line() != encoded[:end] or header['size'] != len(decoded.data):
            raise MalformedSnapshot('no snapshot as encode() writes it')
        return decoded

    def _header_line(self) -> bytes:
        return self.encode()[: -1 - len(self.data)]


@dataclass(frozen=True)
class SnapshotImage:
    """A snapshot as it travels; made once for all followers that need it."""

    snapshot: Snapshot

    @cached_property
    def encoded(self) -> bytes:
        return self.snapshot.encode()

    @cached_property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.encoded).digest()

    def piece(self, offset_bytes: int, bytes_max: int = CHUNK_BYTES_MAX) -> bytes:
        return self.encoded[offset_bytes : offset_bytes + bytes_max]


class SnapshotIntake:
    """One snapshot on its way in. A leader that sends the same bytes goes on where another one
    has stopped."""

    def __init__(self, first: SnapshotChunk) -> None:
        self.last_index = first.last_index
        self.term = first.term              # in which it was last heard of
        self.total_bytes = first.total_bytes
        self._sha256 = first.sha256
        self._received = bytearray()
        self._ahead: dict[int, bytes] = {}  # by offset: came before the bytes in front of it

    def fits(self, chunk: SnapshotChunk) -> bool:
        """Whether it is a piece of the same bytes."""
        return (chunk.last_index, chunk.total_bytes, chunk.sha256) == (
            self.last_index, self.total_bytes, self._sha256,
        )

    def is_replaced_by(self, chunk: SnapshotChunk) -> bool:
        """A late chunk of an earlier snapshot must not push out the present one."""
        return (chunk.term, chunk.last_index) > (self.term, self.last_index)

    def add(self, chunk: SnapshotChunk) -> None:
        assert self.fits(chunk)
        self.term = max(self.term, chunk.term)
        offset = chunk.offset_bytes
        window = CHUNKS_IN_FLIGHT_MAX * CHUNK_BYTES_MAX
        if self.next_offset_bytes <= offset < self.next_offset_bytes + window:
            self._ahead[offset] = chunk.data
        while (piece := self._ahead.pop(self.next_offset_bytes, None)) is not None:
            self._received += piece
        self._ahead = {at: data for at, data in self._ahead.items() if at > len(self._received)}

    @property
    def next_offset_bytes(self) -> int:
        return len(self._received)

    @property
    def is_whole(self) -> bool:
        return len(self._received) == self.total_bytes

    def snapshot(self) -> Snapshot:
        """Raises MalformedSnapshot if the bytes are not those that were promised."""
        encoded = bytes(self._received)
        if hashlib.sha256(encoded).digest() != self._sha256:
            raise MalformedSnapshot('sha256 differs from the one announced')
        return Snapshot.decode(encoded)
