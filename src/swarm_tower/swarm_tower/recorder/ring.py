# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Rotating MCAP files in a folder. Owns their number, size and what is on the disk when; used by
one thread. OSError goes to whoever writes: what then is decided there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from swarm_tower.core.recording import Topic, ring_name, ring_number, too_many
from swarm_tower.durable import make_folder
from swarm_tower.recorder import bag_metadata
from swarm_tower.recorder.mcap_reading import McapFile, NotReadable, Recorded

CHUNK_BYTES = 256 * 1024
MIB = 2**20
CARRY_BYTES_MAX = MIB  # of one topic
CARRIED_MAX = 1024  # topics
LIBRARY = 'swarm_tower'
BACK_NS = 1_000_000_000  # a clock that was set back further begins a new file
PART = '.part'

SchemaOf = Callable[[str], bytes]


@dataclass(frozen=True)
class Line:
    """One message on its way to the disk."""

    topic: Topic
    name: str
    at_ns: int
    data: bytes


class McapOut:
    """One file that is being written."""

    def __init__(self, path: Path, schema_of: SchemaOf, about: dict[str, str]) -> None:
        self.path = path
        self._schema_of = schema_of
        try:
            from mcap.writer import CompressionType, Writer
        except ImportError:
            raise OSError(0, 'mcap is not installed: pip install mcap') from None
        self._file: BinaryIO = path.open('xb')
        self._channels: dict[tuple[str, str], int] = {}
        self._schemas: dict[tuple[str, bytes], int] = {}
        self._counts: dict[int, int] = {}
        self.last_ns = self.count = 0
        try:
            self._writer: Any = Writer(
                self._file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD
            )
            self._writer.start(profile='ros2', library=LIBRARY)
            self._writer.add_metadata(LIBRARY, about)
            self._file.flush()
        except BaseException:
            self._file.close()
            raise

    @property
    def size(self) -> int:
        """Return how many bytes have gone to the file."""
        size: int = self._file.tell()
        return size

    def write(
        self, name: str, kind: str, schema: bytes | None, at_ns: int, data: bytes,
        published_ns: int | None = None,
    ) -> None:
        """Add a message; `schema` None = that of this installation. KeyError: there is none."""
        channel = self._channels.get((name, kind)) or self._open_channel(name, kind, schema)
        self.last_ns = at_ns = max(at_ns, self.last_ns)
        sequence = self._counts[channel] = self._counts.get(channel, 0) + 1
        self._writer.add_message(
            channel, at_ns, data, at_ns if published_ns is None else published_ns, sequence
        )
        self.count += 1

    def _open_channel(self, name: str, kind: str, schema: bytes | None) -> int:
        text = self._schema_of(kind) if schema is None else schema
        known = self._schemas.get((kind, text))
        if known is None:
            known = self._writer.register_schema(kind, 'ros2msg', text)
            self._schemas[(kind, text)] = known
        opened: int = self._writer.register_channel(name, 'cdr', known)
        self._channels[(name, kind)] = opened
        return opened

    def flush(self) -> None:
        """End the chunk: what was written survives the end of this process."""
        self._writer.flush()

    def finish(self) -> None:
        """Write the index and put all of it on the disk."""
        try:
            self._writer.finish()
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close without an index; never raises."""
        with contextlib.suppress(OSError):
            self._file.close()


class Ring:
    """The files ring_000001.mcap ... of a folder; the oldest go when there is no room."""

    def __init__(
        self, folder: Path, file_bytes: int, room_bytes: int, schema_of: SchemaOf,
        about: dict[str, str],
    ) -> None:
        make_folder(folder)
        self.folder = folder
        self._file_bytes, self._room_bytes = file_bytes, room_bytes
        self._schema_of, self._about = schema_of, about
        self._carried: dict[str, tuple[Topic, deque[Line]]] = {}
        self._known: dict[str, McapFile] = {}
        self._out: McapOut | None = None
        self._lock = self._locked()
        try:
            self._mend()
            self._open()
        except BaseException:
            self._lock.close()
            raise

    def write(self, line: Line) -> None:
        """Add a message; KeyError: its type is not known here."""
        out = self._out
        assert out is not None
        if out.size >= self._file_bytes or line.at_ns < out.last_ns - BACK_NS:
            out = self.rotate()
        if line.topic.carry:
            self._carry(line)
        out.write(line.name, line.topic.type, None, line.at_ns, line.data)

    def flush(self) -> None:
        """End the chunk."""
        if self._out is not None:
            self._out.flush()

    def rotate(self) -> McapOut:
        """Finish this file and begin the next one, with what it cannot do without."""
        self._finish()
        out = self._open()
        at_ns = 0
        for _, lines in self._carried.values():
            at_ns = max([at_ns, *(line.at_ns for line in lines)])
        for topic, lines in self._carried.values():
            for line in lines:
                out.write(line.name, topic.type, None, at_ns, line.data, line.at_ns)
        return out

    def close(self) -> None:
        """Finish; OSError where the disk does not take it."""
        try:
            self._finish()
        finally:
            self._lock.close()

    def abandon(self) -> None:
        """Give up at once; never raises."""
        if self._out is not None:
            self._out.abandon()
            self._out = None
        self._lock.close()

    def files(self) -> list[Path]:
        """Return the files, oldest first."""
        return ring_files(self.folder)

    def _carry(self, line: Line) -> None:
        held = self._carried.get(line.name)
        if held is None:
            if len(self._carried) >= CARRIED_MAX:
                return
            held = self._carried[line.name] = (line.topic, deque(maxlen=line.topic.carry))
        held[1].append(line)
        while len(held[1]) > 1 and sum(len(one.data) for one in held[1]) > CARRY_BYTES_MAX:
            held[1].popleft()

    def _open(self) -> McapOut:
        self._make_room()
        numbers = [ring_number(path.name) or 0 for path in self.files()]
        path = self.folder / ring_name(max(numbers, default=0) + 1)
        self._out = McapOut(path, self._schema_of, self._about)
        return self._out

    def _finish(self) -> None:
        out, self._out = self._out, None
        if out is None:
            return
        try:
            out.finish()
        except BaseException:
            out.abandon()
            raise
        self._index()

    def _make_room(self) -> None:
        """The new file must fit too."""
        sizes = [(path.name, path.stat().st_size) for path in self.files()]
        for name in too_many(sizes, max(0, self._room_bytes - self._file_bytes - CHUNK_BYTES)):
            (self.folder / name).unlink(missing_ok=True)
            self._known.pop(name, None)

    def _index(self) -> None:
        """metadata.yaml tells of finished files."""
        known = {}
        for path in self.files():
            try:
                known[path.name] = self._known.get(path.name) or McapFile(path).scan()
            except NotReadable:
                continue
        self._known = known
        bag_metadata.write(self.folder, known.values())

    def _mend(self) -> None:
        """A process that was killed leaves a file without an index: write it anew."""
        for part in self.folder.glob(f'*{PART}'):
            part.unlink()
        for path in self.files():
            try:
                found = McapFile(path).scan()
            except NotReadable:
                continue  # kept as it is: somebody may want to look at it, until its turn comes
            if not found.complete:
                self._mend_one(found)
        self._index()

    def _mend_one(self, found: McapFile) -> None:
        if not found.counts:
            found.path.unlink()
            return
        draft = found.path.with_suffix(PART)
        copy(found.messages(0), McapOut(draft, self._schema_of, {**self._about, 'mended': 'yes'}))
        os.replace(draft, found.path)

    def _locked(self) -> BinaryIO:
        """One writer per folder."""
        lock = (self.folder / '.lock').open('ab')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise OSError(0, f'another tower records into {self.folder}') from None
        return lock


def copy(messages: Iterable[Recorded], out: McapOut) -> int:
    """Write messages that were read into a new file and finish it; returns how many."""
    try:
        for one in messages:
            schema = one.channel.schema
            if schema is not None:
                out.write(
                    one.channel.topic, schema.name, schema.text, one.at_ns, one.data,
                    one.published_ns,
                )
        out.finish()
    except BaseException:
        out.abandon()
        out.path.unlink(missing_ok=True)
        raise
    return out.count


def ring_files(folder: Path) -> list[Path]:
    """Return the files of a ring, oldest first. Raises OSError."""
    found = [path for path in folder.iterdir() if ring_number(path.name) is not None]
    return sorted(found, key=lambda path: ring_number(path.name) or 0)
