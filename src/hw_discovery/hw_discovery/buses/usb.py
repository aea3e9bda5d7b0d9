# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""USB as sysfs shows it. The strings were read by the kernel when the device was attached."""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

USB = Bus('usb', (BusKind.USB,), {'usb': (
    'idVendor', 'idProduct', 'manufacturer', 'product', 'serial', 'bDeviceClass', 'busnum',
    'devnum', 'bInterfaceNumber', 'bInterfaceClass')})
