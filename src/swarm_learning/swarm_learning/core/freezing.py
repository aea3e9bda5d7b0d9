# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns whether learning rests, who wanted it and until when; refuses to know what learns."""

from __future__ import annotations

from .events import FreezeAsked

TEXT_MAX = 200  # characters of a name and a reason that are kept


class Freezing:
    """now_ns is monotonic."""

    def __init__(self, frozen: bool = False) -> None:
        self.frozen = frozen
        self.owner = 'configuration' if frozen else ''
        self.reason = 'frozen from the start' if frozen else ''
        self._wanted = frozen
        self._until_ns: int | None = None

    def ask(self, asked: FreezeAsked, now_ns: int) -> None:
        """Somebody wants it. Raises ValueError where owner or reason are missing."""
        if not asked.owner.strip() or not asked.reason.strip():
            raise ValueError('expected who it is and why: owner and reason')
        self._wanted = asked.frozen
        self.owner = asked.owner[:TEXT_MAX]
        self.reason = asked.reason[:TEXT_MAX]
        self._until_ns = None
        if asked.frozen and asked.duration_ms:
            self._until_ns = now_ns + asked.duration_ms * 1_000_000

    def advance(self, now_ns: int) -> bool:
        """Let time pass; True where it changed since the last call."""
        if self._until_ns is not None and now_ns >= self._until_ns:
            self._wanted, self._until_ns = False, None
            self.reason = f'the time that {self.owner} asked for is over'
        if self._wanted == self.frozen:
            return False
        self.frozen = self._wanted
        return True

    def told(self) -> str:
        """One sentence for people."""
        what = 'learning is frozen' if self.frozen else 'learning goes on'
        return f'{what} ({self.owner}: {self.reason})'
