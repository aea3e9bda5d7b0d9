# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Events that are facts of the log, kept so that they can be replayed from an index.

Owns how many are kept, which may be asked for, and how a replay goes on without missing one.
Refuses to know who publishes them.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarm_coordinator.core.replicated.state import ReplicatedState

INFO, WARN, ERROR = 'info', 'warn', 'error'
SEVERITIES = (INFO, WARN, ERROR)  # ascending; numbered as in swarm_msgs/msg/SwarmEvent

# 4096 events are some 2 MB in memory and 1 MB in a snapshot; chosen without field data.
EVENTS_KEPT_MAX = 4096
# One entry may end ten thousand leases at once: it must not push everything else out of the ring.
EVENTS_PER_ENTRY_MAX = 128
REPLAY_LIMIT_DEFAULT = 100
REPLAY_LIMIT_MAX = 1000


@dataclass(frozen=True, slots=True)
class Notable:
    """Something that people want to know of, as a fact of the log.

    `kept` is false for routine (a lease taken and given back): it is published and not replayed,
    or a busy resource would push `robot_dead` out of the ring.
    """

    kind: str
    severity: str  # one of SEVERITIES
    subject: str
    text: str
    cause: str = ''
    attributes: tuple[tuple[str, str], ...] = ()
    robot_id: str = ''  # who recorded it; '' = the log itself
    key: str = ''  # of whoever recorded it: the same key is the same event
    kept: bool = True


@dataclass(frozen=True, slots=True)
class KeptEvent:
    index: int
    stamp_ns: int
    notable: Notable


@dataclass(frozen=True)
class Replay:
    """`first_index`: everything from there on is kept; who asked for less has missed some.
    `next_index`: where to go on."""

    first_index: int
    next_index: int
    events: tuple[KeptEvent, ...]


def kind_matches(kind: str, wanted: Collection[str]) -> bool:
    """Any of them; one that ends with '*' is a prefix; none at all means every kind."""
    return not wanted or any(
        kind.startswith(one[:-1]) if one.endswith('*') else kind == one for one in wanted
    )


@dataclass
class EventLog:
    """The last EVENTS_KEPT_MAX events, oldest first. The events of one entry go together."""

    events: deque[KeptEvent] = field(default_factory=deque)
    first_index: int = 1
    index_by_key: dict[str, int] = field(default_factory=dict)

    def keep(self, index: int, stamp_ns: int, notable: list[Notable]) -> list[KeptEvent]:
        """Keep what one entry brought; returns what was kept of it."""
        wanted = [one for one in notable if one.kept]
        kept = [KeptEvent(index, stamp_ns, one) for one in _at_most(wanted)]
        for event in kept:
            self.events.append(event)
            if event.notable.key:
                self.index_by_key[event.notable.key] = index
        while len(self.events) > EVENTS_KEPT_MAX:
            self._forget(self.events[0].index)
        return kept

    def _forget(self, index: int) -> None:
        """All events of the oldest entry: a replay never gets a part of what an entry brought."""
        while self.events and self.events[0].index == index:
            key = self.events.popleft().notable.key
            self.index_by_key.pop(key, None)
        self.first_index = index + 1

    def replay(
        self,
        from_index: int,
        kinds: Collection[str],
        subjects: Collection[str],
        severity_min: str,
        limit: int,
        applied_index: int,
    ) -> Replay:
        """See the function of this name."""
        rank = SEVERITIES.index(severity_min)
        found: list[KeptEvent] = []
        for group in self._groups(from_index):
            matching = [
                event
                for event in group
                if SEVERITIES.index(event.notable.severity) >= rank
                and kind_matches(event.notable.kind, kinds)
                and (not subjects or event.notable.subject in subjects)
            ]
            if found and len(found) + len(matching) > limit:
                return Replay(self.first_index, group[0].index, tuple(found))
            found += matching
        following = max(from_index, applied_index + 1)
        return Replay(self.first_index, following, tuple(found))

    def _groups(self, from_index: int) -> Iterator[list[KeptEvent]]:
        """The events of one entry at a time."""
        group: list[KeptEvent] = []
        for event in self.events:
            if event.index < from_index:
                continue
            if group and group[0].index != event.index:
                yield group
                group = []
            group.append(event)
        if group:
            yield group

    def check_invariants(self) -> None:
        indexes = [event.index for event in self.events]
        assert indexes == sorted(indexes)
        assert not indexes or indexes[0] >= self.first_index
        assert len(indexes) <= EVENTS_KEPT_MAX
        keys = {e.notable.key: e.index for e in self.events if e.notable.key}
        assert keys == self.index_by_key


def _at_most(notable: list[Notable]) -> list[Notable]:
    """Bound what one entry may keep, and say what was left out."""
    if len(notable) <= EVENTS_PER_ENTRY_MAX:
        return notable
    kept, left = notable[: EVENTS_PER_ENTRY_MAX - 1], notable[EVENTS_PER_ENTRY_MAX - 1 :]
    counts: dict[str, int] = {}
    for one in left:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    what = ', '.join(f'{count} {kind}' for kind, count in counts.items())
    return [*kept, Notable('events_left_out', WARN, '', f'the same entry also brought {what}')]


def replay(
    state: 'ReplicatedState',
    from_index: int = 0,
    kinds: Collection[str] = (),
    subjects: Collection[str] = (),
    severity_min: str = INFO,
    limit: int = 0,
) -> Replay:
    """The kept events from `from_index` on, oldest first.

    kinds         any of them; one that ends with '*' is a prefix; empty = all
    subjects      any of them; empty = all
    severity_min  one of SEVERITIES
    limit         0 = REPLAY_LIMIT_DEFAULT; at most REPLAY_LIMIT_MAX. The events of one entry are
                  never parted, so that going on from `next_index` misses none: where the first
                  entry alone has more, all of them are given (at most EVENTS_PER_ENTRY_MAX).
    Raises ValueError for another severity.
    """
    if severity_min not in SEVERITIES:
        raise ValueError(
            f'severity_min={severity_min[:40]!r}: expected one of {", ".join(SEVERITIES)}'
        )
    wanted = min(limit, REPLAY_LIMIT_MAX) if limit > 0 else REPLAY_LIMIT_DEFAULT
    return state.events.replay(
        from_index, kinds, subjects, severity_min, wanted, state.applied_index
    )
