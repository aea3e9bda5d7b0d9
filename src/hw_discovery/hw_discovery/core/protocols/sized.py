# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames whose start says how long they are."""

from abc import ABC, abstractmethod
from typing import ClassVar

from hw_discovery.core.protocols.decoder import Cut, Decoder, Found

# What says() returns of a frame of two texts: name and value.
Fields = tuple[tuple[str, str], ...]


class SizedDecoder(Decoder, ABC):
    """sync: the fixed bytes of the start. head_bytes: how many tell the size."""

    sync: ClassVar[bytes]
    head_bytes: ClassVar[int]

    @abstractmethod
    def size(self, head: bytes) -> int:
        """Return the size of the whole frame; 0: none starts like that."""

    @abstractmethod
    def is_right(self, frame: bytes) -> bool:
        """Check the checksum and what else is known of a whole frame."""

    @abstractmethod
    def says(self, frame: bytes) -> tuple[str, Fields]:
        """Return kind and fields of a frame that is right."""

    def look(self, data: bytes, at: int) -> Found:
        """See Decoder."""
        head = data[at:at + self.head_bytes]
        if not self.sync.startswith(head[:len(self.sync)]):
            return Cut.NOTHING
        if len(head) < self.head_bytes:
            return Cut.MORE
        size = self.size(head)
        if not self.head_bytes <= size <= self.frame_bytes_max:
            return Cut.NOTHING
        frame = data[at:at + size]
        if len(frame) < size:
            return Cut.MORE
        if not self.is_right(frame):
            return Cut.NOTHING
        kind, fields = self.says(frame)
        return self._frame(kind, frame, fields)
