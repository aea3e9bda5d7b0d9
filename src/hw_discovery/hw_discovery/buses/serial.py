# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Serial ports as sysfs shows them. A port is never opened: opening one moves DTR."""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

SERIAL = Bus('serial', (BusKind.SERIAL,), {'tty': ('type', 'port_number')})
