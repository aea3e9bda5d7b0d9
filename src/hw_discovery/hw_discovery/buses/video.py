# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Video nodes as sysfs shows them. A node is never opened: some cameras start streaming."""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

VIDEO = Bus('video', (BusKind.VIDEO,), {'video4linux': ('name', 'index')})
