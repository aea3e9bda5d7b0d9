# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What jobs printed: owns the files below `<storage>/logs`, their quotas and how they are read.

`<folder>/<job>-<attempt>/<stream>.<offset>` holds what the job wrote from that offset on. There
are at most three files per stream: the head, and two segments of which the older is removed when
the newer is full. So a job that prints without end keeps its first and its last words, and costs
no memory. The alternative, the job writing to a file under a limit of its size, would end a job
for being talkative, and would lose the end, where the reason of a failure stands.

The offsets stand in the names: there is no index that a power cut could leave behind. Nothing
here raises for a full or damaged disk: bytes that cannot be kept are dropped, as in the middle.
"""

import contextlib
import logging
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

STREAMS = ('stdout', 'stderr')
HEAD_BYTES = 512 * 1024  # per stream, as each segment; chosen without data
SEGMENT_BYTES = 512 * 1024
JOB_BYTES_MAX = len(STREAMS) * (HEAD_BYTES + 2 * SEGMENT_BYTES)
READ_BYTES_MAX = 1024 * 1024
BLOCK_BYTES = 4096  # what a file or a folder takes at least
FREE_BYTES_MIN = 32 * 1024 * 1024  # never fill the disk that the log of the swarm needs
RETRY_BYTES = 64 * 1024  # dropped before a disk that refused is tried again


class LogRead(NamedTuple):
    """`data` begins at `offset`, which is beyond the offset asked for where bytes were dropped;
    `size`: bytes printed so far; `ended`: nothing more will come; `dropped`: bytes of `size` that
    are not kept; `found`: this robot ran the attempt, or has its log."""

    data: bytes
    size: int
    ended: bool
    offset: int
    dropped: int
    found: bool


class KeptLog(NamedTuple):
    """One attempt of a job, and what its output takes on the disk."""

    job_id: str
    attempt: int
    disk_bytes: int
    ended: bool


@dataclass
class LogWriter:
    """One stream of one running attempt. Used by one thread."""

    folder: Path
    stream: str
    logs: 'JobLogs'
    key: str
    size: int = 0
    tail: bytes = b''  # the last words, for the reason of a failure
    tail_bytes: int = 400
    _file: BinaryIO | None = None
    _room: int = 0
    _segments: list[Path] = field(default_factory=list)  # without the head
    _retry_at: int = 0
    _kept_to: int = 0  # end of the last byte that is on the disk

    def write(self, data: bytes) -> None:
        self.tail = (self.tail + data[-self.tail_bytes :])[-self.tail_bytes :]
        while data:
            if self._room == 0 and not self._open():
                self.size += len(data)
                return
            piece, data = data[: self._room], data[self._room :]
            self._keep(piece)

    def end(self) -> None:
        """No more will come. Where the last bytes were dropped, an empty file says how many."""
        self._close()
        if self.size > self._kept_to:
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                (self.folder / f'{self.stream}.{self.size}').touch()
                self.logs.grown(self.key, 2 * BLOCK_BYTES)

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _keep(self, piece: bytes) -> None:
        assert self._file is not None
        kept, begin = 0, self.size
        self.size += len(piece)
        try:
            while kept < len(piece):  # on a disk that is nearly full it takes only a part
                kept += self._file.write(piece[kept:])
        except OSError as error:
            self._failed(error)
        else:
            self._room -= len(piece)
        self._kept_to = begin + kept
        self.logs.grown(self.key, kept)

    def _open(self) -> bool:
        """Begin the next file at the current offset."""
        if self.size < self._retry_at:
            return False
        self._close()
        try:
            self.logs.make_room(self.key)
            try:
                self._begin()
            except OSError:
                self.logs.grown(self.key, -2 * BLOCK_BYTES)
                raise
            self._drop_oldest()
        except OSError as error:
            self._failed(error)
            return False
        return True

    def _begin(self) -> None:
        path = self.folder / f'{self.stream}.{self.size}'
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, 'wb', buffering=0)  # noqa: SIM115
        self._room = SEGMENT_BYTES if self.size else HEAD_BYTES
        if self.size:
            self._segments.append(path)

    def _drop_oldest(self) -> None:
        while len(self._segments) > 2:
            oldest = self._segments.pop(0)
            gone = oldest.stat().st_size
            oldest.unlink()
            self.logs.grown(self.key, -gone - 2 * BLOCK_BYTES)

    def _failed(self, error: OSError) -> None:
        self.logs.refused(self.key, error)
        self._close()
        self._room, self._retry_at = 0, self.size + RETRY_BYTES


class JobLogs:
    """`read` and `kept` from any thread. The logs that are forgotten first are the oldest ones
    of attempts that have ended."""

    def __init__(self, folder: Path, quota_bytes: int, log: logging.Logger) -> None:
        self._folder = folder
        # Has work done that nobody waits for: a full disk takes its time to forget.
        self.aside: Callable[[Callable[[], None]], None] = lambda work: work()
        self._quota_bytes = quota_bytes
        self._log = log
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict()  # oldest first
        self._used_bytes = 0
        self._live: dict[str, int] = {}  # streams that may still grow
        self._complained: set[str] = set()
        self._load()

    def _load(self) -> None:
        found: list[tuple[float, str, int]] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for entry in os.scandir(self._folder):
                if entry.is_dir(follow_symlinks=False):
                    sizes = [one.stat().st_size for one in os.scandir(entry.path)]
                    size = sum(sizes) + 2 * BLOCK_BYTES * len(sizes)
                    found.append((entry.stat().st_mtime, entry.name, size))
        except OSError as error:
            self._log.warning('the logs of jobs cannot be read: %s', error)
        with self._lock:
            for _, name, size in sorted(found):
                self._count(name, size)
            self._forget_beyond(0)

    # ---- writing

    def open(self, job_id: str, attempt: int) -> tuple[LogWriter, LogWriter]:
        """Where stdout and stderr of this attempt go. Makes nothing before there are bytes."""
        key = key_of(job_id, attempt)
        with self._lock:
            self._live[key] = self._live.get(key, 0) + 1
        folder = self._folder / key
        return LogWriter(folder, 'stdout', self, key), LogWriter(folder, 'stderr', self, key)

    def ended(self, writers: tuple[LogWriter, LogWriter]) -> None:
        key = writers[0].key
        for writer in writers:
            writer.end()
        with self._lock:
            left = self._live.pop(key) - 1
            if left:
                self._live[key] = left
            self._complained.discard(key)

    def make_room(self, key: str) -> None:
        """For one more file. Raises OSError where there is none."""
        free = shutil.disk_usage(self._folder).free
        if free < FREE_BYTES_MIN:
            raise OSError(f'only {free} bytes are free on the disk')
        with self._lock:
            # The folder is counted again with each file: at most three times.
            more = SEGMENT_BYTES + 2 * BLOCK_BYTES
            self._forget_beyond(more)
            if self._used_bytes + more > self._quota_bytes:
                raise OSError(f'the logs of running jobs take {self._used_bytes} bytes already')
            self._count(key, 2 * BLOCK_BYTES)

    def grown(self, key: str, count: int) -> None:
        with self._lock:
            self._count(key, count)

    def refused(self, key: str, error: OSError) -> None:
        with self._lock:
            if key in self._complained:
                return
            self._complained.add(key)
        self._log.warning('the output of %s is not kept: %s', key, error)

    def _count(self, key: str, count: int) -> None:
        self._sizes[key] = self._sizes.get(key, 0) + count
        self._used_bytes += count

    def _forget_beyond(self, more: int) -> None:
        while self._used_bytes + more > self._quota_bytes:
            oldest = next((key for key in self._sizes if key not in self._live), None)
            if oldest is None:
                return
            self._used_bytes -= self._sizes.pop(oldest)
            self.aside(partial(shutil.rmtree, self._folder / oldest, ignore_errors=True))

    # ---- reading

    def read(
        self, job_id: str, attempt: int, stream: str, offset: int, bytes_max: int
    ) -> LogRead:
        """What is kept from `offset` on, at most `bytes_max` and READ_BYTES_MAX.

        A negative offset counts from the end. An attempt that printed nothing, or was forgotten,
        has size 0. Raises ValueError for a stream or an id that cannot be one.
        """
        if stream not in STREAMS:
            raise ValueError(f'stream={stream!r}: expected one of {", ".join(STREAMS)}')
        key = key_of(job_id, attempt)
        with self._lock:
            ended = key not in self._live  # before the reading: what comes after is not missed
            found = key in self._live or key in self._sizes
        pieces = self._pieces(key, stream)
        size = pieces[-1].end if pieces else 0
        dropped = size - sum(piece.length for piece in pieces)
        at = max(0, size + offset if offset < 0 else offset)
        limit = max(0, min(bytes_max, READ_BYTES_MAX))
        for piece in pieces:
            if at < piece.end:
                at = max(at, piece.offset)
                data = _read(piece, at, limit)
                return LogRead(data, size, ended, at, dropped, found)
        return LogRead(b'', size, ended, min(at, size), dropped, found)

    def kept(self) -> list[KeptLog]:
        """Oldest first."""
        with self._lock:
            return [
                KeptLog(*_names(key), size, key not in self._live)
                for key, size in self._sizes.items()
            ]

    def _pieces(self, key: str, stream: str) -> list['_Piece']:
        found = []
        try:
            for entry in os.scandir(self._folder / key):
                name, _, offset = entry.name.partition('.')
                if name == stream and offset.isdecimal() and entry.is_file(follow_symlinks=False):
                    found.append(_Piece(int(offset), entry.stat().st_size, entry.path))
        except OSError:
            return []  # nothing was printed, or it is forgotten, perhaps just now
        return sorted(found)


class _Piece(NamedTuple):
    offset: int
    length: int
    path: str

    @property
    def end(self) -> int:
        return self.offset + self.length


def key_of(job_id: str, attempt: int) -> str:
    """Raises ValueError for what could leave the folder."""
    if not job_id or '/' in job_id or '\0' in job_id or job_id.startswith('.') or attempt < 0:
        raise ValueError(f'job {job_id[:80]!r}, attempt {attempt}: expected the id of a job')
    return f'{job_id}-{attempt}'


def _names(key: str) -> tuple[str, int]:
    job_id, _, attempt = key.rpartition('-')
    return job_id, int(attempt) if attempt.isdecimal() else 0


def _read(piece: _Piece, at: int, limit: int) -> bytes:
    try:
        with open(piece.path, 'rb') as file:
            file.seek(at - piece.offset)
            return file.read(limit)
    except OSError:
        return b''  # dropped between the look and the reading
