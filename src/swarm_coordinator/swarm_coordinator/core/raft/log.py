# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The replicated log in memory: Raft sections 5.3, 5.4.1 and 7.

Owns the order of entries, conflicts and where to look for the last agreement. Refuses to know
roles, peers, commitment and the disk.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from swarm_coordinator.core.raft.messages import Entry

ENTRY_OVERHEAD_BYTES = 64  # what an entry costs besides its data; bounds floods of empty ones


def entry_bytes(entry: Entry) -> int:
    return len(entry.data) + ENTRY_OVERHEAD_BYTES


def check_order(prev_index: int, prev_term: int, entries: Sequence[Entry]) -> str | None:
    """What is wrong with `entries` as the continuation of a log, or None."""
    stamp_ns = entries[0].stamp_ns if entries else 0
    for entry in entries:
        if entry.index != prev_index + 1:
            return f'entry {entry.index} follows entry {prev_index}'
        if entry.term < max(prev_term, 1):
            return f'entry {entry.index} has term {entry.term} after term {prev_term}'
        if entry.stamp_ns < stamp_ns:
            return f'entry {entry.index} has an earlier stamp than the one before it'
        prev_index, prev_term, stamp_ns = entry.index, entry.term, entry.stamp_ns
    return None


class RaftLog:
    """Entries first_index to last_index. The base is the entry before the first one, of which
    only term and stamp are kept; index 0 with term 0 stands for the start of the log.

    Raises ValueError if `entries` do not follow the base.
    """

    def __init__(
        self,
        entries: Sequence[Entry] = (),
        base_index: int = 0,
        base_term: int = 0,
        base_stamp_ns: int = 0,
    ) -> None:
        fault = check_order(base_index, base_term, entries)
        if fault is not None:
            raise ValueError(f'not a log: {fault}')
        self._entries = list(entries)
        self._base_stamp_ns = base_stamp_ns
        # Plain attributes, read on every message; only this class writes them.
        self.base_index = base_index
        self.base_term = base_term
        self.last_index = base_index + len(self._entries)
        self.last_term = self._entries[-1].term if self._entries else base_term

    @property
    def first_index(self) -> int:
        """The oldest entry that is kept, or would be: the log may be empty."""
        return self.base_index + 1

    @property
    def last_stamp_ns(self) -> int:
        return self._entries[-1].stamp_ns if self._entries else self._base_stamp_ns

    def term_at(self, index: int) -> int | None:
        """Term of an entry or of the base; None = the log does not reach that far."""
        at = index - self.base_index
        if 1 <= at <= len(self._entries):
            return self._entries[at - 1].term
        return self.base_term if at == 0 else None

    def stamp_at(self, index: int) -> int:
        """Stamp of an entry that is kept, or of the base."""
        at = index - self.base_index
        return self._entries[at - 1].stamp_ns if at else self._base_stamp_ns

    def between(self, first: int, last: int) -> tuple[Entry, ...]:
        """Entries first to last, both included; none of them may be before the first one kept."""
        if first > last:
            return ()
        assert first > self.base_index, f'entry {first} is in a snapshot'
        return tuple(self._entries[first - self.base_index - 1 : last - self.base_index])

    def from_index(self, first: int, bytes_max: int) -> tuple[Entry, ...]:
        """As many entries from `first` on as fit, but at least one if there is one."""
        last, room = first - 1, bytes_max
        while last < self.last_index:
            room -= entry_bytes(self._entries[last - self.base_index])
            if room < 0 and last >= first:
                break
            last += 1
        return self.between(first, last)

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so is at least as complete as this one (section 5.4.1)."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def append(self, entry: Entry) -> None:
        assert entry.index == self.last_index + 1, 'a log has no gaps'
        self._entries.append(entry)
        self.last_index = entry.index
        self.last_term = entry.term

    def first_conflict(self, entries: Sequence[Entry]) -> int | None:
        """Index of the first of `entries` that contradicts this log; None = none does. What is
        before the base cannot be compared: it is committed."""
        if not entries or entries[0].index > self.last_index:
            return None
        for entry in entries:
            if entry.index > self.last_index:
                return None
            if entry.index >= self.base_index and self.term_at(entry.index) != entry.term:
                return entry.index
        return None

    def cut_from(self, index: int) -> None:
        assert self.base_index < index <= self.last_index, f'no entry {index} to cut'
        del self._entries[index - self.base_index - 1 :]
        self.last_index = index - 1
        self.last_term = self._entries[-1].term if self._entries else self.base_term

    def reset(self, base_index: int, base_term: int, base_stamp_ns: int) -> None:
        """Nothing is left; the log goes on after a snapshot."""
        self._entries.clear()
        self._base_stamp_ns = base_stamp_ns
        self.base_index = self.last_index = base_index
        self.base_term = self.last_term = base_term

    def forget_to(self, index: int) -> None:
        """Entries up to index are in a snapshot; the last of them becomes the base."""
        if index <= self.base_index:
            return
        last = self._entries[index - self.base_index - 1]
        del self._entries[: index - self.base_index]
        self.base_index, self.base_term, self._base_stamp_ns = index, last.term, last.stamp_ns

    def first_index_of_term(self, term: int) -> int:
        """First index whose term is at least `term`."""
        return bisect_left(self._entries, term, key=_term_of) + self.first_index

    def last_index_of_term(self, term: int) -> int | None:
        """Last index of exactly that term; None = the log has no entry of it."""
        last = bisect_right(self._entries, term, key=_term_of)
        has_it = last and self._entries[last - 1].term == term
        return last + self.base_index if has_it else None


def _term_of(entry: Entry) -> int:
    return entry.term
