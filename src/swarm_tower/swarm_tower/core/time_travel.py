# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The picture as it was at a time, rebuilt from what was recorded. Owns checkpoints: copies of the
picture from which a jump goes on, so that it need not begin at the beginning.

Time here is that of the recording, in nanoseconds since 1970. Knows no files and no clock.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Callable, Iterator

from swarm_tower.core.facts import Fact
from swarm_tower.core.view import SwarmView

NS_PER_S = 1_000_000_000
STEP_NS = NS_PER_S  # presence changes by silence: time must pass between messages too
STEPS_MAX = 30  # in a gap longer than this nobody is heard anyway
CHECKPOINT_NS = 5 * NS_PER_S
CHECKPOINTS_MAX = 48

Told = tuple[int, Fact]


class Timeline:
    """`play(after_ns)` gives what was recorded after a time, in order of time; it may be asked
    again, and then tell more, while the recording goes on."""

    def __init__(
        self, begin: Callable[[], SwarmView], play: Callable[[int], Iterator[Told]]
    ) -> None:
        self._begin, self._play = begin, play
        self._gap_ns = CHECKPOINT_NS
        self._times: list[int] = []
        self._copies: list[SwarmView] = []
        self._stand(begin(), 0)

    @property
    def checkpoints(self) -> int:
        """Return how many copies are kept."""
        return len(self._times)

    def at(self, when_ns: int) -> SwarmView:
        """Return the picture of a time. It is the one that is worked with: ask it, at once, and
        do not keep it."""
        place = bisect_right(self._times, when_ns) - 1
        nearest_ns = self._times[place] if place >= 0 else 0
        if when_ns < self._now_ns or nearest_ns > self._now_ns:
            found = _copy_of(self._copies[place]) if place >= 0 else self._begin()
            self._stand(found, nearest_ns)
        self._go_on(when_ns)
        return self._view

    def _stand(self, view: SwarmView, at_ns: int) -> None:
        self._view, self._now_ns = view, at_ns
        self._coming: Iterator[Told] | None = None
        self._next: Told | None = None

    def _go_on(self, when_ns: int) -> None:
        while (told := self._peek()) is not None and told[0] <= when_ns:
            self._next = None
            at_ns = max(told[0], self._now_ns)
            self._keep(at_ns)
            self._pass_time(at_ns)
            self._view.fold(told[1], at_ns)
        self._pass_time(when_ns)

    def _peek(self) -> Told | None:
        if self._next is None:
            if self._coming is None:
                self._coming = self._play(self._now_ns)
            self._next = next(self._coming, None)
            if self._next is None:
                self._coming = None  # there may be more the next time
        return self._next

    def _pass_time(self, to_ns: int) -> None:
        """At whole seconds, so that it does not matter at which times somebody looked."""
        first, last = self._now_ns // STEP_NS + 1, to_ns // STEP_NS
        if self._now_ns and first <= last:
            for second in (*range(first, min(last, first + STEPS_MAX)), last):
                self._view.age(second * STEP_NS)
        self._now_ns = max(self._now_ns, to_ns)

    def _keep(self, before_ns: int) -> None:
        """A checkpoint stands for a time up to which everything is in it: just before the next
        message of a later time."""
        last_ns = self._times[-1] if self._times else 0
        if before_ns <= self._now_ns or self._now_ns - last_ns < self._gap_ns:
            return
        self._times.append(self._now_ns)
        self._copies.append(_copy_of(self._view))
        if len(self._times) > CHECKPOINTS_MAX:  # twice as far apart, and half as many
            self._gap_ns *= 2
            self._times, self._copies = self._times[1::2], self._copies[1::2]


def _copy_of(view: SwarmView) -> SwarmView:
    """A tenth of the memory and time, as most of a picture are rows that do not change."""
    return copy.deepcopy(view, {id(part): part for part in view.settled()})
