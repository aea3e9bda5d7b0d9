# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns where learned archives of a robot and those shipped with the package are; refuses to know
what is in them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import archive

MODELS = Path(__file__).resolve().parent.parent / 'models'
BAD_FOLDERS_MAX = 5


@dataclass(frozen=True)
class Loaded:
    """What was found. problem: '' = nothing was wrong; kept_as: where the bad one is now."""

    archive: archive.Archive | None
    problem: str = ''
    kept_as: str = ''


def shipped(name: str) -> archive.Archive:
    """A model of this package. Raises FileNotFoundError, ArchiveRefused (a ValueError)."""
    return archive.load(MODELS / name)


class MindFolder:
    """The archive of one robot's mind. One writer only."""

    def __init__(self, storage_dir: str | os.PathLike[str]) -> None:
        self.path = Path(storage_dir).expanduser() / 'mind'

    def load(self) -> Loaded:
        """Read and check it; a bad one is renamed, so that nothing is lost."""
        try:
            return Loaded(archive.load(self.path))
        except FileNotFoundError:
            return Loaded(None)
        except (OSError, ValueError) as error:
            return Loaded(None, str(error), self._set_aside())

    def save(self, manifest: Mapping[str, object], arrays: Mapping[str, Any]) -> None:
        """Raises OSError if the disk refuses, ArchiveRefused if it is too large."""
        archive.save(self.path, manifest, arrays)

    def _set_aside(self) -> str:
        for number in range(1, BAD_FOLDERS_MAX + 1):
            kept = self.path.with_name(f'{self.path.name}.bad-{number}')
            if not kept.exists():
                with contextlib.suppress(OSError):
                    os.replace(self.path, kept)
                    return str(kept)
                return ''
        return ''
