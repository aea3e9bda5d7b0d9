# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the memory of the life that a robot is living: ring, open block, history, profile; refuses
to know other robots, disks and messages.

Everything that changes is named in `Changes`, so that it can be kept as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .block import (
    BASE_NS,
    CHANNELS_MAX,
    COUNTED_MAX,
    NAME_MAX_BYTES,
    PARTS,
    SAMPLE,
    Block,
    BlockKey,
    begin_of,
)
from .config import MemoryConfig
from .events import Event, Occurrence
from .exemplars import (
    KIND_MAX_BYTES,
    SUBJECT_MAX_BYTES,
    TEXT_MAX_BYTES,
    Exemplar,
    best,
    better,
    cut,
    draw_of,
    float32,
    salience_of,
)
from .history import Entry, History
from .packing import Reader, Writer, pack, plain, read_exemplar, unpack_plain, write_exemplar
from .profile import TopRoutes, WeekProfile
from .ring import Raw, Ring
from .units import units_of

OTHER = 'other'             # counts kinds of events beyond the first 63
FORMAT = 1


@dataclass
class Changes:
    """What has to be kept, by name of record, and what no longer."""

    puts: dict[str, bytes] = field(default_factory=dict)
    deletes: dict[str, None] = field(default_factory=dict)
    formed: list[BlockKey] = field(default_factory=list)

    def put(self, name: str, content: bytes) -> None:
        self.deletes.pop(name, None)
        self.puts[name] = content

    def delete(self, name: str) -> None:
        self.puts.pop(name, None)
        self.deletes[name] = None

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes)


def record_name(robot_id: str, life: int, entry: Entry) -> str:
    word = 'd' if entry.direct else 'r'
    return f'block/{word}/{life}/{entry.begin_ns}/{entry.level}/{robot_id}'


def checked_name(name: str) -> str:
    """The name of a figure. Raises ValueError for an empty or a long one."""
    if not 0 < len(name.encode()) <= NAME_MAX_BYTES:
        raise ValueError(f'name: expected 1 to {NAME_MAX_BYTES} bytes, got {name!r}')
    return name


class Life:
    """One robot's own memory since it was last wiped."""

    def __init__(self, config: MemoryConfig, robot_id: str, life: int) -> None:
        self._config = config
        self.history = History(robot_id, life)
        self.channels: dict[str, int] = {}      # figures by name, and their numbers
        self.ring = Ring(config.ring_events_max, config.ring_bytes_max, self.channels)
        self.open: Block | None = None
        self.profile = WeekProfile(config.profile_channels)
        self.routes = TopRoutes()
        self.best: tuple[Exemplar, ...] = ()
        self.sequence = 0           # events noted in this life
        self.last_ns = 0            # of the last event or tick
        self.unremembered = 0       # figures beyond 32 names; not noted
        self.seen: dict[str, int] = {}
        self._unsaved = 0
        self._ring_kept = False
        self._kept_best: tuple[Exemplar, ...] = ()
        self._kept_routes = 0

    @property
    def robot_id(self) -> str:
        return self.history.robot_id

    @property
    def life(self) -> int:
        return self.history.life

    def clock_went_back(self, stamp_ns: int) -> bool:
        return stamp_ns < self.last_ns - self._config.clock_back_ns_max

    def note(self, event: Event, changes: Changes) -> None:
        """Fold one event. Raises ValueError for a figure below 0 or NaN, then nothing changed."""
        units = self._units(event.values)
        kind = _kind_of(event)
        self.advance(event.stamp_ns, changes)
        block = self.open_block(self.last_ns)
        kind = self.registered(kind)
        exemplar = self._exemplar(event, kind) if isinstance(event, Occurrence) else None
        quarter = (self.last_ns - block.key.begin_ns) * PARTS // BASE_NS
        for name, value in units.items():
            channel = block.channel(name)
            channel.add(value)
            channel.add_part(quarter, 1, value)
        block.count(kind)
        if exemplar is not None:
            block.keep((exemplar,))
            self.best = better(self.best, exemplar)
        self.ring.add(Raw(self.last_ns, kind, units, exemplar))
        self.noted(kind, 1)
        # A crash may cost no more than the ring held, also when it holds few long events.
        ring_full = self.ring.since_ns > 0 and self._unsaved >= len(self.ring)
        if self._unsaved >= self._config.save_events or ring_full:
            self.save(changes)

    def noted(self, kind: str, times: int) -> None:
        self.sequence += times
        self._unsaved += times
        self.seen[kind] = self.seen.get(kind, 0) + times

    def advance(self, stamp_ns: int, changes: Changes) -> None:
        """Time has gone by: close the open block when its window is over."""
        self.last_ns = max(self.last_ns, stamp_ns)
        if self.open is not None and self.last_ns >= self.open.key.end_ns:
            self._close_block(self.open, changes)

    def open_block(self, stamp_ns: int) -> Block:
        if self.open is None:
            self.open = Block(BlockKey(self.robot_id, self.life, begin_of(stamp_ns, 0), 0))
        return self.open

    def coarsen(self, changes: Changes, at_most: int) -> None:
        """Merge what is old enough, and more while there is no room."""
        for _ in range(at_most):
            window = self.history.due(self.last_ns, self._config.blocks_per_level)
            if window is None and self.history.bytes_used > self._config.own_bytes_max:
                window = self.history.cheapest(self.last_ns)
                if window is None:
                    self._forget(self.history.drop_oldest(), changes)
                    continue
            if window is None:
                return
            entry, parts = self.history.coarsen(*window)
            for part in parts:
                self._forget(part, changes)
            self._remember(entry, changes)

    def save(self, changes: Changes) -> None:
        """Keep what is open; what is closed is kept when it closes."""
        self._unsaved = 0
        changes.put('self', self._document())
        if self._kept_best != self.best:
            self._kept_best = self.best
            changes.put('best', _exemplars_document(self.best))
        if self._kept_routes != self.routes.total:
            self._kept_routes = self.routes.total
            changes.put('routes', self.routes.document())
        if self._ring_kept:
            self._ring_kept = False
            changes.delete('ring')

    def save_all(self, changes: Changes) -> None:
        """Keep everything, also the ring: the robot is about to stop."""
        self.save(changes)
        self._ring_kept = True
        changes.put('ring', self.ring.document())

    def bytes_open(self) -> int:
        """Bytes of what is neither in the ring, nor in blocks, nor in the profile."""
        return sum(map(len, (self._document(), _exemplars_document(self.best),
                             self.routes.document())))

    def registered(self, kind: str) -> str:
        """The name under which a kind of event is counted."""
        if kind not in self.seen and len(self.seen) >= COUNTED_MAX - 2:
            kind = SAMPLE if kind == SAMPLE else OTHER
        return kind

    def remembers(self, name: str) -> bool:
        """Whether there is room for a figure of this name; the first 32 stay."""
        if name in self.channels:
            return True
        if len(self.channels) >= CHANNELS_MAX:
            self.unremembered += 1
            return False
        self.channels[name] = len(self.channels)
        return True

    def _units(self, values: Mapping[str, float]) -> dict[str, int]:
        try:
            units = {checked_name(name): units_of(value) for name, value in values.items()}
        except ValueError as error:
            raise ValueError(f'{dict(values)!r}: {error}') from None
        return {name: units[name] for name in sorted(units) if self.remembers(name)}

    def _exemplar(self, event: Occurrence, kind: str) -> Exemplar:
        salience = event.salience
        if salience is None:
            draw = draw_of(self.life, self.sequence)
            salience = salience_of(event.severity, event.surprise, self.seen.get(kind, 0), draw)
        return Exemplar(self.last_ns, cut(event.kind, KIND_MAX_BYTES),
                        cut(event.subject, SUBJECT_MAX_BYTES),
                        float32(min(1.0, max(0.0, salience))), cut(event.text, TEXT_MAX_BYTES))

    def _close_block(self, block: Block, changes: Changes) -> None:
        self.open = None
        hour = self.profile.fold(block)
        changes.put(f'hour/{hour}', self.profile.document(hour))
        self._remember(Entry(block.key.begin_ns, 0, pack(block.close())), changes)
        self.save(changes)

    def _remember(self, entry: Entry, changes: Changes) -> None:
        if self.history.find(entry.begin_ns, entry.level) is not entry:
            self.history.add(entry)
        changes.put(record_name(self.robot_id, self.life, entry), entry.data)
        changes.formed.append(self.history.key_of(entry))

    def _forget(self, entry: Entry, changes: Changes) -> None:
        changes.delete(record_name(self.robot_id, self.life, entry))

    def _document(self) -> bytes:
        writer = Writer()
        for number in (FORMAT, self.life, self.sequence, self.last_ns, self._unsaved,
                       self.unremembered, len(self.seen)):
            writer.number(number)
        for kind, times in self.seen.items():
            writer.text(kind)
            writer.number(times)
        writer.number(len(self.channels))
        for name in self.channels:
            writer.text(name)
        writer.raw(plain(self.open) if self.open else b'')
        return bytes(writer.out)

    @classmethod
    def from_records(
        cls, config: MemoryConfig, robot_id: str, records: Mapping[str, bytes]
    ) -> Life:
        """The life that was saved, without its history. Raises ValueError if it is no such."""
        reader = Reader(records['self'])
        if reader.number() != FORMAT:
            raise ValueError(f'self: expected format {FORMAT}')
        life = cls(config, robot_id, reader.number())
        life.sequence, life.last_ns, life._unsaved = (reader.number() for _ in range(3))
        life.unremembered = reader.number()
        life.seen = {reader.text(): reader.number() for _ in range(reader.number())}
        for number in range(reader.number()):
            life.channels[reader.text()] = number
        content = reader.raw()
        reader.end()
        if content:
            life.open = unpack_plain(content)
            if (life.open.key.robot_id, life.open.key.life) != (robot_id, life.life):
                raise ValueError(f'self: expected a life of {robot_id!r}')
        life._restore_rest(records)
        return life

    def _restore_rest(self, records: Mapping[str, bytes]) -> None:
        self.best = self._kept_best = _exemplars_from(records.get('best', b'\0'))
        self.routes.restore(records.get('routes', b'\0\0'))
        self._kept_routes = self.routes.total
        for name in sorted(records):
            if name.startswith('hour/'):
                self.profile.restore(int(name[5:]), records[name])
        self._ring_kept = 'ring' in records
        if self._ring_kept:
            self.ring.restore(records['ring'])
        else:
            self.ring.forget(self.last_ns + 1)


def _kind_of(event: Event) -> str:
    if isinstance(event, Occurrence):
        return cut(event.kind, KIND_MAX_BYTES) or OTHER
    return SAMPLE


def _exemplars_document(exemplars: tuple[Exemplar, ...]) -> bytes:
    writer = Writer()
    writer.number(len(exemplars))
    for exemplar in exemplars:
        write_exemplar(writer, exemplar)
    return bytes(writer.out)


def _exemplars_from(content: bytes) -> tuple[Exemplar, ...]:
    reader = Reader(content)
    exemplars = best(read_exemplar(reader) for _ in range(reader.number()))
    reader.end()
    return exemplars
