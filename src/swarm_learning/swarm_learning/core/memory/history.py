# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the packed blocks of one life and which of them stay; refuses to know what is in them.

Windows of one life nest or are apart, so a set of blocks in which none holds another counts every
event at most once. A block that holds others replaces them; one that is held is dropped. That
gives the same set in whatever order blocks are heard, and however often.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from .block import LEVEL_MAX, BlockKey, begin_of, merged, width_ns
from .packing import pack, says_the_same, unpack

BYTES_PER_ENTRY = 160       # of the objects around the packed bytes, CPython, rounded up


@dataclass(frozen=True, slots=True)
class Entry:
    """A packed block. direct: heard from the robot whose life it is, not from a third."""

    begin_ns: int
    level: int
    data: bytes
    direct: bool = True

    @property
    def end_ns(self) -> int:
        return self.begin_ns + width_ns(self.level)

    @property
    def size(self) -> int:
        return len(self.data) + BYTES_PER_ENTRY


class Added(Enum):
    """What became of a block that was heard."""

    NEW = 'new'
    KNOWN = 'known'             # it, or a block that holds it, is here
    CONFLICT = 'conflict'       # the same window with another content; the first one stays
    OUTRANKED = 'outranked'     # a third's word against that of the robot itself
    UNWANTED = 'unwanted'       # older than what there is room for, or of this robot's own life


class History:
    """Blocks of one life, apart from one another, oldest first."""

    def __init__(self, robot_id: str, life: int) -> None:
        self.robot_id, self.life = robot_id, life
        self._entries: list[Entry] = []
        self._begins: list[int] = []
        self._spans: list[tuple[int, int]] | None = None
        self.bytes_used = 0
        self.floor_ns = 0       # what ended until then was let go and is not wanted back

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def key_of(self, entry: Entry) -> BlockKey:
        return BlockKey(self.robot_id, self.life, entry.begin_ns, entry.level)

    def find(self, begin_ns: int, level: int) -> Entry | None:
        at = bisect_left(self._begins, begin_ns)
        if at < len(self._entries) and self._begins[at] == begin_ns:
            return self._entries[at] if self._entries[at].level == level else None
        return None

    def within(self, begin_ns: int, end_ns: int) -> list[Entry]:
        """Entries that share any time with the window."""
        first = max(0, bisect_right(self._begins, begin_ns) - 1)
        last = bisect_left(self._begins, end_ns)
        return [one for one in self._entries[first:last] if one.end_ns > begin_ns]

    def add(self, entry: Entry) -> tuple[Added, tuple[Entry, ...]]:
        """Take a block in. Second: the entries that it replaced."""
        if entry.end_ns <= self.floor_ns:
            return Added.UNWANTED, ()
        touched = self.within(entry.begin_ns, entry.end_ns)
        firsthand = [one for one in touched if one.direct]
        if firsthand and not entry.direct:
            known = any(_holds(one, entry) for one in firsthand)
            return (Added.KNOWN if known else Added.OUTRANKED), ()
        for one in firsthand if entry.direct else touched:
            if _holds(one, entry):
                same = one.level == entry.level and not says_the_same(one.data, entry.data)
                return (Added.CONFLICT if same else Added.KNOWN), ()
        self._replace(touched, entry)
        return Added.NEW, tuple(touched)

    def drop_oldest(self) -> Entry:
        """Let the oldest block go, for want of room."""
        oldest = self._entries[0]
        self._replace([oldest], None)
        self.floor_ns = oldest.end_ns
        return oldest

    def due(self, now_ns: int, per_level: int) -> tuple[int, int] | None:
        """Begin and level of the next window that is old enough to become one block."""
        for level in range(LEVEL_MAX):
            oldest = next((one for one in self._entries if one.level == level), None)
            if oldest is None:
                continue
            begin_ns = begin_of(oldest.begin_ns, level + 1)
            if begin_ns + width_ns(level + 1) + per_level * width_ns(level) <= now_ns:
                return begin_ns, level + 1
        return None

    def cheapest(self, now_ns: int) -> tuple[int, int] | None:
        """Begin and level of the window whose merging costs the least resolution for its age."""
        best: tuple[float, int, int] | None = None
        for level in range(LEVEL_MAX):
            oldest = next((one for one in self._entries if one.level == level), None)
            if oldest is None:
                continue
            begin_ns = begin_of(oldest.begin_ns, level + 1)
            age_ns = now_ns - begin_ns - width_ns(level + 1)
            if age_ns >= 0:
                cost = width_ns(level + 1) / (age_ns + width_ns(0))
                best = min(best or (cost, begin_ns, level + 1), (cost, begin_ns, level + 1))
        return best[1:] if best else None

    def coarsen(self, begin_ns: int, level: int) -> tuple[Entry, tuple[Entry, ...]]:
        """Make one block of all in the window; it, and those that it replaces."""
        key = BlockKey(self.robot_id, self.life, begin_ns, level)
        parts = self.within(begin_ns, key.end_ns)
        whole = merged(key, (unpack(one.data) for one in parts))
        entry = Entry(begin_ns, level, pack(whole), all(one.direct for one in parts))
        self._replace(parts, entry)
        return entry, tuple(parts)

    def spans(self) -> list[tuple[int, int]]:
        """Begin and end of the windows of which nothing is wanted: what is here, and what was
        let go, joined where they touch, oldest first."""
        if self._spans is not None:
            return self._spans
        joined = [(0, self.floor_ns)] if self.floor_ns else []
        for one in self._entries:
            if joined and joined[-1][1] == one.begin_ns:
                joined[-1] = joined[-1][0], one.end_ns
            else:
                joined.append((one.begin_ns, one.end_ns))
        self._spans = joined
        return joined

    def check_invariants(self) -> None:
        ends = [one.end_ns for one in self._entries]
        later = self._begins[1:]
        assert all(end <= begin for end, begin in zip(ends, later, strict=False)), 'overlap'
        assert self._begins == [one.begin_ns for one in self._entries]
        assert self.bytes_used == sum(one.size for one in self._entries)

    def _replace(self, old: list[Entry], new: Entry | None) -> None:
        """Put one in the place of neighbours."""
        self._spans = None
        at = bisect_left(self._begins, old[0].begin_ns if old else new.begin_ns if new else 0)
        added = [new] if new else []
        self._entries[at:at + len(old)] = added
        self._begins[at:at + len(old)] = [one.begin_ns for one in added]
        self.bytes_used += sum(one.size for one in added) - sum(one.size for one in old)


def _holds(outer: Entry, inner: Entry) -> bool:
    return outer.begin_ns <= inner.begin_ns and inner.end_ns <= outer.end_ns
