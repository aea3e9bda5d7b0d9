# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns one small JSON file with a checksum, replaced as a whole; refuses to know what is in it.

File: {"sha256": <hex of the canonical JSON of content>, "content": {...}}. No pickle: a file may
have been copied from another robot.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from .durable import make_folder, replace_file, sync_folder

FILE_NAME = 'learning.json'
SIZE_MAX_BYTES = 512 * 1024
BAD_FILES_MAX = 5


@dataclass(frozen=True)
class Absent:
    """There is no file yet."""


@dataclass(frozen=True)
class Loaded:
    """A file whose checksum holds."""

    content: dict[str, object]


@dataclass(frozen=True)
class Rejected:
    """A file that cannot be used; kept_as is where it is now, '' = it could not be moved."""

    reason: str
    kept_as: str


class CheckpointFile:
    """The checkpoint in one folder. One writer only."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder).expanduser()
        self.path = self._folder / FILE_NAME

    def load(self) -> Absent | Loaded | Rejected:
        """Read and check the file; a bad one is renamed, so that nothing is lost."""
        try:
            with self.path.open('rb') as file:
                raw = file.read(SIZE_MAX_BYTES + 1)
        except FileNotFoundError:
            return Absent()
        except OSError as error:
            return Rejected(f'cannot be read: {error}', '')
        try:
            return Loaded(decode(raw))
        except ValueError as error:
            return self.reject(str(error))

    def reject(self, reason: str) -> Rejected:
        """Put the present file aside under a name that says so."""
        for number in range(1, BAD_FILES_MAX + 1):
            kept = self._folder / f'{FILE_NAME}.bad-{number}'
            if not kept.exists() or number == BAD_FILES_MAX:
                break
        try:
            os.replace(self.path, kept)
        except OSError as error:
            return Rejected(f'{reason}; it could not be renamed: {error}', '')
        return Rejected(reason, str(kept))

    def save(self, content: dict[str, object]) -> None:
        """Replace the file as a whole; after a crash it is the old or the new one.

        Raises OSError if the disk refuses, ValueError if the content is too large or no JSON.
        """
        raw = encode(content)
        make_folder(self._folder)
        replace_file(self.path, raw, self.path.with_suffix('.new'))
        sync_folder(self._folder)


def encode(content: dict[str, object]) -> bytes:
    """Bytes of the file. Raises ValueError if they would not be read back."""
    document = {'sha256': _digest(content), 'content': content}
    raw = json.dumps(document, sort_keys=True, allow_nan=False, indent=1).encode()
    if len(raw) > SIZE_MAX_BYTES:
        raise ValueError(f'expected at most {SIZE_MAX_BYTES} bytes, got {len(raw)}')
    return raw


def decode(raw: bytes) -> dict[str, object]:
    """Content of the file. Raises ValueError that says what is wrong with it."""
    if len(raw) > SIZE_MAX_BYTES:
        raise ValueError(f'expected at most {SIZE_MAX_BYTES} bytes')
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'expected JSON: {error}') from None
    content = document.get('content') if isinstance(document, dict) else None
    if not isinstance(content, dict):
        raise ValueError('expected an object with sha256 and content')
    if document.get('sha256') != _digest(content):
        raise ValueError('the checksum does not match the content')
    return content


def _digest(content: dict[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(',', ':'), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
