# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What one look at the host brought back. Knows nothing of what was believed before."""

from dataclasses import dataclass

from hw_discovery.core.device import BusKind
from hw_discovery.core.host import HostFacts
from hw_discovery.core.kernel_node import KernelNode


@dataclass(frozen=True)
class BlindSpot:
    """Buses that could not be looked at, and why: absence there proves nothing."""

    buses: frozenset[BusKind]
    notice: str


@dataclass(frozen=True)
class Scan:
    """One look. It holds the nodes of what was looked at, and what was not seen there."""

    nodes: tuple[KernelNode, ...]
    host: HostFacts = HostFacts()
    blind_spots: tuple[BlindSpot, ...] = ()

    @property
    def blind_buses(self) -> frozenset[BusKind]:
        """Return every bus of which absence proves nothing."""
        return frozenset(kind for spot in self.blind_spots for kind in spot.buses)

    @property
    def notices(self) -> tuple[str, ...]:
        """Return one sentence for each blind spot."""
        return tuple(spot.notice for spot in self.blind_spots)


def merge_blind_spots(
    known: tuple[BlindSpot, ...], scan: Scan, buses: frozenset[BusKind],
) -> tuple[BlindSpot, ...]:
    """Return the blind spots after a scan of some buses; of all, if none are named."""
    if not buses:
        return scan.blind_spots
    judged_anew = buses | scan.blind_buses
    return tuple(s for s in known if not s.buses & judged_anew) + scan.blind_spots
