# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the folder of policy versions: one archive per version that never changes, and one state
file that says which of them count; refuses to know what is in either.

    <folder>/versions/<name>/<version>/   an archive (see archive.py)
    <folder>/state/learning.json          the records of all shelves, replaced as a whole

Order of writing: first the archive, then the state that names it; first the state that no longer
names a version, then its archive goes. So after a kill at any point every version that the state
names is there, and what it does not name is swept away at the next start.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from . import archive
from .checkpoint_file import Absent, CheckpointFile, Loaded, Rejected
from .durable import make_folder, sync_folder

ARRAYS_BYTES_MAX = 4 * 1024 * 1024  # as core/policies/policy.py allows
DRAFT = '.draft'
_NAME = re.compile(r'[a-z][a-z0-9_]{0,39}')
_NUMBER = re.compile(r'[1-9][0-9]{0,9}')


class PolicyFiles:
    """One writer. Raises OSError where the disk refuses."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser()
        self._versions = self.folder / 'versions'
        self._state = CheckpointFile(self.folder / 'state')

    def add(
        self, name: str, version: int, manifest: Mapping[str, object],
        arrays: Mapping[str, NDArray[Any]],
    ) -> str:
        """Keep a version for ever unchanged; returns its SHA-256. Raises FileExistsError for one
        that is there with other content, ValueError for what cannot be kept."""
        target = self._path(name, version)
        if target.exists():
            kept = archive.load(target, ARRAYS_BYTES_MAX)
            sealed, _ = archive.encode(manifest, arrays, ARRAYS_BYTES_MAX)
            draft_manifest, _ = archive.encode(kept.manifest, kept.arrays, ARRAYS_BYTES_MAX)
            if sealed != draft_manifest:
                raise FileExistsError(f'{target}: expected a version that is not kept yet')
            return kept.sha256
        draft = target.with_name(target.name + DRAFT)
        shutil.rmtree(draft, ignore_errors=True)
        make_folder(target.parent)
        sha256 = archive.save(draft, manifest, arrays, ARRAYS_BYTES_MAX)
        os.replace(draft, target)
        sync_folder(target.parent)
        return sha256

    def read(self, name: str, version: int, sha256: str) -> archive.Archive:
        """Raises FileNotFoundError, or ValueError where it is not what was kept."""
        found = archive.load(self._path(name, version), ARRAYS_BYTES_MAX)
        if found.sha256 != sha256:
            raise ValueError(f'{name}@{version}: expected {sha256[:12]}, found '
                             f'{found.sha256[:12]}')
        return found

    def read_from(self, path: str | os.PathLike[str]) -> archive.Archive:
        """A policy from elsewhere: the folder of an archive or its manifest. Raises as read."""
        given = Path(path).expanduser()
        if not given.is_absolute():
            raise ValueError(f'path={str(path)[:200]!r}: expected an absolute path')
        folder = given.parent if given.name == archive.MANIFEST_NAME else given
        return archive.load(folder, ARRAYS_BYTES_MAX)

    def save_state(self, document: dict[str, object]) -> None:
        """Replace the records. Raises ValueError where they are too large or no JSON."""
        self._state.save(document)

    def load_state(self) -> Absent | Loaded | Rejected:
        return self._state.load()

    def remove(self, name: str, version: int) -> None:
        """After the state no longer names it. Failing loses nothing: sweep comes again."""
        shutil.rmtree(self._path(name, version), ignore_errors=True)

    def kept(self) -> tuple[tuple[str, int], ...]:
        """What is on the disk, drafts left out."""
        found = []
        for path in sorted(self._versions.glob('*/*')):
            if _NAME.fullmatch(path.parent.name) and _NUMBER.fullmatch(path.name):
                found.append((path.parent.name, int(path.name)))
        return tuple(sorted(found))

    def sweep(self, named: set[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
        """Remove drafts and versions that no record names; returns these."""
        for draft in sorted(self._versions.glob(f'*/*{DRAFT}')):
            shutil.rmtree(draft, ignore_errors=True)
        gone = tuple(one for one in self.kept() if one not in named)
        for name, version in gone:
            self.remove(name, version)
        for folder in sorted(self._versions.glob('*')):
            with contextlib.suppress(OSError):
                folder.rmdir()  # only where it is empty
        return gone

    def _path(self, name: str, version: int) -> Path:
        if not _NAME.fullmatch(name) or not _NUMBER.fullmatch(str(version)):
            raise ValueError(f'{name[:50]!r}@{version}: expected {_NAME.pattern} and a number')
        return self._versions / name / str(version)
