# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Input devices, and HID devices that only have a raw node, as sysfs shows them."""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

INPUT = Bus('input', (BusKind.INPUT,), {
    'input': ('name', 'phys', 'id/vendor', 'id/product'), 'hid': (), 'hidraw': ()})
