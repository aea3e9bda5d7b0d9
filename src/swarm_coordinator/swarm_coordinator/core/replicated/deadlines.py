# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""When the next of many things is due, without looking at all of them.

Owns a heap over things that live elsewhere. A thing that was renewed or has gone stays in the
heap until it comes up or too much of the heap is like that: renewing costs nothing here. The heap
follows from the state; it is no part of it and decides no order (`pop_due` sorts).
"""

import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar('Key', str, tuple[str, str])

REBUILD_ABOVE = 64  # below, what has gone costs less than looking for it


class Deadlines(Generic[Key]):
    """`due_of(index, key)` is when that thing is due now, None if it is gone; `index` (a log
    index) tells two things apart that had the same key one after the other."""

    __slots__ = ('_due_of', '_gone', '_heap')

    def __init__(self, due_of: Callable[[int, Key], int | None]) -> None:
        self._due_of: Callable[[int, Key], int | None] = due_of
        self._heap: list[tuple[int, int, Key]] = []
        self._gone = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, due_ns: int, index: int, key: Key) -> None:
        heapq.heappush(self._heap, (due_ns, index, key))

    def gone(self) -> None:
        """One thing ended by other means than being due."""
        self._gone += 1
        if self._gone > REBUILD_ABOVE and self._gone * 2 > len(self._heap):
            self._rebuild()

    def earliest_ns(self) -> int | None:
        """When the first of them is due."""
        self._tidy()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, stamp_ns: int) -> list[Key]:
        """Take out what is due at `stamp_ns`, earliest first; of the same time, oldest first."""
        found = []
        while (first := self.earliest_ns()) is not None and first <= stamp_ns:
            found.append(heapq.heappop(self._heap))
        return [key for _, _, key in sorted(found)]

    def _tidy(self) -> None:
        """Make the top of the heap true."""
        while self._heap:
            due_ns, index, key = self._heap[0]
            now_due_ns = self._due_of(index, key)
            if now_due_ns == due_ns:
                return
            if now_due_ns is None:
                heapq.heappop(self._heap)
                self._gone = max(0, self._gone - 1)
            else:
                heapq.heapreplace(self._heap, (now_due_ns, index, key))

    def _rebuild(self) -> None:
        self._heap = [
            (due_ns, index, key)
            for _, index, key in self._heap
            if (due_ns := self._due_of(index, key)) is not None
        ]
        heapq.heapify(self._heap)
        self._gone = 0
