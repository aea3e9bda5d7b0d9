# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Records what this process does to files, by the library of journal.c, and reads it back.

Owns the library and the form of its records. Refuses to know what a disk makes of them. The
process must have been started with `environment(library)`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name('journal.c')
HEAD = struct.Struct('<BIIIIQ')
LIBRARY = 'SWARM_CUTS_JOURNAL'


class Kind(IntEnum):
    CREATE = 1
    WRITE = 2
    SIZE = 3
    SYNC = 4
    RENAME = 5
    LINK = 6
    SYMLINK = 7
    UNLINK = 8
    MKDIR = 9
    RMDIR = 10
    MODE = 11
    NOTE = 12


@dataclass(frozen=True)
class Record:
    """One call that succeeded. Paths are relative to the folder, '' is the folder itself.

    offset: of a write in bytes, or the new size. data: also the text of a link or a note.
    """

    kind: Kind
    path: str
    other: str = ''
    mode: int = 0
    offset: int = 0
    data: bytes = b''

    def __str__(self) -> str:
        if self.kind is Kind.NOTE:
            return f'note {self.data.decode()}'
        text = f'{self.kind.name.lower()} {self.path or "."}'
        if self.other:
            text += f' -> {self.other}'
        if self.kind is Kind.WRITE:
            text += f' [{self.offset}:{self.offset + len(self.data)}]'
        elif self.kind is Kind.SIZE:
            text += f' = {self.offset}'
        return text


def compiler() -> str | None:
    return shutil.which('cc') or shutil.which('gcc')


def build(folder: Path) -> Path:
    """Compile the library. Raises what subprocess raises."""
    found, library = compiler(), folder / 'journal.so'
    assert found is not None, 'expected a C compiler: cc or gcc'
    options = ['-shared', '-fPIC', '-O2', '-Wall', '-pthread', '-U_FORTIFY_SOURCE']
    subprocess.run([found, *options, '-o', library, SOURCE, '-ldl'], check=True)
    return library


def environment(library: Path) -> dict[str, str]:
    """What a process that records is started with."""
    loaded = ' '.join(filter(None, (str(library), os.environ.get('LD_PRELOAD', ''))))
    return {**os.environ, 'LD_PRELOAD': loaded, LIBRARY: str(library)}


def recorded(folder: Path, work: Callable[[Callable[[str], None]], None]) -> list[Record]:
    """What `work` does below the folder. It is given a function that writes a note in between."""
    library = ctypes.CDLL(os.environ[LIBRARY])
    root, path = os.path.realpath(folder), f'{os.path.realpath(folder)}.journal'
    if library.journal_start(root.encode(), path.encode()):
        raise OSError(f'{path}: the journal cannot be written')
    try:
        work(lambda text: library.journal_note(text.encode()))
    finally:
        library.journal_stop()
    try:
        return list(_records(Path(path).read_bytes(), root))
    finally:
        os.unlink(path)


def _records(content: bytes, root: str) -> list[Record]:
    records, at = [], 0
    while at < len(content):
        kind, mode, path_bytes, other_bytes, data_bytes, offset = HEAD.unpack_from(content, at)
        at += HEAD.size
        path = content[at : at + path_bytes].decode()
        at += path_bytes
        other = content[at : at + other_bytes].decode()
        at += other_bytes
        data = content[at : at + data_bytes]
        at += data_bytes
        records.append(
            Record(Kind(kind), _below(path, root), _below(other, root), mode, offset, data))
    return records


def _below(path: str, root: str) -> str:
    return os.path.relpath(path, root) if path and path != root else ''
