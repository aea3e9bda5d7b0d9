# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a bus is to a scan: names of subsystems and files. Knows no device.

Each bus has a file of its own beside this one, because looking is only the beginning of what a
bus can do; whatever goes beyond sysfs belongs there too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hw_discovery.core.device import BusKind
from hw_discovery.core.kernel_node import KernelNode


class BusUnreadable(Exception):
    """A subsystem could not be listed, so that absence there proves nothing."""

    def __init__(self, subsystem: str, reason: str) -> None:
        super().__init__(f'{subsystem} could not be listed: {reason}')
        self.subsystem = subsystem
        self.reason = reason


class NodeSource(Protocol):
    """Something that lists the nodes of a subsystem."""

    def nodes(self, subsystem: str, attributes: Sequence[str]) -> list[KernelNode]:
        """Return the nodes, or raise BusUnreadable."""


@dataclass(frozen=True)
class Bus:
    """A bus as sysfs shows it: what to list, and which small files to read of each entry."""

    name: str
    kinds: tuple[BusKind, ...]
    attributes: dict[str, tuple[str, ...]]

    @property
    def subsystems(self) -> tuple[str, ...]:
        """Return the kernel's names of what this bus consists of."""
        return tuple(self.attributes)

    def look(self, source: NodeSource) -> list[KernelNode]:
        """Return every node, or raise BusUnreadable. Nothing is written anywhere."""
        return [node for subsystem, names in self.attributes.items()
                for node in source.nodes(subsystem, names)]
