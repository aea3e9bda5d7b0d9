# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns one file of named records that survives a loss of power at any byte; refuses to know what
the records mean.

File: a line that names the format, then frames. A frame is one batch of puts and deletes: magic,
length, the first 16 bytes of the payload's SHA-256, payload. A batch is there as a whole or not
at all. When most of the file is out of date, it is written anew beside and put in its place.

Not sqlite: it would need a journal beside the file, and its own recovery decides what a damaged
page costs. Here every frame after a damaged one is still found, and the damaged file is kept.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from .durable import make_folder, replace_file, sync_folder

FILE_NAME = 'memory.log'
HEADER = b'swarm memory 1\n'
MAGIC = b'\xd5SM1'
HEAD = struct.Struct('<4sI16s')
RECORD = struct.Struct('<BHI')      # operation, length of name, length of content
PUT, DELETE = 1, 2
NAME_MAX_BYTES = 512
CONTENT_MAX_BYTES = 1024 * 1024
PAYLOAD_MAX_BYTES = 32 * 1024 * 1024
QUOTA_BYTES = 16 * 1024 * 1024      # a full memory takes 4 MiB; while it is rewritten, twice
SLACK_BYTES = 512 * 1024            # out-of-date bytes that are no reason to rewrite
BAD_FILES_MAX = 5


class Files:
    """What touches the disk; tests put a class here that stops in between."""

    def write(self, file: BinaryIO, content: bytes) -> None:
        file.write(content)
        file.flush()

    def sync(self, file: BinaryIO) -> None:
        os.fsync(file.fileno())

    def truncate(self, file: BinaryIO, size: int) -> None:
        file.truncate(size)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def sync_folder(self, folder: Path) -> None:
        sync_folder(folder)


@dataclass(frozen=True)
class Opened:
    """What was found. problem: '' = nothing was wrong; kept_as: where the bad file is now."""

    records: Mapping[str, bytes]
    problem: str = ''
    kept_as: str = ''


@dataclass
class _Found:
    records: dict[str, bytes] = field(default_factory=dict)
    good: int = 0               # bytes up to the end of the last frame
    damaged: int = 0            # bytes between frames, or after the last, that are none
    torn: bool = False          # the damage is what a power cut leaves at the end


class MemoryStore:
    """The file in one folder. One writer only."""

    def __init__(
        self, folder: str | os.PathLike[str], quota_bytes: int = QUOTA_BYTES,
        files: Files | None = None,
    ) -> None:
        self._folder = Path(folder).expanduser()
        self.path = self._folder / FILE_NAME
        self._draft = self.path.with_suffix('.new')
        self._quota_bytes = quota_bytes
        self._files = files or Files()
        self._records: dict[str, bytes] = {}
        self._file: BinaryIO | None = None
        self._size = 0

    def open(self) -> Opened:
        """Read what is there and be ready to write. Raises OSError if the disk refuses."""
        make_folder(self._folder)
        try:
            found = _read(self.path.read_bytes())
        except FileNotFoundError:
            found = _Found()
        self._records = found.records
        kept_as = ''
        problem = ''
        if found.damaged and not found.torn:
            kept_as = self._set_aside()
            problem = (f'{found.damaged} bytes are damaged; {len(found.records)} records could '
                       'be used')
        if found.good == 0 or found.damaged and not found.torn:
            self._rewrite()
        else:
            self._size = found.good
            self._file = self.path.open('r+b', buffering=0)
            self._files.truncate(self._file, found.good)
            self._file.seek(found.good)
        return Opened(dict(self._records), problem, kept_as)

    @property
    def size_bytes(self) -> int:
        return self._size

    def write(self, puts: Mapping[str, bytes], deletes: Iterable[str] = ()) -> None:
        """Keep all of it; durable on return. After an OSError none of it is kept.

        Raises ValueError for a record that is too large, OSError where the disk or the quota
        has no room.
        """
        assert self._file is not None, 'open() comes first'
        deletes = tuple(deletes)
        frame = _frame(puts, deletes)
        after = {**self._records, **puts}
        for name in deletes:
            after.pop(name, None)
        if self._size + len(frame) > self._quota_bytes and _live_bytes(after) > self._quota_bytes:
            raise OSError(errno.ENOSPC, f'expected at most {self._quota_bytes} bytes', self.path)
        if self._size + len(frame) > min(self._quota_bytes, self._size_worth_rewriting()):
            self._rewrite(after)
            return
        self._append(frame)
        self._records = after

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, frame: bytes) -> None:
        assert self._file is not None
        try:
            self._files.write(self._file, frame)
            self._files.sync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                self._files.truncate(self._file, self._size)
            self._file.seek(self._size)
            raise
        self._size += len(frame)

    def _size_worth_rewriting(self) -> int:
        return 2 * _live_bytes(self._records) + SLACK_BYTES

    def _rewrite(self, records: dict[str, bytes] | None = None) -> None:
        """Replace the file by one that holds only what counts."""
        records = self._records if records is None else records
        draft = self._draft
        content = HEADER + (_frame(records, ()) if records else b'')
        file: BinaryIO = draft.open('wb', buffering=0)
        try:
            self._files.write(file, content)
            self._files.sync(file)
            self._files.replace(draft, self.path)
            self._files.sync_folder(self._folder)
        except OSError:
            file.close()
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        if self._file is not None:
            self._file.close()
        self._file, self._size, self._records = file, len(content), records

    def _set_aside(self) -> str:
        """A durable copy of the damaged file under a name that says so; '' if there is no room."""
        try:
            content = self.path.read_bytes()
            for number in range(1, BAD_FILES_MAX + 1):
                kept = self._folder / f'{FILE_NAME}.bad-{number}'
                if not kept.exists() or number == BAD_FILES_MAX:
                    break
                if kept.read_bytes() == content:  # a former start did not come further
                    return str(kept)
            replace_file(kept, content, self._draft)
            self._files.sync_folder(self._folder)
        except OSError:
            return ''
        return str(kept)


def _live_bytes(records: Mapping[str, bytes]) -> int:
    return sum(RECORD.size + len(name) + len(content) for name, content in records.items())


def _frame(puts: Mapping[str, bytes], deletes: Iterable[str]) -> bytes:
    payload = bytearray()
    for name in sorted(puts):
        payload += _record(PUT, name, puts[name])
    for name in deletes:
        payload += _record(DELETE, name, b'')
    digest = hashlib.sha256(payload).digest()[:16]
    return HEAD.pack(MAGIC, len(payload), digest) + payload


def _record(operation: int, name: str, content: bytes) -> bytes:
    raw = name.encode()
    if not 0 < len(raw) <= NAME_MAX_BYTES or len(content) > CONTENT_MAX_BYTES:
        raise ValueError(f'{name[:40]!r}: expected a name of 1 to {NAME_MAX_BYTES} bytes and at '
                         f'most {CONTENT_MAX_BYTES} bytes, got {len(content)}')
    return RECORD.pack(operation, len(raw), len(content)) + raw + content


def _read(content: bytes) -> _Found:
    """All frames that are whole, wherever they are."""
    found = _Found()
    if not content.startswith(HEADER):
        found.torn = HEADER.startswith(content)     # a file that was just made
        found.damaged = len(content)
    at = len(HEADER) if content.startswith(HEADER) else 0
    found.good = at
    while at < len(content):
        end = _frame_end(content, at)
        if not end or not _apply(content[at + HEAD.size:end], found.records):
            following = content.find(MAGIC, at + 1)
            at = following if following >= 0 else len(content)
            continue
        if at > found.good:
            found.damaged += at - found.good
            found.torn = False
        at = found.good = end
    tail = content[found.good:]
    if tail:
        found.torn = not found.damaged and _is_torn(tail)
        found.damaged += len(tail)
    return found


def _frame_end(content: bytes, at: int) -> int:
    """Where the frame ends that begins here; 0 = here is no whole frame."""
    if len(content) - at < HEAD.size:
        return 0
    magic, length, digest = HEAD.unpack_from(content, at)
    end = at + HEAD.size + length
    if magic != MAGIC or length > PAYLOAD_MAX_BYTES or end > len(content):
        return 0
    payload = memoryview(content)[at + HEAD.size:end]
    return end if hashlib.sha256(payload).digest()[:16] == digest else 0


def _apply(payload: bytes, records: dict[str, bytes]) -> bool:
    at = 0
    while at < len(payload):
        operation, name_length, length = RECORD.unpack_from(payload, at)
        at += RECORD.size
        name = payload[at:at + name_length].decode('utf-8', 'replace')
        at += name_length
        if operation == PUT:
            records[name] = payload[at:at + length]
        elif operation == DELETE:
            records.pop(name, None)
        at += length
    return True


def _is_torn(tail: bytes) -> bool:
    """Whether a power cut explains it: a frame that ends too early, or zeros that were never
    written over, at its begin or its end."""
    head = tail[:HEAD.size]
    if not head.strip(b'\0'):
        return True
    if len(head) < HEAD.size:
        return MAGIC.startswith(head[:4]) or head.startswith(MAGIC)
    magic, length, _ = HEAD.unpack_from(tail)
    return magic == MAGIC and (len(tail) < HEAD.size + length or tail.endswith(b'\0' * 16))
