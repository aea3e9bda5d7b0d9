# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What waits for one browser. Owns the bound and the overflow; knows no socket.

A browser that does not read would otherwise make the tower hold every change since then. On
overflow all that waits is thrown away and one snapshot takes its place: it tells the same.
"""

from __future__ import annotations

from collections import deque


class ClientQueue:
    """At most `capacity` encoded messages, or a note that a snapshot is due."""

    def __init__(self, capacity: int = 32) -> None:
        self._capacity = capacity
        self._waiting: deque[str] = deque()
        self.snapshot_due = True  # a new browser knows nothing
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, message: str) -> None:
        """Add a message, unless a snapshot will tell the same."""
        if self.snapshot_due:
            return
        if len(self._waiting) >= self._capacity:
            self.dropped += len(self._waiting) + 1
            self._waiting.clear()
            self.snapshot_due = True
            return
        self._waiting.append(message)

    def take(self) -> str | None:
        """Return the next message; None if there is none. Ask snapshot_due first."""
        return self._waiting.popleft() if self._waiting else None

    def snapshot_taken(self) -> None:
        """Note that a snapshot of all that was offered so far is on its way."""
        self._waiting.clear()
        self.snapshot_due = False
