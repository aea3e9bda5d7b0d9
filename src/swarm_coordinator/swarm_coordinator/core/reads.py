# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads that must not miss what was confirmed before they were asked for: owns which wait, and for
what.

The leader says up to which index the log must be applied (thesis section 6.4); until then a read
waits, and asks again where no answer comes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from swarm_coordinator.core.raft import ReadState

ASK_AGAIN_NS = 200_000_000  # two heartbeats of the Wi-Fi profile: a lost answer costs no more
READS_MAX = 1024


@dataclass
class _Read:
    deadline_ns: int
    ask_ns: int
    index: int | None = None


@dataclass
class Reads:
    """A read is named by the id of its request and, on the wire, by `base` plus that. The base
    differs from life to life: an answer to a former life of this robot may come late, so
    no number is asked for twice."""

    base: int = 0
    waiting: dict[int, _Read] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return len(self.waiting) >= READS_MAX

    def add(self, request_id: int, now_ns: int, expiry_ns: int) -> None:
        self.waiting[self.base + request_id] = _Read(now_ns + expiry_ns, now_ns)

    def due(self, now_ns: int) -> list[int]:
        """Numbers to be asked for now."""
        due = [n for n, one in self.waiting.items() if one.index is None and one.ask_ns <= now_ns]
        for number in due:
            self.waiting[number].ask_ns = now_ns + ASK_AGAIN_NS
        return due

    def take(self, confirmed: Iterable[ReadState], applied_index: int) -> list[int]:
        """Ids of requests that may be answered, now that the leader has confirmed these."""
        for one in confirmed:
            self.confirmed(one.request_id, one.index)
        return self.pop_done(applied_index)

    def confirmed(self, number: int, index: int) -> None:
        read = self.waiting.get(number)
        if read is not None and read.index is None:
            read.index = index

    def pop_done(self, applied_index: int) -> list[int]:
        """Ids of requests."""
        done = [
            number
            for number, one in self.waiting.items()
            if one.index is not None and one.index <= applied_index
        ]
        return self._taken(done)

    def pop_expired(self, now_ns: int) -> list[int]:
        """Ids of requests."""
        over = [number for number, one in self.waiting.items() if one.deadline_ns <= now_ns]
        return self._taken(over)

    def _taken(self, numbers: list[int]) -> list[int]:
        for number in numbers:
            del self.waiting[number]
        return [number - self.base for number in numbers]
