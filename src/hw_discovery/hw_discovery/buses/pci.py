# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""PCI, DRM and accel as sysfs shows them: where graphics and neural processors are.

PLATFORM is among the kinds because DRM and accel also list processors of the chip itself.
"""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

PCI = Bus('pci', (BusKind.PCI, BusKind.PLATFORM), {
    'pci': ('class', 'vendor', 'device', 'mem_info_vram_total'), 'drm': (), 'accel': ()})
