# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files by content on this robot's disk: owns their names, verification and the room they take.

A file is here under its sha256 only after all of its bytes were read back and hashed; until then
it is in `partial/`, beside a note of which of its chunks have come. What may go is decided by
core/files/shelf.py. Knows nothing of jobs or of other robots.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from swarm_coordinator.core.files.manifest import CHUNK_BYTES, FILE_BYTES_MAX, chunk_count_of
from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.files.shelf import Shelf, ShelfEntry
from swarm_coordinator.core.jobs.job import FileRef
from swarm_coordinator.storage.files import Files, make_folder

READ_BYTES = 1024 * 1024
FREE_BYTES_MIN = 16 * 1024 * 1024  # never fill the disk that the log needs
# A durable write costs milliseconds, whatever its size: files up to this size that can be had
# again are not synced, and read back once after a start instead.
UNSYNCED_BYTES_MAX = 1024 * 1024
SYNC_BYTES = 4 * 1024 * 1024  # written in between: one sync of 64 MiB would hold up the log's
DAMAGED_MAX = 8  # files kept for a look
PARTIAL_AGE_S = 24 * 3600.0
NOTE = b'swarm-partial-1 '
DRAFT = '.swarm-'  # begins the name of a file that is being copied out
DRAFTS_TRIED = 20  # each lost only to a robot that looks within microseconds of its making


class BlobStoreFull(OSError):
    """The quota or the disk has no room; nothing was lost."""


class BlobDamaged(Exception):
    """The bytes do not have the hash that they should have."""


class BlobStore:
    """`<folder>/blobs/<2 hex>/<sha256>`. Methods may be called from any thread; a file is written
    by one.

    A file that was added or pinned stays until it is unpinned, whatever is said about needing it:
    between adding a file and somebody accounting for it, an older job with the same content may
    end.
    """

    def __init__(
        self,
        folder: Path,
        quota_bytes: int,
        wall_ns: Callable[[], int] = time.time_ns,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self.folder = folder
        self._blobs = folder / 'blobs'
        self._partial = folder / 'partial'
        self._kept = folder / 'kept'
        self._damaged = folder / 'damaged'
        self._wall_ns = wall_ns
        self._free_bytes = free_bytes
        self._files = Files()
        self._lock = threading.RLock()
        self._unread: set[str] = set()  # of a former life, perhaps never synced
        self._sure: set[Path] = set()  # folders whose names are durable
        self._unsynced: dict[str, int] = {}  # partial -> bytes written since its last sync
        self.damaged_count = 0
        self.shelf = Shelf(quota_bytes)
        for each in (self._blobs, self._partial, self._kept):
            make_folder(self._files, each)
        self._load()

    def _load(self) -> None:
        found = []
        for path in self._blobs.glob('??/*'):
            state = path.stat()
            found.append((path.name, state.st_size, state.st_mtime_ns))
            if state.st_size <= UNSYNCED_BYTES_MAX:
                self._unread.add(path.name)
        self.shelf.load(found, {path.name for path in self._kept.iterdir()})
        self._drop_leftovers()

    def _drop_leftovers(self) -> None:
        """What is old, and what a crash left of which nobody knows how much is there."""
        oldest_s = self._wall_ns() / 1e9 - PARTIAL_AGE_S
        names = {path.name for path in self._partial.iterdir()}
        for name in names:
            sha256, path = name.removesuffix('.have'), self._partial / name
            pair = len(sha256) == 64 and {sha256, f'{sha256}.have'} <= names
            if not pair or path.stat().st_mtime < oldest_s:
                path.unlink()

    @property
    def used_bytes(self) -> int:
        return self.shelf.used_bytes

    def path(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256

    def has(self, ref: FileRef) -> bool:
        return self.size_of(ref.sha256) == ref.size_bytes

    def size_of(self, sha256: str) -> int | None:
        """Bytes of a stored file; None if it is not here."""
        try:
            size = self.path(sha256).stat().st_size
        except OSError:
            self._forget(sha256)
            return None
        if sha256 in self._unread and not self._reads_well(sha256):
            return None
        return size

    def _forget(self, sha256: str) -> None:
        """Somebody took the file away under us."""
        with self._lock:
            if sha256 in self.shelf.entries and not self.path(sha256).exists():
                self.shelf.remove(sha256)

    def _reads_well(self, sha256: str) -> bool:
        self._unread.discard(sha256)
        return self.verify(sha256)

    # ---- who needs what

    def pin(self, ref: FileRef) -> bool:
        """Keep a stored file until `unpin`; False if it is not here."""
        with self._lock:
            if not self.has(ref):
                return False
            self.shelf.pin(ref.sha256, 1)
            return True

    def unpin(self, sha256: str) -> None:
        with self._lock:
            self.shelf.pin(sha256, -1)

    def need(self, sha256: str) -> None:
        """A job needs it, until `discard`."""
        with self._lock:
            self.shelf.need(sha256, True)

    def discard(self, sha256: str) -> None:
        """No job needs it: it stays while there is room."""
        with self._lock:
            self.shelf.need(sha256, False)

    def sweep(self, needed: frozenset[str]) -> int:
        """No job needs any file that is not in `needed`; returns how many those are."""
        with self._lock:
            return self.shelf.only(needed)

    def keep(self, sha256: str, kept: bool) -> None:
        """Stays until it is no longer kept, also over a power cut. Raises OSError."""
        mark = self._kept / sha256
        with self._lock:
            if kept:
                mark.touch()
            else:
                mark.unlink(missing_ok=True)
            self._files.sync_folder(self._kept)
            self.shelf.keep(sha256, kept)

    def collect(self, keep_bytes: int = 0) -> tuple[int, int]:
        """Remove cached files, longest unused first, until no more than `keep_bytes` of them are
        left; returns (files, bytes)."""
        files = freed = 0
        with self._lock:
            left = self.shelf.cached_bytes
            for sha256 in self.shelf.cached:
                if left <= keep_bytes:
                    break
                size = self._remove(sha256)
                files, freed, left = files + 1, freed + size, left - size
        return files, freed

    def remove(self, sha256: str) -> int | None:
        """Remove a file that nobody needs; its size, or None where a job needs it."""
        with self._lock:
            entry = self.shelf.entries.get(sha256)
            if entry is None:
                return 0
            if entry.needed or entry.pins:
                return None
            self.keep(sha256, False)
            return self._remove(sha256)

    def _remove(self, sha256: str) -> int:
        self.path(sha256).unlink(missing_ok=True)
        return self.shelf.remove(sha256)

    def entries(self) -> dict[str, ShelfEntry]:
        with self._lock:
            return dict(self.shelf.entries)

    # ---- adding

    def add_file(
        self, source: Path, name: str, told: Callable[[int], None] | None = None
    ) -> FileRef:
        """Copy a file in, pinned. Raises OSError (also BlobStoreFull) and ValueError.

        `told` hears of the bytes copied so far.
        """
        checked_file_name(name)
        if not source.is_file():
            raise ValueError(f'{source}: no such file, or not a regular one')
        size = source.stat().st_size
        if size > FILE_BYTES_MAX:
            raise ValueError(f'{source}: {size} bytes, at most {FILE_BYTES_MAX}')
        descriptor, temporary = tempfile.mkstemp(dir=self._partial)
        try:
            self._make_room(size)
            with open(source, 'rb') as reader, os.fdopen(descriptor, 'wb') as writer:
                ref = self._copy_in(reader, writer, name, told)
                writer.flush()
                os.fsync(writer.fileno())
            self._take_in(Path(temporary), ref, True, pin=True)
        except OSError as error:
            raise _told(error) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        return ref

    def _copy_in(
        self,
        reader: IO[bytes],
        writer: IO[bytes],
        name: str,
        told: Callable[[int], None] | None,
    ) -> FileRef:
        digest, size, unsynced = hashlib.sha256(), 0, 0
        while block := reader.read(READ_BYTES):
            digest.update(block)
            writer.write(block)
            size, unsynced = size + len(block), unsynced + len(block)
            if size > FILE_BYTES_MAX:
                raise BlobStoreFull(f'{name}: more than {FILE_BYTES_MAX} bytes')
            if unsynced >= SYNC_BYTES:
                os.fdatasync(writer.fileno())
                unsynced = 0
            if told is not None:
                told(size)
        return FileRef(name, size, digest.hexdigest())

    def _take_in(
        self, temporary: Path, ref: FileRef, durable: bool, pin: bool = False,
        needed: bool = False,
    ) -> None:
        """durable: its content is already; now its name is too."""
        target = self.path(ref.sha256)
        if durable and target.parent not in self._sure:
            make_folder(self._files, target.parent)
            self._sure.add(target.parent)
        target.parent.mkdir(exist_ok=True)
        with self._lock:
            os.replace(temporary, target)
            self._unread.discard(ref.sha256)
            name = '' if ref.name == ref.sha256 else ref.name  # asked for without one
            self.shelf.add(ref.sha256, ref.size_bytes, self._wall_ns(), name, needed)
            if pin:
                self.shelf.pin(ref.sha256, 1)
        if durable:
            self._files.sync_folder(target.parent)

    # ---- fetching

    def begin(self, ref: FileRef) -> frozenset[int]:
        """Make room for a fetch. Returns the chunks that a former try has left here, by its own
        account. Raises BlobStoreFull."""
        if ref.size_bytes > FILE_BYTES_MAX:
            raise BlobStoreFull(f'{ref.name}: {ref.size_bytes} bytes, at most {FILE_BYTES_MAX}')
        partial = self._partial / ref.sha256
        with self._lock:
            self.shelf.promised.pop(ref.sha256, None)
            claimed = self._claimed(ref)
            self._make_room(ref.size_bytes, len(claimed) * CHUNK_BYTES, ref.sha256)
            self.shelf.promised[ref.sha256] = ref.size_bytes
        try:
            with open(partial, 'r+b' if claimed else 'wb') as file:
                file.truncate(ref.size_bytes)
        except OSError as error:
            self.abandon(ref.sha256)
            raise _told(error) from error
        return claimed

    def _claimed(self, ref: FileRef) -> frozenset[int]:
        """What the note beside a partial file says; nothing where the two do not fit."""
        count = chunk_count_of(ref.size_bytes)
        length = -(-count // 8)
        try:
            with open(self._note(ref.sha256), 'rb') as file:
                text = file.read(len(NOTE) + length + 1)
            if (self._partial / ref.sha256).stat().st_size != ref.size_bytes:
                return frozenset()
        except OSError:
            return frozenset()
        if not text.startswith(NOTE) or len(text) != len(NOTE) + length:
            return frozenset()
        bits = int.from_bytes(text[len(NOTE) :], 'little')
        return frozenset(one for one in range(count) if bits >> one & 1)

    def _note(self, sha256: str) -> Path:
        return self._partial / f'{sha256}.have'

    def note(self, ref: FileRef, here: frozenset[int]) -> None:
        """Remember which chunks are in the partial file; only a hint, as they are checked again.
        Raises OSError."""
        bits = 0
        for first in sorted(here):
            bits |= 1 << first
        length = -(-chunk_count_of(ref.size_bytes) // 8)
        note = self._note(ref.sha256)
        fresh = note.with_suffix('.new')
        try:
            # Whoever is killed in between has the former note, not half a one.
            fresh.write_bytes(NOTE + bits.to_bytes(length, 'little'))
            fresh.replace(note)
        except OSError as error:
            raise _told(error) from error

    def write(self, sha256: str, offset: int, data: bytes) -> None:
        """Raises OSError, also BlobStoreFull."""
        try:
            with open(self._partial / sha256, 'r+b') as file:
                file.seek(offset)
                file.write(data)
                unsynced = self._unsynced.get(sha256, 0) + len(data)
                if unsynced >= SYNC_BYTES:
                    file.flush()
                    os.fdatasync(file.fileno())
                    unsynced = 0
                self._unsynced[sha256] = unsynced
        except OSError as error:
            raise _told(error) from error

    def partial_chunks(self, sha256: str, chunks: tuple[int, ...]) -> Iterator[tuple[int, bytes]]:
        """(number, sha256 of what is on the disk) of chunks of a partial file. Raises OSError."""
        with open(self._partial / sha256, 'rb') as file:
            for chunk in chunks:
                file.seek(chunk * CHUNK_BYTES)
                yield chunk, hashlib.sha256(file.read(CHUNK_BYTES)).digest()

    def finish(self, ref: FileRef, durable: bool = True, needed: bool = False) -> None:
        """Verify the whole and take it in. Raises BlobDamaged; the partial file is gone then.

        durable     also after a power cut; without, a file may have to be fetched again
        """
        partial = self._partial / ref.sha256
        try:
            digest = hash_of(partial)
            if digest != ref.sha256:
                raise BlobDamaged(f'{ref.name}: arrived as {digest}, expected {ref.sha256}')
            if durable or ref.size_bytes > UNSYNCED_BYTES_MAX:
                # Before it has its name: after a power cut nothing here may be zeros.
                with open(partial, 'rb') as file:
                    os.fsync(file.fileno())
            self._take_in(partial, ref, durable, needed=needed)
        finally:
            self.abandon(ref.sha256)

    def abandon(self, sha256: str) -> None:
        """Nothing of the fetch stays."""
        self._let_go(sha256)
        note = self._note(sha256)
        for path in (self._partial / sha256, note, note.with_suffix('.new')):
            path.unlink(missing_ok=True)

    def leave(self, ref: FileRef, here: frozenset[int]) -> None:
        """The fetch has ended early; what has come stays for a later try while there is room."""
        if not here:
            self.abandon(ref.sha256)
            return
        self._let_go(ref.sha256)
        try:
            self.note(ref, here)
        except OSError:
            self.abandon(ref.sha256)

    def _let_go(self, sha256: str) -> None:
        with self._lock:
            self.shelf.promised.pop(sha256, None)
            self._unsynced.pop(sha256, None)

    # ---- reading

    def manifest(self, sha256: str) -> tuple[int, bytes] | None:
        """(size, concatenated 32-byte hashes of the chunks), or None if it is not here. All of it
        is read, so a damaged file is found and set aside here."""
        hashes, whole, size = bytearray(), hashlib.sha256(), 0
        try:
            with open(self.path(sha256), 'rb') as file:
                while block := file.read(CHUNK_BYTES):
                    hashes += hashlib.sha256(block).digest()
                    whole.update(block)
                    size += len(block)
        except OSError:
            return None
        self._unread.discard(sha256)
        if whole.hexdigest() != sha256:
            self.set_aside(sha256)
            return None
        self.touch(sha256)
        return size, bytes(hashes)

    def chunk(self, sha256: str, number: int) -> bytes | None:
        """The bytes of a chunk; empty beyond the end, None if the file is not here."""
        if not 0 <= number < chunk_count_of(FILE_BYTES_MAX):
            return b''
        try:
            with open(self.path(sha256), 'rb') as file:
                file.seek(number * CHUNK_BYTES)
                return file.read(CHUNK_BYTES)
        except OSError:
            return None

    def touch(self, sha256: str) -> None:
        """It was used: others go first."""
        now_ns = self._wall_ns()
        with self._lock, contextlib.suppress(OSError):
            self.shelf.touch(sha256, now_ns)
            os.utime(self.path(sha256), ns=(now_ns, now_ns))

    def verify(self, sha256: str, told: Callable[[int], None] | None = None) -> bool:
        """Read a file again. A damaged one is set aside; also False where there is none.

        `told` hears of the bytes read so far.
        """
        try:
            digest = hash_of(self.path(sha256), told)
        except OSError:
            return False
        if digest == sha256:
            return True
        self.set_aside(sha256)
        return False

    def set_aside(self, sha256: str) -> None:
        """A damaged file is not here any more; the last few are kept for a look."""
        self.damaged_count += 1
        with self._lock, contextlib.suppress(OSError):
            self.shelf.remove(sha256)
            self._damaged.mkdir(exist_ok=True)
            os.replace(self.path(sha256), self._damaged / sha256)
            old = sorted(self._damaged.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            for path in old[:-DAMAGED_MAX]:
                path.unlink()

    def was_set_aside(self, sha256: str) -> bool:
        return (self._damaged / sha256).exists()

    def copy_out(self, ref: FileRef, folder: Path) -> Path:
        """Put a file under its name below `folder`: all of it or nothing, then durable.

        Raises OSError, and ValueError for a name that would leave the folder, also over a link.
        """
        target = folder / checked_file_name(ref.name)
        _make_parents(self._files, folder, ref.name)
        _drop_drafts(target.parent)
        descriptor, temporary = _make_draft(target.parent)
        try:
            with os.fdopen(descriptor, 'wb') as out, open(self.path(ref.sha256), 'rb') as reader:
                shutil.copyfileobj(reader, out, READ_BYTES)
                out.flush()
                os.fchmod(out.fileno(), 0o644)
                os.fsync(out.fileno())
                os.replace(temporary, target)  # the lock is held until it has its own name
            self._files.sync_folder(target.parent)
        except OSError as error:
            raise _told(error) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        self.touch(ref.sha256)
        return target

    # ---- room

    def _make_room(self, size: int, already: int = 0, own: str = '') -> None:
        """Let cached files go until `size` bytes fit; `already`: of them are on the disk, in the
        partial file `own`. What interrupted fetches have left counts too, and goes last."""
        with self._lock:
            free = self._free_bytes(self._partial)
            lacking = size - already + FREE_BYTES_MIN - free
            if lacking > 0:
                lacking -= self._drop_partials(own)
            left = sum(taken for _, taken in self._left_partials(own))
            going = self.shelf.room_for(size + left, lacking)
            if going is None and left:
                lacking -= self._drop_partials(own)
                going = self.shelf.room_for(size, lacking)
            if going is None:
                raise BlobStoreFull(self._no_room(size, free))
            for sha256 in going:
                self._remove(sha256)

    def _left_partials(self, own: str) -> Iterator[tuple[str, int]]:
        """What interrupted fetches have left, and the bytes that it takes."""
        for note in list(self._partial.glob('*.have')):
            partial = note.with_suffix('')
            if partial.name != own and partial.name not in self.shelf.promised:
                taken = 0
                with contextlib.suppress(OSError):
                    taken = partial.stat().st_blocks * 512
                yield partial.name, taken

    def _drop_partials(self, own: str) -> int:
        """Let go of what interrupted fetches have left; returns the bytes."""
        freed = 0
        for sha256, taken in self._left_partials(own):
            freed += taken
            self.abandon(sha256)
        return freed

    def _no_room(self, size: int, free: int) -> str:
        shelf = self.shelf
        bound = shelf.used_bytes + shelf.promised_bytes - shelf.cached_bytes
        if bound + size > shelf.quota_bytes and not shelf.is_settled:
            return (
                f'{size} bytes more would exceed the quota of {shelf.quota_bytes} bytes, until '
                'this robot, which has just started, has heard from the log which of its files '
                'are still needed: try again'
            )
        if bound + size > shelf.quota_bytes:
            return (
                f'{size} bytes more would exceed the quota of {shelf.quota_bytes} bytes '
                f'({bound} in use)'
            )
        return f'{size} bytes more would leave less than {FREE_BYTES_MIN} of {free} bytes free'


def hash_of(path: Path, told: Callable[[int], None] | None = None) -> str:
    digest, size = hashlib.sha256(), 0
    with open(path, 'rb') as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
            size += len(block)
            if told is not None:
                told(size)
    return digest.hexdigest()


def _make_draft(folder: Path) -> tuple[int, str]:
    """A file that nobody drops as left over, by its descriptor and path: it is locked, and was
    not dropped by another robot of this machine before the lock was taken."""
    for _ in range(DRAFTS_TRIED):
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=DRAFT)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor, temporary
        os.close(descriptor)
    raise OSError(errno.EAGAIN, f'drafts in {folder} are dropped by others as fast as made')


def _drop_drafts(folder: Path) -> None:
    """What was left where somebody was stopped while copying. Who still copies holds a lock."""
    for path in folder.glob(f'{DRAFT}*'):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def _make_parents(files: Files, folder: Path, name: str) -> None:
    """The folders that lead to a name, one by one: none of them may be a link."""
    make_folder(files, folder)
    at = folder
    for part in name.split('/')[:-1]:
        at = at / part
        if at.is_symlink():
            raise ValueError(f'{at} is a link: files are only put into folders below {folder}')
        make_folder(files, at)


def _told(error: OSError) -> OSError:
    if isinstance(error, BlobStoreFull) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    return BlobStoreFull(f'no space left on the disk: {error}')
