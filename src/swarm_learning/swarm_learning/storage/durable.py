# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how a file is replaced so that a crash leaves the old one or the new one; refuses to know
what is in it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace_file(path: Path, raw: bytes, draft: Path) -> None:
    """Write `raw` to `draft`, a name in the same folder, and give it the name of `path`.

    The rename is durable after sync_folder(). Raises OSError, and leaves no draft then.
    """
    try:
        with draft.open('wb') as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def make_folder(folder: Path) -> None:
    """With those above it; all of their names are durable on return, also where a crash had left
    a folder whose name was not. Raises OSError. (As storage/files.py of swarm_coordinator.)"""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
    with contextlib.suppress(PermissionError):  # somebody else's, who may have locked reading it
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
