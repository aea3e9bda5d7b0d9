# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the thread that writes what was learned, so that a slow disk stops no callback; refuses
to know what is written."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

CLOSE_TIMEOUT_S = 5.0


class Writer:
    """Does the newest work of each name that it was given; older work that still waits is skipped.
    What goes wrong is told, and does not end it."""

    def __init__(self, on_failure: Callable[[str, Exception], None]) -> None:
        self._on_failure = on_failure
        self._inbox: queue.SimpleQueue[tuple[str, Callable[[], None]] | None] = (
            queue.SimpleQueue())
        self._thread = threading.Thread(target=self._run, name='learning-writer', daemon=True)
        self._thread.start()

    def write(self, name: str, work: Callable[[], None]) -> None:
        """Do it soon. It runs in the writer's thread."""
        self._inbox.put((name, work))

    def close(self) -> None:
        """Do what waits and end the thread; gives up on a disk that hangs."""
        self._inbox.put(None)
        self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        ending = False
        while not ending:
            newest: dict[str, Callable[[], None]] = {}
            item = self._inbox.get()
            while True:
                if item is None:
                    ending = True
                else:
                    newest[item[0]] = item[1]
                if self._inbox.empty():
                    break
                item = self._inbox.get()
            for name, work in newest.items():
                self._do(name, work)

    def _do(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, ValueError) as error:
            self._on_failure(name, error)
