# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Sensors that a kernel driver serves (Industrial I/O), as sysfs shows them.

A channel's value is never read: that makes the chip measure. The names of the files say enough.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

from hw_discovery.buses.bus import Bus
from hw_discovery.core.device import BusKind
from hw_discovery.core.kernel_node import KernelNode

# PLATFORM, because they hang on any bus and only the kernel talks to them there.
IIO = Bus('iio', (BusKind.PLATFORM,), {'iio': ('name',)})
_FILES_MAX = 1024            # a device has some tens
# Names of the files: Documentation/ABI/testing/sysfs-bus-iio of Linux.
_CHANNEL = re.compile(r'(in|out)_([a-z]+)\d*(?:_[a-z]+\d*)*_(?:raw|input)$')


def with_channels(nodes: list[KernelNode], sysfs_root: Path) -> list[KernelNode]:
    """Return the nodes; IIO ones with an attribute 'channels', e.g. 'in_accel in_temp'."""
    return [_enriched(node, sysfs_root) if node.subsystem == 'iio' else node for node in nodes]


def _enriched(node: KernelNode, sysfs_root: Path) -> KernelNode:
    try:
        names = os.listdir(sysfs_root / node.sysfs_path.lstrip('/'))[:_FILES_MAX]
    except OSError:
        return node
    matches = (_CHANNEL.match(name) for name in names)
    channels = sorted({f'{m.group(1)}_{m.group(2)}' for m in matches if m})
    return replace(node, attributes={**node.attributes, 'channels': ' '.join(channels)}) \
        if channels else node
