# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""I2C as sysfs shows it: adapters, and clients that board code declares. Nothing is addressed."""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

I2C = Bus('i2c', (BusKind.I2C,), {'i2c': ('name',), 'i2c-dev': ('name',)})
