# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a decoder hands out. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose check was right.

    data: the whole frame as it came over the wire, header, checksum and line end included.
    fields: what it says of the device, as text for people and for comparison.
    """

    protocol: str
    kind: str
    data: bytes
    fields: tuple[tuple[str, str], ...] = ()

    def field(self, name: str, default: str = '') -> str:
        """Return a field by name."""
        return dict(self.fields).get(name, default)
