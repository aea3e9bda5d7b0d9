# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""From kernel nodes to findings, one file per bus. Pure: a node list in, findings out."""

from collections.abc import Callable, Iterable

from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree
from hw_discovery.core.recognition import (
    announced,
    compute,
    hid,
    i2c,
    iio,
    input_device,
    network,
    serial_port,
    spi,
    usb,
    video,
)

RECOGNISERS: tuple[Callable[[NodeTree], list[Finding]], ...] = (
    usb.recognise, serial_port.recognise, video.recognise, i2c.recognise, spi.recognise,
    input_device.recognise, network.recognise, compute.recognise,
    iio.recognise, hid.recognise, announced.recognise,
)


def recognise(nodes: Iterable[KernelNode]) -> list[Finding]:
    """Return what the nodes are, devices before what hangs below them."""
    tree = NodeTree(nodes)
    findings = [finding for look in RECOGNISERS for finding in look(tree)]
    return sorted(findings, key=lambda finding: finding.sysfs_path)
