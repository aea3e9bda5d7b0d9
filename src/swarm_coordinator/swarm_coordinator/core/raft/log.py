# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The replicated log in memory: Raft sections 5.3 and 5.4.1.

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
    """Entries 1 to last_index. Index 0 with term 0 stands for the start of the log."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        fault = check_order(0, 0, entries)
        if fault is not None:
            raise ValueError(f'not a log: {fault}')
        self._entries = list(entries)

    @property
    def last_index(self) -> int:
        return len(self._entries)

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else 0

    @property
    def last_stamp_ns(self) -> int:
        return self._entries[-1].stamp_ns if self._entries else 0

    def term_at(self, index: int) -> int | None:
        """Term of an entry; None = the log does not reach that far."""
        if index == 0:
            return 0
        return self._entries[index - 1].term if 1 <= index <= self.last_index else None

    def between(self, first: int, last: int) -> tuple[Entry, ...]:
        """Entries first to last, both included."""
        return tuple(self._entries[first - 1 : last])

    def from_index(self, first: int, bytes_max: int) -> tuple[Entry, ...]:
        """As many entries from `first` on as fit, but at least one if there is one."""
        last, room = first - 1, bytes_max
        while last < self.last_index:
            room -= entry_bytes(self._entries[last])
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

    def first_conflict(self, entries: Sequence[Entry]) -> int | None:
        """Index of the first of `entries` that contradicts this log; None = none does."""
        for entry in entries:
            term = self.term_at(entry.index)
            if term is None:
                return None
            if term != entry.term:
                return entry.index
        return None

    def cut_from(self, index: int) -> None:
        assert 1 <= index <= self.last_index, f'no entry {index} to cut'
        del self._entries[index - 1 :]

    def first_index_of_term(self, term: int) -> int:
        """First index whose term is at least `term`."""
        return bisect_left(self._entries, term, key=_term_of) + 1

    def last_index_of_term(self, term: int) -> int | None:
        """Last index of exactly that term; None = the log has no entry of it."""
        last = bisect_right(self._entries, term, key=_term_of)
        return last if last and self._entries[last - 1].term == term else None


def _term_of(entry: Entry) -> int:
    return entry.term
