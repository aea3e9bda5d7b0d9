# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A part of the picture: a table of rows by key, each a JSON value. Owns what has been published
of it and what changed since; knows no clock, no threads, no ROS and no network.

What a section is about is decided by whoever makes a subclass (or uses one as it is).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from swarm_tower.core.facts import Told


class Section:
    """Subclasses name themselves, say which facts they take, and put rows.

    `name` is the key of the section on the wire. A row is replaced as a whole: make new values,
    do not change old ones in place. `rows_max` bounds it; the row that was put longest ago goes
    first.
    """

    name: str = ''
    takes: tuple[type[Told], ...] = ()
    rows_max: int = 256

    def __init__(self) -> None:
        self._rows: dict[str, Any] = {}
        self._published: dict[str, Any] = {}
        self._touched: set[str] = set()

    # -- for subclasses

    def fold(self, fact: Told, now_ns: int) -> None:
        """Take a fact of one of the kinds in `takes`."""
        raise NotImplementedError

    def age(self, now_ns: int) -> None:
        """Let time pass; called at least once a second."""

    def put(self, key: str, row: Any) -> None:
        """Set a row; one that is equal to what is there changes nothing but its place."""
        before = self._rows.pop(key, None)
        self._rows[key] = row
        if before is None or before != row:
            self._touched.add(key)
        while len(self._rows) > self.rows_max:
            self.drop(next(iter(self._rows)))

    def put_all(self, rows: Mapping[str, Any]) -> None:
        """Set these rows and drop all others."""
        for key in [known for known in self._rows if known not in rows]:
            self.drop(key)
        for key, row in rows.items():
            self.put(key, row)

    def drop(self, key: str) -> None:
        """Forget a row, if it is there."""
        if self._rows.pop(key, None) is not None:
            self._touched.add(key)

    def get(self, key: str) -> Any:
        """Return a row; None = there is none."""
        return self._rows.get(key)

    def keys(self) -> Iterable[str]:
        """Return the keys, the row that was put longest ago first."""
        return list(self._rows)

    # -- publishing

    def changes(self) -> dict[str, Any]:
        """Return the rows that changed since the last call; None = gone."""
        touched, self._touched = self._touched, set()
        changed: dict[str, Any] = {}
        for key in sorted(touched):
            row = self._rows.get(key)
            if row is not None:
                changed[key] = self._published[key] = row
            elif key in self._published:
                changed[key] = None
                del self._published[key]
        return changed

    def published(self) -> dict[str, Any]:
        """Return what all changes up to now have told."""
        return dict(self._published)
