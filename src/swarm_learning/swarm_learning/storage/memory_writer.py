# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the thread that writes the memory, so that a slow disk never stops a callback; refuses to
know what is written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from .memory_store import MemoryStore

CLOSE_TIMEOUT_S = 5.0
RETRY_S = 5.0               # a disk that is full or gone is asked again; chosen without data


class MemoryWriter:
    """Writes batches in their order. What waits is joined, so that it never grows without bound.

    on_stored(number) and on_failure(text) are called from the thread.
    """

    def __init__(
        self, store: MemoryStore, on_stored: Callable[[int], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._store, self._on_stored, self._on_failure = store, on_stored, on_failure
        self._wake = threading.Condition()
        self._puts: dict[str, bytes] = {}
        self._deletes: dict[str, None] = {}
        self._number = 0
        self._ending = False
        self._told = ''
        self._thread = threading.Thread(target=self._run, name='learning-memory', daemon=True)
        self._thread.start()

    def write(self, number: int, puts: Mapping[str, bytes], deletes: tuple[str, ...]) -> None:
        with self._wake:
            self._join(puts, deletes)
            self._number = number
            self._wake.notify()

    def close(self) -> None:
        """Write what waits and end the thread; gives up on a disk that hangs."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join(CLOSE_TIMEOUT_S)

    def _join(self, puts: Mapping[str, bytes], deletes: tuple[str, ...]) -> None:
        for name, content in puts.items():
            self._deletes.pop(name, None)
            self._puts[name] = content
        for name in deletes:
            self._puts.pop(name, None)
            self._deletes[name] = None

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._puts or self._deletes or self._ending):
                    self._wake.wait()
                puts, deletes, number = self._puts, self._deletes, self._number
                self._puts, self._deletes = {}, {}
                ending = self._ending
            stored = not (puts or deletes) or self._write(puts, deletes, number)
            if ending and (stored or self._ending):
                return self._store.close()
            if not stored:
                self._wait_and_retry(puts, deletes)

    def _write(self, puts: dict[str, bytes], deletes: dict[str, None], number: int) -> bool:
        try:
            self._store.write(puts, deletes)
        except (OSError, ValueError) as error:
            text = f'{self._store.path}: memory not written: {error}'
            if text != self._told:
                self._told = text
                self._on_failure(text)
            return False
        self._told = ''
        self._on_stored(number)
        return True

    def _wait_and_retry(self, puts: dict[str, bytes], deletes: dict[str, None]) -> None:
        with self._wake:
            newer_puts, newer_deletes = self._puts, tuple(self._deletes)
            self._puts, self._deletes = puts, deletes
            self._join(newer_puts, newer_deletes)
            if not self._ending:
                self._wake.wait_for(lambda: self._ending, RETRY_S)
