# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SPI as sysfs shows it: chip selects that board code declares. Nothing is transferred."""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

SPI = Bus('spi', (BusKind.SPI,), {'spi': ('modalias',), 'spidev': ()})
