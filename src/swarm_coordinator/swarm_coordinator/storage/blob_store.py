# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files by content on this robot's disk: owns their names, verification and the quota.

A file is here under its sha256 only after all of its bytes were read back and hashed; until then
it is in `partial/`. Knows nothing of jobs or of other robots.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import threading
from pathlib import Path

from swarm_coordinator.core.files.fetch import CHUNK_BYTES, FILE_BYTES_MAX
from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.jobs.job import FileRef

READ_BYTES = 1024 * 1024
FREE_BYTES_MIN = 16 * 1024 * 1024  # never fill the disk that the log needs


class BlobStoreFull(OSError):
    """The quota or the disk has no room; nothing was lost."""


class BlobDamaged(Exception):
    """The bytes do not have the hash that they should have."""


class BlobStore:
    """`<folder>/blobs/<2 hex>/<sha256>`.

    Files are added by several threads and discarded by one. A file that was added `pinned` stays
    until it is unpinned, whatever is said about needing it: between adding a file and somebody
    accounting for it, an older job with the same content may end.
    """

    def __init__(self, folder: Path, quota_bytes: int) -> None:
        self._blobs = folder / 'blobs'
        self._partial = folder / 'partial'
        self._quota_bytes = quota_bytes
        self._lock = threading.Lock()
        self._pins: dict[str, int] = {}
        self._begun: dict[str, int] = {}  # sha256 -> bytes promised to a fetch
        shutil.rmtree(self._partial, ignore_errors=True)
        for each in (self._blobs, self._partial):
            each.mkdir(parents=True, exist_ok=True)
        self._used_bytes = sum(path.stat().st_size for path in self._blobs.glob('??/*'))

    @property
    def used_bytes(self) -> int:
        return self._used_bytes

    def path(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256

    def has(self, ref: FileRef) -> bool:
        try:
            return self.path(ref.sha256).stat().st_size == ref.size_bytes
        except OSError:
            return False

    def pin(self, ref: FileRef) -> bool:
        """Keep a stored file until `unpin`; False if it is not here."""
        with self._lock:
            if not self.has(ref):
                return False
            self._pins[ref.sha256] = self._pins.get(ref.sha256, 0) + 1
            return True

    def unpin(self, sha256: str) -> None:
        with self._lock:
            left = self._pins.get(sha256, 0) - 1
            if left > 0:
                self._pins[sha256] = left
            else:
                self._pins.pop(sha256, None)

    def add_file(self, source: Path, name: str) -> FileRef:
        """Copy a file in, pinned. Raises OSError (also BlobStoreFull) and ValueError."""
        checked_file_name(name)
        if not source.is_file():
            raise ValueError(f'{source}: no such file, or not a regular one')
        self._make_room(source.stat().st_size)
        digest = hashlib.sha256()
        size = 0
        descriptor, temporary = tempfile.mkstemp(dir=self._partial)
        try:
            with open(source, 'rb') as reader, os.fdopen(descriptor, 'wb') as writer:
                while block := reader.read(READ_BYTES):
                    digest.update(block)
                    size += len(block)
                    writer.write(block)
            ref = FileRef(name, size, digest.hexdigest())
            self._keep(Path(temporary), ref, pin=True)
        except OSError as error:
            raise _told(error) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        return ref

    def begin(self, ref: FileRef) -> None:
        """Make the partial file for a fetch. Raises BlobStoreFull."""
        if ref.size_bytes > FILE_BYTES_MAX:
            raise BlobStoreFull(f'{ref.name}: {ref.size_bytes} bytes, at most {FILE_BYTES_MAX}')
        self._begun.pop(ref.sha256, None)
        self._make_room(ref.size_bytes)
        with open(self._partial / ref.sha256, 'wb') as file:
            file.truncate(ref.size_bytes)
        self._begun[ref.sha256] = ref.size_bytes

    def write(self, sha256: str, offset: int, data: bytes) -> None:
        try:
            with open(self._partial / sha256, 'r+b') as file:
                file.seek(offset)
                file.write(data)
        except OSError as error:
            raise _told(error) from error

    def finish(self, ref: FileRef) -> None:
        """Verify the whole and take it in. Raises BlobDamaged; the partial file is gone then."""
        partial = self._partial / ref.sha256
        self._begun.pop(ref.sha256, None)
        digest = hash_of(partial)
        if digest != ref.sha256:
            partial.unlink()
            raise BlobDamaged(f'{ref.name}: arrived as {digest}, expected {ref.sha256}')
        self._keep(partial, ref)

    def abandon(self, sha256: str) -> None:
        self._begun.pop(sha256, None)
        (self._partial / sha256).unlink(missing_ok=True)

    def manifest(self, sha256: str) -> tuple[int, bytes] | None:
        """(size, concatenated 32-byte hashes of the chunks), or None if it is not here."""
        hashes = bytearray()
        size = 0
        try:
            with open(self.path(sha256), 'rb') as file:
                while block := file.read(CHUNK_BYTES):
                    hashes += hashlib.sha256(block).digest()
                    size += len(block)
        except FileNotFoundError:
            return None
        return size, bytes(hashes)

    def chunk(self, sha256: str, number: int) -> bytes | None:
        try:
            with open(self.path(sha256), 'rb') as file:
                file.seek(number * CHUNK_BYTES)
                return file.read(CHUNK_BYTES)
        except FileNotFoundError:
            return None

    def copy_out(self, ref: FileRef, folder: Path) -> Path:
        """Put a file under its name below `folder`: all of it or nothing, then durable."""
        target = folder / checked_file_name(ref.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix='.swarm-')
        try:
            with open(self.path(ref.sha256), 'rb') as reader, os.fdopen(descriptor, 'wb') as out:
                shutil.copyfileobj(reader, out, READ_BYTES)
                out.flush()
                os.fchmod(out.fileno(), 0o644)
                os.fsync(out.fileno())
            os.replace(temporary, target)
        except OSError as error:
            raise _told(error) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        return target

    def discard(self, sha256: str) -> None:
        with self._lock:
            if sha256 in self._pins:
                return
            path = self.path(sha256)
            with contextlib.suppress(FileNotFoundError):
                size = path.stat().st_size
                path.unlink()
                self._used_bytes -= size

    def sweep(self, needed: frozenset[str]) -> int:
        """Discard every file that is not in `needed`; returns how many."""
        stale = [path.name for path in self._blobs.glob('??/*') if path.name not in needed]
        for sha256 in stale:
            self.discard(sha256)
        return len(stale)

    def _make_room(self, size: int) -> None:
        used = self._used_bytes + sum(list(self._begun.values()))
        if used + size > self._quota_bytes:
            raise BlobStoreFull(
                f'{size} bytes more would exceed the quota of {self._quota_bytes} bytes '
                f'({used} in use)'
            )
        free = shutil.disk_usage(self._partial).free
        if size + FREE_BYTES_MIN > free:
            raise BlobStoreFull(
                f'{size} bytes more would leave less than {FREE_BYTES_MIN} of {free} bytes free'
            )

    def _keep(self, temporary: Path, ref: FileRef, pin: bool = False) -> None:
        # Durable before it has its name: after a power cut nothing here may be zeros.
        with open(temporary, 'rb') as file:
            os.fsync(file.fileno())
        target = self.path(ref.sha256)
        target.parent.mkdir(exist_ok=True)
        with self._lock:
            known = target.exists()
            os.replace(temporary, target)
            if not known:
                self._used_bytes += ref.size_bytes
            if pin:
                self._pins[ref.sha256] = self._pins.get(ref.sha256, 0) + 1


def hash_of(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _told(error: OSError) -> OSError:
    if isinstance(error, BlobStoreFull) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    return BlobStoreFull(f'no space left on the disk: {error}')
