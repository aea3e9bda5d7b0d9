# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Video nodes and the media controllers of their pipelines, as sysfs shows them.

No node is opened here. Who wants formats and rates asks v4l2.py, which does open it.
"""

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind

VIDEO = Bus('video', (BusKind.VIDEO,), {
    'video4linux': ('name', 'index'), 'media': ('model',)})
