# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The few operations on files whose order makes a storage durable.

Owns how each is done. Refuses to know in which order; tests put a class in its place that stops
in between, as a loss of power would.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class Files:
    def write(self, path: Path, content: bytes) -> None:
        """A new file, not yet durable."""
        with open(path, 'xb') as file:
            file.write(content)

    def sync(self, path: Path) -> None:
        """The content of a file is durable on return."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def sync_folder(self, folder: Path) -> None:
        """The names in a folder are durable on return."""
        self.sync(folder)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


def make_folder(files: Files, folder: Path) -> None:
    """With those above it; all of their names are durable on return, also where a crash had left
    a folder whose name was not. Raises OSError."""
    if not folder.exists():
        make_folder(files, folder.parent)
        folder.mkdir(exist_ok=True)
    with suppress(PermissionError):  # somebody else's folder, who may have locked reading it
        files.sync_folder(folder.parent)


def write_durably(files: Files, path: Path, content: bytes) -> None:
    """All of it under its name or nothing; durable on return. A crash may leave `<path>.tmp`."""
    temporary = path.with_name(path.name + '.tmp')
    files.remove(temporary)
    files.write(temporary, content)
    files.sync(temporary)
    files.replace(temporary, path)
    files.sync_folder(path.parent)
