# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Answers that begin with a descriptor of seven fixed bytes, as RPLIDAR and YDLIDAR have them.

Owns how one is cut out of a stream; what it says is the protocol's. Source: Slamtec, RPLIDAR
interface protocol LR001.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from hw_discovery.core.protocols.decoder import Cut, Decoder, Found
from hw_discovery.core.protocols.sized import Fields

DESCRIPTOR_BYTES = 7


class AnsweringLidar(Decoder):
    """descriptors: descriptor -> kind, bytes that follow."""

    descriptors: ClassVar[Mapping[bytes, tuple[str, int]]]

    def _answer(self, window: bytes) -> Found:
        head = window[:DESCRIPTOR_BYTES]
        if len(head) < DESCRIPTOR_BYTES:
            is_start = any(known.startswith(head) for known in self.descriptors)
            return Cut.MORE if is_start else Cut.NOTHING
        if head not in self.descriptors:
            return Cut.NOTHING
        kind, follows = self.descriptors[head]
        end = DESCRIPTOR_BYTES + follows
        if len(window) < end:
            return Cut.MORE
        fields = self._answer_fields(kind, window[DESCRIPTOR_BYTES:])
        return self._frame(kind, window[:end], fields)

    @abstractmethod
    def _answer_fields(self, kind: str, payload: bytes) -> Fields:
        """Return what an answer says; payload: without its descriptor."""
