# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Recordings that are kept: copies of the end of a ring, each in a folder of its own that opens as
a bag. Owns where they are and how much room they may take.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swarm_tower.core.recording import (
    KEPT_NAME,
    ROBOT,
    ROBOT_TOPICS,
    TOPICS,
    kept_name,
    too_many,
)
from swarm_tower.durable import make_folder, sync_folder
from swarm_tower.recorder import bag_metadata
from swarm_tower.recorder.mcap_reading import McapFile, NotReadable, Recorded
from swarm_tower.recorder.ring import PART, McapOut, SchemaOf, copy, ring_files

KEPT = 'kept'
NS_PER_S = 1_000_000_000
AUTOMATIC = '_alarm'


class NotKept(ValueError):
    """It was not saved; the text says why."""


@dataclass(frozen=True)
class Asked:
    """Who wants to keep what."""

    reason: str
    by: str
    automatic: bool


class Keeper:
    """Copies the last seconds of a ring. Used by one thread."""

    def __init__(
        self, folder: Path, tail_s: float, room_bytes: int, schema_of: SchemaOf, swarm_id: str
    ) -> None:
        self._ring, self._folder = folder, folder / KEPT
        self._tail_ns = round(tail_s * NS_PER_S)
        self._room_bytes, self._schema_of, self._swarm_id = room_bytes, schema_of, swarm_id

    def keep(self, asked: Asked, now_ns: int) -> Path:
        """Return the new file, which is durable. Raises NotKept, OSError."""
        make_folder(self._folder)
        self._drop_leftovers()
        stamp = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_ns // NS_PER_S))
        word = f'alarm {asked.reason}' if asked.automatic else asked.reason
        name = kept_name(stamp, word, (path.name for path in self._folder.iterdir()))
        draft = self._folder / f'{name}{PART}'
        draft.mkdir()
        try:
            file = draft / f'{name}.mcap'
            about = {
                'reason': asked.reason[:500], 'by': asked.by[:64], 'swarm_id': self._swarm_id,
                'automatic': 'yes' if asked.automatic else 'no', 'saved_at_ns': str(now_ns),
            }
            out = McapOut(file, self._schema_of, about)
            if not copy(tail(self._ring, now_ns - self._tail_ns), out):
                raise NotKept('nothing has been recorded yet')
            self._make_room(file.stat().st_size)
            bag_metadata.write(draft, [McapFile(file).scan()])
            os.replace(draft, self._folder / name)
            sync_folder(self._folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return self._folder / name / f'{name}.mcap'

    def _drop_leftovers(self) -> None:
        """What was not whole yet, or not gone yet, when a former life ended."""
        for path in self._folder.iterdir():
            named = KEPT_NAME.fullmatch(path.name) is not None
            if path.suffix == PART or (named and not any(path.glob('*.mcap'))):
                shutil.rmtree(path, ignore_errors=True)

    def _make_room(self, size: int) -> None:
        """Old alarms make room; what somebody saved by hand is never thrown away."""
        kept = kept_files(self._folder.parent)
        total = sum(path.stat().st_size for path in kept)
        alarms = [
            (path.stem, path.stat().st_size) for path in kept if AUTOMATIC in path.stem
        ]
        by_hand = total - sum(each for _, each in alarms)
        if by_hand + size > self._room_bytes:
            raise NotKept(
                f'the kept recordings fill their room of {self._room_bytes >> 20} MiB: remove '
                f'some from {self._folder}, or raise recorder_kept_mb'
            )
        for name in too_many(alarms, self._room_bytes - by_hand - size):
            shutil.rmtree(self._folder / name, ignore_errors=True)


def tail(folder: Path, after_ns: int) -> Iterator[Recorded]:
    """Yield the ring's messages after a time; what was latched before it comes first."""
    files, last = [], {}
    for path in ring_files(folder):
        try:
            found = McapFile(path).scan()
        except NotReadable:
            continue
        if found.end_ns > after_ns:
            files.append(found)
    for file in files[:1]:
        carried = _carried_topics(file)
        for one in file.messages(0, after_ns):
            if one.channel.topic in carried:
                last[one.channel.topic] = one
    for one in sorted(last.values(), key=lambda each: each.at_ns):
        yield Recorded(after_ns + 1, one.published_ns, one.channel, one.data)
    for file in files:
        yield from file.messages(after_ns)


def _carried_topics(file: McapFile) -> set[str]:
    fixed = {one.name for one in TOPICS if one.carry}
    ends = tuple(one.name.removeprefix(f'/{ROBOT}') for one in ROBOT_TOPICS if one.carry)
    return {c.topic for c in file.channels.values() if c.topic in fixed or c.topic.endswith(ends)}


def kept_files(folder: Path) -> list[Path]:
    """Return the kept files, oldest first. Raises OSError."""
    home = folder / KEPT
    if not home.is_dir():
        return []
    found = [
        path / f'{path.name}.mcap' for path in home.iterdir() if KEPT_NAME.fullmatch(path.name)
    ]
    return sorted(path for path in found if path.is_file())
