# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the thread that writes checkpoints, so that a slow disk never stops a callback; refuses
to know what is written."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from .checkpoint_file import CheckpointFile

CLOSE_TIMEOUT_S = 5.0


class CheckpointWriter:
    """Writes the newest document it was given; older ones that still wait are skipped."""

    def __init__(self, file: CheckpointFile, on_failure: Callable[[str], None]) -> None:
        self._file = file
        self._on_failure = on_failure
        self._inbox: queue.SimpleQueue[dict[str, object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name='learning-checkpoint', daemon=True)
        self._thread.start()

    def write(self, document: dict[str, object]) -> None:
        self._inbox.put(document)

    def close(self) -> None:
        """Write what waits and end the thread; gives up on a disk that hangs."""
        self._inbox.put(None)
        self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        ending = False
        while not ending:
            newest = item = self._inbox.get()
            while item is not None and not self._inbox.empty():
                item = self._inbox.get()
                newest = item if item is not None else newest
            ending = item is None
            if newest is not None:
                self._save(newest)

    def _save(self, document: dict[str, object]) -> None:
        try:
            self._file.save(document)
        except (OSError, ValueError) as error:
            self._on_failure(f'{self._file.path}: learned statistics not written: {error}')
