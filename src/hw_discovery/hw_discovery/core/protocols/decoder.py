# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Finds the frames of one protocol in any bytes. Bounded, and never raises on what it is fed.

A protocol says what may start at a place: nothing, a whole frame, or the beginning of one. What
it says depends only on the bytes from that place on, so the way a stream is cut into pieces
cannot change the frames.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import ClassVar

from hw_discovery.core.protocols.frame import Frame


class Cut(Enum):
    """There is no whole frame at a place."""

    NOTHING = 'nothing'  # no frame starts here, whatever follows
    MORE = 'more'  # what is there may be the start of a frame


# An answer above: a frame, or why there is none.
Found = Frame | Cut


class Decoder(ABC):
    """Frames of one protocol. Not thread safe.

    name: its name in PROTOCOLS.
    starts: the bytes that a frame can start with.
    frame_bytes_max: longer frames are not looked for; bounds the memory and the waiting.
    chance: probability that a frame is accepted at one place of uniformly random bytes; an
    upper bound, from the fixed bits and the checksum.
    chances: the same of kinds of frames that are rarer than that.
    """

    name: ClassVar[str]
    starts: ClassVar[bytes]
    frame_bytes_max: ClassVar[int]
    chance: ClassVar[float]
    chances: ClassVar[Mapping[str, float]] = MappingProxyType({})

    def __init__(self) -> None:
        self._held = b''
        self.rejected_bytes = 0
        self._is_start = bytes(byte in self.starts for byte in range(256))

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that end in data. What precedes and divides them is skipped."""
        return self._take(data, is_end=False)

    def flush(self) -> list[Frame]:
        """Return what lies behind an unfinished frame: the stream has ended. Start anew."""
        return self._take(b'', is_end=True)

    @abstractmethod
    def look(self, data: bytes, at: int) -> Found:
        """Return what starts at data[at], which is one of the starts.

        With fewer bytes than it needs to know, MORE; never MORE with frame_bytes_max of them.
        """

    def _take(self, data: bytes, is_end: bool) -> list[Frame]:
        held = self._held + bytes(data)
        frames: list[Frame] = []
        at, size = 0, len(held)
        marks = held.translate(self._is_start)
        while at < size:
            start = marks.find(1, at)
            if start < 0:
                start = size
            self.rejected_bytes += start - at
            at = start
            if at == size:
                break
            found = self.look(held, at)
            if isinstance(found, Frame):
                frames.append(found)
                at += len(found.data)
                continue
            if found is Cut.MORE and not is_end and size - at < self.frame_bytes_max:
                break
            self.rejected_bytes += 1
            at += 1
        self._held = held[at:]
        return frames

    def _frame(
        self, kind: str, data: bytes, fields: tuple[tuple[str, str], ...] = (),
    ) -> Frame:
        return Frame(self.name, kind, data, fields)


def printable(raw: bytes, chars_max: int = 64) -> str:
    """Return bytes of a device as text that is safe to show: one line, of limited length."""
    text = raw.split(b'\0', 1)[0].decode('ascii', 'replace')
    return ''.join(c if c.isprintable() else ' ' for c in text).strip()[:chars_max]
