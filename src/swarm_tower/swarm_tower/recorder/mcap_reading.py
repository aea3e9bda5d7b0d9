# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads MCAP files that may be growing, cut off, damaged or somebody else's. Owns limits: whatever
the file says, nothing larger than a chunk is in memory, and the only exception is NotReadable.

Made by the format's specification (https://mcap.dev/spec); the index at a file's end is not used,
because a file whose writer was killed has none.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

try:
    import zstandard
except ImportError:  # pragma: no cover - told when it is needed
    zstandard = None  # type: ignore[assignment]

MAGIC = b'\x89MCAP0\r\n'
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, METADATA = 1, 2, 3, 4, 5, 6, 0x0C
CHUNK_BYTES_MAX = 64 * 2**20
RECORD_BYTES_MAX = 64 * 2**20
LOOSE_BYTES_MAX = 2**20  # of messages outside chunks that are read together
CHANNELS_MAX = 4096
SCHEMA_BYTES_MAX = 2**20
NOTES_MAX = 8
TAIL = 'cut off: it ends in the middle of a record'


class NotReadable(ValueError):
    """This is no recording that can be read; the text says what was expected."""


class _Bad(Exception):
    """A record that is not as it should be."""


@dataclass(frozen=True)
class Schema:
    """Of the messages of a channel."""

    name: str
    encoding: str
    text: bytes


@dataclass(frozen=True)
class Channel:
    """One topic."""

    topic: str
    encoding: str
    schema: Schema | None
    metadata: dict[str, str]


@dataclass(frozen=True)
class Recorded:
    """One message."""

    at_ns: int
    published_ns: int
    channel: Channel
    data: bytes


@dataclass
class Piece:
    """Bytes of the file that are read together."""

    offset: int
    length: int
    start_ns: int
    end_ns: int
    chunk: bool


class McapFile:
    """One file. `scan` reads on to its present end; `messages` goes through a span of time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pieces: list[Piece] = []
        self.notes: list[str] = []
        self.metadata: dict[str, dict[str, str]] = {}
        self.counts: dict[int, int] = {}
        self.channels: dict[int, Channel] = {}
        self.complete = False
        self.start_ns = self.end_ns = 0
        self._schemas: dict[int, Schema] = {}
        self._at = 0

    # -- finding out what there is

    def scan(self) -> McapFile:
        """Take in what is new since the last call. Raises NotReadable."""
        try:
            with self.path.open('rb') as file:
                size = file.seek(0, 2)
                if self._at == 0:
                    self._begin(file, size)
                self._read_on(file, size)
        except OSError as error:
            raise NotReadable(f'{self.path.name}: {error.strerror or error}') from error
        return self

    def _begin(self, file: BinaryIO, size: int) -> None:
        file.seek(0)
        found = file.read(len(MAGIC))
        if found != MAGIC:
            what = 'nothing in it' if not size else 'something else'
            raise NotReadable(f'{self.path.name}: expected an MCAP file, found {what}')
        self._at = len(MAGIC)

    def _read_on(self, file: BinaryIO, size: int) -> None:
        while not self.complete:
            file.seek(self._at)
            head = file.read(9)
            if len(head) < 9:
                break
            kind, length = head[0], struct.unpack_from('<Q', head, 1)[0]
            if kind == 0 or self._at + 9 + length > size:
                break
            self._take(file, kind, self._at + 9, length)
            self._at += 9 + length
        if not self.complete and self._at < size:
            self._note(TAIL)

    def _take(self, file: BinaryIO, kind: int, offset: int, length: int) -> None:
        if kind == FOOTER:
            self.complete = True
            if TAIL in self.notes:
                self.notes.remove(TAIL)
            return
        if kind not in (SCHEMA, CHANNEL, MESSAGE, CHUNK, METADATA):
            return
        try:
            if length > RECORD_BYTES_MAX:
                raise _Bad(f'a record of {length} bytes')
            body = file.read(length)
            if kind == CHUNK:
                self._take_chunk(offset, body)
            elif kind == MESSAGE:
                self._take_loose(offset, body)
            elif kind == METADATA:
                self._take_metadata(body)
            else:
                self._define(kind, body)
        except (_Bad, struct.error, UnicodeDecodeError) as error:
            self._note(f'damaged at byte {offset}: {error}')

    def _take_chunk(self, offset: int, body: bytes) -> None:
        first, last = 0, 0
        for kind, record in _records(_unpacked(body)):
            if kind == MESSAGE:
                channel, _, at_ns, _ = struct.unpack_from('<HIQQ', record)
                self._count(channel, at_ns)
                first, last = min(first or at_ns, at_ns), max(last, at_ns)
            elif kind in (SCHEMA, CHANNEL):
                self._define(kind, record)
        if last:
            self.pieces.append(Piece(offset, len(body), first, last, chunk=True))

    def _take_loose(self, offset: int, body: bytes) -> None:
        channel, _, at_ns, _ = struct.unpack_from('<HIQQ', body)
        end = offset + len(body)
        last = self.pieces[-1] if self.pieces else None
        if last and last.chunk:  # nobody writes both: it is something else, damaged
            raise _Bad('a message outside the chunks')
        self._count(channel, at_ns)
        if last and offset - 9 == last.offset + last.length < (
            last.offset + LOOSE_BYTES_MAX
        ):
            last.length = end - last.offset
            last.start_ns, last.end_ns = min(last.start_ns, at_ns), max(last.end_ns, at_ns)
        else:
            self.pieces.append(Piece(offset - 9, len(body) + 9, at_ns, at_ns, chunk=False))

    def _count(self, channel: int, at_ns: int) -> None:
        self.counts[channel] = self.counts.get(channel, 0) + 1
        self.start_ns = min(self.start_ns or at_ns, at_ns)
        self.end_ns = max(self.end_ns, at_ns)

    def _take_metadata(self, body: bytes) -> None:
        name, at = _text(body, 0)
        if len(self.metadata) < 64:
            self.metadata[name] = _table(body, at)[0]

    def _define(self, kind: int, record: bytes) -> None:
        number = struct.unpack_from('<H', record)[0]
        if kind == SCHEMA:
            name, at = _text(record, 2)
            encoding, at = _text(record, at)
            length = struct.unpack_from('<I', record, at)[0]
            if length > min(SCHEMA_BYTES_MAX, len(record) - at - 4):
                raise _Bad('a schema longer than its record')
            known = Schema(name, encoding, record[at + 4 : at + 4 + length])
            if len(self._schemas) < CHANNELS_MAX:
                self._schemas[number] = known
            return
        schema = struct.unpack_from('<H', record, 2)[0]
        topic, at = _text(record, 4)
        encoding, at = _text(record, at)
        told = Channel(topic, encoding, self._schemas.get(schema), _table(record, at)[0])
        if len(self.channels) < CHANNELS_MAX:
            self.channels[number] = told

    def _note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < NOTES_MAX:
            self.notes.append(text)

    # -- reading

    def messages(self, after_ns: int, upto_ns: int = 2**63) -> Iterator[Recorded]:
        """Yield what was recorded after a time and up to another, each piece in order of time. A
        file that has gone ends it; a damaged piece is left out and noted."""
        try:
            with self.path.open('rb') as file:
                for piece in list(self.pieces):
                    if piece.end_ns <= after_ns or piece.start_ns > upto_ns:
                        continue
                    for found in self._of_piece(file, piece):
                        if after_ns < found.at_ns <= upto_ns:
                            yield found
        except OSError as error:
            self._note(f'no longer readable: {error.strerror or error}')

    def _of_piece(self, file: BinaryIO, piece: Piece) -> list[Recorded]:
        file.seek(piece.offset)
        body, found = file.read(piece.length), []
        try:
            for kind, record in _records(_unpacked(body) if piece.chunk else body):
                if kind != MESSAGE:
                    continue
                number, _, at_ns, published_ns = struct.unpack_from('<HIQQ', record)
                channel = self.channels.get(number)
                if channel is not None:
                    found.append(Recorded(at_ns, published_ns, channel, record[22:]))
        except (_Bad, struct.error) as error:
            self._note(f'damaged at byte {piece.offset}: {error}')
        found.sort(key=lambda one: one.at_ns)
        return found


def _unpacked(body: bytes) -> bytes:
    """Return the records of a chunk. Raises _Bad."""
    _, _, size, crc = struct.unpack_from('<QQQI', body)
    compression, at = _text(body, 28)
    length = struct.unpack_from('<Q', body, at)[0]
    packed = body[at + 8 :]
    if size > CHUNK_BYTES_MAX:
        raise _Bad(f'a chunk of {size} bytes, expected at most {CHUNK_BYTES_MAX}')
    if length != len(packed):
        raise _Bad('a chunk whose length is not that of its record')
    data = _decompressed(packed, compression, size)
    if len(data) != size or (crc and zlib.crc32(data) != crc):
        raise _Bad('a chunk whose checksum is wrong')
    return data


def _decompressed(packed: bytes, compression: str, size: int) -> bytes:
    if compression == '':
        return packed
    if compression == 'zstd' and zstandard is not None:
        try:
            with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
                return reader.read(size + 1)
        except (zstandard.ZstdError, MemoryError) as error:
            raise _Bad(f'a chunk that cannot be decompressed ({error})') from None
    if compression == 'lz4':
        return _unlz4(packed, size)
    raise _Bad(f'compression {compression[:20]!r}: expected zstd, lz4 or none')


def _unlz4(packed: bytes, size: int) -> bytes:
    try:
        frame: Any = importlib.import_module('lz4.frame')
    except ImportError:
        raise _Bad('compression lz4: pip install lz4') from None
    try:
        found: bytes = frame.LZ4FrameDecompressor().decompress(packed, size + 1)
        return found
    except (RuntimeError, MemoryError, EOFError) as error:
        raise _Bad(f'a chunk that cannot be decompressed ({error})') from None


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    at, end = 0, len(data)
    while at < end:
        if end - at < 9:
            raise _Bad('a record that is cut off')
        length = struct.unpack_from('<Q', data, at + 1)[0]
        if length > end - at - 9:
            raise _Bad('a record that is cut off')
        yield data[at], data[at + 9 : at + 9 + length]
        at += 9 + length


def _text(data: bytes, at: int) -> tuple[str, int]:
    length = struct.unpack_from('<I', data, at)[0]
    if length > len(data) - at - 4:
        raise _Bad('a text longer than its record')
    return data[at + 4 : at + 4 + length].decode(), at + 4 + length


def _table(data: bytes, at: int) -> tuple[dict[str, str], int]:
    end = at + 4 + struct.unpack_from('<I', data, at)[0]
    if end > len(data):
        raise _Bad('a table longer than its record')
    found, at = {}, at + 4
    while at < end:
        key, at = _text(data, at)
        found[key], at = _text(data, at)
    return found, at


def readable(path: Path) -> McapFile:
    """Return a file that has at least one message. Raises NotReadable that says why not."""
    found = McapFile(path).scan()
    if not found.pieces:
        why = '; '.join(found.notes) or 'there is no message in it'
        raise NotReadable(f'{path.name}: nothing to show: {why}')
    return found
