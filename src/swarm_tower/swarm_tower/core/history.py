# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A bounded list of events with running numbers. Owns order and repetition; knows no clock.

Facts from the log are announced by every robot that applies them, so an event of a log entry is
kept once, whoever tells it first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

from swarm_tower.core.facts import Event


@dataclass(frozen=True)
class Page:
    """Rows after a number; missed counts those that had already been thrown away."""

    rows: list[dict[str, Any]]
    last_seq: int
    missed: int


class EventHistory:
    """The last `capacity` events, numbered from 1 in order of arrival."""

    def __init__(self, capacity: int = 1000) -> None:
        self._rows: deque[dict[str, Any]] = deque(maxlen=capacity)
        self._keys: deque[tuple[object, ...]] = deque(maxlen=capacity)
        self._known: set[tuple[object, ...]] = set()
        self.last_seq = 0

    def add(self, event: Event, now_ms: int) -> bool:
        """Append unless it is a repetition; now_ms is the tower's monotonic time."""
        key = _key(event)
        if key is not None:
            if key in self._known:
                return False
            self._remember(key)
        self.last_seq += 1
        self._rows.append(_row(event, self.last_seq, now_ms))
        return True

    def since(self, seq: int, limit: int) -> Page:
        """Return at most `limit` rows with a number above seq, oldest first."""
        first = self.last_seq - len(self._rows) + 1
        start = max(0, seq + 1 - first)
        rows = list(islice(self._rows, start, start + max(0, limit)))
        return Page(rows, self.last_seq, max(0, first - seq - 1))

    def newest(self, count: int) -> Page:
        """Return the last `count` rows, oldest first."""
        return self.since(max(0, self.last_seq - count), count)

    def _remember(self, key: tuple[object, ...]) -> None:
        if len(self._keys) == self._keys.maxlen:
            self._known.discard(self._keys[0])
        self._keys.append(key)
        self._known.add(key)


def _key(event: Event) -> tuple[object, ...] | None:
    if event.log_index:
        return ('log', event.log_index, event.kind, event.subject, event.text)
    if event.sequence:
        return ('sent', event.sender, event.incarnation, event.sequence)
    return None


def _row(event: Event, seq: int, now_ms: int) -> dict[str, Any]:
    return {
        'seq': seq,
        'at_ms': now_ms,
        'stamp_ms': event.stamp_ms,
        'sender': event.sender,
        'log_index': event.log_index,
        'kind': event.kind,
        'severity': event.severity,
        'subject': event.subject,
        'text': event.text,
        'cause': event.cause,
        'attributes': [list(pair) for pair in event.attributes],
    }
