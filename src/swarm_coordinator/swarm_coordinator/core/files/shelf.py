# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which files are stored here and which may go: owns the quota, references and the order of going.

A file is needed (a job's), kept (asked for by somebody), pinned (in use this moment), or cached:
then it goes when room is needed, longest unused first. Files on their way here count as well.
Knows no disk.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class ShelfEntry:
    size_bytes: int
    used_ns: int  # Unix time of the last use: must outlive a restart
    name: str = ''
    needed: bool = False
    kept: bool = False
    pins: int = 0

    @property
    def cached(self) -> bool:
        return not (self.needed or self.kept or self.pins)


@dataclass
class Shelf:
    quota_bytes: int
    entries: dict[str, ShelfEntry] = field(default_factory=dict)
    promised: dict[str, int] = field(default_factory=dict)  # sha256 -> bytes of a fetch
    used_bytes: int = 0
    is_settled: bool = True  # it is known which files of a former life are needed
    _cached: 'OrderedDict[str, None]' = field(default_factory=OrderedDict)  # longest unused first

    @property
    def promised_bytes(self) -> int:
        return sum(self.promised.values())

    @property
    def cached_bytes(self) -> int:
        return sum(self.entries[sha256].size_bytes for sha256 in self._cached)

    @property
    def cached(self) -> tuple[str, ...]:
        """Longest unused first."""
        return tuple(self._cached)

    def load(self, found: Collection[tuple[str, int, int]], kept: Collection[str]) -> None:
        """Files of a former life: (sha256, size_bytes, used_ns). Needed until it is known that
        they are not."""
        self.is_settled = not found
        for sha256, size, used_ns in sorted(found, key=lambda one: (one[2], one[0])):
            self.entries[sha256] = ShelfEntry(size, used_ns, needed=True, kept=sha256 in kept)
            self.used_bytes += size

    def add(self, sha256: str, size: int, now_ns: int, name: str, needed: bool) -> None:
        """A file is here; one that was here already is used once more."""
        self.promised.pop(sha256, None)
        entry = self.entries.get(sha256)
        if entry is None:
            entry = self.entries[sha256] = ShelfEntry(size, now_ns)
            self.used_bytes += size
        entry.used_ns, entry.name = now_ns, name or entry.name
        entry.needed = entry.needed or needed
        self._settle(sha256, used=True)

    def remove(self, sha256: str) -> int:
        """It is gone; returns its size."""
        entry = self.entries.pop(sha256, None)
        self._cached.pop(sha256, None)
        if entry is None:
            return 0
        self.used_bytes -= entry.size_bytes
        return entry.size_bytes

    def touch(self, sha256: str, now_ns: int) -> None:
        if (entry := self.entries.get(sha256)) is not None:
            entry.used_ns = now_ns
            self._settle(sha256, used=True)

    def need(self, sha256: str, needed: bool) -> None:
        if (entry := self.entries.get(sha256)) is not None:
            entry.needed = needed
            self._settle(sha256)

    def keep(self, sha256: str, kept: bool) -> None:
        if (entry := self.entries.get(sha256)) is not None:
            entry.kept = kept
            self._settle(sha256)

    def pin(self, sha256: str, by: int) -> None:
        """`by` 1 or -1; below none is none."""
        if (entry := self.entries.get(sha256)) is not None:
            entry.pins = max(0, entry.pins + by)
            self._settle(sha256)

    def only(self, needed: Collection[str]) -> int:
        """Needed are these and no others; returns how many are cached now that were not."""
        before = len(self._cached)
        self.is_settled = True
        for sha256 in self.entries:
            self.need(sha256, sha256 in needed)
        return len(self._cached) - before

    def room_for(self, size: int, lacking: int = 0) -> tuple[str, ...] | None:
        """What has to go so that `size` bytes more fit into the quota, and `lacking` bytes become
        free; None: it cannot be done. Nothing is removed by asking."""
        over = max(self.used_bytes + self.promised_bytes + size - self.quota_bytes, lacking)
        going = []
        for sha256 in self._cached:
            if over <= 0:
                break
            going.append(sha256)
            over -= self.entries[sha256].size_bytes
        return tuple(going) if over <= 0 else None

    def _settle(self, sha256: str, used: bool = False) -> None:
        if not self.entries[sha256].cached:
            self._cached.pop(sha256, None)
        elif sha256 not in self._cached or used:
            self._cached[sha256] = None
            self._cached.move_to_end(sha256)

    def check_invariants(self) -> None:
        assert self.used_bytes == sum(one.size_bytes for one in self.entries.values())
        assert set(self._cached) == {key for key, one in self.entries.items() if one.cached}
