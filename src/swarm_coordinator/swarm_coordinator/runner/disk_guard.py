# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keeps jobs from filling the disk that the log of the swarm is on: owns when one is too many.

Each file of a job has a limit, the number of its files has none, and a robot whose log cannot be
written halts. So while jobs run, the free space is looked at, and where it runs out the job with
the largest folder is the one that goes.
"""

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

LOOK_S = 0.2  # at 300 MB/s, what a good disk writes, 60 MB come in that time
RESERVE_BYTES = 128 * 1024 * 1024  # chosen without data; twice what can come between two looks
BLAME_BYTES_MIN = 16 * 1024 * 1024  # ending a job with less would not help


def short_of_space(folder: Path) -> int | None:
    """Bytes that are free, where that is too few."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    return free if free < RESERVE_BYTES else None


def to_blame(folders: Sequence[Path]) -> tuple[Path, int] | None:
    """The largest folder and the bytes in it, if it holds enough to matter."""
    sizes = [(bytes_in(folder), folder) for folder in folders]
    size, folder = max(sizes, default=(0, Path()))
    return (folder, size) if size >= BLAME_BYTES_MIN else None


def bytes_in(folder: Path) -> int:
    """What it takes on the disk, as far as it can be read."""
    total = 0
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
    return total
