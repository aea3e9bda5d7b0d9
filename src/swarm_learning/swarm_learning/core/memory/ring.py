# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the last raw events, packed and bounded; refuses to know blocks.

It makes young windows exact to the nanosecond. What falls out of it lives on in blocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .exemplars import Exemplar
from .packing import Reader, Writer, read_exemplar, write_exemplar

BYTES_PER_ENTRY = 48        # of the objects around the packed bytes, CPython


@dataclass(frozen=True)
class Raw:
    """One event as it was noted: its kind, its figures in units, and its exemplar."""

    stamp_ns: int
    kind: str
    units: Mapping[str, int]
    exemplar: Exemplar | None = None


class Ring:
    """At most events_max events and bytes_max bytes. since_ns: complete from this time on.

    channels: numbers of the figures by name, shared with its owner, who only adds to them.
    """

    def __init__(self, events_max: int, bytes_max: int, channels: Mapping[str, int]) -> None:
        self.events_max, self._bytes_max = events_max, bytes_max
        self._channels = channels
        self._packed: deque[bytes] = deque()
        self.bytes_used = self.since_ns = 0

    def __len__(self) -> int:
        return len(self._packed)

    def add(self, raw: Raw) -> None:
        self._add(_packed(raw, self._channels))

    def forget(self, since_ns: int) -> None:
        """Complete only from since_ns on: events were skipped."""
        self._packed.clear()
        self.bytes_used, self.since_ns = 0, since_ns

    def packed(self) -> tuple[bytes, ...]:
        """What it holds, immutable; read it with events_of()."""
        return tuple(self._packed)

    def document(self) -> bytes:
        writer = Writer()
        writer.number(self.since_ns)
        writer.number(len(self._packed))
        for packed in self._packed:
            writer.raw(packed)
        return bytes(writer.out)

    def restore(self, content: bytes) -> None:
        """What document() gave; the names of the figures must be there already."""
        reader = Reader(content)
        self.forget(reader.number())
        names = tuple(self._channels)
        for _ in range(reader.number()):
            packed = reader.raw()
            _event(packed, names)
            self._add(packed)
        reader.end()

    def _add(self, packed: bytes) -> None:
        self._packed.append(packed)
        self.bytes_used += len(packed) + BYTES_PER_ENTRY
        while len(self._packed) > self.events_max or self.bytes_used > self._bytes_max:
            oldest = self._packed.popleft()
            self.since_ns = max(self.since_ns, Reader(oldest).number() + 1)
            self.bytes_used -= len(oldest) + BYTES_PER_ENTRY


def events_of(packed: tuple[bytes, ...], names: tuple[str, ...]) -> Iterator[Raw]:
    return (_event(one, names) for one in packed)


def _packed(raw: Raw, channels: Mapping[str, int]) -> bytes:
    writer = Writer()
    writer.number(raw.stamp_ns)
    writer.text(raw.kind)
    writer.number(len(raw.units))
    for name, units in raw.units.items():
        writer.number(channels[name])
        writer.number(units)
    writer.number(raw.exemplar is not None)
    if raw.exemplar is not None:
        write_exemplar(writer, raw.exemplar)
    return bytes(writer.out)


def _event(content: bytes, names: tuple[str, ...]) -> Raw:
    reader = Reader(content)
    stamp_ns, kind = reader.number(), reader.text()
    numbers = {reader.number(): reader.number() for _ in range(reader.number())}
    if any(number >= len(names) for number in numbers):
        raise ValueError(f'ring: expected numbers of figures below {len(names)}')
    exemplar = read_exemplar(reader) if reader.number() else None
    reader.end()
    units = {names[number]: units for number, units in numbers.items()}
    return Raw(stamp_ns, kind, units, exemplar)
