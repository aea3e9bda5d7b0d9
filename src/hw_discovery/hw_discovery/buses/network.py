# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Network interfaces as sysfs shows them. Link state is left out: it changes all the time."""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

NETWORK = Bus('network', (BusKind.NETWORK, BusKind.CAN), {
    'net': ('type', 'address', 'addr_assign_type')})
