# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns checkpoints that travel between robots: one file each, called by its hash; refuses to know
what is in them and how they travel.

A file is there whole or not at all. The newest FILES_MAX are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .durable import replace_file

FILES_MAX = 4  # the one that is used, one that is brought, and one before each
SUFFIX = '.checkpoint'
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')


@dataclass(frozen=True)
class Written:
    """A file of this content is at path."""

    sha256: str
    size_bytes: int
    path: str


class CheckpointFolder:
    """Checkpoints of one robot. One writer only."""

    def __init__(self, folder: str | os.PathLike[str], size_bytes_max: int) -> None:
        self._folder = Path(folder).expanduser().absolute()
        self._size_bytes_max = size_bytes_max

    def path_of(self, sha256: str) -> str:
        """Where the file of this hash is or has to go. Raises ValueError for what is no hash."""
        if not _SHA256.match(sha256):
            raise ValueError(f'sha256={sha256[:80]!r}: expected 64 hexadecimal digits')
        return str(self._folder / (sha256 + SUFFIX))

    def prepare(self) -> None:
        """Make the folder. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def write(self, raw: bytes) -> Written:
        """Raises OSError if the disk refuses, ValueError if it is too large."""
        if len(raw) > self._size_bytes_max:
            raise ValueError(f'expected at most {self._size_bytes_max} bytes, got {len(raw)}')
        sha256 = hashlib.sha256(raw).hexdigest()
        path = Path(self.path_of(sha256))
        self.prepare()
        if not path.exists() or path.read_bytes() != raw:
            replace_file(path, raw, path.with_suffix('.new'))
        else:
            path.touch()
        self._forget_oldest()
        return Written(sha256, len(raw), str(path))

    def read(self, sha256: str) -> bytes:
        """The content of this hash. Raises FileNotFoundError, OSError, and ValueError for a file
        that is damaged; that one is removed."""
        path = Path(self.path_of(sha256))
        with path.open('rb') as file:
            raw = file.read(self._size_bytes_max + 1)
        if len(raw) > self._size_bytes_max or hashlib.sha256(raw).hexdigest() != sha256:
            with contextlib.suppress(OSError):
                path.unlink()
            raise ValueError(f'{path}: its content has another hash')
        path.touch()
        return raw

    def _forget_oldest(self) -> None:
        found = sorted(self._folder.glob('*' + SUFFIX), key=lambda one: one.stat().st_mtime_ns)
        for path in (*found[:-FILES_MAX], *self._folder.glob('*.new')):
            with contextlib.suppress(OSError):
                path.unlink()
