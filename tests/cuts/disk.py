# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after a loss of power, from the calls that were made until then.

Owns the model, which is stricter than common file systems are, as in "All File Systems Are Not
Created Equal" (Pillai et al., OSDI 2014): what a file holds is durable after a sync of the file,
a name after a sync of its folder, also that of a new file. What is not durable may be there or
not, in any order and each apart; of a write any first bytes or any last sectors, or only its
room, with zeros. A rename is there as a whole or not at all, and what happens to one name keeps
its order. Refuses to know what the files mean.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cuts.journal import Kind, Record

ROOT = 0
FOLDER_MODE = 0o755


@dataclass
class Node:
    """A file or a folder, whatever its names. What is here is durable; `text`: of a link."""

    number: int
    folder: bool = False
    mode: int = 0o644
    text: str | None = None
    content: bytes = b''
    names: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """Not durable yet. Of a file: data at an offset, or a size. Of a folder: `put` is the name of
    `node`, and `gone` is not; a rename within a folder or between two has both."""

    home: int  # the node whose sync makes it durable
    node: int
    offset: int = 0
    data: bytes | None = None
    put: str = ''
    gone: str = ''
    gone_from: int = -1

    @property
    def is_name(self) -> bool:
        return bool(self.put or self.gone)

    @property
    def size(self) -> int:
        return len(self.data or b'')


@dataclass(frozen=True)
class Kept:
    """The part of a change that reached the disk: bytes [first, last) of a write; with `room`
    the file is as long as if all of it had. All of it: last < 0."""

    first: int = 0
    last: int = -1
    room: bool = False


WHOLE = Kept()
ROOM = Kept(0, 0, True)


@dataclass(frozen=True)
class Image:
    """A folder: files as (mode, content or text of a link)."""

    folders: tuple[str, ...] = ()
    files: dict[str, tuple[int, bytes | str]] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.folders, tuple(sorted(self.files.items()))))

    def write_to(self, root: Path) -> None:
        root.mkdir()
        for name in self.folders:
            (root / name).mkdir()
        for name, (mode, content) in self.files.items():
            if isinstance(content, str):
                os.symlink(content, root / name)
            else:
                (root / name).write_bytes(content)
                (root / name).chmod(mode)


def image_of(root: Path) -> Image:
    folders: list[str] = []
    files: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(root.rglob('*')):
        name = str(path.relative_to(root))
        if path.is_symlink():
            files[name] = (0, os.readlink(path))
        elif path.is_dir():
            folders.append(name)
        elif path.is_file():
            files[name] = (path.stat().st_mode & 0o7777, path.read_bytes())
    return Image(tuple(folders), files)


class Disk:
    """Takes one record after the other; `pending` are the changes that are not durable."""

    def __init__(self, start: Image | None = None) -> None:
        self._nodes = {ROOT: Node(ROOT, folder=True)}
        self._now = {'': ROOT}  # as the running system sees it
        self.pending: list[Change] = []
        for name in (start or Image()).folders:
            self._begin(name, Node(0, True, FOLDER_MODE))
        for name, (mode, content) in (start or Image()).files.items():
            text, raw = (content, b'') if isinstance(content, str) else (None, content)
            self._begin(name, Node(0, False, mode, text, raw))

    def _begin(self, path: str, node: Node) -> None:
        folder, name = self._place(path)
        self._nodes[folder].names[name] = self._new(path, node)

    def _new(self, path: str, node: Node) -> int:
        node.number = len(self._nodes)
        self._nodes[node.number] = node
        self._now[path] = node.number
        return node.number

    def _place(self, path: str) -> tuple[int, str]:
        folder, name = os.path.split(path)
        return self._now[folder], name

    def take(self, record: Record) -> None:
        self._TAKERS[record.kind](self, record)

    def _created(self, record: Record) -> None:
        folder, name = self._place(record.path)
        made = record.kind is Kind.MKDIR
        text = record.data.decode() if record.kind is Kind.SYMLINK else None
        number = self._new(record.path, Node(0, made, record.mode, text))
        self.pending.append(Change(folder, number, put=name))

    def _linked(self, record: Record) -> None:
        folder, name = self._place(record.other)
        self._now[record.other] = number = self._now[record.path]
        self.pending.append(Change(folder, number, put=name))

    def _written(self, record: Record) -> None:
        number = self._now[record.path]
        data = record.data if record.kind is Kind.WRITE else None
        self.pending.append(Change(number, number, record.offset, data))

    def _moded(self, record: Record) -> None:
        self._nodes[self._now[record.path]].mode = record.mode

    def _removed(self, record: Record) -> None:
        folder, name = self._place(record.path)
        number = self._now.pop(record.path)
        self.pending.append(Change(folder, number, gone=name, gone_from=folder))

    def _renamed(self, record: Record) -> None:
        number = self._now[record.path]
        old_folder, old = self._place(record.path)
        folder, name = self._place(record.other)
        below = f'{record.path}/'
        for path in [one for one in self._now if one == record.path or one.startswith(below)]:
            self._now[record.other + path[len(record.path) :]] = self._now.pop(path)
        self.pending.append(Change(folder, number, put=name, gone=old, gone_from=old_folder))

    def _synced(self, record: Record) -> None:
        number, left = self._now[record.path], []
        for change in self.pending:
            if change.home != number:
                left.append(change)
            elif change.is_name:
                _name(self._names_of, change)
            else:
                node = self._nodes[number]
                node.content = _changed(node.content, change, WHOLE)
        self.pending = left

    def _names_of(self, folder: int) -> dict[str, int]:
        return self._nodes[folder].names

    _TAKERS: dict[Kind, Callable[[Disk, Record], None]] = {
        Kind.CREATE: _created, Kind.MKDIR: _created, Kind.SYMLINK: _created, Kind.LINK: _linked,
        Kind.WRITE: _written, Kind.SIZE: _written, Kind.MODE: _moded, Kind.UNLINK: _removed,
        Kind.RMDIR: _removed, Kind.RENAME: _renamed, Kind.SYNC: _synced,
        Kind.NOTE: lambda disk, record: None,
    }

    def image(self, kept: Sequence[Kept | None]) -> Image:
        """The disk where of each pending change this has reached it."""
        assert len(kept) == len(self.pending)
        kept = _in_order_of_names(self.pending, kept)
        names = {node.number: dict(node.names) for node in self._nodes.values() if node.folder}
        contents: dict[int, bytes] = {}
        for change, part in zip(self.pending, kept, strict=True):
            if part is None:
                continue
            if change.is_name:
                _name(names.__getitem__, change)
            else:
                before = contents.get(change.node, self._nodes[change.node].content)
                contents[change.node] = _changed(before, change, part)
        folders: list[str] = []
        files: dict[str, tuple[int, bytes | str]] = {}
        for path, node in self._walk(names, ROOT, ''):
            if node.folder:
                folders.append(path)
            elif node.text is not None:
                files[path] = (0, node.text)
            else:
                files[path] = (node.mode, contents.get(node.number, node.content))
        return Image(tuple(folders), files)

    def _walk(
        self, names: dict[int, dict[str, int]], folder: int, path: str
    ) -> Iterator[tuple[str, Node]]:
        for name, number in sorted(names[folder].items()):
            node, below = self._nodes[number], os.path.join(path, name)
            yield below, node
            if node.folder:
                yield from self._walk(names, number, below)


def _in_order_of_names(
    pending: Sequence[Change], kept: Sequence[Kept | None]
) -> list[Kept | None]:
    """What happened to one name in one folder happened in its order, on any disk."""
    ordered, later = list(kept), set[tuple[int, str]]()
    for at in range(len(pending) - 1, -1, -1):
        change = pending[at]
        touched = {(change.home, change.put), (change.gone_from, change.gone)}
        touched = {one for one in touched if one[1]}
        if touched & later:
            ordered[at] = WHOLE
        if ordered[at] is not None:
            later |= touched
    return ordered


def _name(names_of: Callable[[int], dict[str, int]], change: Change) -> None:
    if change.gone and names_of(change.gone_from).get(change.gone) == change.node:
        del names_of(change.gone_from)[change.gone]
    if change.put:
        names_of(change.home)[change.put] = change.node


def _changed(content: bytes, change: Change, part: Kept) -> bytes:
    if change.data is None:
        return content[: change.offset].ljust(change.offset, b'\0')
    last = len(change.data) if part.last < 0 else part.last
    begin, end = change.offset + part.first, change.offset + last
    if end > begin:
        content = content.ljust(begin, b'\0')
        content = content[:begin] + change.data[part.first : last] + content[end:]
    if part.room:
        content = content.ljust(change.offset + len(change.data), b'\0')
    return content


# ---- which images to try

Choice = tuple[str, tuple['Kept | None', ...]]
ALL = 'all'
SECTOR_BYTES = 512
SINGLY_MAX = 12  # of many changes, the last ones are left out and kept singly


def plain_choices(pending: Sequence[Change]) -> Iterator[Choice]:
    """All of it, as after kill -9, and nothing that is not durable."""
    yield ALL, (WHOLE,) * len(pending)
    if pending:
        yield 'none', (None,) * len(pending)


def mixed_choices(
    pending: Sequence[Change], rng: random.Random, every_byte_to: int, cuts: int, mixtures: int
) -> Iterator[Choice]:
    """Names without data, data without names, single changes, torn ones, mixtures."""
    count = len(pending)
    if not count:
        return
    names = [one.is_name for one in pending]
    if any(names) and not all(names):
        yield 'names', tuple(WHOLE if one else None for one in names)
        yield 'names, room', tuple(WHOLE if one else ROOM for one in names)
        yield 'data', tuple(None if one else WHOLE for one in names)
    for at in range(max(0, count - SINGLY_MAX), count):
        yield f'without {at}', (*(WHOLE,) * at, None, *(WHOLE,) * (count - at - 1))
        yield f'only {at}', (*(None,) * at, WHOLE, *(None,) * (count - at - 1))
    for part in parts_of(pending[-1], rng, every_byte_to, cuts):
        yield f'last {part.first}:{part.last}', (*(WHOLE,) * (count - 1), part)
    for number in range(mixtures if count > 1 else 0):
        yield f'mixture {number}', tuple(_any_part(one, rng) for one in pending)


def parts_of(
    change: Change, rng: random.Random, every_byte_to: int, cuts: int
) -> Iterator[Kept]:
    """The parts of one write that may be there: cut at bytes and sectors, only its room."""
    size = change.size
    if change.data is None or not size:
        return
    yield ROOM
    if size <= max(every_byte_to, 2):
        places = set(range(1, size))
    else:
        places = {1, size // 2, size - 1, *range(SECTOR_BYTES, size, SECTOR_BYTES)}
        places = set(sorted(places)[:cuts]) | {rng.randrange(1, size) for _ in range(cuts)}
    for at in sorted(places):
        yield Kept(0, at)
        if at % SECTOR_BYTES == 0:
            yield Kept(at, size)
            yield Kept(0, at, True)


def _any_part(change: Change, rng: random.Random) -> Kept | None:
    kind = rng.randrange(8)
    if kind < 3:
        return WHOLE
    if kind < 6 or change.size < 2:
        return None
    at = rng.randrange(1, change.size)
    sector = at - at % SECTOR_BYTES
    return rng.choice((Kept(0, at), Kept(0, at, True), Kept(sector, change.size), ROOM))
