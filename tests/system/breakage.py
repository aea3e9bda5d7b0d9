# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What breaks inside a host, for who wants to see what comes of it: disks and clocks."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SHIFT_SOURCE = Path(__file__).with_name('clock_shift.c')
FILLER = 'what_else_is_stored_here'
LARGEST_PIECE = 1 << 20


def compiler() -> str | None:
    return shutil.which('cc') or shutil.which('gcc')


def built_clock_shift(folder: Path) -> Path:
    """The library that moves the wall clock of one process."""
    library = folder / 'clock_shift.so'
    found = compiler()
    assert found is not None
    subprocess.run(
        [found, '-shared', '-fPIC', '-O2', '-o', str(library), str(SHIFT_SOURCE), '-ldl'],
        check=True,
    )
    return library


@dataclass
class Clocks:
    """Wall clocks of single robots, moved while they run."""

    library: Path
    folder: Path
    names: Sequence[str]

    def variables(self) -> dict[str, dict[str, str]]:
        return {
            name: {'LD_PRELOAD': str(self.library), 'CLOCK_SHIFT': str(self.file(name))}
            for name in self.names
        }

    def file(self, name: str) -> Path:
        return self.folder / f'{name}.clock'

    def reset(self) -> None:
        for name in self.names:
            self.file(name).touch()
            self.move(name, 0)

    def move(self, name: str, by_ns: int) -> None:
        """From now on its wall clock is off by so much."""
        with open(self.file(name), 'r+b') as file:  # in place: it is mapped
            file.write(by_ns.to_bytes(8, 'little', signed=True))


def fill(folder: Path) -> Path:
    """A file takes all that was left on this disk, to the last byte; returns it."""
    path = folder / FILLER
    size = LARGEST_PIECE
    with open(path, 'wb', buffering=0) as file:
        while size >= 512:
            try:
                if file.write(bytes(size)) == size:
                    continue
            except OSError:
                pass
            size //= 2
    return path


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    path = fill(folder)
    try:
        yield
    finally:
        path.unlink()


def wipe(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def garble(path: Path) -> None:
    """Every page of this file but the first is overwritten."""
    size = os.path.getsize(path)
    with open(path, 'r+b') as file:
        for at in range(4096, max(size, 4097), 4096):
            file.seek(at)
            file.write(b'\xa5' * 64)
