# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Names of files that a power cut does not take away. Owns the syncing of folders only. The other
packages have the same few lines: packages share messages, not modules.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """With those above it; all of their names are durable on return, also where a crash had left
    a folder whose name was not. Raises OSError."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
    with contextlib.suppress(PermissionError):  # somebody else's, who may have locked reading it
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """The names in it are durable on return. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
